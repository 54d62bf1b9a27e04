package token_test

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// expiry has an owner notified on the expiry date alone.
func expiry(expiry, _ token.Date) token.Date { return expiry }

func TestNewIssuerRefusesHalfAConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*token.IssuerConfig){
		"no store":                 func(c *token.IssuerConfig) { c.Store = nil },
		"no clock":                 func(c *token.IssuerConfig) { c.Now = nil },
		"no randomness":            func(c *token.IssuerConfig) { c.Random = nil },
		"no prefix":                func(c *token.IssuerConfig) { c.Prefix = "" },
		"a prefix with underscore": func(c *token.IssuerConfig) { c.Prefix = "l_k" },
		"no notices":               func(c *token.IssuerConfig) { c.NotifyOn = nil },
		"no new token a day":       func(c *token.IssuerConfig) { c.MaxDaily = 0 },
		"no active token allowed":  func(c *token.IssuerConfig) { c.MaxActive = 0 },
		"too many active tokens":   func(c *token.IssuerConfig) { c.MaxActive = 201 },
		"no retention":             func(c *token.IssuerConfig) { c.RetentionDays = 0 },
		"an empty scope":           func(c *token.IssuerConfig) { c.Scopes = []string{""} },
		"a scope with a space":     func(c *token.IssuerConfig) { c.Scopes = []string{"a b"} },
		"a scope with a comma":     func(c *token.IssuerConfig) { c.Scopes = []string{"a,b"} },
		"a scope with a quote":     func(c *token.IssuerConfig) { c.Scopes = []string{`a"b`} },
		"a scope with a backslash": func(c *token.IssuerConfig) { c.Scopes = []string{`a\b`} },
		"a scope with a control":   func(c *token.IssuerConfig) { c.Scopes = []string{"a\x7fb"} },
		"a scope beyond ASCII":     func(c *token.IssuerConfig) { c.Scopes = []string{"é"} },
		"a scope of 65 characters": func(c *token.IssuerConfig) { c.Scopes = []string{string(make([]byte, 65))} },
		"a scope there twice":      func(c *token.IssuerConfig) { c.Scopes = []string{"a", "b", "a"} },
		"more scopes than a token": func(c *token.IssuerConfig) { c.Scopes = slices.Repeat([]string{"a"}, 21) },
	} {
		c := token.IssuerConfig{
			Store: tokentest.NewStore(), Prefix: "lk", NotifyOn: expiry, MaxActive: 1, MaxDaily: 1, RetentionDays: 1,
			Scopes: []string{"reports:read"}, Now: time.Now, Random: tokentest.Random(),
		}
		if _, err := token.NewIssuer(c); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		if i, err := token.NewIssuer(c); err == nil || i != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestIssue(t *testing.T) {
	s := tokentest.New(t, nil)
	s.Clock.T = moment(t, "2026-11-23T23:59:59.987654321+00:00")
	issued, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{
		Name: " Nightly export ", ExpiresInDays: new(30), Scopes: []string{"reports:read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	made, secret := issued.Token, issued.Secret
	at := moment(t, "2026-11-23T23:59:59Z")
	want := token.Token{
		ID: secret.ID(), Organization: "acme", Owner: token.PersonOwner("bob"), CreatedBy: "bob", LifetimeDays: 30, Uses: token.Uses{1: {}},
		Fingerprints: []token.Fingerprint{{Generation: 1, Sum: secret.Hash().Fingerprint(), MadeAt: at}}, Name: "Nightly export", Hint: secret.Hint(),
		Scopes: []string{"reports:read"}, CreatedAt: at, ExpiresOn: date(t, "2026-12-23"),
	}
	if !reflect.DeepEqual(made, want) {
		t.Errorf("token %+v\nwant  %+v", made, want)
	}
	if _, err := token.ParseSecret(tokentest.Prefix, secret.Reveal()); err != nil {
		t.Errorf("the secret does not parse: %v", err)
	}

	stored, ok := s.Store.Issued(made.ID)
	if !ok {
		t.Fatal("not stored")
	}
	wantStored := token.NewToken{
		Token: want, NotifyOn: date(t, "2026-12-22"),
		Credential: token.Credential{
			TokenID: made.ID, Organization: "acme", Owner: want.Owner, Hash: secret.Hash(), Generation: 1, Version: 1,
			ExpiresAt: made.ExpiresAt(), Scopes: want.Scopes, ChosenOn: date(t, "2026-11-23"), LifetimeDays: 30,
		},
		DeleteAt:  moment(t, "2027-03-23T00:00:00Z"), // 90 days past the expiry date
		MaxActive: 50, MaxDaily: 200,
		Audit: token.Audit{
			ID: stored.Audit.ID, Organization: "acme", At: at, Action: token.ActionIssued, Actor: token.Actor{Kind: token.ActorPerson, ID: "bob"},
			TokenID: made.ID, TokenName: "Nightly export", ExpiresOn: made.ExpiresOn,
		},
	}
	if !reflect.DeepEqual(stored, wantStored) {
		t.Errorf("stored %+v\nwant   %+v", stored, wantStored)
	}
	if _, err := token.ParseID(string(stored.Audit.ID)); err != nil || stored.Audit.ID == made.ID {
		t.Errorf("audit id %q", stored.Audit.ID)
	}
	// The address is kept first: a token without one could never be told of.
	if calls := s.Store.Calls(); !slices.Equal(calls, []string{"KeepPerson", "Policy", "Issue"}) {
		t.Errorf("calls %v", calls)
	}
}

// IDs carry milliseconds, so that lists and the audit trail keep the order in which
// things happened within one second.
func TestIDsOfOneSecondKeepTheirOrder(t *testing.T) {
	s := tokentest.New(t, nil)
	var ids []token.ID
	for range 20 {
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		s.Clock.T = s.Clock.T.Add(time.Millisecond)
		if _, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), ""); err != nil {
			t.Fatal(err)
		}
		s.Clock.T = s.Clock.T.Add(time.Millisecond)
		ids = append(ids, made.ID)
	}
	if !slices.IsSorted(ids) {
		t.Error("tokens of one second are out of order")
	}
	if !slices.IsSortedFunc(s.Store.Audits(), func(a, b token.Audit) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	}) {
		t.Error("audit entries of one second are out of order")
	}
}

