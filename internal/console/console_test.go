package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/config"
	"latchkey/internal/console"
)

func settings() config.Console {
	return config.Console{
		SignIn: config.SignIn{
			Issuer: "https://issuer.example/pool", ClientID: "client", SignInScopes: "openid email",
			ConnectOrigins: []string{"https://issuer.example", "https://login.example"},
		},
		Brand: config.Brand{Company: "Acme"},
		Offer: config.Offer{
			Scopes: []string{"reports:read", "reports:write"},
		},
		Explanations: config.Explanations{ScopeDescriptions: []string{"reports:read See reports, and who made them"}},
		Person:       config.Person{OrganizationClaim: "custom:organization", RolesClaim: "cognito:groups", EmailClaim: "email", UseToken: "id"},
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

// loaded are the names of the files that the document loads, by suffix.
func loaded(t *testing.T, c *console.Console) map[string]string {
	t.Helper()
	names := map[string]string{}
	page := get(t, c, "GET /", "", nil).Body
	for _, match := range regexp.MustCompile(`<(?:link|script)[^>]* (?:href|src)="/assets/([^"]+)"`).FindAllStringSubmatch(page, -1) {
		names[path.Ext(match[1])] = match[1]
	}
	if len(names) != 3 {
		t.Fatalf("the document loads %v, want a script, a stylesheet and an icon", names)
	}
	return names
}

func TestRoutes(t *testing.T) {
	const kept = "public, max-age=31536000, immutable"
	c := newConsole(t)
	names := loaded(t, c)
	for _, test := range []struct {
		routeKey, file string
		status         int
		contentType    string
		cache          string
	}{
		{"GET /", "", 200, "text/html; charset=utf-8", "no-store"},
		{"GET /assets/{file}", names[".js"], 200, "text/javascript; charset=utf-8", kept},
		{"GET /assets/{file}", names[".css"], 200, "text/css; charset=utf-8", kept},
		{"GET /assets/{file}", names[".svg"], 200, "image/svg+xml", kept},
		{"GET /assets/{file}", "oidc-client-ts.license.txt", 200, "text/plain; charset=utf-8", "no-cache"},
		{"GET /v1/openapi.yaml", "", 200, "application/yaml", "no-cache"},

		{"GET /assets/{file}", "", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "index.html", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "../index.html", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "page.js", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "main.js", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", "assets/icon.svg", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", names[".js"] + "/", 404, "application/problem+json", "no-store"},
		{"GET /assets/{file}", strings.ToUpper(names[".js"]), 404, "application/problem+json", "no-store"},
		{"$default", "", 404, "application/problem+json", "no-store"},
		{"POST /v1/tokens", "", 404, "application/problem+json", "no-store"},
		{"DELETE /", "", 404, "application/problem+json", "no-store"},
		{"", names[".js"], 404, "application/problem+json", "no-store"},
	} {
		answer := get(t, c, test.routeKey, test.file, nil)
		got := []any{answer.StatusCode, answer.Headers["Content-Type"], answer.Headers["Cache-Control"]}
		if got[0] != test.status || got[1] != test.contentType || got[2] != test.cache {
			t.Errorf("%s %s: got %v, want %d %s %s", test.routeKey, test.file, got, test.status, test.contentType, test.cache)
		}
	}
}

// A monitor that asks by HEAD hears what GET answers, without the content.
func TestHeadAnswersAsGetWithoutContent(t *testing.T) {
	c := newConsole(t)
	for _, request := range [][3]string{
		{"/", ""},
		{"/assets/{file}", loaded(t, c)[".js"]},
		{"/v1/openapi.yaml", ""},
		{"/assets/{file}", "none.js"},
		{"/assets/{file}", loaded(t, c)[".js"], "*"}, // 304
	} {
		for _, encoding := range []string{"", "gzip"} {
			headers := map[string]string{"accept-encoding": encoding, "if-none-match": request[2]}
			got := get(t, c, "GET "+request[0], request[1], headers)
			head := get(t, c, "HEAD "+request[0], request[1], headers)
			if head.StatusCode != got.StatusCode || !maps.Equal(head.Headers, got.Headers) {
				t.Errorf("HEAD %v: %d %v\nGET answers %d %v", request, head.StatusCode, head.Headers, got.StatusCode, got.Headers)
			}
			if head.Body != "" || head.IsBase64Encoded {
				t.Errorf("HEAD %v: %d characters of content", request, len(head.Body))
			}
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
	script := loaded(t, c)[".js"]
	plain := get(t, c, "GET /assets/{file}", script, nil)
	if plain.IsBase64Encoded || plain.Headers["Content-Encoding"] != "" {
		t.Fatalf("without Accept-Encoding: got an encoded answer %v", plain.Headers)
	}
	for accept, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "deflate, gzip": true,
		"": false, "br": false, "gzip;q=0": false, "x-gzip": false, "gzip;q=none": false, "identity": false,
	} {
		answer := get(t, c, "GET /assets/{file}", script, map[string]string{"accept-encoding": accept})
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
	script := loaded(t, c)[".js"]
	plain := get(t, c, "GET /assets/{file}", script, nil).Headers["ETag"]
	zipped := get(t, c, "GET /assets/{file}", script, map[string]string{"accept-encoding": "gzip"}).Headers["ETag"]
	other := get(t, c, "GET /assets/{file}", loaded(t, c)[".css"], nil).Headers["ETag"]
	if plain == "" || plain == zipped || plain == other {
		t.Fatalf("tags %s, %s and %s: want three", plain, zipped, other)
	}
	for tags, want := range map[string]int{
		plain: 304, "W/" + plain: 304, `"x", ` + plain: 304, "*": 304,
		other: 200, zipped: 200, strings.Trim(plain, `"`): 200, "": 200,
	} {
		answer := get(t, c, "GET /assets/{file}", script, map[string]string{"if-none-match": tags})
		if answer.StatusCode != want {
			t.Errorf("If-None-Match %s: got %d, want %d", tags, answer.StatusCode, want)
		}
		if want == 304 && answer.Body != "" {
			t.Errorf("If-None-Match %s: 304 with a body", tags)
		}
	}
	answer := get(t, c, "GET /", "", map[string]string{"if-none-match": "*"})
	if answer.StatusCode != 200 || answer.Headers["ETag"] != "" {
		t.Errorf("%d with tag %q, want the whole document and no tag", answer.StatusCode, answer.Headers["ETag"])
	}
}

// documentSettings are the settings as the page's script finds them in the document.
func documentSettings(t *testing.T, page string) map[string]any {
	t.Helper()
	match := regexp.MustCompile(`<script type="application/json" id="settings">([^<]*)</script>`).FindStringSubmatch(page)
	if match == nil {
		t.Fatal("the document holds no settings")
	}
	var settings map[string]any
	if err := json.Unmarshal([]byte(match[1]), &settings); err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestPageSettings(t *testing.T) {
	got := documentSettings(t, get(t, newConsole(t), "GET /", "", nil).Body)
	want := map[string]any{
		"company": "Acme", "issuer": "https://issuer.example/pool", "client_id": "client",
		"sign_in_scopes": "openid email", "use_token": "id", "logout_url": "", "email_claim": "email",
		"token_scopes": []any{
			map[string]any{"name": "reports:read", "description": "See reports, and who made them"},
			map[string]any{"name": "reports:write", "description": ""},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// Whatever a deployment is called, its name is a name in the document: no markup, no end
// of the settings, no place for something else.
func TestSettingsAreNoMarkup(t *testing.T) {
	const company = `</title></script><!--<script>alert(1)</script> "{{settings}}" & Söhne`
	s := settings()
	s.Company, s.SupportURL = company, `https://help.example/?q="><script>`
	c, err := console.New(console.Config{Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	page := get(t, c, "GET /", "", nil).Body
	if got := documentSettings(t, page)["company"]; got != company {
		t.Errorf("the settings name %q", got)
	}
	title := regexp.MustCompile(`<title>([^<]*)</title>`).FindStringSubmatch(page)
	if title == nil || html.UnescapeString(title[1]) != "API keys – "+company {
		t.Errorf("the title is %q", title)
	}
	if scripts := strings.Count(page, "<script"); scripts != 3 {
		t.Errorf("%d scripts, want the settings and two", scripts)
	}
	if left := regexp.MustCompile(`\{\{(company|help|icon|style|script|boot)\}\}`).FindString(page); left != "" {
		t.Errorf("the document holds %s", left)
	}
}

func TestHelpLink(t *testing.T) {
	for address, want := range map[string]string{
		"":                               "",
		"https://help.example/keys?a&b":  `<a href="https://help.example/keys?a&amp;b">Help</a>`,
		"mailto:help@example.com":        `<a href="mailto:help@example.com">Help</a>`,
		"http://127.0.0.1:8080/_local/x": `<a href="http://127.0.0.1:8080/_local/x">Help</a>`,
	} {
		s := settings()
		s.SupportURL = address
		c, err := console.New(console.Config{Settings: s})
		if err != nil {
			t.Fatal(err)
		}
		page := get(t, c, "GET /", "", nil).Body
		if got := regexp.MustCompile(`<a[^>]*>Help</a>`).FindString(page); got != want {
			t.Errorf("%q: %s, want %s", address, got, want)
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*config.Console){
		"token":           func(c *config.Console) { c.UseToken = "refresh" },
		"issuer":          func(c *config.Console) { c.Issuer = "http://issuer.example" },
		"help":            func(c *config.Console) { c.SupportURL = "javascript:alert(1)" },
		"help in clear":   func(c *config.Console) { c.SupportURL = "http://help.example" },
		"not on offer":    func(c *config.Console) { c.ScopeDescriptions = []string{"reports:delete Delete reports"} },
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
