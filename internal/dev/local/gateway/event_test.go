package gateway_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestTheEventIsThatOfPayloadFormat2(t *testing.T) {
	b := newHarness(t, nil)
	b.do(t, "GET", "/things/a%20b?tag=x&tag=y%20z&q=1", "", http.Header{
		"X-Twice":    {"one", "two"},
		"Cookie":     {"a=1; b=2"},
		"User-Agent": {"test/1"},
	})
	var e events.APIGatewayV2HTTPRequest
	decode(t, b.event(t, "open"), &e)

	for _, test := range []struct{ what, got, want string }{
		{"version", e.Version, "2.0"},
		{"routeKey", e.RouteKey, "GET /things/{id}"},
		{"rawPath", e.RawPath, "/things/a b"},
		{"rawQueryString", e.RawQueryString, "tag=x&tag=y%20z&q=1"},
		{"queryStringParameters", e.QueryStringParameters["tag"], "x,y z"},
		{"pathParameters", e.PathParameters["id"], "a b"},
		{"a repeated header", e.Headers["x-twice"], "one,two"},
		{"the host", e.Headers["host"], strings.TrimPrefix(b.URL, "http://")},
		{"x-forwarded-for", e.Headers["x-forwarded-for"], "127.0.0.1"},
		{"cookies", strings.Join(e.Cookies, "|"), "a=1|b=2"},
		{"context.routeKey", e.RequestContext.RouteKey, "GET /things/{id}"},
		{"context.stage", e.RequestContext.Stage, "$default"},
		{"context.time", e.RequestContext.Time, "23/Nov/2026:12:00:00 +0000"},
		{"context.http.method", e.RequestContext.HTTP.Method, "GET"},
		{"context.http.path", e.RequestContext.HTTP.Path, "/things/a b"},
		{"context.http.protocol", e.RequestContext.HTTP.Protocol, "HTTP/1.1"},
		{"context.http.sourceIp", e.RequestContext.HTTP.SourceIP, "127.0.0.1"},
		{"context.http.userAgent", e.RequestContext.HTTP.UserAgent, "test/1"},
		{"context.domainName", e.RequestContext.DomainName, "127.0.0.1"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %q, want %q", test.what, test.got, test.want)
		}
	}
	if e.RequestContext.TimeEpoch != noon.UnixMilli() {
		t.Errorf("timeEpoch %d is not the time in milliseconds", e.RequestContext.TimeEpoch)
	}
	if e.RequestContext.RequestID == "" || e.RequestContext.Authorizer != nil || e.Body != "" || e.IsBase64Encoded {
		t.Errorf("request id %q, authorizer %v, body %q", e.RequestContext.RequestID, e.RequestContext.Authorizer, e.Body)
	}
	for name := range e.Headers {
		if name != strings.ToLower(name) {
			t.Errorf("header name %s is not in lower case", name)
		}
	}
}

// The members that AWS documents, and no other.
func TestTheEventHasAWSsMembers(t *testing.T) {
	b := newHarness(t, nil)
	b.do(t, "GET", "/person", "", authorization(b.sign(t, nil)))
	got := memberNames(t, b.event(t, "person"))
	want := []string{
		"headers", "isBase64Encoded", "rawPath", "rawQueryString", "requestContext", "requestContext.accountId",
		"requestContext.apiId", "requestContext.authorizer", "requestContext.authorizer.jwt",
		"requestContext.authorizer.jwt.claims", "requestContext.authorizer.jwt.scopes",
		"requestContext.domainName", "requestContext.domainPrefix", "requestContext.http",
		"requestContext.http.method", "requestContext.http.path", "requestContext.http.protocol",
		"requestContext.http.sourceIp", "requestContext.http.userAgent", "requestContext.requestId",
		"requestContext.routeKey", "requestContext.stage", "requestContext.time", "requestContext.timeEpoch",
		"routeKey", "version",
	}
	if !slices.Equal(got, want) {
		t.Errorf("members\n%q, want\n%q", got, want)
	}
	if !strings.Contains(string(b.event(t, "person")), `"scopes":null`) {
		t.Error("scopes is not null on a route without scopes")
	}
}

// memberNames lists the members of the event, without those that a caller chooses.
func memberNames(t *testing.T, payload []byte) []string {
	t.Helper()
	names := map[string]bool{}
	var walk func(prefix string, value any)
	walk = func(prefix string, value any) {
		members, _ := value.(map[string]any)
		for name, member := range members {
			names[prefix+name] = true
			if name != "headers" && name != "claims" {
				walk(prefix+name+".", member)
			}
		}
	}
	var root map[string]any
	if err := json.Unmarshal(payload, &root); err != nil {
		t.Fatal(err)
	}
	walk("", root)
	return slices.Sorted(maps.Keys(names))
}

func TestBodies(t *testing.T) {
	b := newHarness(t, nil)
	const text, inBase64 = `{"a":1}`, `eyJhIjoxfQ==`
	for _, test := range []struct {
		contentType string
		sent, body  string
		encoded     bool
	}{
		{"application/json", text, text, false},
		{"application/json; charset=utf-8", text, text, false},
		{"text/csv", text, text, false},
		{"application/xml", text, text, false},
		{"application/x-www-form-urlencoded", text, inBase64, true},
		{"application/octet-stream", text, inBase64, true},
		{"application/vnd.api+json", text, inBase64, true},
		{"", text, inBase64, true},
		{"application/json", "\xff", "/w==", true},
	} {
		b.do(t, "POST", "/open", test.sent, http.Header{"Content-Type": {test.contentType}})
		var e events.APIGatewayV2HTTPRequest
		decode(t, b.event(t, "open"), &e)
		if e.Body != test.body || e.IsBase64Encoded != test.encoded {
			t.Errorf("%q: body %s, base64 %t", test.contentType, e.Body, e.IsBase64Encoded)
		}
	}
}
