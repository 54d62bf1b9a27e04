package e2e_test

import (
	"net/http"
	"slices"
	"testing"
)

// results are what became of several tokens, by their ids.
func (r reply) results() map[string]string {
	r.t.Helper()
	var body struct {
		Results []struct{ ID, Outcome string } `json:"results"`
	}
	r.into(&body)
	found := map[string]string{}
	for _, one := range body.Results {
		found[one.ID] = one.Outcome
	}
	return found
}

func TestDeployedRevokingMany(t *testing.T) {
	bob := shared.as(t, "bob")
	first, firstSecret := bob.issue("One of several", 30)
	second, secondSecret := bob.issue("Another of several", 30)
	others, otherSecret := shared.as(t, "dave").issue("Not one of them", 30)
	for _, secret := range []string{firstSecret, secondSecret, otherSecret} {
		shared.with(t, secret).get("/v1/whoami").is(http.StatusOK)
	}
	request := map[string]any{"ids": []string{first.ID, second.ID, others.ID, "x"}, "reason": "Cleaning up"}
	if got := shared.as(t, "dave").post("/v1/tokens/revoke", map[string]any{"ids": []string{first.ID}}).is(http.StatusOK).results(); got[first.ID] != "not_found" {
		t.Errorf("by another organization: %v", got)
	}
	shared.with(t, firstSecret).get("/v1/whoami").is(http.StatusOK)
	got := bob.post("/v1/tokens/revoke", request).is(http.StatusOK).results()
	if got[first.ID] != "revoked" || got[second.ID] != "revoked" || got[others.ID] != "not_found" || got["x"] != "not_found" {
		t.Errorf("outcomes: %v", got)
	}
	shared.with(t, firstSecret).get("/v1/whoami").is(http.StatusUnauthorized)
	shared.with(t, secondSecret).get("/v1/whoami").is(http.StatusUnauthorized)
	shared.with(t, otherSecret).get("/v1/whoami").is(http.StatusOK)
	if got := bob.post("/v1/tokens/revoke", request).is(http.StatusOK).results(); got[first.ID] != "already_revoked" {
		t.Errorf("again: %v", got)
	}
	shared.as(t, "dave").revoke(others.ID).is(http.StatusOK)
}

// bob leaves: from the next request on nothing of his works, and nothing new does. He returns.
func TestSomebodyLeaves(t *testing.T) {
	s := newSite(t, nil)
	alice, bob := s.as(t, "alice"), s.as(t, "bob")
	k, secret := bob.issue("Left behind", 30)
	replaced, old := bob.issue("In rotation", 30)
	s.with(t, old).get("/v1/whoami").is(http.StatusOK)
	fresh := bob.rotate(replaced.ID, map[string]any{}).Secret
	s.with(t, fresh).get("/v1/whoami").is(http.StatusOK)
	person := map[string]any{"person": k.Owner.ID}

	s.as(t, "dave").post("/v1/people/leave", person).isProblem(http.StatusNotFound, "not_found")
	bob.post("/v1/people/leave", map[string]any{"person": "somebody"}).isProblem(http.StatusForbidden, "forbidden")
	dry := map[string]any{"person": k.Owner.ID, "dry_run": true}
	var would struct {
		LeftAt *string `json:"left_at"`
		Tokens []token `json:"tokens"`
	}
	if alice.post("/v1/people/leave", dry).is(http.StatusOK).into(&would); would.LeftAt != nil || len(would.Tokens) != 2 {
		t.Errorf("dry run: %+v", would)
	}
	s.with(t, secret).get("/v1/whoami").is(http.StatusOK)

	got := alice.post("/v1/people/leave", person).is(http.StatusOK).results()
	if got[k.ID] != "revoked" || got[replaced.ID] != "revoked" || len(got) != 2 {
		t.Errorf("outcomes: %v", got)
	}
	for _, ended := range []string{secret, old, fresh} {
		s.with(t, ended).get("/v1/whoami").is(http.StatusUnauthorized)
	}
	bob.post("/v1/tokens", map[string]any{"name": "x", "expires_in_days": 30}).isProblem(http.StatusForbidden, "forbidden")
	if got := alice.post("/v1/people/leave", person).is(http.StatusOK).results(); len(got) != 0 {
		t.Errorf("again: %v", got)
	}
	alice.post("/v1/people/return", person).is(http.StatusOK)
	var trail struct {
		Events []struct {
			Action string `json:"action"`
			Actor  struct {
				Email string `json:"email"`
			} `json:"actor"`
			Address string `json:"address"`
		} `json:"events"`
	}
	var did []string
	alice.get("/v1/audit?limit=4").is(http.StatusOK).into(&trail)
	for _, e := range trail.Events {
		did = append(did, e.Action)
		if e.Actor.Email != "alice@acme.example" || e.Address != "127.0.0.1" {
			t.Errorf("audit: %+v", e)
		}
	}
	if want := []string{"person.returned", "token.revoked", "token.revoked", "person.left"}; !slices.Equal(did, want) {
		t.Errorf("audit: %v, want %v", did, want)
	}
	bob.get("/v1/audit").isProblem(http.StatusForbidden, "forbidden")
	if s.as(t, "dave").get("/v1/audit?token=" + k.ID).is(http.StatusOK).into(&trail); len(trail.Events) != 0 {
		t.Errorf("to another organization: %+v", trail)
	}
	_, back := bob.issue("Back", 30)
	s.with(t, back).get("/v1/whoami").is(http.StatusOK)
	s.with(t, secret).get("/v1/whoami").is(http.StatusUnauthorized)
}
