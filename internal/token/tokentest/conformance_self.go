package tokentest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/internal/token"
)

func policiesAreReadBack(t *testing.T, c conforming) {
	t.Helper()
	for _, want := range []token.Policy{{}, {Version: 3, MaxDays: 90}, {Version: 4, NoSelfRotation: true}, {Version: 5}} {
		if want.Version != 0 {
			c.PutPolicy("acme", want)
		}
		if got, err := c.Policy(t.Context(), "acme"); err != nil || got != want {
			t.Errorf("policy %+v, error %v; want %+v", got, err, want)
		}
	}
}

// refusal is a refused rotation of a token that people are notified of.
func refusedRotation(c conforming, of token.Token, recipients map[token.ID]string) token.RefusedRotation {
	at := Noon.Add(time.Hour)
	return token.RefusedRotation{
		Token: of, Recipients: recipients,
		Audit: token.Audit{
			ID: newID(c.t, at), Organization: of.Organization, At: at, Action: token.ActionRotationRefused,
			Actor: token.Actor{Kind: token.ActorToken, ID: string(of.ID)}, TokenID: of.ID, TokenName: of.Name, ExpiresOn: of.ExpiresOn,
		},
	}
}

// Who was notified of it today is not notified again, and then nothing else is written.
func refusedRotationsAreRecorded(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	first, second, third := newID(t, Noon), newID(t, Noon), newID(t, Noon)
	r := refusedRotation(c, n.Token, map[token.ID]string{first: "bob", second: "alice"})
	again := refusedRotation(c, n.Token, map[token.ID]string{third: "erin", second: "alice"})
	for _, r := range []token.RefusedRotation{r, again} {
		if err := c.RotationRefused(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[token.ID]string{first: "bob", second: "alice", third: ""} {
		if got, there := c.Recipient(id); got != want || there != (want != "") {
			t.Errorf("a notice to %q, want %q", got, want)
		}
	}
	nobody := refusedRotation(c, n.Token, nil)
	if err := c.RotationRefused(t.Context(), nobody); err != nil {
		t.Error(err)
	}
	c.trail("acme", n.Audit, r.Audit, nobody.Audit)
}

// rotatedToken is a token with two secrets that work.
func rotatedToken(c conforming) token.SecretChange {
	c.t.Helper()
	change := c.change(c.issue(Noon, nil).Token.ID)
	if err := c.Rotate(c.t.Context(), change); err != nil {
		c.t.Fatal(err)
	}
	return change
}

// end is the end of the secret before a rotation.
func end(c conforming, of token.SecretChange) token.EndedSecret {
	at := Noon.Add(2 * time.Hour)
	a := of.Audit
	a.ID, a.At, a.Action, a.Detail = newID(c.t, at), at, token.ActionOldSecretEnded, ""
	was := of.Was
	was.Previous = true
	return token.EndedSecret{Secret: was, Audit: a}
}

func previousEnds(t *testing.T, c conforming) {
	t.Helper()
	change := rotatedToken(c)
	id := change.Token.ID
	for what, spoil := range map[string]func(*token.EndedSecret){
		"another generation":   func(e *token.EndedSecret) { e.Secret.Generation = 7 },
		"another organization": func(e *token.EndedSecret) { e.Secret.Organization = "globex" },
	} {
		e := end(c, change)
		spoil(&e)
		if err := c.EndPrevious(t.Context(), e); !errors.Is(err, token.ErrChanged) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := c.Previous(t.Context(), id); err != nil || !c.record(id).OldEndsAt().Equal(change.Was.ExpiresAt) {
		t.Errorf("the previous secret is gone: %v", err)
	}
	trail := len(c.Trail("acme"))
	e := end(c, change)
	if err := c.EndPrevious(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Previous(t.Context(), id); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("the previous secret is there: %v", err)
	}
	if got := c.record(id).OldEndsAt(); !got.Equal(e.Audit.At) {
		t.Errorf("the record says that it ends at %v", got)
	}
	if current, err := c.Credential(t.Context(), id); err != nil || current.Generation != change.Current.Generation {
		t.Errorf("the current one is %+v, error %v", current, err)
	}
	if err := c.EndPrevious(t.Context(), end(c, change)); !errors.Is(err, token.ErrChanged) {
		t.Errorf("once more: error %v", err)
	}
	if entries := c.Trail("acme"); len(entries) != trail+1 || !slices.Contains(entries, e.Audit) {
		t.Errorf("the audit trail is %+v", entries)
	}
}

// Who ends one secret ends no other that has come in its place.
func revokingOneSecret(t *testing.T, c conforming) {
	t.Helper()
	change := rotatedToken(c)
	r := NewRevocation(t, change.Token, byAlice, Noon)
	r.Generation = change.Was.Generation
	if _, err := c.Revoke(t.Context(), r); !errors.Is(err, token.ErrChanged) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Credential(t.Context(), change.Token.ID); err != nil || !c.record(change.Token.ID).RevokedAt.IsZero() {
		t.Errorf("the token is gone: %v", err)
	}
	r.Generation = change.Current.Generation
	if changed, err := c.Revoke(t.Context(), r); err != nil || !changed {
		t.Errorf("changed: %t, error %v", changed, err)
	}
	c.noCredential("revoked", change.Token.ID)
}

func adminsAreThoseOfNow(t *testing.T, c conforming) {
	t.Helper()
	for i, id := range []string{"away", "first", "second", "third", "former"} {
		c.keep(token.Person{Organization: "acme", ID: id, Email: id + "@acme.example", Role: token.RoleAdmin}, Noon.Add(time.Duration(i)*time.Hour))
	}
	c.keep(token.Person{Organization: "acme", ID: "bob", Email: "bob@acme.example", Role: token.RoleManager}, Noon.Add(5*time.Hour))
	c.keep(token.Person{Organization: "globex", ID: "dave", Email: "dave@globex.example", Role: token.RoleAdmin}, Noon.Add(5*time.Hour))
	if _, err := c.Demote(t.Context(), "acme", "former", token.RoleManager); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int][]string{1: {"third"}, 2: {"third", "first"}, 9: {"third", "first"}} {
		found, err := c.Admins(t.Context(), "acme", Noon.Add(time.Hour), limit, func(p token.Person) bool { return p.ID != "second" })
		var ids []string
		for _, p := range found {
			ids = append(ids, p.ID)
		}
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("at most %d: %v, error %v; want %v", limit, ids, err, want)
		}
	}
}
