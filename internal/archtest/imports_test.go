package archtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "latchkey/"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath   string   `json:"ImportPath"`
	Standard     bool     `json:"Standard"`
	Imports      []string `json:"Imports"`
	TestImports  []string `json:"TestImports"`
	XTestImports []string `json:"XTestImports"`
}

// list asks the go command about packages, as they are built for Lambda.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", append([]string{
		"list", "-tags", "lambda.norpc", "-json=ImportPath,Standard,Imports,TestImports,XTestImports",
	}, args...)...)
	c.Dir = "../.."
	c.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var found []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		t.Fatalf("go list %v: no packages", args)
	}
	return found
}

func TestDomainIsStandardLibraryOnly(t *testing.T) {
	domain := []string{module + "internal/token", module + "internal/notice"}
	for _, p := range list(t, "-deps", "./internal/token", "./internal/notice") {
		if !p.Standard && !slices.Contains(domain, p.ImportPath) {
			t.Errorf("the domain depends on %s", p.ImportPath)
		}
	}
}

// layers says which packages of the module each deployed package may import, tests
// aside. Around the domain are its adapters, which do not know each other, and around
// these the functions. What is not here is for development only.
var layers = map[string][]string{
	"internal/token":         {},
	"internal/notice":        {"internal/token"},
	"internal/text":          {},
	"internal/awsenv":        {},
	"internal/config":        {},
	"internal/function":      {},
	"internal/api":           {"internal/email", "internal/notice", "internal/text", "internal/token"},
	"internal/authorizer":    {"internal/token"},
	"internal/email":         {},
	"internal/feedback":      {"internal/notice", "internal/token"},
	"internal/dynamo":        {"internal/awsenv", "internal/notice", "internal/token"},
	"internal/reminder":      {"internal/email", "internal/notice", "internal/reminder/mail", "internal/token"},
	"internal/reminder/mail": {"internal/notice", "internal/token"},
	"internal/ses":           {"internal/awsenv", "internal/email", "internal/reminder", "internal/reminder/mail", "internal/token"},
	"internal/console":       {"internal/config"},
	// It also starts each function's parts with the settings, as the function would.
	"infra": {
		"internal/api", "internal/authorizer", "internal/config", "internal/console", "internal/dynamo", "internal/notice",
		"internal/reminder", "internal/reminder/mail", "internal/ses", "internal/token",
	},
}

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, deployed := layers[name]
		seen[name] = true
		for _, imported := range p.Imports {
			imported, own := strings.CutPrefix(imported, module)
			switch _, known := layers[imported]; {
			case !own:
			case deployed && !slices.Contains(allowed, imported):
				t.Errorf("%s imports %s", name, imported)
			case strings.HasPrefix(name, "functions/") && (!known || imported == "infra"):
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
	for name := range layers {
		if !seen[name] {
			t.Errorf("%s is not there", name)
		}
	}
}

// cdk are the modules that build the stack. They are large, and run Node.
var cdk = []string{"github.com/aws/aws-cdk-go/", "github.com/aws/jsii-runtime-go", "github.com/aws/constructs-go/", "github.com/cdklabs/"}

func isCDK(importPath string) bool {
	return slices.ContainsFunc(cdk, func(prefix string) bool { return strings.HasPrefix(importPath, prefix) })
}

func TestOnlyInfraImportsCDK(t *testing.T) {
	users := 0
	for _, p := range list(t, "./...") {
		inside := p.ImportPath == module+"infra" || strings.HasPrefix(p.ImportPath, module+"infra/")
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if !isCDK(imported) {
				continue
			}
			users++
			if !inside {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
	if users == 0 {
		t.Error("nobody imports CDK: the list of its modules is out of date")
	}
}

// onlyFor says which functions may link a package that costs start-up time or widens
// what an attacker can reach. An empty list: none.
var onlyFor = map[string][]string{
	"testing":       {},
	"net/rpc":       {}, // the build tag lambda.norpc leaves it out
	"html/template": {"remind"},
	"text/template": {"remind"},
	"github.com/aws/aws-sdk-go-v2/service/sesv2": {"remind"},
	"github.com/aws/aws-sdk-go-v2/service/dynamodb": {
		"issue", "read", "rotate", "revoke", "authorize", "verify", "remind", "feedback",
	},
}

func TestFunctionsLinkOnlyWhatTheyNeed(t *testing.T) {
	linked := map[string]bool{}
	functions := list(t, "./functions/...")
	for _, f := range functions {
		name := strings.TrimPrefix(f.ImportPath, module+"functions/")
		for _, p := range list(t, "-deps", f.ImportPath) {
			own, ours := strings.CutPrefix(p.ImportPath, module)
			_, deployed := layers[own]
			users, restricted := onlyFor[p.ImportPath]
			switch {
			case isCDK(p.ImportPath):
				t.Errorf("%s links %s", name, p.ImportPath)
			case ours && !deployed && p.ImportPath != f.ImportPath:
				t.Errorf("%s links %s, which is for development", name, own)
			case restricted && !slices.Contains(users, name):
				t.Errorf("%s links %s", name, p.ImportPath)
			case restricted:
				linked[p.ImportPath] = true
			}
		}
	}
	for name, users := range onlyFor {
		if len(users) > 0 && !linked[name] {
			t.Errorf("no function links %s", name)
		}
	}
}
