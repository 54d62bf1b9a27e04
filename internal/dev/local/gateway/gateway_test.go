package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/api"
	"latchkey/internal/dev/local/gateway"
	"latchkey/internal/dev/local/lambda"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// harness is a gateway whose functions are Go functions that keep the last event.
type harness struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu        sync.Mutex
	now       time.Time
	events    map[string][][]byte // by function
	functions map[string]func(event []byte) ([]byte, error)
}

func newHarness(t *testing.T, change func(*gateway.Config)) *harness {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b := &harness{key: key, now: noon, events: map[string][][]byte{}, functions: map[string]func([]byte) ([]byte, error){}}
	c := gateway.Config{
		Routes: []api.Route{
			{Method: "GET", Path: "/open", Function: "open", Auth: api.AuthNone},
			{Method: "POST", Path: "/open", Function: "open", Auth: api.AuthNone},
			{Method: "GET", Path: "/things/{id}", Function: "open", Auth: api.AuthNone},
			{Method: "GET", Path: "/things/best", Function: "best", Auth: api.AuthNone},
			{Method: "GET", Path: "/person", Function: "person", Auth: api.AuthPerson},
			{Method: "GET", Path: "/token", Function: "token", Auth: api.AuthToken},
			{Method: "GET", Path: "/token2", Function: "token", Auth: api.AuthToken},
		},
		Invoke:     b.invoke,
		Issuer:     "https://issuer.example",
		Audience:   []string{"console"},
		Authorizer: "authorize",
		Keys: func() jose.JSONWebKeySet {
			return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}}
		},
		Now: b.clock,
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&c)
	}
	b.Server = httptest.NewServer(gateway.New(c))
	t.Cleanup(b.Close)
	return b
}

func (b *harness) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *harness) wait(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *harness) invoke(_ context.Context, function string, event []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events[function] = append(b.events[function], event)
	if f := b.functions[function]; f != nil {
		return f(event)
	}
	return []byte(`{"statusCode": 204}`), nil
}

// answers makes the function answer the payload.
func (b *harness) answers(function, payload string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.functions[function] = func([]byte) ([]byte, error) { return []byte(payload), nil }
}

func (b *harness) fails(function string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.functions[function] = func([]byte) ([]byte, error) { return nil, err }
}

func (b *harness) calls(function string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events[function])
}

// event returns the last event of the function.
func (b *harness) event(t *testing.T, function string) []byte {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events[function]) == 0 {
		t.Fatalf("%s was not called", function)
	}
	return b.events[function][len(b.events[function])-1]
}

// response is an answer whose body is read.
type response struct {
	StatusCode int
	Header     http.Header
}

func (b *harness) do(t *testing.T, method, path, body string, header http.Header) (response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	got, err := b.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{got.StatusCode, got.Header}, string(text)
}

func authorization(value string) http.Header { return http.Header{"Authorization": {value}} }

func TestOnlyNamedRoutesAreServed(t *testing.T) {
	b := newHarness(t, nil)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/open", 204},
		{"GET", "/open?page=2", 204},
		{"GET", "/things/7", 204},
		{"GET", "/open/", 404},
		{"GET", "//open", 404},
		{"GET", "/OPEN", 404},
		{"GET", "/things/", 404},
		{"GET", "/things/7/8", 404},
		{"PUT", "/open", 404}, // a known path with another method is not found either
		{"HEAD", "/open", 404},
		{"GET", "/", 404},
	} {
		response, body := b.do(t, test.method, test.path, "", nil)
		if response.StatusCode != test.want {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, response.StatusCode, test.want)
		}
		if test.want == 404 && test.method != "HEAD" && body != `{"message":"Not Found"}` {
			t.Errorf("%s %s: body %s", test.method, test.path, body)
		}
	}
	if b.do(t, "GET", "/things/best", "", nil); b.calls("best") != 1 {
		t.Error("the route without a parameter did not go first")
	}
}

