package authorizer_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"latchkey/internal/authorizer"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// The three kinds of event, as API Gateway sends them.
const (
	httpAPI     = "http-api.json"
	restToken   = "rest-token.json"
	restRequest = "rest-request.json"
)

var kinds = []string{httpAPI, restToken, restRequest}

// recorder keeps what it is told.
type recorder struct {
	used []token.ID
	from []string
	err  error

	retired []token.RefusedError
}

func (r *recorder) RetiredUsed(ctx context.Context, e *token.RefusedError, _ time.Time, from string) error {
	if _, ok := ctx.Deadline(); !ok || from != "" && !strings.HasSuffix(from, "/24") {
		return errors.New("no deadline, or a whole address")
	}
	r.retired, r.from = append(r.retired, *e), append(r.from, from)
	return r.err
}

func (r *recorder) Used(ctx context.Context, c token.Credential, at time.Time, from string) error {
	if _, ok := ctx.Deadline(); !ok || !at.Equal(tokentest.Noon) {
		return errors.New("no deadline, or a wrong time")
	}
	r.used, r.from = append(r.used, c.TokenID), append(r.from, from)
	return r.err
}

// door is an authorizer before a store in memory, with what it logs.
type door struct {
	*tokentest.Service
	*authorizer.Authorizer

	recorder *recorder
	log      *bytes.Buffer
	token    token.Token
	secret   string
}

