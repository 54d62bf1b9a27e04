package api_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/api"
	"latchkey/internal/notice"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestIssue(t *testing.T) {
	s := newService(t)
	a := s.call(t, issueRoute, tokentest.Bob, "", `{"name":" Nightly export ","expires_in_days":30,"scopes":["reports:read"]}`).ok(201)
	secret, err := token.ParseSecret(tokentest.Prefix, a.at("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"id": string(secret.ID()), "name": "Nightly export", "hint": secret.Hint(), "org_id": "acme",
		"owner": `{"email":"bob@acme.example","id":"bob","left":false,"type":"person","undeliverable":false}`, "created_by": "bob", "ends_on": "null", "scopes": `["reports:read"]`, "status": "active",
		"created_at": "2026-11-23T12:00:00Z", "expires_on": "2026-12-23", "expires_at": "2026-12-23T00:00:00Z",
		"revoked_at": "null", "revoked_by": "null", "revoke_reason": "null", "last_used_at": "null", "notices": "[]",
	} {
		if got := a.at("token", name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if _, err := s.Verify(t.Context(), a.at("secret")); err != nil {
		t.Errorf("the secret does not work: %v", err)
	}
	on := s.call(t, issueRoute, tokentest.Alice, "", `{"name":"x","expires_on":"2027-11-23"}`).ok(201)
	if got := on.at("token", "expires_on"); got != "2027-11-23" {
		t.Errorf("expires on %s", got)
	}
}

func TestListGetRevoke(t *testing.T) {
	s := newService(t)
	made, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	_, other := s.MustIssue(t, tokentest.Erin, "y", 30)

	list := s.call(t, listRoute, tokentest.Bob, "", "").ok(200)
	get := s.call(t, getRoute, tokentest.Bob, made.ID, "").ok(200)
	listed := strings.Replace(get.Body, `,"notices":[]`, "", 1)
	who := `{"id":"bob","org_id":"acme","email":"bob@acme.example","email_verified":true,"role":"api-token-manager",` +
		`"can_issue":true,"sees_everyone":false,"undeliverable":false}`
	if want := `{"next_cursor":null,"tokens":[` + listed + `],"person":` + who + `}`; !sameJSON(t, list.Body, want) {
		t.Errorf("the list is %s, want %s", list.Body, want)
	}
	if get.at("id") != string(made.ID) || get.at("status") != "active" || get.at("owner", "email") != "bob@acme.example" {
		t.Errorf("got %s", get.Body)
	}

	s.Clock.T = s.Clock.T.Add(time.Minute)
	revoked := s.call(t, revokeRoute, tokentest.Alice, made.ID, `{"reason":"leaked"}`).ok(200)
	for name, want := range map[string]string{
		"status": "revoked", "revoked_at": "2026-11-23T12:01:00Z", "revoked_by": "alice", "revoke_reason": "leaked",
	} {
		if got := revoked.at(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	s.Clock.T = s.Clock.T.Add(time.Minute)
	if again := s.call(t, revokeRoute, tokentest.Bob, made.ID, "").ok(200); again.Body != revoked.Body {
		t.Errorf("again: %s, want %s", again.Body, revoked.Body)
	}
	for _, a := range []answer{list, get, revoked, s.call(t, listRoute, tokentest.Alice, "", "")} {
		if strings.Contains(a.Body, secret.Reveal()[30:]) || strings.Contains(a.Body, other.Reveal()[30:]) {
			t.Errorf("a secret shows in %s", a.Body)
		}
	}
}

func TestStatusesAndNoticesShow(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	used := made
	used.Uses = token.Uses{1: {LastAt: tokentest.Noon.Add(time.Hour), From: "203.0.113.0/24"}}
	s.Store.Put(used)
	s.notices[made.ID] = []notice.Outcome{
		{Kind: notice.Expires(15), Date: made.ExpiresOn, At: tokentest.Noon, State: notice.Covered}, // no e-mail of its own
		{Kind: notice.Expires(7), Date: made.ExpiresOn, At: tokentest.Noon.Add(time.Hour), State: notice.Sent, MessageID: "m-1"},
	}
	s.Clock.T = made.ExpiresAt()
	a := s.call(t, getRoute, tokentest.Bob, made.ID, "").ok(200)
	for name, want := range map[string]string{
		"status": "expired", "last_used_at": "2026-11-23T13:00:00Z",
		"notices": `[{"date":"2026-12-23","kind":"expires-7","sent_at":"2026-11-23T13:00:00Z","state":"sent"}]`,
	} {
		if got := a.at(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestListParameters(t *testing.T) {
	s := newService(t)
	for i := range 3 {
		s.Clock.T = s.Clock.T.Add(time.Second)
		s.MustIssue(t, tokentest.Bob, fmt.Sprintf("bob-%d", i), 30)
		s.Clock.T = s.Clock.T.Add(time.Second)
		s.MustIssue(t, tokentest.Erin, fmt.Sprintf("erin-%d", i), 30)
	}
	list := func(p token.Principal, query map[string]string) answer {
		t.Helper()
		r := event(t, listRoute, p, "", "")
		r.QueryStringParameters = query
		return s.send(t, listRoute, r)
	}
	names := func(a answer) string {
		var found []string
		tokens, _ := a.ok(200).json["tokens"].([]any)
		for _, item := range tokens {
			object, _ := item.(map[string]any)
			found = append(found, fmt.Sprint(object["name"]))
		}
		return strings.Join(found, " ")
	}
	for _, test := range []struct {
		query map[string]string
		want  string
	}{
		{nil, ""},
		{map[string]string{"owner": "bob"}, "bob-2 bob-1 bob-0"},
		{map[string]string{"owner": "all", "q": "-1", "status": "active,revoked"}, "erin-1 bob-1"},
		{map[string]string{"owner": "all", "status": "expired"}, ""},
		{map[string]string{"owner": "bob", "status": "active"}, "bob-0 bob-1 bob-2"},
		{map[string]string{"owner": "bob", "status": "active", "sort": "-expires"}, "bob-2 bob-1 bob-0"},
		{map[string]string{"owner": "bob", "sort": "created"}, "bob-0 bob-1 bob-2"},
		{map[string]string{"owner": "bob", "status": "active", "expires_before": "2026-12-23"}, ""},
		{map[string]string{"owner": "bob", "status": "active", "expires_before": "2026-12-24"}, "bob-0 bob-1 bob-2"},
		{map[string]string{"owner": "bob", "status": "", "limit": "100"}, "bob-2 bob-1 bob-0"},
	} {
		if got := names(list(tokentest.Alice, test.query)); got != test.want {
			t.Errorf("%v: %q, want %q", test.query, got, test.want)
		}
	}
	first := list(tokentest.Bob, map[string]string{"limit": "2"})
	if names(first) != "bob-2 bob-1" {
		t.Errorf("first page %q", names(first))
	}
	if got := names(list(tokentest.Bob, map[string]string{"limit": "2", "cursor": first.at("next_cursor")})); got != "bob-0" {
		t.Errorf("second page %q", got)
	}
	if place := list(tokentest.Erin, map[string]string{"limit": "2", "cursor": first.at("next_cursor")}).problem(token.CodeInvalidRequest); place != "cursor" {
		t.Errorf("another person's cursor: the problem names %q", place)
	}
	for _, test := range []struct{ name, value, place string }{
		{"limit", "0", "limit"},
		{"limit", "-1", "limit"},
		{"limit", "101", "limit"},
		{"limit", "ten", "limit"},
		{"limit", "1.5", "limit"},
		{"limit", "", "limit"},
		{"limit", "99999999999999999999", "limit"},
		{"status", "dead", "status"},
		{"status", "active,", "status"},
		{"status", "active, expired", "status"},
		{"q", strings.Repeat("x", 101), "q"},
		{"owner", strings.Repeat("x", 3000), "owner"},
		{"owner", strings.Repeat("x", 256), "owner"},
		{"owner", "bøb", "owner"},
		{"cursor", "x", "cursor"},
		{"Owner", "all", "Owner"},
		{"state", "active", "state"},
		{"sort", "name", "sort"},
		{"sort", "expires", "sort"},
		{"expires_before", "soon", "expires_before"},
		{"expires_before", "2026-12-24", "expires_before"},
	} {
		if place := list(tokentest.Alice, map[string]string{test.name: test.value}).problem(token.CodeInvalidRequest); place != test.place {
			t.Errorf("%s=%.20s: the problem names %q, want %q", test.name, test.value, place, test.place)
		}
	}
	list(tokentest.Bob, map[string]string{"owner": "all"}).problem(token.CodeForbidden)
}

// What another person may not see is answered exactly like what is not there.
func TestNotFoundIsOneAnswer(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	want := s.call(t, getRoute, tokentest.Dave, "01ARYZ6S41TSV4RRFFQ69G5FAV", "")
	want.problem(token.CodeNotFound)
	for _, route := range []string{getRoute, revokeRoute} {
		for _, p := range []token.Principal{tokentest.Dave, tokentest.Erin} {
			for _, id := range []token.ID{made.ID, "01ARYZ6S41TSV4RRFFQ69G5FAV", "x", "", token.ID(strings.ToLower(string(made.ID))), "../tokens"} {
				if got := s.call(t, route, p, id, ""); got.Body != want.Body || got.StatusCode != want.StatusCode {
					t.Errorf("%s %q by %s: %d %s", route, id, p.Subject, got.StatusCode, got.Body)
				}
			}
		}
	}
}

func TestWhoami(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	a := s.call(t, whoamiRoute, token.Principal{}, made.ID, "").ok(200)
	for name, want := range map[string]string{
		"token_id": string(made.ID), "name": "x", "org_id": "acme", "owner_id": "bob", "owner_type": "person", "scopes": "[]", "expires_at": "2026-12-23T00:00:00Z",
	} {
		if got := a.at(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	refused := func(name string, r request) {
		t.Helper()
		got := s.send(t, whoamiRoute, r)
		got.problem(api.CodeUnauthenticated)
		if header := got.Headers["www-authenticate"]; header != `Bearer error="invalid_token"` {
			t.Errorf("%s: www-authenticate %q", name, header)
		}
	}
	refused("unknown", event(t, whoamiRoute, token.Principal{}, "01ARYZ6S41TSV4RRFFQ69G5FAV", ""))
	refused("no id", event(t, whoamiRoute, token.Principal{}, "", ""))
	number := event(t, whoamiRoute, token.Principal{}, made.ID, "")
	number.RequestContext.Authorizer.Lambda["token_id"] = 7.0
	refused("an id that is a number", number)
	for name, generation := range map[string]any{"another generation": "2", "none": "", "a word": "one", "a number": 1.0} {
		r := event(t, whoamiRoute, token.Principal{}, made.ID, "")
		r.RequestContext.Authorizer.Lambda["generation"] = generation
		refused(name, r)
	}

	// Even if a cached authorizer still lets the token in, nobody is told anything.
	s.Clock.T = made.ExpiresAt().Add(-time.Second)
	s.call(t, whoamiRoute, token.Principal{}, made.ID, "").ok(200)
	s.Clock.T = made.ExpiresAt()
	refused("expired", event(t, whoamiRoute, token.Principal{}, made.ID, ""))
	s.Clock.T = tokentest.Noon
	s.call(t, revokeRoute, tokentest.Bob, made.ID, "").ok(200)
	refused("revoked", event(t, whoamiRoute, token.Principal{}, made.ID, ""))

	s.Store.Fail("Credential", errors.New("the table is on fire"))
	s.call(t, whoamiRoute, token.Principal{}, made.ID, "").problem(api.CodeInternal)
}

// Whatever somebody was notified of, the contract has a word for it.
func TestEveryKindOfNoticeIsShown(t *testing.T) {
	for _, kind := range []notice.Kind{
		notice.Expires(15), notice.Expires(0), notice.Unused(7), notice.Revoked, notice.OldUsed, notice.Renewed, notice.RotationRefused, notice.RetiredUsed,
	} {
		s := newService(t)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		s.notices[made.ID] = []notice.Outcome{{Kind: kind, Date: made.ExpiresOn, At: tokentest.Noon, State: notice.Sent, MessageID: "m-1"}}
		if a := s.call(t, getRoute, tokentest.Bob, made.ID, "").ok(200); !strings.Contains(a.Body, `"kind":"`+string(kind)+`"`) {
			t.Errorf("%s: %s", kind, a.Body)
		}
	}
}