func TestLimits(t *testing.T) {
	b := newHarness(t, nil)
	response, body := b.do(t, "GET", "/open", "", http.Header{"X-Long": {strings.Repeat("x", 10_240)}})
	if response.StatusCode != 431 || body != `{"message":"Request Header Fields Too Large"}` {
		t.Errorf("headers over 10,240 bytes: %d %s", response.StatusCode, body)
	}
	if response, _ = b.do(t, "GET", "/open", "", http.Header{"X-Long": {strings.Repeat("x", 10_000)}}); response.StatusCode != 204 {
		t.Errorf("headers under 10,240 bytes: %d", response.StatusCode)
	}
	response, body = b.do(t, "POST", "/open", strings.Repeat("x", 10<<20+1), nil)
	if response.StatusCode != 413 || body != `{"message":"Request Entity Too Large"}` {
		t.Errorf("body over 10 MB: %d %s", response.StatusCode, body)
	}
	if n := b.calls("open"); n != 1 {
		t.Errorf("the function was called %d times, want once", n)
	}
}

func TestAnswers(t *testing.T) {
	b := newHarness(t, nil)
	for _, test := range []struct {
		name, payload string
		status        int
		contentType   string
		body          string
	}{
		{"explicit", `{"statusCode":201,"headers":{"content-type":"application/problem+json","x-number":7},"body":"{}"}`, 201, "application/problem+json", `{}`},
		{"no content type", `{"statusCode":200,"body":"hi"}`, 200, "text/plain;charset=UTF-8", "hi"},
		{"base64", `{"statusCode":200,"headers":{"content-type":"image/png"},"body":"AAEC","isBase64Encoded":true}`, 200, "image/png", "\x00\x01\x02"},
		{"inferred object", `{"greeting":"hi"}`, 200, "application/json", `{"greeting":"hi"}`},
		{"inferred text", `"hi"`, 200, "application/json", "hi"},
		{"not base64", `{"statusCode":200,"body":"%","isBase64Encoded":true}`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"not JSON", `<html>`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"impossible status", `{"statusCode":99}`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"body not text", `{"statusCode":200,"body":{}}`, 500, "application/json", `{"message":"Internal Server Error"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.answers("open", test.payload)
			response, body := b.do(t, "GET", "/open", "", nil)
			if response.StatusCode != test.status || body != test.body || response.Header.Get("Content-Type") != test.contentType {
				t.Errorf("got %d %q %q", response.StatusCode, response.Header.Get("Content-Type"), body)
			}
			if response.Header.Get("Apigw-Requestid") == "" {
				t.Error("no apigw-requestid")
			}
		})
	}
	b.answers("open", `{"statusCode":200,"cookies":["a=1","b=2; Secure"]}`)
	response, _ := b.do(t, "GET", "/open", "", nil)
	if got := response.Header.Values("Set-Cookie"); len(got) != 2 || got[1] != "b=2; Secure" {
		t.Errorf("cookies %q", got)
	}
}

func TestAFailingFunctionIsA500AndTellsNothing(t *testing.T) {
	b := newHarness(t, nil)
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{&lambda.FunctionError{Type: "errorString", Message: "table gone"}, 500, `{"message":"Internal Server Error"}`},
		{errors.New("no such function"), 500, `{"message":"Internal Server Error"}`},
		{lambda.ErrTooLarge, 413, `{"message":"Request Entity Too Large"}`},
		{lambda.ErrThrottled, 503, `{"message":"Service Unavailable"}`},
		{context.DeadlineExceeded, 503, `{"message":"Service Unavailable"}`},
	} {
		b.fails("open", test.err)
		response, body := b.do(t, "GET", "/open", "", nil)
		if response.StatusCode != test.status || body != test.body {
			t.Errorf("%v: %d %s, want %d %s", test.err, response.StatusCode, body, test.status, test.body)
		}
	}
}

func TestCORSIsTheGatewaysIfItIsSet(t *testing.T) {
	b := newHarness(t, func(c *gateway.Config) { c.AllowOrigins = []string{"https://console.example"} })
	b.answers("open", `{"statusCode":200,"headers":{"access-control-allow-origin":"*"}}`)
	origin := http.Header{"Origin": {"https://console.example"}}
	response, _ := b.do(t, "GET", "/open", "", origin)
	if got := response.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != "https://console.example" {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
	origin.Set("Access-Control-Request-Method", "POST")
	response, _ = b.do(t, "OPTIONS", "/person", "", origin)
	if response.StatusCode != 204 || response.Header.Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("preflight %d %v", response.StatusCode, response.Header)
	}
	plain := newHarness(t, nil)
	if response, _ = plain.do(t, "OPTIONS", "/person", "", origin); response.StatusCode != 404 {
		t.Errorf("without CORS a preflight got %d, want 404", response.StatusCode)
	}
}

// decode reads JSON and refuses members that the type has not.
func decode(t *testing.T, payload []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
}
