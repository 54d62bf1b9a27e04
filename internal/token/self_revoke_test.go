package token_test

import (
	"errors"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestRevokeSelf(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := s.MustIssue(t, tokentest.Bob, "x", 30) // needs no permission
	use(t, s, old)
	current := mustRotate(t, s, made.ID, token.RotateRequest{})
	use(t, s, current.Secret)
	if ended, err := s.RevokeSelf(t.Context(), token.Holder{TokenID: made.ID, Generation: 1}); err != nil || ended != token.EndedOldSecret {
		t.Fatalf("%q, error %v", ended, err)
	}
	if _, err := s.Verify(t.Context(), old.Reveal()); err == nil {
		t.Error("the old secret works")
	}
	use(t, s, current.Secret)
	after, _ := s.Store.Stored(made.ID)
	if a := s.Store.Audits(); a[len(a)-1].Action != token.ActionOldSecretEnded || !after.OldEndsAt().Equal(tokentest.Noon) {
		t.Errorf("audit %+v, ended at %v", a[len(a)-1], after.OldEndsAt())
	}
	// What has ended does not end again, nor anything else.
	var refused *token.RefusedError
	if _, err := s.RevokeSelf(t.Context(), token.Holder{TokenID: made.ID, Generation: 1}); !errors.As(err, &refused) {
		t.Errorf("once more: %v", err)
	}
	h := token.Holder{TokenID: made.ID, Generation: current.Rotation.Version, Address: "203.0.113.7"}
	if ended, err := s.RevokeSelf(t.Context(), h); err != nil || ended != token.EndedToken {
		t.Fatalf("%q, error %v", ended, err)
	}
	if _, err := s.Verify(t.Context(), current.Secret.Reveal()); err == nil {
		t.Error("the current secret works")
	}
	after, _ = s.Store.Stored(made.ID)
	n := s.Store.Notices()
	if after.Status(tokentest.Noon) != token.StatusRevoked || after.RevokedBy != string(made.ID) || len(n) != 1 || n[0].Audit.Actor.Kind != token.ActorToken {
		t.Errorf("token %+v, notices %+v", after, n)
	}
	if _, err := s.RevokeSelf(t.Context(), h); !errors.As(err, &refused) {
		t.Errorf("once more: %v", err)
	}
}

// A rotation that comes in between makes the secret that is presented the old one: that one
// ends, and the token goes on.
func TestRevokeSelfEndsWhatWasPresented(t *testing.T) {
	s := tokentest.New(t, nil)
	made, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	use(t, s, secret)
	var next token.Issued
	s.Store.After("Credential", func() { next = mustRotate(t, s, made.ID, token.RotateRequest{}) })
	if ended, err := s.RevokeSelf(t.Context(), token.Holder{TokenID: made.ID, Generation: 1}); err != nil || ended != token.EndedOldSecret {
		t.Errorf("%q, error %v", ended, err)
	}
	use(t, s, next.Secret)
	// And one that is taken back makes it the current one.
	s.Clock.T = s.Clock.T.Add(time.Hour)
	last := mustRotate(t, s, made.ID, token.RotateRequest{Replace: nil})
	s.Store.After("Previous", func() {
		if _, err := s.Cancel(t.Context(), tokentest.Bob, string(made.ID)); err != nil {
			t.Error(err)
		}
	})
	h := token.Holder{TokenID: made.ID, Generation: next.Rotation.Version}
	if ended, err := s.RevokeSelf(t.Context(), h); err != nil || ended != token.EndedToken {
		t.Errorf("%q, error %v", ended, err)
	}
	for _, secret := range []token.Secret{next.Secret, last.Secret} {
		if _, err := s.Verify(t.Context(), secret.Reveal()); err == nil {
			t.Error("a secret works")
		}
	}
}
