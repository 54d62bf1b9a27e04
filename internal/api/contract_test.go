package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"latchkey/internal/api"
)

// contract is openapi.yaml: OpenAPI 3.1 schemas are JSON Schema 2020-12.
type contract struct {
	document map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	var fromYAML any
	if err := yaml.Unmarshal(api.OpenAPI, &fromYAML); err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	b, err := json.Marshal(fromYAML)
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	object, ok := document.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is a %T", document)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", document); err != nil {
		return nil, fmt.Errorf("adding the document: %w", err)
	}
	return &contract{document: object, compiler: c}, nil
})

func openAPI(t *testing.T) *contract {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns the object at a path, and where it really is: references are followed.
func (c *contract) at(path ...string) (map[string]any, []string) {
	object := c.document
	for i, key := range path {
		next, ok := object[key].(map[string]any)
		if !ok {
			return nil, nil
		}
		if ref, ok := next["$ref"].(string); ok {
			target := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
			return c.at(append(target, path[i+1:]...)...)
		}
		object = next
	}
	return object, path
}

// schema compiles the schema at a path.
func (c *contract) schema(path ...string) (*jsonschema.Schema, error) {
	_, where := c.at(path...)
	if where == nil {
		return nil, fmt.Errorf("there is no %s", strings.Join(path, " "))
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	pointer := ""
	for _, key := range where {
		pointer += "/" + escape.Replace(key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile("openapi.json#" + pointer)
}

// checkAnswer holds an answer to what the contract says of its route and status.
func (c *contract) checkAnswer(t *testing.T, routeKey string, r events.APIGatewayV2HTTPResponse) {
	t.Helper()
	method, path, _ := strings.Cut(routeKey, " ")
	mediaType := r.Headers["content-type"]
	schema, err := c.schema("paths", path, strings.ToLower(method), "responses", fmt.Sprint(r.StatusCode), "content", mediaType, "schema")
	if err != nil {
		t.Errorf("%s answers %d %s: %v", routeKey, r.StatusCode, mediaType, err)
		return
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(r.Body))
	if err != nil {
		t.Errorf("%s answers what is not JSON: %v", routeKey, err)
		return
	}
	if err := schema.Validate(body); err != nil {
		t.Errorf("%s answers %d against its schema: %v", routeKey, r.StatusCode, err)
	}
}

// accepts reports whether the contract allows a request body.
func (c *contract) accepts(t *testing.T, routeKey, body string) bool {
	t.Helper()
	method, path, _ := strings.Cut(routeKey, " ")
	schema, err := c.schema("paths", path, strings.ToLower(method), "requestBody", "content", "application/json", "schema")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	return err == nil && schema.Validate(v) == nil
}

// documentedRoutes are those that the document has: HEAD goes with GET (RFC 9110, section
// 9.3.2).
func documentedRoutes() []api.Route {
	return slices.DeleteFunc(api.Routes(), func(r api.Route) bool { return r.Method == http.MethodHead })
}

func TestHeadGoesWithGet(t *testing.T) {
	get := map[string]api.Route{}
	for _, r := range documentedRoutes() {
		if r.Method == http.MethodGet {
			get[r.Path] = r
		}
	}
	for _, r := range api.Routes() {
		if g := get[r.Path]; r.Method == http.MethodHead && (g.Function != r.Function || g.Auth != r.Auth) {
			t.Errorf("%s goes to %s, GET to %s", r.Key(), r.Function, g.Function)
		}
	}
}

func TestOpenAPIHasTheRoutes(t *testing.T) {
	c := openAPI(t)
	security := map[string]api.Auth{"person": api.AuthPerson, "token": api.AuthToken}
	documented := map[string]api.Auth{}
	paths, _ := c.at("paths")
	for path := range paths {
		operations, _ := c.at("paths", path)
		for method := range operations {
			if method == "parameters" {
				continue
			}
			operation, _ := c.at("paths", path, method)
			requirements, ok := operation["security"].([]any)
			if !ok {
				t.Errorf("%s %s does not say who it lets in", method, path)
				continue
			}
			auth := api.AuthNone
			for _, requirement := range requirements {
				schemes, _ := requirement.(map[string]any)
				for scheme := range schemes {
					auth = security[scheme]
				}
			}
			documented[strings.ToUpper(method)+" "+path] = auth
		}
	}
	served := map[string]api.Auth{}
	for _, r := range documentedRoutes() {
		if _, twice := served[r.Key()]; twice {
			t.Errorf("%s is there twice", r.Key())
		}
		served[r.Key()] = r.Auth
	}
	if !maps.Equal(documented, served) {
		t.Errorf("openapi.yaml has %v\nthe route table %v", documented, served)
	}
}

func TestOpenAPIHasTheParametersOfThePaths(t *testing.T) {
	c := openAPI(t)
	for _, r := range documentedRoutes() {
		want := map[string]bool{}
		for part := range strings.SplitSeq(r.Path, "/") {
			if strings.HasPrefix(part, "{") {
				want[strings.Trim(part, "{}")] = true
			}
		}
		got := map[string]bool{}
		for _, at := range [][]string{{"paths", r.Path}, {"paths", r.Path, strings.ToLower(r.Method)}} {
			object, _ := c.at(at...)
			list, _ := object["parameters"].([]any)
			for _, p := range list {
				parameter, _ := p.(map[string]any)
				if ref, ok := parameter["$ref"].(string); ok {
					parameter, _ = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
				}
				if parameter["in"] == "path" {
					got[fmt.Sprint(parameter["name"])] = true
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: path parameters %v, want %v", r.Key(), got, want)
		}
	}
}

func TestOpenAPIHasTheCodes(t *testing.T) {
	code, _ := openAPI(t).at("components", "schemas", "Problem", "properties", "code")
	var documented []string
	enum, _ := code["enum"].([]any)
	for _, c := range enum {
		documented = append(documented, fmt.Sprint(c))
	}
	var known []string
	for c := range api.Codes() {
		known = append(known, string(c))
	}
	slices.Sort(documented)
	slices.Sort(known)
	if !slices.Equal(documented, known) {
		t.Errorf("openapi.yaml has %v\nthe code %v", documented, known)
	}
}

// The examples in the document are requests that its own schema allows.
func TestOpenAPIExamples(t *testing.T) {
	c := openAPI(t)
	examples, _ := c.at("paths", "/v1/tokens", "post", "requestBody", "content", "application/json", "examples")
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for name, example := range examples {
		object, _ := example.(map[string]any)
		b, err := json.Marshal(object["value"])
		if err != nil {
			t.Fatal(err)
		}
		if !c.accepts(t, "POST /v1/tokens", string(b)) {
			t.Errorf("%s: %s is not valid", name, b)
		}
	}
}
