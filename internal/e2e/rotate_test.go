package e2e_test

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// rotation is the answer to a rotation.
type rotation struct {
	Token struct {
		token

		Rotation *struct {
			Version   int       `json:"version"`
			OldEndsAt time.Time `json:"old_secret_ends_at"`
		} `json:"rotation"`
	} `json:"token"`
	Secret string `json:"secret"`
}

func (c client) rotate(id string, request map[string]any) rotation {
	c.t.Helper()
	var answer rotation
	r := c.post("/v1/tokens/"+id+"/rotate", request).is(http.StatusOK)
	r.into(&answer)
	issued.add(answer.Secret)
	return answer
}

func TestDeployedRotation(t *testing.T) {
	alice, bob, carol, dave := shared.as(t, "alice"), shared.as(t, "bob"), shared.as(t, "carol"), shared.as(t, "dave")
	whoami := func(secret string, status int) {
		t.Helper()
		shared.with(t, secret).get("/v1/whoami").is(status)
	}
	k, first := bob.issue("Replaced", 30)
	path := "/v1/tokens/" + k.ID + "/rotate"
	carol.post(path, nil).isProblem(http.StatusForbidden, "forbidden")
	dave.post(path, nil).isProblem(http.StatusNotFound, "not_found")
	dave.post(path+"/cancel", nil).isProblem(http.StatusNotFound, "not_found")
	shared.with(t, first).post(path, nil).is(http.StatusUnauthorized)
	bob.post(path+"/cancel", nil).isProblem(http.StatusConflict, "rotation_used")
	whoami(first, http.StatusOK)

	// A new secret that is thrown away changes nothing for the old one.
	second := bob.rotate(k.ID, map[string]any{"expires_in_days": 60, "overlap_hours": 1})
	if second.Token.ID != k.ID || second.Token.Name != k.Name || second.Token.Rotation == nil || second.Secret == first ||
		!second.Token.Rotation.OldEndsAt.Equal(k.ExpiresAt) {
		t.Errorf("rotated: %+v", second.Token)
	}
	whoami(first, http.StatusOK)
	bob.post(path, nil).isProblem(http.StatusConflict, "rotation_unused")
	bob.post(path, map[string]any{"replace": second.Token.Rotation.Version + 1}).isProblem(http.StatusConflict, "rotated_meanwhile")
	bob.post(path+"/cancel", nil).is(http.StatusOK)
	whoami(second.Secret, http.StatusUnauthorized)
	whoami(first, http.StatusOK)

	// One that is used ends the old one, later.
	third := alice.rotate(k.ID, map[string]any{})
	whoami(third.Secret, http.StatusOK)
	whoami(first, http.StatusOK)
	bob.post(path+"/cancel", nil).isProblem(http.StatusConflict, "rotation_used")
	for _, secret := range []string{first, third.Secret} {
		if r := bob.get("/v1/tokens/" + k.ID).is(http.StatusOK); bytes.Contains(r.body, []byte(secret[30:])) || bytes.Contains(r.body, []byte("hash")) {
			t.Errorf("the token shows a secret or its hash: %s", r.body)
		}
	}

	// Two at once: one of them.
	statuses := make(chan int, 2)
	for range 2 {
		go func() {
			r, err := bob.request(t.Context(), http.MethodPost, path, "", map[string]any{})
			if err != nil {
				t.Error(err)
			}
			if r.status == http.StatusOK {
				var answer rotation
				r.into(&answer)
				issued.add(answer.Secret)
			}
			statuses <- r.status
		}()
	}
	if a, b := <-statuses, <-statuses; a+b != http.StatusOK+http.StatusConflict {
		t.Errorf("two rotations at once: %d and %d", a, b)
	}

	// What may have leaked ends at once, all of it.
	var shown rotation
	bob.get("/v1/tokens/" + k.ID).is(http.StatusOK).into(&shown.Token)
	last := bob.rotate(k.ID, map[string]any{"old_secret": "end-now", "replace": shown.Token.Rotation.Version})
	whoami(first, http.StatusUnauthorized)
	whoami(third.Secret, http.StatusUnauthorized)
	whoami(last.Secret, http.StatusOK)
	bob.revoke(k.ID).is(http.StatusOK)
	whoami(last.Secret, http.StatusUnauthorized)
	bob.post(path, nil).isProblem(http.StatusConflict, "token_ended")
}

// Callers change to the new secret one by one, at any time. None that has a valid one is
// refused, and none gets in with one that has ended.
func TestDeployedRotationUnderLoad(t *testing.T) {
	const callers, requests = 64, 12
	bob := shared.as(t, "bob")
	k, first := bob.issue("Under load", 30)
	var mu sync.Mutex
	newest := first
	var calling sync.WaitGroup
	for n := range callers {
		calling.Go(func() {
			secret := first
			for range requests {
				mu.Lock()
				if n%2 == 0 && rand.IntN(4) == 0 {
					secret = newest
				}
				mu.Unlock()
				r, err := shared.with(t, secret).request(t.Context(), http.MethodGet, "/v1/whoami", "", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if r.status != http.StatusOK {
					t.Errorf("a valid secret was answered %d %s", r.status, r.body)
				}
			}
		})
	}
	overlapping := bob.rotate(k.ID, map[string]any{"overlap_hours": 1})
	mu.Lock()
	newest = overlapping.Secret
	mu.Unlock()
	calling.Wait()

	// The same again, with an end at once in the middle.
	for _, secret := range []string{first, overlapping.Secret} {
		shared.with(t, secret).get("/v1/whoami").is(http.StatusOK)
	}
	ended := false
	for n := range callers {
		calling.Go(func() {
			secret := []string{first, overlapping.Secret}[n%2]
			for range requests {
				mu.Lock()
				before := ended
				mu.Unlock()
				r, err := shared.with(t, secret).request(t.Context(), http.MethodGet, "/v1/whoami", "", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if before && r.status != http.StatusUnauthorized {
					t.Errorf("a secret that has ended was answered %d", r.status)
				}
			}
		})
	}
	last := bob.rotate(k.ID, map[string]any{"old_secret": "end-now"})
	mu.Lock()
	ended = true
	mu.Unlock()
	calling.Wait()
	shared.with(t, last.Secret).get("/v1/whoami").is(http.StatusOK)
}
