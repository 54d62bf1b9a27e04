package token_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// Who may do what to whose token. Everything that is not here is refused, and what may
// not be seen does not exist.
func TestPermissions(t *testing.T) {
	const (
		allow = token.Code("")
		deny  = token.CodeForbidden
		hide  = token.CodeNotFound
	)
	type verdicts struct{ issue, list, listAll, listOther, get, revoke token.Code }
	nobody := verdicts{deny, deny, deny, deny, deny, deny}
	changed := func(p token.Principal, change func(*token.Principal)) token.Principal {
		change(&p)
		return p
	}
	for _, test := range []struct {
		name   string
		person token.Principal
		owner  token.Principal // of the token
		want   verdicts
	}{
		{"manager, own", tokentest.Bob, tokentest.Bob, verdicts{allow, allow, deny, allow, allow, allow}},
		{"manager, a colleague's", tokentest.Bob, tokentest.Erin, verdicts{allow, allow, deny, deny, hide, hide}},
		{"manager, an admin's", tokentest.Bob, tokentest.Alice, verdicts{allow, allow, deny, deny, hide, hide}},
		{"manager, another organization's", tokentest.Bob, tokentest.Dave, verdicts{allow, allow, deny, deny, hide, hide}},
		{"admin, own", tokentest.Alice, tokentest.Alice, verdicts{allow, allow, allow, allow, allow, allow}},
		{"admin, a colleague's", tokentest.Alice, tokentest.Bob, verdicts{allow, allow, allow, allow, allow, allow}},
		{"admin, another organization's", tokentest.Dave, tokentest.Bob, verdicts{allow, allow, allow, allow, hide, hide}},
		{
			"another organization's admin with the owner's very subject",
			changed(tokentest.Dave, func(p *token.Principal) { p.Subject = "bob" }), tokentest.Bob,
			verdicts{allow, allow, allow, allow, hide, hide},
		},
		{
			"another organization's manager with the owner's very subject",
			changed(tokentest.Bob, func(p *token.Principal) { p.Organization = "globex" }), tokentest.Bob,
			verdicts{allow, allow, deny, allow, hide, hide},
		},
		{"no role, a colleague's", tokentest.Carol, tokentest.Bob, nobody},
		// What is one's own can be seen and ended without a role.
		{
			"no role any more, own", changed(tokentest.Bob, func(p *token.Principal) { p.Role = token.RoleNone }), tokentest.Bob,
			verdicts{deny, allow, deny, allow, allow, allow},
		},
		{
			"no role any more, a colleague's", changed(tokentest.Erin, func(p *token.Principal) { p.Role = token.RoleNone }), tokentest.Bob,
			nobody,
		},
		{"no organization", changed(tokentest.Alice, func(p *token.Principal) { p.Organization = "" }), tokentest.Bob, nobody},
		{"no subject", changed(tokentest.Alice, func(p *token.Principal) { p.Subject = "" }), tokentest.Bob, nobody},
		{"nobody", token.Principal{}, tokentest.Bob, nobody},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tokentest.New(t, nil)
			made, _ := s.MustIssue(t, test.owner, "x", 30)
			p, ctx := test.person, t.Context()
			check := func(action string, err error, want token.Code) {
				t.Helper()
				if got := token.CodeOf(err); got != want || (err == nil) != (want == allow) {
					t.Errorf("%s: error %v, want code %q", action, err, want)
				}
			}
			list := func(owner string) error {
				_, err := s.List(ctx, p, token.ListRequest{Owner: owner})
				return err
			}
			_, err := s.Issue(ctx, p, token.IssueRequest{Name: "y", ExpiresInDays: new(1)})
			check("issue", err, test.want.issue)
			check("list own", list(""), test.want.list)
			check("list all", list("all"), test.want.listAll)
			check("list the owner's", list(test.owner.Subject), test.want.listOther)
			_, err = s.Get(ctx, p, string(made.ID))
			check("get", err, test.want.get)
			_, err = s.Revoke(ctx, p, string(made.ID), "")
			check("revoke", err, test.want.revoke)
			if stored, _ := s.Store.Stored(made.ID); stored.RevokedAt.IsZero() == (test.want.revoke == allow) {
				t.Errorf("revoked: %t", !stored.RevokedAt.IsZero())
			}
		})
	}
}

// Whoever holds a leaked token must be able to end it, also while their address is being
// changed. Only making one needs an address to send notices to.
func TestOnlyIssuingNeedsAVerifiedAddress(t *testing.T) {
	for name, change := range map[string]func(*token.Principal){
		"not verified": func(p *token.Principal) { p.EmailVerified = false },
		"no address":   func(p *token.Principal) { p.Email = "" },
	} {
		for _, p := range []token.Principal{tokentest.Alice, tokentest.Bob} {
			s := tokentest.New(t, nil)
			made, _ := s.MustIssue(t, p, "x", 30)
			before := len(s.Store.Calls())
			change(&p)
			_, issue := s.Issue(t.Context(), p, token.IssueRequest{Name: "y", ExpiresInDays: new(1)})
			_, list := s.List(t.Context(), p, token.ListRequest{})
			_, get := s.Get(t.Context(), p, string(made.ID))
			_, revoke := s.Revoke(t.Context(), p, string(made.ID), "")
			if token.CodeOf(issue) != token.CodeEmailNotVerified {
				t.Errorf("%s, issue by %s: error %v", name, p.Subject, issue)
			}
			for action, err := range map[string]error{"list": list, "get": get, "revoke": revoke} {
				if err != nil {
					t.Errorf("%s, %s by %s: error %v", name, action, p.Subject, err)
				}
			}
			// Nobody is written to at an address that is not known to be theirs.
			if calls := s.Store.Calls()[before:]; slices.Contains(calls, "KeepPerson") {
				t.Errorf("%s: calls %v", name, calls)
			}
		}
	}
}

// Whoever may not see a token cannot find out that there is one.
func TestWhatMayNotBeSeenLooksLikeWhatIsNotThere(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	missing := "01ARYZ6S41TSV4RRFFQ69G5FAV"
	public := func(err error) token.Error {
		t.Helper()
		found, ok := errors.AsType[*token.Error](err)
		if !ok {
			t.Fatalf("error %v", err)
		}
		return *found
	}
	for _, p := range []token.Principal{tokentest.Dave, tokentest.Erin} {
		for name, id := range map[string]string{"missing": missing, "malformed": "x", "empty": ""} {
			_, get := s.Get(t.Context(), p, string(made.ID))
			_, getMissing := s.Get(t.Context(), p, id)
			_, revoke := s.Revoke(t.Context(), p, string(made.ID), "")
			_, revokeMissing := s.Revoke(t.Context(), p, id, "")
			want := *token.ErrNotFound
			for action, err := range map[string]error{"get": get, "get " + name: getMissing, "revoke": revoke, "revoke " + name: revokeMissing} {
				if got := public(err); !reflect.DeepEqual(got, want) {
					t.Errorf("%s by %s: %+v", action, p.Subject, got)
				}
			}
		}
	}
	if audits := s.Store.Audits(); len(audits) != 1 {
		t.Errorf("%d audit entries, want the one of the issue", len(audits))
	}
}
