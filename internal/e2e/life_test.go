package e2e_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestDeployedLifeOfAToken(t *testing.T) {
	bob := shared.as(t, "bob")

	// Bob issues a token and gets its secret, this once.
	k, secret := bob.issue("Nightly export", 30)
	if k.Status != "active" || k.Name != "Nightly export" || !strings.HasSuffix(secret, k.Hint[len(k.Hint)-4:]) {
		t.Errorf("issued %+v", k)
	}

	// The secret opens the API and tells who it is.
	var me struct {
		TokenID string   `json:"token_id"`
		Name    string   `json:"name"`
		Scopes  []string `json:"scopes"`
	}
	shared.with(t, secret).get("/v1/whoami").is(http.StatusOK).into(&me)
	if me.TokenID != k.ID || me.Name != "Nightly export" {
		t.Errorf("whoami %+v", me)
	}

	// The list shows it, without the secret, and so does the token's own address.
	eventually(t, "status in the list", "active", func() string { return bob.statusInList("", k.ID) })
	for _, path := range []string{"/v1/tokens", "/v1/tokens/" + k.ID} {
		if r := bob.get(path).is(http.StatusOK); bytes.Contains(r.body, []byte(secret[30:])) || bytes.Contains(r.body, []byte("hash")) {
			t.Errorf("%s shows the secret or its hash: %s", path, r.body)
		}
	}

	// Revoked, it is dead at once, and stays listed.
	bob.revoke(k.ID).is(http.StatusOK)
	shared.with(t, secret).get("/v1/whoami").is(http.StatusUnauthorized)
	eventually(t, "status in the list", "revoked", func() string { return bob.statusInList("", k.ID) })
	bob.revoke(k.ID).is(http.StatusOK) // again changes nothing
	if got := bob.statusInList("status=active", k.ID); got != "" {
		t.Errorf("listed as active: %s", got)
	}
}

func TestDeployedRoles(t *testing.T) {
	alice, bob, carol, dave := shared.as(t, "alice"), shared.as(t, "bob"), shared.as(t, "carol"), shared.as(t, "dave")
	k, secret := bob.issue("Bob's", 30)
	path := "/v1/tokens/" + k.ID

	// Carol has no role.
	carol.post("/v1/tokens", map[string]any{"name": "x", "expires_in_days": 30}).isProblem(http.StatusForbidden, "forbidden")
	carol.get("/v1/tokens").isProblem(http.StatusForbidden, "forbidden")
	carol.get(path).isProblem(http.StatusForbidden, "forbidden")
	carol.revoke(k.ID).isProblem(http.StatusForbidden, "forbidden")

	// Dave is admin of another organization: for him there is no such token.
	dave.get(path).isProblem(http.StatusNotFound, "not_found")
	dave.revoke(k.ID).isProblem(http.StatusNotFound, "not_found")
	if got := dave.statusInList("owner=all", k.ID); got != "" {
		t.Errorf("dave's list shows it as %s", got)
	}

	// Bob sees his own only: not Alice's, and not everybody's list.
	hers, _ := alice.issue("Alice's", 30)
	bob.get("/v1/tokens?owner=all").isProblem(http.StatusForbidden, "forbidden")
	bob.get("/v1/tokens/"+hers.ID).isProblem(http.StatusNotFound, "not_found")
	bob.revoke(hers.ID).isProblem(http.StatusNotFound, "not_found")

	// The secret still works after all these attempts.
	shared.with(t, secret).get("/v1/whoami").is(http.StatusOK)

	// Alice is admin: not in her own list, but in everybody's, and hers to revoke.
	if got := alice.statusInList("", k.ID); got != "" {
		t.Errorf("alice's own list shows bob's token as %s", got)
	}
	eventually(t, "in everybody's list", "active", func() string { return alice.statusInList("owner=all", k.ID) })
	alice.revoke(k.ID).is(http.StatusOK)
	shared.with(t, secret).get("/v1/whoami").is(http.StatusUnauthorized)
}

