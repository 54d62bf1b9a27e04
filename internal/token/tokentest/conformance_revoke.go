package tokentest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"latchkey/internal/token"
)

func revokingIsForGood(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	previous := n.Credential
	previous.Previous, previous.Hash = true, token.Hash{7}
	c.PutCredential(previous)
	first := NewRevocation(t, n.Token, byAlice, Noon)
	if changed, err := c.Revoke(t.Context(), first); err != nil || !changed {
		t.Errorf("the first revocation: %v, %v", changed, err)
	}
	c.noCredential("revoked", n.Token.ID)
	if got := c.record(n.Token.ID); !reflect.DeepEqual(got, first.Token) {
		t.Errorf("record %+v, want %+v", got, first.Token)
	}
	again := NewRevocation(t, n.Token, token.Actor{Kind: token.ActorPerson, ID: "mallory"}, Noon.Add(time.Hour))
	if changed, err := c.Revoke(t.Context(), again); err != nil || changed {
		t.Errorf("revoking again: %v, %v", changed, err)
	}
	if got := c.record(n.Token.ID); got.RevokedBy != "alice" || !got.RevokedAt.Equal(Noon) {
		t.Errorf("the second revocation changed the first: %+v", got)
	}
	gone := NewToken(t, "acme", ofBob, Noon, 30)
	if c.revoke(gone.Token) {
		t.Error("what is not there was revoked")
	}
	if _, err := c.Token(t.Context(), gone.Token.ID); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("revoking made a record: %v", err)
	}
	c.trail("acme", n.Audit, first.Audit)
}

// Who is notified is the owner that the credential has, once.
func revokingNotifiesTheOwner(t *testing.T, c conforming) {
	t.Helper()
	revoke := func(what string, of token.Token, want string, change func(*token.Revocation)) {
		t.Helper()
		r := NewRevocation(t, of, byAlice, Noon)
		if change != nil {
			change(&r)
		}
		if _, err := c.Revoke(t.Context(), r); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got, there := c.Recipient(r.Notice); got != want || there != (want != "") {
			t.Errorf("%s: %q is notified (%v), want %q", what, got, there, want)
		}
	}
	bobs := c.issue(Noon, nil).Token
	revoke("by somebody else", bobs, "bob", nil)
	revoke("again", bobs, "", nil)
	revoke("without a notice", c.issue(Noon, nil).Token, "", func(r *token.Revocation) { r.Notice = "" })
	revoke("what is not there", NewToken(t, "acme", ofBob, Noon, 30).Token, "", nil)
	revoke("by a falsified record", c.issue(Noon, nil).Token, "bob", func(r *token.Revocation) {
		r.Token.Owner = token.PersonOwner("mallory")
	})
	owner := token.Owner{Type: token.OwnerOrganization}
	revoke("the organization's", c.issue(Noon, func(n *token.NewToken) {
		n.Token.Owner, n.Credential.Owner = owner, owner
	}).Token, "", nil)
}

// Whatever the record says, no credential is left.
func revokingDeletesWhatever(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	c.revoke(n.Token)
	back := n.Credential
	back.Version = 7
	c.PutCredential(back)
	back.Previous = true
	c.PutCredential(back)
	if c.revoke(n.Token) {
		t.Error("the second revocation changed the record")
	}
	c.noCredential("revoked before", n.Token.ID)

	orphan := NewToken(t, "acme", ofBob, Noon, 30)
	c.PutCredential(orphan.Credential)
	c.revoke(orphan.Token)
	c.noCredential("without a record", orphan.Token.ID)

	used := c.issue(Noon, nil)
	used.Credential.Use = token.Use{FirstAt: Noon.Add(time.Minute), LastAt: Noon.Add(time.Hour)}
	c.PutCredential(used.Credential)
	c.revoke(used.Token)
	if got := c.record(used.Token.ID).Uses.Last().LastAt; !got.Equal(Noon.Add(time.Hour)) {
		t.Errorf("last used at %v, want what the credential said", got)
	}
}

// A record that says another organization than the credential gets nobody anywhere.
func organizationsAreApart(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	stray := n.Token
	stray.Organization = "globex"
	changed, err := c.Revoke(t.Context(), NewRevocation(t, stray, byAlice, Noon))
	if changed || !errors.Is(err, token.ErrNotFound) {
		t.Errorf("another organization's credential: %v, %v", changed, err)
	}
	if got, err := c.Credential(t.Context(), n.Token.ID); err != nil || !reflect.DeepEqual(got, n.Credential) {
		t.Errorf("the credential is %+v, %v", got, err)
	}
	foreign := n.Credential
	foreign.Organization, foreign.Previous = "globex", true
	c.PutCredential(foreign)
	changed, err = c.Revoke(t.Context(), NewRevocation(t, n.Token, byAlice, Noon))
	if changed || !errors.Is(err, token.ErrNotFound) {
		t.Errorf("with another organization's previous credential: %v, %v", changed, err)
	}
	if got, err := c.Credential(t.Context(), n.Token.ID); err != nil || !reflect.DeepEqual(got, n.Credential) {
		t.Errorf("then the credential is %+v, %v", got, err)
	}
	if got := c.record(n.Token.ID); !got.RevokedAt.IsZero() {
		t.Errorf("the record says revoked: %+v", got)
	}
	c.trail("acme", n.Audit)
	c.trail("globex")
	foreign.Organization = "acme"
	c.PutCredential(foreign)
	c.revoke(n.Token)
	if changed, err := c.Revoke(t.Context(), NewRevocation(t, stray, byAlice, Noon.Add(time.Hour))); err != nil || changed {
		t.Errorf("another organization's record: %v, %v", changed, err)
	}
	if got := c.record(n.Token.ID); got.Organization != "acme" || !got.RevokedAt.Equal(Noon) {
		t.Errorf("the record is %+v", got)
	}
}
