package api_test

import (
	"strings"
	"testing"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestActivity(t *testing.T) {
	s := newService(t)
	made, secret := s.MustIssue(t, tokentest.Bob, "Nightly export", 30)
	s.call(t, revokeRoute, tokentest.Alice, made.ID, `{"reason":"lost"}`).ok(200)
	s.call(t, leaveRoute, tokentest.Alice, "", `{"person":"bob"}`).ok(200)
	s.Clock.T = s.Clock.T.AddDate(0, 0, 1)
	query := func(p token.Principal, raw string) answer {
		t.Helper()
		r := event(t, auditRoute, p, "", "")
		r.RawQueryString, r.QueryStringParameters = raw, map[string]string{}
		for pair := range strings.SplitSeq(raw, "&") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				r.QueryStringParameters[name] = value
			}
		}
		return s.send(t, auditRoute, r)
	}
	all := query(tokentest.Alice, "").ok(200)
	for _, part := range []string{
		`"action":"token.issued","actor":{"kind":"person","id":"bob","email":"bob@acme.example"}`,
		`"action":"token.revoked","actor":{"kind":"person","id":"alice","email":"alice@acme.example"}`, `"detail":"lost"`,
		`"token_id":"` + string(made.ID) + `","token_name":"Nightly export","expires_on":"2026-12-23","person":null`,
		`"token_id":null,"token_name":null,"expires_on":null,"person":{"id":"bob","email":"bob@acme.example"}`, `"next_cursor":null`,
	} {
		if !strings.Contains(all.Body, part) {
			t.Errorf("no %s in %s", part, all.Body)
		}
	}
	if strings.Contains(all.Body, secret.Reveal()) {
		t.Error("a secret is shown")
	}
	first := query(tokentest.Alice, "limit=1").ok(200)
	next := query(tokentest.Alice, "limit=1&cursor="+first.at("next_cursor")).ok(200)
	if strings.Count(first.Body, `"action"`) != 1 || strings.Count(next.Body, `"action"`) != 1 || first.at("events") == next.at("events") {
		t.Errorf("pages %s and %s", first.Body, next.Body)
	}
	if one := query(tokentest.Alice, "token="+string(made.ID)+"&action=token.revoked,token.issued&actor=bob").ok(200); strings.Count(one.Body, `"action"`) != 1 {
		t.Errorf("filtered: %s", one.Body)
	}
	if other := query(tokentest.Dave, "token="+string(made.ID)).ok(200); other.at("events") != "[]" {
		t.Errorf("to another organization: %s", other.Body)
	}
	query(tokentest.Bob, "").problem(token.CodeForbidden)
	for raw, place := range map[string]string{
		"from=x": "from", "to=2026-13-01": "to", "limit=101": "limit", "action=token.eaten": "action", "token=x": "token", "who=bob": "who",
		"from=2026-02-02&to=2026-02-01": "to", "cursor=x": "cursor",
	} {
		if got := query(tokentest.Alice, raw).problem(token.CodeInvalidRequest); got != place {
			t.Errorf("%s: places %q", raw, got)
		}
	}
}
