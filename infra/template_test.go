package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"latchkey/internal/config"
)

func TestMain(m *testing.M) {
	if err := os.Setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20"); err != nil {
		panic(err)
	}
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// deployment is a synthesised stack.
type deployment struct {
	stack     awscdk.Stack
	template  assertions.Template
	resources map[string]resource
	outputs   map[string]any
	rules     map[string]any
	// parameters are the template's own and CDK's.
	parameters map[string]any
}

type resource struct {
	Type           string         `json:"Type"`
	Properties     map[string]any `json:"Properties"`
	DeletionPolicy string         `json:"DeletionPolicy"`
}

// The templates that tests look at. Synthesis takes seconds, so each is made once.
var (
	// usual is what cdk.json deploys.
	usual = sync.OnceValues(func() (*deployment, error) {
		return deploy(map[string]any{"companyName": "Example Corp", "mailFrom": "Example Corp API <tokens@example.com>"})
	})
	// unusual has every other choice: one's own issuer, keys, topics and so on.
	unusual = sync.OnceValues(func() (*deployment, error) {
		return deploy(map[string]any{
			"stackName": "Trial", "architecture": "x86_64", "removal": "destroy", "customerManagedKey": true, "rights": "plain",
			"logRetentionDays": 30.0, "tokenPrefix": "acme", "maxActiveTokens": 5.0, "maxNewTokensPerDay": 20.0, "retentionDays": 30.0,
			"scopes": []any{"read", "write"}, "scopeDescriptions": "read See reports; write Change, and add, reports", "denial": "forbidden", "authorizerCacheSeconds": 60.0,
			"reservedConcurrency": 20.0, "throttleRate": 50.0, "throttleBurst": 80.0,
			"consoleUrl": "https://tokens.example.test", "oidcIssuer": "https://id.example.test/realms/acme",
			"oidcAudience": []any{"latchkey", "other"}, "oidcClientId": "console", "oidcScopes": "openid email profile",
			"oidcToken": "access", "oidcLogoutUrl": "https://id.example.test/logout", "connectOrigins": "https://login.example.test",
			"claimOrganization": "org", "claimRoles": "roles", "claimEmail": "mail", "trustEmail": true,
			"companyName": "Acme", "mailFrom": "tokens@mail.acme.test", "mailIdentity": "acme.test",
			"mailReplyTo": "help@acme.test", "mailColor": "#123abc", "mailSupport": "Ask the help desk.",
			"mailIntro": "Dear customer,", "mailReplace": "Run acme keys renew.", "mailFooter": "Acme Inc, Springfield.",
			"noticeDays": []any{30.0, 1.0, 0.0}, "sendRate": 2.5, "adminsSeenWithinDays": 14.0, "supportUrl": "https://help.acme.test/keys?x=1",
			"alarmEmail": "ops@acme.test", "alarmTopicArn": "arn:aws:sns:eu-west-1:111122223333:on-call",
		})
	})
	// local is the template for sam local.
	local = sync.OnceValues(func() (*deployment, error) {
		return deploy(map[string]any{"sam": true, "mailFrom": "tokens@example.com"})
	})
)

// of gives a test its template.
func of(t *testing.T, made func() (*deployment, error)) *deployment {
	t.Helper()
	d, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// deploy synthesises a stack with binaries that are only placeholders, and lets
// cdk-nag look at it.
func deploy(choices map[string]any) (*deployment, error) {
	settings, err := parseSettings(map[string]any{"latchkey": choices})
	if err != nil {
		return nil, err
	}
	built, err := placeholders(settings.buildArchitecture())
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(built)
	app := awscdk.NewApp(nil)
	stack, err := newStack(app, settings, built)
	if err != nil {
		return nil, err
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	suppress(stack)
	d := &deployment{stack: stack, template: assertions.Template_FromStack(stack, nil)}
	text, err := json.Marshal(d.template.ToJSON())
	if err != nil {
		return nil, err
	}
	var parts struct {
		Resources  map[string]resource `json:"Resources"`
		Outputs    map[string]any      `json:"Outputs"`
		Rules      map[string]any      `json:"Rules"`
		Parameters map[string]any      `json:"Parameters"`
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	d.resources, d.outputs, d.rules, d.parameters = parts.Resources, parts.Outputs, parts.Rules, parts.Parameters
	return d, nil
}

func placeholders(architecture string) (string, error) {
	built, err := os.MkdirTemp("", "latchkey-infra-")
	if err != nil {
		return "", err
	}
	for _, function := range config.Functions() {
		folder := filepath.Join(built, architecture, function.Name)
		err = errors.Join(err, os.MkdirAll(folder, 0o700),
			os.WriteFile(filepath.Join(folder, "bootstrap"), []byte(function.Name), 0o600))
	}
	return built, err
}

// has asserts that there is a resource with such properties.
func (d *deployment) has(t *testing.T, kind string, properties map[string]any) {
	t.Helper()
	defer func() {
		if fault := recover(); fault != nil {
			t.Errorf("%v", fault)
		}
	}()
	d.template.HasResourceProperties(jsii.String(kind), properties)
}

// all lists the resources of a type by their logical ids.
func (d *deployment) all(kind string) map[string]resource {
	found := maps.Clone(d.resources)
	maps.DeleteFunc(found, func(_ string, r resource) bool { return r.Type != kind })
	return found
}

// only is the one resource of a type.
func (d *deployment) only(t *testing.T, kind string) resource {
	t.Helper()
	found := slices.Collect(maps.Values(d.all(kind)))
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s, want 1", len(found), kind)
	}
	return found[0]
}

// named is the resource of a type whose construct has an id.
func (d *deployment) named(t *testing.T, kind, name string) resource {
	t.Helper()
	for id, r := range d.all(kind) {
		if bare(id) == name {
			return r
		}
	}
	t.Fatalf("no %s", name)
	return resource{}
}

// choices are the values that a parameter of the template takes.
func (d *deployment) choices(parameter string) []string {
	return items(at(d.parameters[parameter], "AllowedValues"))
}

// function finds a function's resource by its construct's id.
func (d *deployment) function(t *testing.T, name string) map[string]any {
	t.Helper()
	return d.named(t, "AWS::Lambda::Function", name).Properties
}

// hash is what CDK appends to logical ids.
var hash = regexp.MustCompile(`[0-9A-F]{8}$`)

func bare(id string) string { return hash.ReplaceAllString(id, "") }

// text writes a template's value with its references as bare names, so that
// {"Fn::GetAtt": ["TableCD117FA1", "Arn"]} is "Table.Arn".
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any:
		if name, ok := v["Ref"].(string); ok {
			return bare(name)
		}
		if path, ok := v["Fn::GetAtt"].([]any); ok {
			return bare(text(path[0])) + "." + text(path[1])
		}
		if join, ok := v["Fn::Join"].([]any); ok {
			return strings.Join(items(join[1]), text(join[0]))
		}
	}
	return fmt.Sprint(value)
}

// listOf is a template's value that is a list; empty if it is none.
func listOf(value any) []any {
	list, _ := value.([]any)
	return list
}

// items writes a value that is a list or a single thing.
func items(value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{text(value)}
	}
	written := make([]string, 0, len(list))
	for _, item := range list {
		written = append(written, text(item))
	}
	return written
}

// at follows a path of names and list positions ("0") into a template's value.
func at(value any, path ...string) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			if step != "0" || len(v) == 0 {
				return nil
			}
			value = v[0]
		default:
			return nil
		}
	}
	return value
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %s\n want %s", what, strings.Join(got, "\n      "), strings.Join(want, "\n      "))
	}
}