// Nobody whose request begins after the revocation was answered gets past the authorizer.
func TestDeployedRevocationIsImmediate(t *testing.T) {
	const callers = 64
	bob := shared.as(t, "bob")
	k, secret := bob.issue("Raced", 30)
	holder := shared.with(t, secret)

	var revoked atomic.Bool
	var before, late, refused atomic.Int64
	var warm, group sync.WaitGroup
	warm.Add(callers)
	for range callers {
		group.Go(func() {
			for asked, afterwards := false, 0; afterwards < 3; {
				isAfter := revoked.Load() // read before the request begins
				r, err := holder.request(t.Context(), http.MethodGet, "/v1/whoami", "", nil)
				if err != nil {
					t.Error(err)
					break
				}
				switch {
				case r.refusedByAuthorizer():
					refused.Add(1)
				case r.status != http.StatusOK && r.status != http.StatusUnauthorized:
					t.Errorf("whoami: %d %s", r.status, r.body)
				case isAfter:
					late.Add(1)
				case r.status == http.StatusOK:
					before.Add(1)
				}
				if isAfter {
					afterwards++
				}
				if !asked {
					asked = true
					warm.Done()
				}
			}
		})
	}
	warm.Wait() // all of them are at it
	bob.revoke(k.ID).is(http.StatusOK)
	revoked.Store(true)
	group.Wait()
	if late.Load() > 0 {
		t.Errorf("%d requests that began after the revocation got past the authorizer", late.Load())
	}
	if before.Load() == 0 || late.Load()+refused.Load() < 3*callers {
		t.Errorf("%d let in before, %d refused after: the race was not run", before.Load(), refused.Load())
	}
}

// Each kind of caller has its own doors.
func TestDeployedSecretsAndSignInsAreNotInterchangeable(t *testing.T) {
	bob := shared.as(t, "bob")
	_, secret := bob.issue("Door test", 30)
	holder := shared.with(t, secret)
	holder.get("/v1/tokens").is(http.StatusUnauthorized)
	holder.post("/v1/tokens", map[string]any{"name": "x", "expires_in_days": 1}).is(http.StatusUnauthorized)
	bob.get("/v1/whoami").is(http.StatusUnauthorized)

	nobody := shared.presenting(t)
	for _, path := range []string{"/v1/tokens", "/v1/tokens/x", "/v1/whoami"} {
		nobody.get(path).is(http.StatusUnauthorized)
	}
	nobody.post("/v1/tokens", map[string]any{"name": "x", "expires_in_days": 1}).is(http.StatusUnauthorized)
	nobody.revoke("x").is(http.StatusUnauthorized)
}

func TestDeployedOnlyTheRoutesThatThereAre(t *testing.T) {
	bob := shared.as(t, "bob")
	k, secret := bob.issue("Paths", 30)
	for _, path := range []string{"/v1/whoami/", "/v1//whoami", "/V1/whoami", "/v1/whoami/x", "/v1/tokens/", "/v1", "/v1/tokens/" + k.ID + "/revoke", "/admin", "/_local"} {
		for _, c := range []client{shared.with(t, secret), bob, shared.presenting(t)} {
			c.get(path).is(http.StatusNotFound)
		}
	}
	bob.do(http.MethodDelete, "/v1/tokens/"+k.ID, "", nil).is(http.StatusNotFound)
}

func TestDeployedPublicPages(t *testing.T) {
	nobody := shared.presenting(t)
	page := nobody.get("/").is(http.StatusOK)
	if kind := page.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
		t.Errorf("the console is %s", kind)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the console's policy is %q", policy)
	}
	contract := nobody.get("/v1/openapi.yaml").is(http.StatusOK)
	if !bytes.HasPrefix(contract.body, []byte("openapi: 3.1")) {
		t.Errorf("the contract begins %.40q", contract.body)
	}
}
