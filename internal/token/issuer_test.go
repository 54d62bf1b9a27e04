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

func TestNewIssuerRefusesHalfAConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*token.IssuerConfig){
		"no store":                 func(c *token.IssuerConfig) { c.Store = nil },
		"no clock":                 func(c *token.IssuerConfig) { c.Now = nil },
		"no randomness":            func(c *token.IssuerConfig) { c.Random = nil },
		"no prefix":                func(c *token.IssuerConfig) { c.Prefix = "" },
		"a prefix with underscore": func(c *token.IssuerConfig) { c.Prefix = "l_k" },
		"no notices":               func(c *token.IssuerConfig) { c.Notices = nil },
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
			Store: tokentest.NewStore(), Prefix: "lk", Notices: token.Schedule{0}, MaxActive: 1, RetentionDays: 1,
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
	made, secret, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{
		Name: " Nightly export ", ExpiresInDays: new(30), Scopes: []string{"reports:read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := moment(t, "2026-11-23T23:59:59Z")
	want := token.Token{
		ID: secret.ID(), Organization: "acme", Owner: "bob", Name: "Nightly export", Hint: secret.Hint(),
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
		Token: want, Hash: secret.Hash(), NoticeOn: date(t, "2026-12-08"),
		DeleteAt: moment(t, "2027-03-23T00:00:00Z"), // 90 days past the expiry date
		Owner:    token.Owner{Organization: "acme", ID: "bob", Email: "bob@acme.example"}, MaxActive: 50,
		Audit: token.Audit{
			ID: stored.Audit.ID, Organization: "acme", At: at, Action: token.ActionIssued, Actor: "bob",
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
	if calls := s.Store.Calls(); !slices.Equal(calls, []string{"KeepOwner", "Issue"}) {
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
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.Notices = token.Schedule{15, 7} })
	made, _ := s.MustIssue(t, tokentest.Bob, "short", 3)
	if stored, _ := s.Store.Issued(made.ID); stored.NoticeOn != made.ExpiresOn {
		t.Errorf("a notice on %s, want none before %s", stored.NoticeOn, made.ExpiresOn)
	}
}

func TestIssueUpToTheLimit(t *testing.T) {
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.MaxActive = 2 })
	first, _ := s.MustIssue(t, tokentest.Bob, "1", 1)
	s.MustIssue(t, tokentest.Bob, "2", 30)
	again := func() error {
		_, secret, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{Name: "3", ExpiresInDays: new(30)})
		if err != nil && secret != (token.Secret{}) {
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
	for _, method := range []string{"KeepOwner", "Issue"} {
		s := tokentest.New(t, nil)
		s.Store.Fail(method, broken)
		made, secret, err := s.Issue(t.Context(), tokentest.Bob, request)
		if !errors.Is(err, broken) || token.CodeOf(err) != "" || secret != (token.Secret{}) || !reflect.DeepEqual(made, token.Token{}) {
			t.Errorf("%s fails: token %+v, error %v", method, made, err)
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
		if _, secret, err := s.Issue(t.Context(), tokentest.Bob, request); !errors.Is(err, broken) || secret != (token.Secret{}) {
			t.Errorf("%d random bytes: error %v", enough, err)
		}
		if calls := s.Store.Calls(); len(calls) != 0 {
			t.Errorf("%d random bytes: calls %v", enough, calls)
		}
	}
}