func newDoor(tb testing.TB, denial authorizer.Denial) *door {
	tb.Helper()
	d := &door{Service: tokentest.New(tb, nil), recorder: &recorder{}, log: &bytes.Buffer{}}
	issued, err := d.Issue(tb.Context(), tokentest.Bob, token.IssueRequest{
		Name: "Nightly export", ExpiresOn: new("2026-12-23"), Scopes: []string{"reports:read", "reports:write"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	d.token, d.secret = issued.Token, issued.Secret.Reveal()
	d.Authorizer, err = authorizer.New(authorizer.Config{
		Verifier: d.Verifier, Recorder: d.recorder, Denial: denial, Now: d.Clock.Now, Log: slog.New(slog.NewJSONHandler(d.log, nil)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// load reads an event with a value for the header Authorization.
func load(tb testing.TB, kind, authorization string) map[string]any {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", kind))
	if err != nil {
		tb.Fatal(err)
	}
	value, err := json.Marshal(authorization)
	if err != nil {
		tb.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(bytes.ReplaceAll(b, []byte(`"AUTHORIZATION"`), value), &event); err != nil {
		tb.Fatal(err)
	}
	return event
}

// ask handles an event and returns the answer as API Gateway reads it.
func (d *door) ask(t *testing.T, event any) (string, error) {
	t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := d.Handle(t.Context(), raw)
	if err != nil {
		if answer != nil {
			t.Errorf("the error %v comes with the answer %v", err, answer)
		}
		return "", err
	}
	b, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), nil
}

func TestNewRefusesHalfAConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*authorizer.Config){
		"no verifier":    func(c *authorizer.Config) { c.Verifier = nil },
		"no recorder":    func(c *authorizer.Config) { c.Recorder = nil },
		"no clock":       func(c *authorizer.Config) { c.Now = nil },
		"no log":         func(c *authorizer.Config) { c.Log = nil },
		"no denial":      func(c *authorizer.Config) { c.Denial = "" },
		"another denial": func(c *authorizer.Config) { c.Denial = "allow" },
	} {
		c := authorizer.Config{
			Verifier: tokentest.New(t, nil).Verifier, Recorder: &recorder{}, Denial: authorizer.Forbidden,
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}
		if _, err := authorizer.New(c); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		if a, err := authorizer.New(c); err == nil || a != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAllow(t *testing.T) {
	details := func(d *door) string {
		return `{"token_id":"` + string(d.token.ID) + `","org_id":"acme","owner_id":"bob","owner_type":"person","generation":"1",` +
			`"scopes":"reports:read reports:write","expires_at":"2026-12-23T00:00:00Z"}`
	}
	policy := func(d *door, stage string) string {
		return `{"principalId":"` + string(d.token.ID) + `","context":` + details(d) + `,"policyDocument":{"Version":"2012-10-17",` +
			`"Statement":[{"Action":["execute-api:Invoke"],"Effect":"Allow","Resource":["` + stage + `"]}]}}`
	}
	for kind, want := range map[string]func(*door) string{
		httpAPI: func(d *door) string { return `{"isAuthorized":true,"context":` + details(d) + `}` },
		// The policy covers the stage: API Gateway may keep it for the caller's next path.
		restToken: func(d *door) string {
			return policy(d, "arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/prod/*")
		},
		restRequest: func(d *door) string {
			return policy(d, "arn:aws:execute-api:us-east-1:123456789012:s4x3opwd6i/test/*")
		},
	} {
		for _, denial := range []authorizer.Denial{authorizer.Unauthorized, authorizer.Forbidden} {
			d := newDoor(t, denial)
			got, err := d.ask(t, load(t, kind, "Bearer "+d.secret))
			if err != nil || !sameJSON(t, got, want(d)) {
				t.Errorf("%s: %s, error %v\nwant %s", kind, got, err, want(d))
			}
			if !reflect.DeepEqual(d.recorder.used, []token.ID{d.token.ID}) {
				t.Errorf("%s: recorded %v", kind, d.recorder.used)
			}
			if log := d.log.String(); !strings.Contains(log, `"outcome":"allow"`) || !strings.Contains(log, string(d.token.ID)) {
				t.Errorf("%s: log %s", kind, log)
			}
		}
	}
}

func TestAllowWithoutScopes(t *testing.T) {
	d := newDoor(t, authorizer.Unauthorized)
	made, secret := d.MustIssue(t, tokentest.Bob, "x", 30)
	got, err := d.ask(t, load(t, httpAPI, "Bearer "+secret.Reveal()))
	if err != nil || !strings.Contains(got, `"scopes":""`) {
		t.Errorf("limited to nothing: %s, error %v", got, err)
	}
	issued, _ := d.Store.Issued(made.ID)
	issued.Credential.Scopes = nil // issued where no scopes are on offer
	d.Store.PutCredential(issued.Credential)
	if got, err = d.ask(t, load(t, httpAPI, "Bearer "+secret.Reveal())); err != nil || strings.Contains(got, "scopes") {
		t.Errorf("not limited: %s, error %v", got, err)
	}
}

// Both ways to say no, to everybody who is not let in and on every kind of API.
func TestDeny(t *testing.T) {
	refusals := map[string]string{
		httpAPI: `{"isAuthorized":false}`,
		restToken: `{"principalId":"anonymous","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":["execute-api:Invoke"],` +
			`"Effect":"Deny","Resource":["arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/prod/*"]}]},"context":{"reason":"WHY"}}`,
		restRequest: `{"principalId":"anonymous","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":["execute-api:Invoke"],` +
			`"Effect":"Deny","Resource":["arn:aws:execute-api:us-east-1:123456789012:s4x3opwd6i/test/*"]}]},"context":{"reason":"WHY"}}`,
	}
	for _, kind := range kinds {
		for _, test := range []struct {
			name    string
			prepare func(*door)
			present func(*door) string
			reason  token.Reason
			lookups int
			told    string // what a REST API's answer may say; empty: no more than of garbage
		}{
			{"malformed", nil, func(*door) string { return "x" }, token.ReasonMalformed, 0, ""},
			{"unknown", func(d *door) {
				d.Store.Fail("Credential", token.ErrNotFound)
				d.Store.Fail("LateToken", token.ErrNotFound)
			}, nil, token.ReasonUnknown, 2, ""},
			{"expired", func(d *door) { d.Clock.T = d.token.ExpiresAt() }, nil, token.ReasonExpired, 1, "expired"},
			{"revoked", func(d *door) {
				if _, err := d.Revoke(t.Context(), tokentest.Bob, string(d.token.ID), ""); err != nil {
					t.Fatal(err)
				}
			}, nil, token.ReasonRevoked, 2, ""},
			{"replaced", func(d *door) {
				if _, err := d.Rotate(t.Context(), tokentest.Bob, string(d.token.ID), token.RotateRequest{OldSecret: token.OldEnds}); err != nil {
					t.Fatal(err)
				}
			}, nil, token.ReasonRotated, 2, "rotated"},
			{"forged", nil, func(d *door) string {
				forged, err := token.NewSecret(tokentest.Prefix, d.token.ID, strings.NewReader(strings.Repeat("forgery!", 4)))
				if err != nil {
					t.Fatal(err)
				}
				return forged.Reveal()
			}, token.ReasonForged, 2, ""},
		} {
			for _, denial := range []authorizer.Denial{authorizer.Unauthorized, authorizer.Forbidden} {
				d := newDoor(t, denial)
				if test.prepare != nil {
					test.prepare(d)
				}
				before := len(d.Store.Calls())
				refusal := strings.Replace(refusals[kind], "WHY", cmp.Or(test.told, "invalid"), 1)
				presented := d.secret
				if test.present != nil {
					presented = test.present(d)
				}
				got, err := d.ask(t, load(t, kind, "Bearer "+presented))
				switch {
				case denial == authorizer.Unauthorized && (err == nil || err.Error() != "Unauthorized"):
					t.Errorf("%s, %s: %s, error %v; want the very text Unauthorized", kind, test.name, got, err)
				case denial == authorizer.Forbidden && (err != nil || !sameJSON(t, got, refusal)):
					t.Errorf("%s, %s: %s, error %v\nwant %s", kind, test.name, got, err, refusal)
				}
				if n := len(d.Store.Calls()) - before; n != test.lookups {
					t.Errorf("%s, %s: %d lookups, want %d", kind, test.name, n, test.lookups)
				}
				if log := d.log.String(); !strings.Contains(log, `"outcome":"deny","reason":"`+string(test.reason)+`"`) ||
					strings.Contains(log, d.secret[30:]) {
					t.Errorf("%s, %s: log %s", kind, test.name, log)
				}
				if known := test.lookups > 0; strings.Contains(d.log.String(), `"token_id":"`+string(d.token.ID)+`"`) != known {
					t.Errorf("%s, %s: log %s", kind, test.name, d.log)
				}
				if len(d.recorder.used) != 0 {
					t.Errorf("%s, %s: a use was recorded", kind, test.name)
				}
			}
		}
	}
}

// A store that does not answer lets nobody in, and is not the caller's fault: a 500,
// not a 401.
func TestStoreFailureIsNeitherYesNorNo(t *testing.T) {
	for _, kind := range kinds {
		for _, denial := range []authorizer.Denial{authorizer.Unauthorized, authorizer.Forbidden} {
			d := newDoor(t, denial)
			d.Store.Fail("Credential", errors.New("the table is on fire"))
			got, err := d.ask(t, load(t, kind, "Bearer "+d.secret))
			if err == nil || err.Error() == "Unauthorized" || strings.Contains(err.Error(), "fire") {
				t.Errorf("%s: %s, error %v", kind, got, err)
			}
			if log := d.log.String(); !strings.Contains(log, `"outcome":"error"`) || !strings.Contains(log, "on fire") ||
				strings.Contains(log, d.secret[30:]) {
				t.Errorf("%s: log %s", kind, log)
			}
			d.Store.Fail("Credential", nil)
			if _, err := d.ask(t, load(t, kind, "Bearer "+d.secret)); err != nil {
				t.Errorf("%s: no recovery: %v", kind, err)
			}
		}
	}
}

func TestRecorderFailureDeniesNobody(t *testing.T) {
	d := newDoor(t, authorizer.Unauthorized)
	d.recorder.err = errors.New("the table is on fire")
	if got, err := d.ask(t, load(t, httpAPI, "Bearer "+d.secret)); err != nil || !strings.Contains(got, `"isAuthorized":true`) {
		t.Errorf("%s, error %v", got, err)
	}
	if log := d.log.String(); !strings.Contains(log, `"level":"WARN"`) || !strings.Contains(log, "on fire") || !strings.Contains(log, `"first_use":true`) {
		t.Errorf("log %s", log)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// The network is what the gateway saw, whatever the client says of itself, and is kept only
// where that is wanted.
func TestNetworkOfAUse(t *testing.T) {
	for kind, want := range map[string]string{httpAPI: "203.0.113.0/24", restRequest: "203.0.113.0/24", restToken: ""} {
		for _, wanted := range []bool{true, false} {
			d := newDoor(t, authorizer.Forbidden)
			a, err := authorizer.New(authorizer.Config{
				Verifier: d.Verifier, Recorder: d.recorder, Denial: authorizer.Forbidden, Networks: wanted,
				Now: d.Clock.Now, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			d.Authorizer = a
			event := load(t, kind, "Bearer "+d.secret)
			if headers, ok := event["headers"].(map[string]any); ok {
				headers["x-forwarded-for"] = "198.51.100.9"
			}
			if !d.allowed(t, event) {
				t.Errorf("%s: refused", kind)
			}
			if !wanted {
				want = ""
			}
			if len(d.recorder.from) != 1 || d.recorder.from[0] != want {
				t.Errorf("%s: recorded from %q, want %q", kind, d.recorder.from, want)
			}
		}
	}
}
