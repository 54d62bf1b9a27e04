package sam_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/localtest"
	"latchkey/internal/dev/sam"
)

func TestContainersFindThisMachinesServers(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:8000":           "http://host.docker.internal:8000",
		"http://localhost:8005":           "http://host.docker.internal:8005",
		"http://[::1]:8000":               "http://host.docker.internal:8000",
		"http://0.0.0.0:8000":             "http://host.docker.internal:8000",
		"http://dynamodb.example:8000":    "http://dynamodb.example:8000",
		"http://host.docker.internal:123": "http://host.docker.internal:123",
	} {
		if got := sam.InContainer(endpoint); got != want {
			t.Errorf("%s: %s, want %s", endpoint, got, want)
		}
	}
}

// What the shell has for other purposes must not reach the functions, least of all
// credentials.
func TestSAMGetsLittleOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "TABLE_NAME", "DENIAL"} {
		t.Setenv(name, "from the shell")
	}
	t.Setenv("DOCKER_HOST", "unix:///docker.sock")
	environment := strings.Join(sam.Environment(), "\n")
	if strings.Contains(environment, "from the shell") {
		t.Errorf("environment:\n%s", environment)
	}
	for _, want := range []string{"\nPATH=", "\nDOCKER_HOST=unix:///docker.sock", "SAM_CLI_TELEMETRY=0"} {
		if !strings.Contains(environment, want) {
			t.Errorf("environment lacks %q:\n%s", want, environment)
		}
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	template := filepath.Join(t.TempDir(), "Latchkey.template.json")
	t.Setenv("SAM", "")
	if _, err := sam.FromEnvironment(template, &sam.Servers{}, nil); err == nil || !strings.Contains(err.Error(), "internal/dev/sam/run") {
		t.Errorf("without SAM: %v", err)
	}
	t.Setenv("SAM", "/usr/bin/sam")
	if _, err := sam.FromEnvironment(template, &sam.Servers{}, nil); err == nil || !strings.Contains(err.Error(), "no template") {
		t.Errorf("without a template: %v", err)
	}
}

// A server that is named is used and not ended, and a table that is there is left as it is.
func TestNamedServersAreUsed(t *testing.T) {
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	running, err := local.StartDynamoDB(t.Context(), local.DynamoDBConfig{NodeModules: filepath.Join(root, "node_modules")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Stop)
	servers, err := sam.StartServers(t.Context(), sam.ServersConfig{
		DynamoDB: running.Endpoint(), SES: "http://127.0.0.1:1", NodeModules: t.TempDir(),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	servers.Stop()
	if servers.Found {
		t.Error("the table is said to have been there already")
	}
	tables, err := local.NewDynamoDBClient(running.Endpoint()).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil || !slices.Equal(tables.TableNames, []string{sam.Table}) {
		t.Errorf("tables %+v, %v, want %s", tables, err, sam.Table)
	}
	again, err := sam.StartServers(t.Context(), sam.ServersConfig{DynamoDB: running.Endpoint(), SES: "http://127.0.0.1:1"}, time.Now())
	if err != nil || !again.Found {
		t.Errorf("again: %+v, %v, want the table to be found", again, err)
	}
}
