package token_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestNewVerifierRefusesHalfAConfiguration(t *testing.T) {
	store := tokentest.NewStore()
	for name, build := range map[string]func() (*token.Verifier, error){
		"no lookup":    func() (*token.Verifier, error) { return token.NewVerifier(nil, "lk", time.Now) },
		"no clock":     func() (*token.Verifier, error) { return token.NewVerifier(store, "lk", nil) },
		"no prefix":    func() (*token.Verifier, error) { return token.NewVerifier(store, "", time.Now) },
		"a bad prefix": func() (*token.Verifier, error) { return token.NewVerifier(store, "LK", time.Now) },
	} {
		if v, err := build(); err == nil || v != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerify(t *testing.T) {
	s := tokentest.New(t, nil)
	made, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	revoked, revokedSecret := s.MustIssue(t, tokentest.Bob, "y", 30)
	if _, err := s.Revoke(t.Context(), tokentest.Bob, string(revoked.ID), ""); err != nil {
		t.Fatal(err)
	}
	// A secret for a token that exists, with other random bytes: right in form, forged.
	forged, err := token.NewSecret(tokentest.Prefix, made.ID, strings.NewReader(strings.Repeat("forgery!", 4)))
	if err != nil {
		t.Fatal(err)
	}
	forgedRevoked, err := token.NewSecret(tokentest.Prefix, revoked.ID, strings.NewReader(strings.Repeat("forgery!", 4)))
	if err != nil {
		t.Fatal(err)
	}
	expiry := made.ExpiresAt()
	for _, test := range []struct {
		name      string
		now       time.Time
		presented string
		reason    token.Reason // empty: let in
		known     token.ID
	}{
		{"active", tokentest.Noon, secret.Reveal(), "", ""},
		{"active in its last second", expiry.Add(-time.Second), secret.Reveal(), "", ""},
		{"active in its last nanosecond", expiry.Add(-time.Nanosecond), secret.Reveal(), "", ""},
		{"expired at the first instant of its expiry date", expiry, secret.Reveal(), token.ReasonExpired, made.ID},
		{"expired long ago", expiry.AddDate(1, 0, 0), secret.Reveal(), token.ReasonExpired, made.ID},
		{"revoked", tokentest.Noon, revokedSecret.Reveal(), token.ReasonRevoked, revoked.ID},
		{"revoked and past its expiry", expiry, revokedSecret.Reveal(), token.ReasonRevoked, revoked.ID},
		{"no such token", tokentest.Noon, vectors[0].secret, token.ReasonUnknown, ""},
		{"forged", tokentest.Noon, forged.Reveal(), token.ReasonUnknown, ""},
		// A forger learns nothing of what became of the token.
		{"forged for an expired token", expiry, forged.Reveal(), token.ReasonUnknown, ""},
		{"forged for a revoked token", tokentest.Noon, forgedRevoked.Reveal(), token.ReasonUnknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Clock.T = test.now
			before := len(s.Store.Calls())
			got, err := s.Verify(t.Context(), test.presented)
			if calls := s.Store.Calls()[before:]; len(calls) != 1 || calls[0] != "Secret" {
				t.Errorf("calls %v, want one lookup", calls)
			}
			if test.reason == "" {
				if err != nil || !reflect.DeepEqual(got, made) {
					t.Errorf("token %+v, error %v", got, err)
				}
				return
			}
			refused, ok := errors.AsType[*token.RefusedError](err)
			if !ok || refused.Reason != test.reason || refused.TokenID != test.known || !reflect.DeepEqual(got, token.Token{}) {
				t.Errorf("token %+v, error %+v, want reason %s of %q", got, err, test.reason, test.known)
			}
			if strings.Contains(err.Error(), test.presented[30:]) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestVerifyOfGarbageReadsNothing(t *testing.T) {
	s := tokentest.New(t, nil)
	_, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	before := len(s.Store.Calls())
	good := secret.Reveal()
	for name, presented := range map[string]string{
		"nothing": "", "a word": "password", "a JWT": "eyJhbGciOiJub25lIn0.e30.", "8 KiB": strings.Repeat("x", 8<<10),
		"mistyped": good[:40] + "!" + good[41:], "wrong checksum": good[:len(good)-1] + "-", "truncated": good[:len(good)-1],
		"lower-case id": "lk_" + strings.ToLower(good[3:29]) + good[29:], "another deployment's": checked("zz" + good[2:len(good)-6]),
		"space in front": " " + good, "two": good + "," + good,
	} {
		_, err := s.Verify(t.Context(), presented)
		refused, ok := errors.AsType[*token.RefusedError](err)
		if !ok || refused.Reason != token.ReasonMalformed || refused.TokenID != "" {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if calls := s.Store.Calls()[before:]; len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

func TestVerifyNeverLetsInWhatItCannotCheck(t *testing.T) {
	s := tokentest.New(t, nil)
	_, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	for _, broken := range []error{
		errors.New("the table is on fire"), token.ErrBusy, &token.Error{Code: token.CodeForbidden},
	} {
		s.Store.Fail("Secret", broken)
		got, err := s.Verify(t.Context(), secret.Reveal())
		if !errors.Is(err, broken) || !reflect.DeepEqual(got, token.Token{}) {
			t.Errorf("token %+v, error %v", got, err)
		}
		if _, refused := errors.AsType[*token.RefusedError](err); refused {
			t.Errorf("%v was taken for a verdict", broken)
		}
		if strings.Contains(err.Error(), secret.Reveal()[30:]) {
			t.Error("the error shows the secret")
		}
	}
	s.Store.Fail("Secret", nil)
	if _, err := s.Verify(t.Context(), secret.Reveal()); err != nil {
		t.Errorf("no recovery: %v", err)
	}
}
