package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/api"
	"latchkey/internal/notice"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// Every answer to an API token says when its secret stops working, and from 15 days before
// where it is replaced: errors included, but not to one that is refused.
func TestTokenExpiresAt(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	ask := func(query map[string]string) answer {
		r := event(t, whoamiRoute, token.Principal{}, made.ID, "")
		r.QueryStringParameters = query
		return s.send(t, whoamiRoute, r)
	}
	for _, test := range []struct {
		before time.Duration
		link   string
	}{
		{30 * 24 * time.Hour, ""},
		{15*24*time.Hour + time.Second, ""},
		{15 * 24 * time.Hour, `</>; rel="token-management"`},
		{time.Second, `</>; rel="token-management"`},
	} {
		s.Clock.T = made.ExpiresAt().Add(-test.before)
		for _, a := range []answer{ask(nil).ok(200), ask(map[string]string{"x": "y"})} {
			if a.Headers["token-expires-at"] != "2026-12-23T00:00:00Z" || a.Headers["link"] != test.link {
				t.Errorf("%s before, status %d: headers %v", test.before, a.StatusCode, a.Headers)
			}
		}
	}
	s.Store.Fail("Token", errors.New("the table is on fire"))
	if a := ask(nil); a.problem(api.CodeInternal) != "" || a.Headers["token-expires-at"] == "" {
		t.Errorf("headers %v", a.Headers)
	}
	s.Store.Fail("Token", nil)
	s.Clock.T = made.ExpiresAt()
	if a := ask(nil); a.problem(api.CodeUnauthenticated) != "" || a.Headers["token-expires-at"] != "" || a.Headers["link"] != "" {
		t.Errorf("refused, but headers %v", a.Headers)
	}
	if a := s.call(t, listRoute, tokentest.Bob, "", ""); a.Headers["token-expires-at"] != "" {
		t.Errorf("a person gets %v", a.Headers)
	}
}

// The end that is told is that of the secret presented: a token that was ended on a date ends
// there.
func TestTokenExpiresAtWhereTheTokenEnds(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	issued, _ := s.Store.Issued(made.ID)
	issued.Credential.EndsOn = made.ExpiresOn - 10
	s.Store.PutCredential(issued.Credential)
	a := s.call(t, whoamiRoute, token.Principal{}, made.ID, "").ok(200)
	if want := "2026-12-13T00:00:00Z"; a.Headers["token-expires-at"] != want || a.at("expires_at") != want {
		t.Errorf("headers %v, body %s", a.Headers, a.Body)
	}
}

// A cached authorizer lets a revoked token through for a while. It is refused all the same,
// and the log says why.
func TestRevokedBehindACachedAuthorizer(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	s.call(t, revokeRoute, tokentest.Bob, made.ID, "").ok(200)
	s.log.Reset()
	s.call(t, whoamiRoute, token.Principal{}, made.ID, "").problem(api.CodeUnauthenticated)
	if log := s.log.String(); !strings.Contains(log, `"reason":"`) || !strings.Contains(log, `"token_id":"`+string(made.ID)+`"`) {
		t.Errorf("log %s", log)
	}
}

// Each route takes what one kind of authorizer has checked: an event that also carries what
// another kind checks was not made by the gateway.
func TestOneKindOfAuthorizer(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	before := len(s.Store.Calls())
	for _, route := range []string{issueRoute, listRoute, getRoute, revokeRoute, resumeRoute, whoamiRoute, rotateSelfRoute, endSelfRoute} {
		for name, add := range map[string]func(*events.APIGatewayV2HTTPRequestContextAuthorizerDescription){
			"a token's": func(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) { a.Lambda = map[string]any{} },
			"a person's": func(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) {
				a.JWT = &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{}
			},
			"AWS's": func(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) {
				a.IAM = &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{}
			},
		} {
			if name == "a token's" && strings.Contains(route, "/whoami") || name == "a person's" && !strings.Contains(route, "/whoami") {
				continue
			}
			r := event(t, route, tokentest.Bob, made.ID, `{"name":"x","expires_in_days":30}`)
			add(r.RequestContext.Authorizer)
			if a := s.send(t, route, r); a.StatusCode != 401 {
				t.Errorf("%s with %s authorizer, too: %d %s", route, name, a.StatusCode, a.Body)
			}
		}
	}
	if calls := s.Store.Calls()[before:]; len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

// broken reads nothing.
type broken struct{}

func (broken) Outcomes(context.Context, token.ID) ([]notice.Outcome, error) {
	return nil, errors.New("the table is on fire")
}

// A revocation that is done is not reported as failed: what cannot be read after it is left
// out, and logged. Reading a token says that it failed.
func TestRevokedThoughItsNoticesCannotBeRead(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	log := slog.New(slog.NewJSONHandler(&s.log, nil))
	s.handlers[revokeRoute] = api.Revoke(log, s.claims, s.Verifier, s.Manager, broken{}, s.Clock.Now)
	s.handlers[getRoute] = api.Read(log, s.claims, s.Manager, records{broken{}, s.Store}, s.Clock.Now)
	a := s.call(t, revokeRoute, tokentest.Alice, made.ID, "").ok(200)
	if _, has := a.json["notices"]; has || a.at("status") != "revoked" || !strings.Contains(s.log.String(), "on fire") {
		t.Errorf("%s, log %s", a.Body, s.log.String())
	}
	s.call(t, getRoute, tokentest.Alice, made.ID, "").problem(api.CodeInternal)
}

// A revocation never fails for its reason's text, however long or odd it is.
func TestAnyReasonRevokes(t *testing.T) {
	for typed, kept := range map[string]string{
		"":                            "",
		"\r\nleaked\r\n":              "leaked",
		"Cafe\u0301":                  "Café",
		"two\nlines":                  "two lines",
		"a\u202eb\x00":                "ab",
		"👨\u200d👩\u200d👧":             "👨\u200d👩\u200d👧",
		strings.Repeat("é", 10_000/2): strings.Repeat("é", 200),
	} {
		s := newService(t)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		body, err := json.Marshal(map[string]string{"reason": typed})
		if err != nil {
			t.Fatal(err)
		}
		a := s.call(t, revokeRoute, tokentest.Alice, made.ID, string(body)).ok(200)
		want := kept
		if kept == "" {
			want = "null"
		}
		if got := a.at("revoke_reason"); got != want || a.at("status") != "revoked" {
			t.Errorf("%.20q is kept as %.20q: %.300s", typed, got, a.Body)
		}
		if !openAPI(t).accepts(t, revokeRoute, string(body)) {
			t.Errorf("%.20q: the contract does not allow it", typed)
		}
	}
}
