package token_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestNewManagerRefusesHalfAConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*token.ManagerConfig){
		"no store":      func(c *token.ManagerConfig) { c.Store = nil },
		"no folding":    func(c *token.ManagerConfig) { c.Fold = nil },
		"no clock":      func(c *token.ManagerConfig) { c.Now = nil },
		"no randomness": func(c *token.ManagerConfig) { c.Random = nil },
	} {
		c := token.ManagerConfig{Store: tokentest.NewStore(), Fold: strings.ToLower, Now: time.Now, Random: tokentest.Random()}
		if _, err := token.NewManager(c); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		if m, err := token.NewManager(c); err == nil || m != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestGet(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	got, err := s.Get(t.Context(), tokentest.Alice, string(made.ID))
	want := token.Shown{Token: made, Person: token.Person{Organization: "acme", ID: "bob", Email: "bob@acme.example", Role: token.RoleManager}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v\nwant %+v", got, err, want)
	}
}

func TestGetOfAnOwnerNobodyKnows(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	orphan := made
	orphan.ID, orphan.Owner = vectorID, token.PersonOwner("gone")
	s.Store.Put(orphan)
	got, err := s.Get(t.Context(), tokentest.Alice, string(vectorID))
	if want := (token.Person{Organization: "acme", ID: "gone"}); err != nil || got.Person != want {
		t.Errorf("owner %+v, error %v", got.Person, err)
	}
}

// Whoever has lost the role of an admin gets no more notices in owners' places, from their
// next call on, whatever that is and however it ends.
func TestEveryCallDemotesAFormerAdmin(t *testing.T) {
	changed := func(change func(*token.Principal)) token.Principal {
		p := tokentest.Alice
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		now  token.Principal
		role token.Role // that is known
	}{
		"without a role": {changed(func(p *token.Principal) { p.Role = token.RoleNone }), token.RoleNone},
		"a manager":      {changed(func(p *token.Principal) { p.Role = token.RoleManager }), token.RoleManager},
		"a manager whose address is not verified": {changed(func(p *token.Principal) {
			p.Role, p.EmailVerified = token.RoleManager, false
		}), token.RoleManager},
		"without a role and an address": {changed(func(p *token.Principal) { p.Role, p.Email = token.RoleNone, "" }), token.RoleNone},
		"an admin whose address is not verified": {changed(func(p *token.Principal) {
			p.EmailVerified = false
		}), token.RoleAdmin},
		"an admin": {tokentest.Alice, token.RoleAdmin},
	} {
		for call, do := range map[string]func(*tokentest.Service, token.ID) error{
			"issue": func(s *tokentest.Service, _ token.ID) error {
				days := 7
				_, err := s.Issue(t.Context(), c.now, token.IssueRequest{Name: "x", ExpiresInDays: &days})
				return err
			},
			"list": func(s *tokentest.Service, _ token.ID) error {
				_, err := s.List(t.Context(), c.now, token.ListRequest{})
				return err
			},
			"get": func(s *tokentest.Service, id token.ID) error {
				_, err := s.Get(t.Context(), c.now, string(id))
				return err
			},
			"revoke": func(s *tokentest.Service, id token.ID) error {
				_, err := s.Revoke(t.Context(), c.now, string(id), "")
				return err
			},
		} {
			s := tokentest.New(t, nil)
			made, _ := s.MustIssue(t, tokentest.Alice, "x", 30)
			if err := do(s, made.ID); err != nil && token.CodeOf(err) == "" {
				t.Errorf("%s, %s: %v", name, call, err)
			}
			people, err := s.Store.PeopleByID(t.Context(), "acme", []string{"alice"})
			if err != nil || people["alice"].Role != c.role {
				t.Errorf("%s, %s: known as %+v, %v", name, call, people["alice"], err)
			}
			s.Store.Fail("Demote", errors.New("down"))
			s.Store.Fail("KeepPerson", errors.New("down"))
			if err := do(s, made.ID); c.role != token.RoleAdmin && err == nil {
				t.Errorf("%s, %s: done, although nobody could be demoted", name, call)
			}
		}
	}
}

func TestEveryCallKeepsTheAddressCurrent(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	moved := tokentest.Bob
	for i, call := range []func() error{
		func() error { _, err := s.List(t.Context(), moved, token.ListRequest{}); return err },
		func() error { _, err := s.Get(t.Context(), moved, string(made.ID)); return err },
		func() error { _, err := s.Revoke(t.Context(), moved, string(made.ID), ""); return err },
	} {
		moved.Email = string(rune('a'+i)) + "@acme.example"
		if err := call(); err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(t.Context(), tokentest.Alice, string(made.ID))
		if err != nil || got.Person.Email != moved.Email {
			t.Errorf("call %d: address %s, error %v, want %s", i, got.Person.Email, err, moved.Email)
		}
	}
}

// Who has lost their role owns tokens still, and gets the notices about them.
func TestNoticesAfterARoleIsLost(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	former := tokentest.Bob
	former.Role, former.Email = token.RoleNone, "robert@acme.example"
	owner := func() token.Person {
		t.Helper()
		got, err := s.Get(t.Context(), tokentest.Alice, string(made.ID))
		if err != nil {
			t.Fatal(err)
		}
		return got.Person
	}
	list := func(p token.Principal) token.Person {
		t.Helper()
		page, err := s.List(t.Context(), p, token.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return page.Person
	}
	if list(former); owner().Email != former.Email {
		t.Errorf("notices go to %s, want the new address", owner().Email)
	}
	unverified := former
	unverified.Email, unverified.EmailVerified = "eve@evil.example", false
	if list(unverified); owner().Email != former.Email {
		t.Errorf("notices go to %s, which is not verified", owner().Email)
	}
	mark := func() {
		t.Helper()
		if err := s.Store.MarkUndeliverable(t.Context(), owner(), s.Clock.T); err != nil || !list(former).Undeliverable {
			t.Fatalf("not marked, error %v", err)
		}
	}
	mark()
	if _, err := s.ResumeNotices(t.Context(), unverified); token.CodeOf(err) != token.CodeForbidden || !owner().Undeliverable {
		t.Errorf("resumed by an address that is not verified: error %v", err)
	}
	if known, err := s.ResumeNotices(t.Context(), former); err != nil || known.Undeliverable || owner().Undeliverable {
		t.Errorf("Try again: %+v, error %v", known, err)
	}
	if _, err := s.ResumeNotices(t.Context(), former); token.CodeOf(err) != token.CodeForbidden {
		t.Errorf("without a role and a mark: error %v", err)
	}
	mark()
	s.Clock.T = s.Clock.T.Add(4 * 24 * time.Hour)
	if list(former).Undeliverable || owner().Undeliverable {
		t.Error("a sign-in four days later does not clear the mark")
	}
	if _, err := s.List(t.Context(), tokentest.Carol, token.ListRequest{}); token.CodeOf(err) != token.CodeForbidden {
		t.Errorf("error %v", err)
	}
	if people, err := s.Store.PeopleByID(t.Context(), "acme", []string{"carol"}); err != nil || len(people) != 0 {
		t.Errorf("somebody without role and tokens left a record: %v, error %v", people, err)
	}
}

func TestRevoke(t *testing.T) {
	s := tokentest.New(t, nil)
	made, secret := s.MustIssue(t, tokentest.Bob, "x", 30)
	if _, err := s.Verify(t.Context(), secret.Reveal()); err != nil {
		t.Fatal(err)
	}
	s.Clock.T = moment(t, "2026-11-24T08:00:00.75Z")
	at := moment(t, "2026-11-24T08:00:00Z")
	got, err := s.Revoke(t.Context(), tokentest.Alice, string(made.ID), "  laptop stolen ")
	want := made
	want.RevokedAt, want.RevokedBy, want.RevokeReason = at, "alice", "laptop stolen"
	if err != nil || !reflect.DeepEqual(got.Token, want) || got.Status(s.Clock.T) != token.StatusRevoked {
		t.Errorf("got %+v, error %v\nwant %+v", got.Token, err, want)
	}
	if _, err := s.Verify(t.Context(), secret.Reveal()); !errors.As(err, new(*token.RefusedError)) {
		t.Errorf("the secret is still good: %v", err)
	}
	audits := s.Store.Audits()
	wantAudit := token.Audit{
		ID: audits[len(audits)-1].ID, Organization: "acme", At: at, Action: token.ActionRevoked, Actor: token.Actor{Kind: token.ActorPerson, ID: "alice"},
		TokenID: made.ID, TokenName: "x", ExpiresOn: made.ExpiresOn, Detail: "laptop stolen",
	}
	if len(audits) != 2 || audits[1] != wantAudit {
		t.Errorf("audit %+v\nwant  %+v", audits, wantAudit)
	}

	if notices := s.Store.Notices(); len(notices) != 1 || notices[0].Token.Owner.ID != "bob" {
		t.Errorf("notices %+v, want one to the owner, since somebody else did it", notices)
	}

	// Again, later, by somebody else: nothing changes, and nothing is recorded.
	s.Clock.T = s.Clock.T.Add(time.Hour)
	again, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), "me too")
	if err != nil || !reflect.DeepEqual(again.Token, want) {
		t.Errorf("again: %+v, error %v", again.Token, err)
	}
	if n, notices := len(s.Store.Audits()), len(s.Store.Notices()); n != 2 || notices != 1 {
		t.Errorf("the second time: %d audit entries, %d notices", n, notices)
	}
}

