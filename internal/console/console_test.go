package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/config"
	"latchkey/internal/console"
)

func settings() config.Console {
	return config.Console{
		Issuer:         "https://issuer.example/pool",
		ClientID:       "client",
		SignInScopes:   "openid email",
		ConnectOrigins: []string{"https://issuer.example", "https://login.example"},
		Company:        "Acme",
		Scopes:         []string{"reports:read"},
		Person:         config.Person{OrganizationClaim: "custom:organization", RolesClaim: "cognito:groups", EmailClaim: "email", UseToken: "id"},
	}
}

func newConsole(t *testing.T) *console.Console {
	t.Helper()
	c, err := console.New(console.Config{Settings: settings(), OpenAPI: []byte("openapi: 3.1.0\n")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c *console.Console, routeKey, file string, headers map[string]string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	r := events.APIGatewayV2HTTPRequest{RouteKey: routeKey, Headers: headers}
	if file != "" {
		r.PathParameters = map[string]string{"file": file}
	}
	answer, err := c.Handle(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestRoutes(t *testing.T) {
	c := newConsole(t)
	for _, test := range []struct {
		routeKey, file string
		status         int
		contentType    string
		cache          string
	}{
		{"GET /", "", 200, "text/html; charset=utf-8", "no-store"},
		{"GET /assets/{file}", "main.js", 200, "text/javascript; charset=utf-8", "no-cache"},
		{"GET /assets/{file}", "base.css", 200, "text/css; charset=utf-8", "no-cache"},
		{"GET /assets/{file}", "icon.svg", 200, "image/svg+xml", "no-cache"},
		{"GET /assets/{file}", "oidc-client-ts.license.txt", 200, "text/plain; charset=utf-8", "no-cache"},
		{"GET /assets/{file}", "config.json", 200, "application/json", "no-store"},
		{"GET /v1/openapi.yaml", "", 200, "application/yaml", "no-cache"},

		{"GET /assets/{file}", "", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "index.html", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "../index.html", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "assets/main.js", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "main.js/", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "MAIN.JS", 404, "application/problem+json", "no-store"},
		{"$default", "", 404, "application/problem+json", "no-store"},
		{"POST /v1/tokens", "", 404, "application/problem+json", "no-store"},
		{"", "main.js", 404, "application/problem+json", "no-store"},
	} {
		answer := get(t, c, test.routeKey, test.file, nil)
		got := []any{answer.StatusCode, answer.Headers["Content-Type"], answer.Headers["Cache-Control"]}
		if got[0] != test.status || got[1] != test.contentType || got[2] != test.cache {
			t.Errorf("%s %s: got %v, want %d %s %s", test.routeKey, test.file, got, test.status, test.contentType, test.cache)
		}
	}
}

// The path may say anything: only the route key counts.
func TestRawPathIsIgnored(t *testing.T) {
	answer, err := newConsole(t).Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /x", RawPath: "/"})
	if err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %d, %v; want 404", answer.StatusCode, err)
	}
}

func TestWithoutOpenAPI(t *testing.T) {
	c, err := console.New(console.Config{Settings: settings()})
	if err != nil {
		t.Fatal(err)
	}
	if answer := get(t, c, "GET /v1/openapi.yaml", "", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %d, want 404", answer.StatusCode)
	}
}

func TestCompression(t *testing.T) {
	c := newConsole(t)
	plain := get(t, c, "GET /assets/{file}", "main.js", nil)
	if plain.IsBase64Encoded || plain.Headers["Content-Encoding"] != "" {
		t.Fatalf("without Accept-Encoding: got an encoded answer %v", plain.Headers)
	}
	for accept, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "deflate, gzip": true,
		"": false, "br": false, "gzip;q=0": false, "x-gzip": false, "gzip;q=none": false, "identity": false,
	} {
		answer := get(t, c, "GET /assets/{file}", "main.js", map[string]string{"accept-encoding": accept})
		if answer.Headers["Vary"] != "Accept-Encoding" {
			t.Errorf("%q: Vary is %q", accept, answer.Headers["Vary"])
		}
		if got := answer.Headers["Content-Encoding"] == "gzip"; got != want {
			t.Errorf("%q: gzip is %v, want %v", accept, got, want)
		} else if content := body(t, answer); content != plain.Body {
			t.Errorf("%q: the content differs", accept)
		}
	}
	// Some runners of functions leave header names as they came.
	if answer := get(t, c, "GET /", "", map[string]string{"Accept-Encoding": "gzip"}); answer.Headers["Content-Encoding"] != "gzip" {
		t.Error("Accept-Encoding in title case: not compressed")
	}
}

func TestRevalidation(t *testing.T) {
	c := newConsole(t)
	plain := get(t, c, "GET /assets/{file}", "main.js", nil).Headers["ETag"]
	zipped := get(t, c, "GET /assets/{file}", "main.js", map[string]string{"accept-encoding": "gzip"}).Headers["ETag"]
	other := get(t, c, "GET /assets/{file}", "list.js", nil).Headers["ETag"]
	if plain == "" || plain == zipped || plain == other {
		t.Fatalf("tags %s, %s and %s: want three", plain, zipped, other)
	}
	for tags, want := range map[string]int{
		plain: 304, "W/" + plain: 304, `"x", ` + plain: 304, "*": 304,
		other: 200, zipped: 200, strings.Trim(plain, `"`): 200, "": 200,
	} {
		answer := get(t, c, "GET /assets/{file}", "main.js", map[string]string{"if-none-match": tags})
		if answer.StatusCode != want {
			t.Errorf("If-None-Match %s: got %d, want %d", tags, answer.StatusCode, want)
		}
		if want == 304 && answer.Body != "" {
			t.Errorf("If-None-Match %s: 304 with a body", tags)
		}
	}
	for _, route := range [][2]string{{"GET /", ""}, {"GET /assets/{file}", "config.json"}} {
		answer := get(t, c, route[0], route[1], map[string]string{"if-none-match": "*"})
		if answer.StatusCode != 200 || answer.Headers["ETag"] != "" {
			t.Errorf("%v: %d with tag %q, want the whole file and no tag", route, answer.StatusCode, answer.Headers["ETag"])
		}
	}
}

func TestPageSettings(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(get(t, newConsole(t), "GET /assets/{file}", "config.json", nil).Body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"company": "Acme", "issuer": "https://issuer.example/pool", "client_id": "client",
		"sign_in_scopes": "openid email", "use_token": "id", "logout_url": "",
		"claims":       map[string]any{"organization": "custom:organization", "roles": "cognito:groups", "email": "email"},
		"token_scopes": []any{"reports:read"},
	}
	gotJSON, _ := json.Marshal(got)
	wantJSON, _ := json.Marshal(want)
	if !bytes.Equal(gotJSON, wantJSON) {
		t.Errorf("got %s\nwant %s", gotJSON, wantJSON)
	}
}

func TestSettingsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*config.Console){
		"token":           func(c *config.Console) { c.UseToken = "refresh" },
		"issuer":          func(c *config.Console) { c.Issuer = "http://issuer.example" },
		"logout":          func(c *config.Console) { c.LogoutURL = "javascript:alert(1)" },
		"plain http":      func(c *config.Console) { c.ConnectOrigins = []string{"http://issuer.example"} },
		"wildcard":        func(c *config.Console) { c.ConnectOrigins = []string{"https://*.example"} },
		"any":             func(c *config.Console) { c.ConnectOrigins = []string{"*"} },
		"path":            func(c *config.Console) { c.ConnectOrigins = []string{"https://issuer.example/"} },
		"keyword":         func(c *config.Console) { c.ConnectOrigins = []string{"'unsafe-inline'"} },
		"more directives": func(c *config.Console) { c.ConnectOrigins = []string{"https://a.example; script-src *"} },
		"two":             func(c *config.Console) { c.ConnectOrigins = []string{"https://a.example https://b.example"} },
		"user":            func(c *config.Console) { c.ConnectOrigins = []string{"https://u@a.example"} },
		"empty":           func(c *config.Console) { c.ConnectOrigins = []string{""} },
	} {
		s := settings()
		spoil(&s)
		if _, err := console.New(console.Config{Settings: s}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	local := settings()
	local.Issuer, local.ConnectOrigins = "http://127.0.0.1:8080/issuer", []string{"http://127.0.0.1:8080", "http://localhost:9"}
	if _, err := console.New(console.Config{Settings: local}); err != nil {
		t.Errorf("a local run: %v", err)
	}
}

// body returns an answer's content as a client sees it.
func body(t *testing.T, answer events.APIGatewayV2HTTPResponse) string {
	t.Helper()
	if !answer.IsBase64Encoded {
		return answer.Body
	}
	raw, err := base64.StdEncoding.DecodeString(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