func TestIssueOfAShortLife(t *testing.T) {
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.NotifyOn = expiry })
	made, _ := s.MustIssue(t, tokentest.Bob, "short", 3)
	if stored, _ := s.Store.Issued(made.ID); stored.NotifyOn != made.ExpiresOn {
		t.Errorf("a notice on %s, want none before %s", stored.NotifyOn, made.ExpiresOn)
	}
}

func TestIssueUpToTheLimit(t *testing.T) {
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.MaxActive = 2 })
	first, _ := s.MustIssue(t, tokentest.Bob, "1", 1)
	s.MustIssue(t, tokentest.Bob, "2", 30)
	again := func() error {
		issued, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{Name: "3", ExpiresInDays: new(30)})
		if err != nil && issued.Secret != (token.Secret{}) {
			t.Error("a secret comes with the error")
		}
		return err
	}
	if err := again(); token.CodeOf(err) != token.CodeLimitReached {
		t.Errorf("error %v", err)
	}
	s.MustIssue(t, tokentest.Erin, "another owner's", 30)
	s.Clock.T = first.ExpiresAt()
	if err := again(); err != nil {
		t.Errorf("an expired token still counts: %v", err)
	}
}

func TestIssueWhenThingsFail(t *testing.T) {
	broken := errors.New("the table is on fire")
	request := token.IssueRequest{Name: "x", ExpiresInDays: new(30)}
	for _, method := range []string{"KeepPerson", "Policy", "Issue"} {
		s := tokentest.New(t, nil)
		s.Store.Fail(method, broken)
		issued, err := s.Issue(t.Context(), tokentest.Bob, request)
		if !errors.Is(err, broken) || token.CodeOf(err) != "" || !reflect.DeepEqual(issued, token.Issued{}) {
			t.Errorf("%s fails: token %+v, error %v", method, issued, err)
		}
		if s.Store.Len() != 0 {
			t.Errorf("%s fails: a token was stored", method)
		}
	}
	// 10 bytes for the id, 32 for the secret, 10 for the audit entry's id.
	for _, enough := range []int64{0, 10, 42} {
		s := tokentest.New(t, func(c *token.IssuerConfig) {
			c.Random = io.MultiReader(io.LimitReader(tokentest.Random(), enough), iotest.ErrReader(broken))
		})
		if issued, err := s.Issue(t.Context(), tokentest.Bob, request); !errors.Is(err, broken) || issued.Secret != (token.Secret{}) {
			t.Errorf("%d random bytes: error %v", enough, err)
		}
		if calls := s.Store.Calls(); slices.Contains(calls, "Issue") {
			t.Errorf("%d random bytes: calls %v", enough, calls)
		}
	}
}
