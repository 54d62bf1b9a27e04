package token_test

import (
	"errors"
	"reflect"
	"slices"
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
		{"no such token", tokentest.Noon, vectors[0].secret, token.ReasonUnknown, vectorID},
		{"forged", tokentest.Noon, forged.Reveal(), token.ReasonForged, made.ID},
		{"forged for an expired token", expiry, forged.Reveal(), token.ReasonForged, made.ID},
		{"forged for a revoked token", tokentest.Noon, forgedRevoked.Reveal(), token.ReasonForged, revoked.ID},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Clock.T = test.now
			before := len(s.Store.Calls())
			got, err := s.Verify(t.Context(), test.presented)
			calls := s.Store.Calls()[before:]
			if test.reason == "" || test.presented == secret.Reveal() {
				if len(calls) != 1 || calls[0] != "Credential" {
					t.Errorf("calls %v, want one lookup", calls)
				}
			} else if !slices.Equal(calls, []string{"Credential", "LateToken"}) {
				t.Errorf("calls %v, want a lookup, and the record to explain", calls)
			}
			if test.reason == "" {
				if err != nil || got.TokenID != made.ID || got.Organization != "acme" || got.Owner != tokentestOwner || got.Generation != 1 {
					t.Errorf("credential %+v, error %v", got, err)
				}
				return
			}
			refused, ok := errors.AsType[*token.RefusedError](err)
			if !ok || refused.Reason != test.reason || refused.TokenID != test.known || !reflect.DeepEqual(got, token.Credential{}) {
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
		s.Store.Fail("Credential", broken)
		got, err := s.Verify(t.Context(), secret.Reveal())
		if !errors.Is(err, broken) || !reflect.DeepEqual(got, token.Credential{}) {
			t.Errorf("token %+v, error %v", got, err)
		}
		if _, refused := errors.AsType[*token.RefusedError](err); refused {
			t.Errorf("%v was taken for a verdict", broken)
		}
		if strings.Contains(err.Error(), secret.Reveal()[30:]) {
			t.Error("the error shows the secret")
		}
	}
	s.Store.Fail("Credential", nil)
	if _, err := s.Verify(t.Context(), secret.Reveal()); err != nil {
		t.Errorf("no recovery: %v", err)
	}
}

var tokentestOwner = token.PersonOwner("bob")

// Where the record cannot be read, a secret without a credential is refused all the same.
func TestAnExplanationThatFailsRefuses(t *testing.T) {
	s := tokentest.New(t, nil)
	made, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	if _, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), ""); err != nil {
		t.Fatal(err)
	}
	s.Store.Fail("LateToken", errors.New("the table is on fire"))
	_, err := s.Verify(t.Context(), secret.Reveal())
	if refused, ok := errors.AsType[*token.RefusedError](err); !ok || refused.Reason != token.ReasonUnknown || refused.TokenID != made.ID {
		t.Errorf("error %v", err)
	}
}

// rotated puts a token into rotation: what it was issued with is the secret before, for an
// overlap of a day after the first use of a new one.
func rotated(t *testing.T, s *tokentest.Service, days int, use token.Use) (id token.ID, old, current token.Secret) {
	t.Helper()
	made, old := s.MustIssue(t, tokentest.Bob, "x", days)
	issued, _ := s.Store.Issued(made.ID)
	current, err := token.NewSecret(tokentest.Prefix, made.ID, strings.NewReader(strings.Repeat("successo", 4)))
	if err != nil {
		t.Fatal(err)
	}
	previous, c := issued.Credential, issued.Credential
	previous.Previous = true
	c.Hash, c.Generation, c.Overlap, c.Use = current.Hash(), 2, 24*time.Hour, use
	c.ExpiresAt = tokentest.Noon.AddDate(0, 0, 90)
	s.Store.PutCredential(previous)
	s.Store.PutCredential(c)
	return made.ID, old, current
}

func TestVerifyOfTheSecretBeforeARotation(t *testing.T) {
	firstUse := tokentest.Noon.Add(time.Hour)
	for _, test := range []struct {
		name string
		days int // of the old secret
		use  token.Use
		now  time.Time
		ok   bool
	}{
		{"the new one is unused", 30, token.Use{}, tokentest.Noon.AddDate(0, 0, 20), true},
		{"the new one is unused, beyond its own date", 30, token.Use{}, tokentest.Noon.AddDate(0, 0, 30), false},
		{"in the overlap", 30, token.Use{FirstAt: firstUse}, firstUse.Add(24*time.Hour - time.Second), true},
		{"after the overlap", 30, token.Use{FirstAt: firstUse}, firstUse.Add(24 * time.Hour), false},
		{"in the overlap, beyond its own date", 1, token.Use{FirstAt: firstUse}, firstUse.Add(12 * time.Hour), false},
		{"beyond the new one's date", 120, token.Use{}, tokentest.Noon.AddDate(0, 0, 90), false},
	} {
		s := tokentest.New(t, nil)
		id, old, current := rotated(t, s, test.days, test.use)
		s.Clock.T = test.now
		c, err := s.Verify(t.Context(), old.Reveal())
		_, refused := errors.AsType[*token.RefusedError](err)
		if test.ok != (err == nil) || !test.ok && !refused || test.ok && (c.Generation != 1 || !c.Previous) {
			t.Errorf("%s: credential %+v, error %v", test.name, c, err)
		}
		if _, err := s.Check(t.Context(), id, 1); (err == nil) != test.ok {
			t.Errorf("%s: by its generation: error %v", test.name, err)
		}
		if test.now.Before(tokentest.Noon.AddDate(0, 0, 90)) {
			if c, err := s.Verify(t.Context(), current.Reveal()); err != nil || c.Generation != 2 || c.Previous {
				t.Errorf("%s: the current one: %+v, error %v", test.name, c, err)
			}
		}
	}
}

func TestCheckOfAGenerationThatIsGone(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	if _, err := s.Check(t.Context(), made.ID, 1); err != nil {
		t.Error(err)
	}
	for _, generation := range []int{0, 2, -1} {
		if _, err := s.Check(t.Context(), made.ID, generation); !errors.As(err, new(*token.RefusedError)) {
			t.Errorf("generation %d: error %v", generation, err)
		}
	}
	if _, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context(), made.ID, 1); !errors.As(err, new(*token.RefusedError)) {
		t.Errorf("revoked: error %v", err)
	}
}
