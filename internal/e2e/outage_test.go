package e2e_test

import (
	"net/http"
	"testing"

	"latchkey/internal/dev/local"
)

// While the table cannot be reached nobody is let in, and nobody is told that a good
// secret is bad.
func TestDynamoDBOutage(t *testing.T) {
	s := newSite(t, func(c *local.Config) {
		c.DynamoDBEndpoint = "" // one of its own, to be stopped
		c.DataDir = t.TempDir() // whose data outlives it
	})
	bob := s.as(t, "bob")
	k, secret := bob.issue("Through the outage", 30)
	holder := s.with(t, secret)
	holder.get("/v1/whoami").is(http.StatusOK)

	s.system.DynamoDB.Stop()
	for range 3 {
		for _, r := range []reply{holder.get("/v1/whoami"), bob.get("/v1/tokens"), bob.get("/v1/tokens/" + k.ID), bob.revoke(k.ID)} {
			if r.status < 500 {
				t.Errorf("%s while DynamoDB is stopped: %d %s", r.what, r.status, r.body)
			}
		}
	}
	s.presenting(t, "Bearer garbage").get("/v1/whoami").is(http.StatusUnauthorized) // needs no table

	if err := s.system.DynamoDB.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "whoami after the outage", http.StatusOK, func() int { return holder.get("/v1/whoami").status })
	bob.revoke(k.ID).is(http.StatusOK)
	holder.get("/v1/whoami").is(http.StatusUnauthorized)
}
