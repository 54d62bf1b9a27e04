package dynamo_test

import (
	"context"
	"errors"
	"testing"

	"latchkey/internal/dynamo"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// Whoever has a secret ends that one, and not the one that replaces it meanwhile.
func TestEndingOneSecretEndsNoOther(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	n := l.issue(t, l.newToken(t, 30))
	direct, err := dynamo.New(l.direct, l.name)
	if err != nil {
		t.Fatal(err)
	}
	l.before(transaction, 0, func() {
		if err := direct.Rotate(context.WithoutCancel(t.Context()), tokentest.NewSecretChange(t, n.Credential, n.Token, l.now)); err != nil {
			t.Error(err)
		}
	})
	r := l.revocation(t, n.Token)
	r.Generation = n.Credential.Generation
	if changed, err := l.Revoke(t.Context(), r); changed || !errors.Is(err, token.ErrChanged) {
		t.Errorf("revoked %v, error %v", changed, err)
	}
	if kept, err := direct.Credential(t.Context(), n.Token.ID); err != nil || kept.Generation != 2 {
		t.Errorf("the secret that replaced it: %+v, error %v", kept, err)
	}
}

// A record that says revoked gets no new secret, even if a credential had come back.
func TestWhatIsRevokedIsNotRotated(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	n := l.issue(t, l.newToken(t, 30))
	record := l.stored(t, "TOKEN#"+string(n.Token.ID), "TOKEN")
	record["revoked_at"] = numberValue(int(l.now.Unix()))
	l.store(t, record)
	if err := l.Rotate(t.Context(), tokentest.NewSecretChange(t, n.Credential, n.Token, l.now)); !errors.Is(err, token.ErrChanged) {
		t.Errorf("error %v", err)
	}
	if kept, err := l.Credential(t.Context(), n.Token.ID); err != nil || kept.Generation != 1 {
		t.Errorf("credential %+v, error %v", kept, err)
	}
}