func TestRevokeOfAnExpiredToken(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 1)
	s.Clock.T = made.ExpiresAt()
	if got, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), ""); err != nil || got.Status(s.Clock.T) != token.StatusRevoked {
		t.Errorf("%+v, error %v", got, err)
	}
}

// Two people revoke at once: the second is shown what the first did.
func TestRevokeLosesARace(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	faster := made
	faster.RevokedAt, faster.RevokedBy, faster.RevokeReason = tokentest.Noon, "bob", "faster"
	s.Store.After("Token", func() {
		if changed, err := s.Store.Revoke(t.Context(), token.Revocation{Token: faster}); err != nil || !changed {
			t.Fatalf("changed %t, error %v", changed, err)
		}
	})
	got, err := s.Revoke(t.Context(), tokentest.Alice, string(made.ID), "slower")
	if err != nil || !reflect.DeepEqual(got.Token, faster) {
		t.Errorf("got %+v, error %v\nwant %+v", got.Token, err, faster)
	}
}

// A revocation never fails for its reason: the text is cleaned.
func TestRevokeReasons(t *testing.T) {
	for name, test := range map[string]struct{ reason, want string }{
		"none":                 {"", ""},
		"200 letters":          {strings.Repeat("é", 200), strings.Repeat("é", 200)},
		"201 letters":          {strings.Repeat("é", 201), strings.Repeat("é", 200)},
		"a control character":  {"a\x00b", "a b"},
		"a bidi override":      {"a\u202eb", "ab"},
		"invalid UTF-8":        {"a\xff", "a"},
		"only space, and much": {strings.Repeat(" ", 1000), ""},
	} {
		s := tokentest.New(t, nil)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		_, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), test.reason)
		stored, _ := s.Store.Stored(made.ID)
		if err != nil || stored.RevokedAt.IsZero() || stored.RevokeReason != test.want {
			t.Errorf("%s: error %v, revoked at %s, reason %q, want %q", name, err, stored.RevokedAt, stored.RevokeReason, test.want)
		}
	}
}

