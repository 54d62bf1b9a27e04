package api_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestRotateItself(t *testing.T) {
	s := newService(t)
	issued := s.call(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30,"self_rotation":true}`).ok(201)
	id := token.ID(issued.at("token", "id"))
	if issued.at("token", "self_rotation") != "true" {
		t.Errorf("issued %s", issued.Body)
	}
	s.Clock.T = s.Clock.T.AddDate(0, 0, 10)
	a := s.call(t, rotateSelfRoute, token.Principal{}, id, "").ok(200)
	if a.at("token", "expires_at") != "2027-01-02T00:00:00Z" || a.at("token", "token_id") != string(id) || a.Headers["token-expires-at"] != "2026-12-23T00:00:00Z" {
		t.Errorf("%s, headers %v", a.Body, a.Headers)
	}
	if a.at("token", "renew_at") != "2026-12-23T04:00:00Z" {
		t.Errorf("renew_at in %s", a.Body)
	}
	if strings.Contains(a.Body, "@") {
		t.Errorf("a token's holder learns an address: %s", a.Body)
	}
	if c, err := s.Verify(t.Context(), a.at("secret")); err != nil || c.TokenID != id {
		t.Errorf("the new secret: %v", err)
	}
	soon := s.call(t, rotateSelfRoute, token.Principal{}, id, "")
	if soon.problem(token.CodeTooSoon); soon.Headers["retry-after"] != "60" {
		t.Errorf("headers %v", soon.Headers)
	}
	// Somebody uses the new one: the old one is in two hands.
	c, err := s.Verify(t.Context(), a.at("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.Used(t.Context(), c, s.Clock.T, ""); err != nil {
		t.Fatal(err)
	}
	s.call(t, rotateSelfRoute, token.Principal{}, id, "").problem(token.CodeRefused)
	refused := s.Store.Refused()
	if len(refused) != 1 || refused[0].Audit.Address == "" || refused[0].Audit.Client == "" {
		t.Errorf("recorded: %+v", refused)
	}
	for _, secret := range []string{a.at("secret"), issued.at("secret")} {
		if strings.Contains(s.log.String(), secret) || strings.Contains(soon.Body, secret) {
			t.Error("a secret is in the log or in an answer")
		}
	}
}

func TestWhatMayNotRotateItself(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	s.call(t, rotateSelfRoute, token.Principal{}, made.ID, "").problem(token.CodeForbidden)
	s.Store.PutPolicy("acme", token.Policy{Version: 1, NoSelfRotation: true})
	a := s.call(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30,"self_rotation":true}`)
	if places := a.problem(token.CodeInvalidRequest); places != "/self_rotation" {
		t.Errorf("places %q", places)
	}
}

func TestRevokeItself(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	if _, err := s.Rotate(t.Context(), tokentest.Bob, string(made.ID), token.RotateRequest{}); err != nil {
		t.Fatal(err)
	}
	if a := s.call(t, endSelfRoute, token.Principal{}, made.ID, "").ok(200); a.at("ended") != "old_secret" || a.at("token_id") != string(made.ID) {
		t.Errorf("answer %s", a.Body)
	}
	s.call(t, endSelfRoute, token.Principal{}, made.ID, "").problem("unauthenticated")
	s.Clock.T = s.Clock.T.Add(time.Minute)
	current := event(t, endSelfRoute, token.Principal{}, made.ID, "")
	current.RequestContext.Authorizer.Lambda["generation"] = "2"
	if a := s.send(t, endSelfRoute, current).ok(200); a.at("ended") != "token" {
		t.Errorf("answer %s", a.Body)
	}
	shown := s.call(t, getRoute, tokentest.Bob, made.ID, "").ok(200)
	if shown.at("status") != "revoked" || shown.at("revoked_by") != string(made.ID) {
		t.Errorf("shown as %s", shown.Body)
	}
}

// A secret that ends between the check and the call is refused like any other.
func TestReplacedMeanwhile(t *testing.T) {
	for _, route := range []string{rotateSelfRoute, endSelfRoute} {
		s := newService(t)
		issued := s.call(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30,"self_rotation":true}`).ok(201)
		id := token.ID(issued.at("token", "id"))
		s.Store.After("Credential", func() {
			if _, err := s.Rotate(t.Context(), tokentest.Bob, string(id), token.RotateRequest{OldSecret: token.OldEnds}); err != nil {
				t.Error(err)
			}
		})
		s.call(t, route, token.Principal{}, id, "").problem("unauthenticated")
		if !strings.Contains(s.log.String(), `"reason":"rotated"`) {
			t.Errorf("%s: the log does not say why: %s", route, s.log.String())
		}
	}
}
