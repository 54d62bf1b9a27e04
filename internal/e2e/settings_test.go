package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"latchkey/internal/dev/local"
)

// A result cache trades away immediate revocation: why it is off unless somebody asks.
// whoami itself looks again, so it still refuses; other backends would not.
func TestWithAResultCacheTheAuthorizerLearnsOfRevocationLate(t *testing.T) {
	s := newSite(t, func(c *local.Config) { c.AuthorizerCache = time.Hour })
	bob := s.as(t, "bob")
	seen, seenSecret := bob.issue("In the cache", 30)
	unseen, unseenSecret := bob.issue("Not in the cache", 30)
	s.with(t, seenSecret).get("/v1/whoami").is(http.StatusOK)
	bob.revoke(seen.ID).is(http.StatusOK)
	bob.revoke(unseen.ID).is(http.StatusOK)
	if r := s.with(t, seenSecret).get("/v1/whoami"); r.refusedByAuthorizer() {
		t.Error("the authorizer was asked although its decision is in the cache")
	}
	if r := s.with(t, unseenSecret).get("/v1/whoami"); !r.refusedByAuthorizer() {
		t.Errorf("not in the cache: %d %s", r.status, r.body)
	}
}

// With denial "forbidden" whoever has no valid token gets a 403; no credential at all
// stays a 401, which the gateway itself answers.
func TestDenialForbidden(t *testing.T) {
	s := newSite(t, func(c *local.Config) { c.Environment = map[string]string{"DENIAL": "forbidden"} })
	bob := s.as(t, "bob")
	k, secret := bob.issue("Forbidden", 30)
	s.with(t, secret).get("/v1/whoami").is(http.StatusOK)
	bob.revoke(k.ID).is(http.StatusOK)
	s.with(t, secret).get("/v1/whoami").is(http.StatusForbidden)
	s.with(t, "garbage").get("/v1/whoami").is(http.StatusForbidden)
	s.presenting(t).get("/v1/whoami").is(http.StatusUnauthorized)
}

// An owner may have so many active tokens and no more.
func TestTheLimitOfActiveTokens(t *testing.T) {
	s := newSite(t, func(c *local.Config) { c.Environment = map[string]string{"MAX_ACTIVE_TOKENS": "2"} })
	bob := s.as(t, "bob")
	first, _ := bob.issue("One", 30)
	bob.issue("Two", 30)
	bob.post("/v1/tokens", map[string]any{"name": "Three", "expires_in_days": 30}).isProblem(http.StatusConflict, "limit_reached")
	s.as(t, "alice").issue("Hers count for herself", 30)
	bob.revoke(first.ID).is(http.StatusOK)
	bob.issue("Three", 30)
}