func TestManagerWhenTheStoreFails(t *testing.T) {
	broken := errors.New("the table is on fire")
	for action, methods := range map[string][]string{
		"list":   {"KeepPerson", "Tokens", "PeopleByID"},
		"get":    {"KeepPerson", "Token", "PeopleByID"},
		"revoke": {"KeepPerson", "Token", "Revoke"},
	} {
		for _, method := range methods {
			s := tokentest.New(t, nil)
			made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
			s.Store.Fail(method, broken)
			var err error
			var zero bool
			switch action {
			case "list":
				var page token.Page
				page, err = s.List(t.Context(), tokentest.Bob, token.ListRequest{})
				zero = page.Tokens == nil && page.Cursor == ""
			case "get":
				var got token.Shown
				got, err = s.Get(t.Context(), tokentest.Bob, string(made.ID))
				zero = reflect.DeepEqual(got, token.Shown{})
			case "revoke":
				var got token.Shown
				got, err = s.Revoke(t.Context(), tokentest.Bob, string(made.ID), "")
				zero = reflect.DeepEqual(got, token.Shown{})
			}
			if !errors.Is(err, broken) || token.CodeOf(err) != "" || !zero {
				t.Errorf("%s while %s fails: error %v, zero %t", action, method, err, zero)
			}
		}
	}
}

// What fails after a revocation does not make it look as if there were none.
func TestRevokeOfAnOwnerWhoCannotBeRead(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	s.Store.Fail("PeopleByID", errors.New("the table is on fire"))
	got, err := s.Revoke(t.Context(), tokentest.Alice, string(made.ID), "")
	stored, _ := s.Store.Stored(made.ID)
	if err != nil || got.Person != (token.Person{Organization: "acme", ID: "bob"}) || !reflect.DeepEqual(got.Token, stored) || stored.RevokedAt.IsZero() {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestRevokeWithoutRandomness(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	broken := errors.New("no entropy")
	m, err := token.NewManager(token.ManagerConfig{Store: s.Store, Fold: strings.ToLower, Now: s.Clock.Now, Random: iotest.ErrReader(broken)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Revoke(t.Context(), tokentest.Bob, string(made.ID), ""); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if slices.Contains(s.Store.Calls(), "Revoke") {
		t.Error("revoked without an audit entry")
	}
}
