package gateway_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/dev/local/gateway"
	"latchkey/internal/dev/local/lambda"
)

const allow = `{"isAuthorized":true,"context":{"token_id":"T1","level":3,"tags":["a","b"]}}`

func TestTheAuthorizerDecides(t *testing.T) {
	b := newHarness(t, nil)
	for _, test := range []struct {
		name    string
		payload string
		err     error
		status  int
		body    string
	}{
		{"allow", allow, nil, 204, ``},
		{"deny", `{"isAuthorized":false}`, nil, 403, `{"message":"Forbidden"}`},
		{"the error Unauthorized", "", &lambda.FunctionError{Type: "errorString", Message: "Unauthorized"}, 401, `{"message":"Unauthorized"}`},
		{"an error that is nearly so", "", &lambda.FunctionError{Type: "errorString", Message: "Unauthorized: no"}, 500, `{"message":"Internal Server Error"}`},
		{"another error", "", errors.New("store unreachable"), 500, `{"message":"Internal Server Error"}`},
		{"throttling", "", lambda.ErrThrottled, 500, `{"message":"Internal Server Error"}`},
		{"no decision", `{"context":{}}`, nil, 500, `{"message":"Internal Server Error"}`},
		{"null", `null`, nil, 500, `{"message":"Internal Server Error"}`},
		{"a decision in words", `{"isAuthorized":"true"}`, nil, 500, `{"message":"Internal Server Error"}`},
		{"not JSON", `yes`, nil, 500, `{"message":"Internal Server Error"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.answers("authorize", test.payload)
			if test.err != nil {
				b.fails("authorize", test.err)
			}
			before := b.calls("token")
			response, body := b.do(t, "GET", "/token", "", authorization("Bearer x"))
			if response.StatusCode != test.status || body != test.body {
				t.Errorf("%d %s, want %d %s", response.StatusCode, body, test.status, test.body)
			}
			if called := b.calls("token") > before; called != (test.status == 204) {
				t.Errorf("function called: %t", called)
			}
		})
	}
}

func TestWithoutAnIdentityTheAuthorizerIsNotAsked(t *testing.T) {
	b := newHarness(t, nil)
	for _, header := range []http.Header{nil, authorization("")} {
		response, body := b.do(t, "GET", "/token", "", header)
		if response.StatusCode != 401 || body != `{"message":"Unauthorized"}` {
			t.Errorf("%d %s, want 401", response.StatusCode, body)
		}
	}
	if n := b.calls("authorize"); n != 0 {
		t.Errorf("the authorizer was asked %d times", n)
	}
}

func TestTheAuthorizersEventAndContext(t *testing.T) {
	b := newHarness(t, nil)
	b.answers("authorize", allow)
	b.do(t, "GET", "/token?x=1", "", http.Header{"Authorization": {"Bearer a", "Bearer b"}})
	var asked events.APIGatewayV2CustomAuthorizerV2Request
	decode(t, b.event(t, "authorize"), &asked)
	if asked.Version != "2.0" || asked.Type != "REQUEST" || asked.RouteKey != "GET /token" || asked.RawQueryString != "x=1" ||
		asked.RouteArn != "arn:aws:execute-api:us-east-1:123456789012:local/$default/GET/token" {
		t.Errorf("event %+v", asked)
	}
	if len(asked.IdentitySource) != 1 || asked.IdentitySource[0] != "Bearer a,Bearer b" || asked.Headers["authorization"] != "Bearer a,Bearer b" {
		t.Errorf("two headers arrive as %q", asked.IdentitySource)
	}
	var e events.APIGatewayV2HTTPRequest
	decode(t, b.event(t, "token"), &e)
	if got, err := json.Marshal(e.RequestContext.Authorizer.Lambda); err != nil || string(got) != `{"level":3,"tags":["a","b"],"token_id":"T1"}` {
		t.Errorf("context %s, %v", got, err)
	}
}

func TestTheCache(t *testing.T) {
	for _, test := range []struct {
		name string
		ttl  time.Duration
		want int // questions for two requests at once and one after a minute
	}{
		{"off", 0, 3},
		{"of 30 s", 30 * time.Second, 2},
		{"of 5 min", 5 * time.Minute, 1},
	} {
		for _, payload := range []string{allow, `{"isAuthorized":false}`} { // refusals are kept too
			t.Run(test.name, func(t *testing.T) {
				b := newHarness(t, func(c *gateway.Config) { c.AuthorizerCache = test.ttl })
				b.answers("authorize", payload)
				b.do(t, "GET", "/token", "", authorization("Bearer x"))
				b.do(t, "GET", "/token2", "", authorization("Bearer x")) // one entry covers all routes
				b.wait(time.Minute)
				b.do(t, "GET", "/token", "", authorization("Bearer x"))
				if n := b.calls("authorize"); n != test.want {
					t.Errorf("asked %d times, want %d", n, test.want)
				}
				b.do(t, "GET", "/token", "", authorization("Bearer y"))
				if n := b.calls("authorize"); n != test.want+1 {
					t.Error("another identity was not asked about")
				}
			})
		}
	}
}

func TestAFailureIsNotCached(t *testing.T) {
	b := newHarness(t, func(c *gateway.Config) { c.AuthorizerCache = time.Hour })
	b.fails("authorize", errors.New("store unreachable"))
	if response, _ := b.do(t, "GET", "/token", "", authorization("Bearer x")); response.StatusCode != 500 {
		t.Errorf("%d, want 500", response.StatusCode)
	}
	b.answers("authorize", allow)
	if response, _ := b.do(t, "GET", "/token", "", authorization("Bearer x")); response.StatusCode != 204 {
		t.Errorf("%d after recovery, want 204", response.StatusCode)
	}
}
