package token_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// request is one for a token of 30 days that has a key.
func request(key, body string) token.IssueRequest {
	return token.IssueRequest{
		Name: "x", ExpiresInDays: new(30), Idempotency: &token.Idempotency{Key: key, Body: sha256.Sum256([]byte(body))},
	}
}

// A lost answer leaves no token whose secret nobody has.
func TestARequestThatComesAgain(t *testing.T) {
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.MaxActive = 1 })
	first, err := s.Issue(t.Context(), tokentest.Bob, request("k", "a"))
	if err != nil {
		t.Fatal(err)
	}
	last := first
	for range 3 { // the second answer may be lost, too
		s.Clock.T = s.Clock.T.Add(time.Hour)
		again, err := s.Issue(t.Context(), tokentest.Bob, request("k", "a"))
		if err != nil {
			t.Fatal(err)
		}
		if again.ID != first.ID || again.ExpiresOn != first.ExpiresOn || again.Rotation != nil || again.Hint != again.Secret.Hint() || again.LifetimeDays != 30 {
			t.Errorf("%+v", again.Token)
		}
		if _, err := s.Verify(t.Context(), last.Secret.Reveal()); !errors.As(err, new(*token.RefusedError)) {
			t.Errorf("the secret of the lost answer: %v", err)
		}
		if _, err := s.Verify(t.Context(), again.Secret.Reveal()); err != nil {
			t.Errorf("the secret of the last answer: %v", err)
		}
		last = again
	}
	if s.Store.Len() != 1 {
		t.Errorf("%d tokens", s.Store.Len())
	}
	// Whose it is goes on as after any issue.
	use(t, s, last.Secret)
	mustRotate(t, s, first.ID, token.RotateRequest{})
	use(t, s, last.Secret)
}

func TestARequestThatComesTooLate(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(*tokentest.Service, token.Issued) error
		want      token.Code
	}{
		"used": {func(s *tokentest.Service, i token.Issued) error { use(t, s, i.Secret); return nil }, token.CodeAnswered},
		"replaced": {func(s *tokentest.Service, i token.Issued) error {
			mustRotate(t, s, i.ID, token.RotateRequest{})
			return nil
		}, token.CodeAnswered},
		"replaced at once": {func(s *tokentest.Service, i token.Issued) error {
			mustRotate(t, s, i.ID, token.RotateRequest{OldSecret: token.OldEnds})
			return nil
		}, token.CodeAnswered},
		"replaced, and that taken back": {func(s *tokentest.Service, i token.Issued) error {
			mustRotate(t, s, i.ID, token.RotateRequest{})
			_, err := s.Cancel(t.Context(), tokentest.Bob, string(i.ID))
			return err
		}, token.CodeAnswered},
		"revoked": {func(s *tokentest.Service, i token.Issued) error {
			_, err := s.Revoke(t.Context(), tokentest.Bob, string(i.ID), "")
			return err
		}, token.CodeAnswered},
		"used while it comes": {func(s *tokentest.Service, i token.Issued) error {
			s.Store.After("Credential", func() { s.Store.After("Credential", func() { use(t, s, i.Secret) }); use(t, s, i.Secret) })
			return nil
		}, token.CodeAnswered},
		"the role is lost": {func(s *tokentest.Service, _ token.Issued) error { tokentest.MustLeave(t, s.Store, "bob"); return nil }, token.CodeForbidden},
	} {
		s := tokentest.New(t, nil)
		issued, err := s.Issue(t.Context(), tokentest.Bob, request("k", "a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := test.meanwhile(s, issued); err != nil {
			t.Fatal(err)
		}
		again, err := s.Issue(t.Context(), tokentest.Bob, request("k", "a"))
		if token.CodeOf(err) != test.want || again.ID != "" {
			t.Errorf("%s: error %v", name, err)
		}
		if e, ok := errors.AsType[*token.Error](err); ok && test.want == token.CodeAnswered && !strings.Contains(e.Detail, string(issued.ID)) {
			t.Errorf("%s: %q does not say which token", name, e.Detail)
		}
	}
}

func TestRequestsThatAreNotTheSame(t *testing.T) {
	s := tokentest.New(t, nil)
	if _, err := s.Issue(t.Context(), tokentest.Bob, request("k", "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Issue(t.Context(), tokentest.Bob, request("k", "b")); token.CodeOf(err) != token.CodeKeyReused {
		t.Errorf("another body: %v", err)
	}
	for name, issue := range map[string]func() error{
		"another key":    func() error { _, err := s.Issue(t.Context(), tokentest.Bob, request("l", "a")); return err },
		"another person": func() error { _, err := s.Issue(t.Context(), tokentest.Erin, request("k", "b")); return err },
		"another organization's": func() error {
			dave := tokentest.Dave
			dave.Subject = "bob"
			_, err := s.Issue(t.Context(), dave, request("k", "b"))
			return err
		},
		"a day later": func() error {
			s.Clock.T = s.Clock.T.Add(token.RepeatedWithin)
			_, err := s.Issue(t.Context(), tokentest.Bob, request("k", "b"))
			return err
		},
	} {
		before := s.Store.Len()
		if err := issue(); err != nil || s.Store.Len() != before+1 {
			t.Errorf("%s: %d more tokens, error %v", name, s.Store.Len()-before, err)
		}
	}
	for _, key := range []string{"", strings.Repeat("k", 256), "a\nb", "é"} {
		_, err := s.Issue(t.Context(), tokentest.Bob, request(key, "a"))
		if e, ok := errors.AsType[*token.Error](err); !ok || len(e.Fields) != 1 || e.Fields[0].Pointer != "Idempotency-Key" {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

// The same request is under way twice at once: there is one token.
func TestTheSameRequestAtOnce(t *testing.T) {
	s := tokentest.New(t, nil)
	var first token.Issued
	s.Store.After("Answered", func() {
		var err error
		if first, err = s.Issue(t.Context(), tokentest.Bob, request("k", "a")); err != nil {
			t.Error(err)
		}
	})
	second, err := s.Issue(t.Context(), tokentest.Bob, request("k", "a"))
	if err != nil || second.ID != first.ID || s.Store.Len() != 1 {
		t.Errorf("%d tokens, error %v", s.Store.Len(), err)
	}
}
