package local_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/lambda"
	"latchkey/internal/dev/local/localtest"
)

// patience is more than anything here takes.
const patience = 30 * time.Second

func do(t *testing.T, method, address, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestHelpers(t *testing.T) {
	s := localtest.Start(t, local.Config{})

	status, jwt := do(t, "GET", s.URL()+"/_local/jwt?user=bob", "")
	if status != 200 || strings.Count(jwt, ".") != 2 {
		t.Errorf("jwt: %d %s", status, jwt)
	}
	if status, _ = do(t, "GET", s.URL()+"/_local/jwt?user=mallory", ""); status != 404 {
		t.Errorf("jwt of nobody: %d", status)
	}

	status, body := do(t, "POST", s.URL()+"/_local/schedule?time=2030-01-31T00:05:00Z", "")
	var result struct {
		Time time.Time `json:"time"`
		Due  *int      `json:"due"`
	}
	if err := json.Unmarshal([]byte(body), &result); err != nil || status != 200 || result.Due == nil || result.Time.Year() != 2030 {
		t.Errorf("schedule: %d %s", status, body)
	}
	if status, body = do(t, "POST", s.URL()+"/_local/schedule", ""); status != 200 {
		t.Errorf("schedule of now: %d %s", status, body)
	}
	if status, _ = do(t, "POST", s.URL()+"/_local/schedule?time=noon", ""); status != 400 {
		t.Errorf("schedule of no time: %d", status)
	}
	if status, _ = do(t, "GET", s.URL()+"/_local/schedule", ""); status != 405 {
		t.Errorf("schedule by GET: %d", status)
	}

	if status, body = do(t, "GET", s.URL()+"/_local/mail", ""); status != 200 || body != "[]" {
		t.Errorf("mail: %d %s", status, body)
	}

	// A function's error reaches the developer, not only the log.
	_, err := s.Invoke(t.Context(), "remind", []byte(`{}`))
	var failure *lambda.FunctionError
	if !errors.As(err, &failure) || failure.Message == "" {
		t.Errorf("remind without a time: %v", err)
	}
}

func TestOnlyLoopbackNamesAreAnswered(t *testing.T) {
	s := localtest.Start(t, local.Config{})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		host string
		want int
	}{
		{"127.0.0.1:" + port, 200},
		{"localhost:" + port, 200},
		{"localhost", 200},
		{"[::1]:" + port, 200},
		{"evil.example", 403},
		{"evil.example:" + port, 403},
		{"localhost.evil.example", 403},
		{"192.168.1.7:" + port, 403},
	} {
		for _, path := range []string{"/_local/jwt?user=bob", "/"} {
			if status, _ := do(t, "GET", s.URL()+path, test.host); status != test.want {
				t.Errorf("%s of host %s: %d, want %d", path, test.host, status, test.want)
			}
		}
	}
}

func TestWhatIsMissingIsSaidInOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	complete, err := localtest.Complete(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const elsewhere = "http://127.0.0.1:1" // a server that need not be started
	empty := t.TempDir()
	port, ok := taken.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("not a TCP address")
	}
	for _, test := range []struct {
		name   string
		config local.Config
		path   string // PATH, if it is not to be this process's
		want   string // what to do about it
	}{
		{"binaries", local.Config{Binaries: empty}, "", "make build"},
		{"Node modules", local.Config{NodeModules: empty}, "", "npm ci"},
		{"Java", local.Config{SESEndpoint: elsewhere}, empty, "Java 17"},
		{"Node", local.Config{DynamoDBEndpoint: elsewhere}, empty, "Node 20"},
		{"a free port", local.Config{Port: port.Port}, "", "set PORT"},
		{"a free port for the mailbox", local.Config{Port: port.Port - 2}, "", "set PORT"},
		{"a variable of that name", local.Config{Environment: map[string]string{"DENAIL": "x"}}, "", "DENAIL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.config
			c.Binaries, c.NodeModules = cmp.Or(c.Binaries, complete.Binaries), cmp.Or(c.NodeModules, complete.NodeModules)
			if test.path != "" {
				t.Setenv("PATH", test.path)
			}
			s, err := local.Start(t.Context(), c)
			if err == nil {
				s.Close()
				t.Fatal("it started")
			}
			if text := err.Error(); !strings.Contains(text, test.want) || strings.Contains(text, "\n") {
				t.Errorf("it says %q, want one line with %q", text, test.want)
			}
		})
	}
}

// What DATA_DIR keeps is there after a new start, and CreateTable leaves it alone.
func TestDataDirKeepsTheTable(t *testing.T) {
	folder := t.TempDir()
	first := localtest.Start(t, local.Config{DataDir: folder})
	table := &dynamodb.DescribeTableInput{TableName: aws.String("latchkey")}
	before, err := local.NewDynamoDBClient(first.DynamoDBEndpoint()).DescribeTable(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second := localtest.Start(t, local.Config{DataDir: folder})
	after, err := local.NewDynamoDBClient(second.DynamoDBEndpoint()).DescribeTable(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	if !before.Table.CreationDateTime.Equal(*after.Table.CreationDateTime) {
		t.Errorf("created at %s and again at %s", before.Table.CreationDateTime, after.Table.CreationDateTime)
	}
}

func TestCloseEndsTheServers(t *testing.T) {
	s := localtest.Start(t, local.Config{})
	addresses := []string{s.URL(), s.DynamoDBEndpoint(), s.SESEndpoint()}
	s.Close()
	s.Close() // a second time is fine
	for _, address := range addresses {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://")); err == nil {
			conn.Close()
			t.Errorf("%s answers after Close", address)
		}
	}
}
