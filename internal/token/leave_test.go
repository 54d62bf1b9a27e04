package token_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// outcomes are what became of the tokens, in order.
func outcomes(results []token.BulkResult) string {
	var all []string
	for _, r := range results {
		all = append(all, string(r.Outcome))
	}
	return strings.Join(all, " ")
}

func TestRevokeMany(t *testing.T) {
	s := tokentest.New(t, nil)
	bobs, secret := s.MustIssue(t, tokentest.Bob, "bob's", 30)
	erins, _ := s.MustIssue(t, tokentest.Erin, "erin's", 30)
	daves, daveSecret := s.MustIssue(t, tokentest.Dave, "dave's", 30)
	ended, _ := s.MustIssue(t, tokentest.Bob, "ended", 30)
	if _, err := s.Revoke(t.Context(), tokentest.Bob, string(ended.ID), ""); err != nil {
		t.Fatal(err)
	}
	ids := []string{string(bobs.ID), string(erins.ID), string(bobs.ID), string(daves.ID), "x", string(ended.ID)}
	got, err := s.RevokeMany(t.Context(), tokentest.Bob, token.BulkRevocation{IDs: ids, Reason: " old "})
	if err != nil || outcomes(got) != "revoked not_found not_found not_found already_revoked" {
		t.Errorf("by bob: %+v, error %v", got, err)
	}
	if got[0].Name != "bob's" || got[1].Name != "" {
		t.Errorf("names: %+v", got)
	}
	if _, err := s.Verify(t.Context(), secret.Reveal()); err == nil {
		t.Error("a revoked token works")
	}
	got, err = s.RevokeMany(t.Context(), tokentest.Alice, token.BulkRevocation{IDs: ids})
	if err != nil || outcomes(got) != "already_revoked revoked not_found not_found already_revoked" {
		t.Errorf("by alice: %+v, error %v", got, err)
	}
	if _, err := s.Verify(t.Context(), daveSecret.Reveal()); err != nil {
		t.Errorf("another organization's token: %v", err)
	}
	if told := s.Store.Notices(); len(told) != 1 || told[0].Token.ID != erins.ID {
		t.Errorf("notified: %+v", told)
	}
}

func TestRevokeAllOfAPerson(t *testing.T) {
	s := tokentest.New(t, nil)
	for _, days := range []int{30, 2, 10} {
		s.MustIssue(t, tokentest.Bob, "x", days)
	}
	s.MustIssue(t, tokentest.Erin, "x", 30)
	s.Clock.T = s.Clock.T.AddDate(0, 0, 2)
	all := token.BulkRevocation{Owner: new("bob")}
	if _, err := s.RevokeMany(t.Context(), tokentest.Erin, all); token.CodeOf(err) != token.CodeForbidden {
		t.Errorf("by a colleague: %v", err)
	}
	if got, err := s.RevokeMany(t.Context(), tokentest.Dave, all); err != nil || len(got) != 0 {
		t.Errorf("by another organization's admin: %v, error %v", got, err)
	}
	got, err := s.RevokeMany(t.Context(), tokentest.Alice, all)
	if err != nil || outcomes(got) != "revoked revoked" {
		t.Errorf("%+v, error %v", got, err)
	}
	if got, err := s.RevokeMany(t.Context(), tokentest.Alice, all); err != nil || len(got) != 0 {
		t.Errorf("again: %+v, error %v", got, err)
	}
	s.MustIssue(t, tokentest.Bob, "x", 30)
	if got, err := s.RevokeMany(t.Context(), tokentest.Bob, all); err != nil || outcomes(got) != "revoked" {
		t.Errorf("one's own: %+v, error %v", got, err)
	}
}

func TestWhatManyMeans(t *testing.T) {
	s := tokentest.New(t, nil)
	for name, r := range map[string]token.BulkRevocation{
		"nothing":  {},
		"both":     {IDs: []string{"x"}, Owner: new("bob")},
		"too many": {IDs: slices.Repeat([]string{"x"}, token.MaxBulk+1)},
		"no owner": {Owner: new("a\nb")},
	} {
		if _, err := s.RevokeMany(t.Context(), tokentest.Alice, r); token.CodeOf(err) != token.CodeInvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	former := tokentest.Bob
	former.Role = token.RoleNone
	for _, r := range []token.BulkRevocation{{IDs: []string{string(made.ID), "x"}}, {Owner: new("carol")}} {
		if _, err := s.RevokeMany(t.Context(), tokentest.Carol, r); token.CodeOf(err) != token.CodeForbidden {
			t.Errorf("without a role, %+v: %v", r, err)
		}
	}
	if got, err := s.RevokeMany(t.Context(), former, token.BulkRevocation{IDs: []string{string(made.ID), "x"}}); err != nil || outcomes(got) != "revoked not_found" {
		t.Errorf("without a role any more: %+v, error %v", got, err)
	}
	if _, err := s.RevokeMany(t.Context(), token.Principal{}, token.BulkRevocation{IDs: []string{"x"}}); token.CodeOf(err) != token.CodeForbidden {
		t.Errorf("nobody: %v", err)
	}
}

// One that fails keeps none of the others, and the same request goes on where it ended.
func TestManyOneByOne(t *testing.T) {
	s := tokentest.New(t, nil)
	var ids []string
	for range 3 {
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		ids = append(ids, string(made.ID))
	}
	s.Store.Fail("Revoke", errors.New("the table is away"))
	got, err := s.RevokeMany(t.Context(), tokentest.Bob, token.BulkRevocation{IDs: ids})
	if err != nil || outcomes(got) != "failed failed failed" {
		t.Errorf("%+v, error %v", got, err)
	}
	s.Store.Fail("Revoke", nil)
	s.Store.After("Token", func() { s.Clock.T = s.Clock.T.Add(20 * time.Second) })
	got, err = s.RevokeMany(t.Context(), tokentest.Bob, token.BulkRevocation{IDs: ids})
	if err != nil || outcomes(got) != "revoked not_tried not_tried" {
		t.Errorf("slow: %+v, error %v", got, err)
	}
	got, err = s.RevokeMany(t.Context(), tokentest.Bob, token.BulkRevocation{IDs: ids})
	if err != nil || outcomes(got) != "already_revoked revoked revoked" {
		t.Errorf("again: %+v, error %v", got, err)
	}
}

func TestLeave(t *testing.T) {
	s := tokentest.New(t, nil)
	first, _ := s.MustIssue(t, tokentest.Bob, "first", 10)
	second, secret := s.MustIssue(t, tokentest.Bob, "second", 30)
	dry, err := s.Leave(t.Context(), tokentest.Alice, token.LeaveRequest{Person: "bob", DryRun: true})
	if err != nil || !dry.LeftAt.IsZero() || len(dry.Results) != 0 || len(dry.Tokens) != 2 || dry.Tokens[0].ID != first.ID || dry.Person.Email == "" {
		t.Fatalf("dry run: %+v, error %v", dry, err)
	}
	if _, err := s.Verify(t.Context(), secret.Reveal()); err != nil {
		t.Fatalf("after a dry run: %v", err)
	}
	left, err := s.Leave(t.Context(), tokentest.Alice, token.LeaveRequest{Person: "bob", Reason: "left on Friday"})
	if err != nil || !left.Complete() || !left.LeftAt.Equal(tokentest.Noon) || outcomes(left.Results) != "revoked revoked" {
		t.Fatalf("%+v, error %v", left, err)
	}
	if _, err := s.Verify(t.Context(), secret.Reveal()); err == nil {
		t.Error("a leaver's token works")
	}
	if shown, err := s.Get(t.Context(), tokentest.Alice, string(second.ID)); err != nil || shown.RevokeReason != "left on Friday" {
		t.Errorf("shown: %+v, error %v", shown, err)
	}
	if told := s.Store.Notices(); len(told) != 0 {
		t.Errorf("the leaver is written to: %+v", told)
	}
	days := 30
	if _, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{Name: "x", ExpiresInDays: &days}); !errors.Is(err, token.ErrLeft) {
		t.Errorf("issued after leaving: %v", err)
	}
	s.Clock.T = s.Clock.T.Add(time.Hour)
	again, err := s.Leave(t.Context(), tokentest.Alice, token.LeaveRequest{Person: "bob"})
	if err != nil || !again.LeftAt.Equal(tokentest.Noon) || len(again.Results) != 0 || !again.Complete() {
		t.Errorf("again: %+v, error %v", again, err)
	}
	if p, err := s.Return(t.Context(), tokentest.Alice, "bob"); err != nil || p.ID != "bob" {
		t.Fatal(err)
	}
	s.MustIssue(t, tokentest.Bob, "back", 30)
	var actions []token.Action
	for _, a := range s.Store.Audits() {
		if a.Person == "bob" {
			actions = append(actions, a.Action)
		}
	}
	if !slices.Equal(actions, []token.Action{token.ActionLeft, token.ActionReturned}) {
		t.Errorf("audit: %v", actions)
	}
}

// An ID token outlives a leaver's day: whatever it says, it gives them no right over others any
// more. What is their own they may still see and end.
func TestALeaversSignIn(t *testing.T) {
	s := tokentest.New(t, nil)
	bobs, _ := s.MustIssue(t, tokentest.Bob, "bob's", 30)
	anton := tokentest.Alice
	anton.Subject, anton.Email = "anton", "anton@acme.example"
	s.MustIssue(t, anton, "anton's", 30)
	if _, err := s.Leave(t.Context(), tokentest.Alice, token.LeaveRequest{Person: "anton"}); err != nil {
		t.Fatal(err)
	}
	unverified := anton
	unverified.EmailVerified = false
	days := 30
	for name, p := range map[string]token.Principal{"verified": anton, "not verified": unverified} {
		for call, err := range map[string]error{
			"issue":    second(s.Issue(t.Context(), p, token.IssueRequest{Name: "x", ExpiresInDays: &days})),
			"rotate":   second(s.Rotate(t.Context(), p, string(bobs.ID), token.RotateRequest{})),
			"revoke":   second(s.Revoke(t.Context(), p, string(bobs.ID), "")),
			"many":     second(s.RevokeMany(t.Context(), p, token.BulkRevocation{Owner: new("bob")})),
			"leave":    second(s.Leave(t.Context(), p, token.LeaveRequest{Person: "bob"})),
			"return":   second(s.Return(t.Context(), p, "anton")),
			"activity": second(s.Activity(t.Context(), p, s.Store, token.ActivityRequest{})),
			"get":      second(s.Get(t.Context(), p, string(bobs.ID))),
			"list all": second(s.List(t.Context(), p, token.ListRequest{Owner: "all"})),
		} {
			if token.CodeOf(err) != token.CodeForbidden && (call != "return" || token.CodeOf(err) != token.CodeInvalidRequest) {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
		if own, err := s.List(t.Context(), p, token.ListRequest{}); err != nil || len(own.Tokens) != 1 || !own.Person.Left {
			t.Errorf("%s: own tokens %+v, error %v", name, own, err)
		}
	}
	if shown, err := s.Get(t.Context(), tokentest.Alice, string(bobs.ID)); err != nil || !shown.RevokedAt.IsZero() {
		t.Errorf("bob's: %+v, error %v", shown, err)
	}
	if _, err := s.Return(t.Context(), tokentest.Alice, "anton"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Activity(t.Context(), anton, s.Store, token.ActivityRequest{}); err != nil {
		t.Errorf("after returning: %v", err)
	}
}

// What a crash or an outage leaves undone, the next request does.
func TestLeavingIsFinished(t *testing.T) {
	s := tokentest.New(t, nil)
	s.MustIssue(t, tokentest.Bob, "x", 30)
	s.Store.Fail("Revoke", errors.New("the table is away"))
	left, err := s.Leave(t.Context(), tokentest.Alice, token.LeaveRequest{Person: "bob"})
	if err != nil || left.Complete() || left.LeftAt.IsZero() {
		t.Fatalf("%+v, error %v", left, err)
	}
	s.Store.Fail("Revoke", nil)
	if left, err = s.Leave(t.Context(), tokentest.Alice, token.LeaveRequest{Person: "bob"}); err != nil || outcomes(left.Results) != "revoked" {
		t.Errorf("%+v, error %v", left, err)
	}
}

func TestWhoSaysWhoHasLeft(t *testing.T) {
	s := tokentest.New(t, nil)
	s.MustIssue(t, tokentest.Bob, "x", 30)
	for _, test := range []struct {
		name   string
		by     token.Principal
		person string
		want   token.Code
	}{
		{"a manager", tokentest.Erin, "bob", token.CodeForbidden},
		{"oneself, a manager", tokentest.Bob, "bob", token.CodeForbidden},
		{"no role", tokentest.Carol, "bob", token.CodeForbidden},
		{"another organization's admin", tokentest.Dave, "bob", token.CodeNotFound},
		{"an admin, nobody known", tokentest.Alice, "bbo", token.CodeNotFound},
		{"an admin, oneself", tokentest.Alice, "alice", token.CodeInvalidRequest},
		{"an admin, no id", tokentest.Alice, "", token.CodeInvalidRequest},
	} {
		if _, err := s.Leave(t.Context(), test.by, token.LeaveRequest{Person: test.person}); token.CodeOf(err) != test.want {
			t.Errorf("leave, %s: %v", test.name, err)
		}
		if _, err := s.Return(t.Context(), test.by, test.person); token.CodeOf(err) != test.want {
			t.Errorf("return, %s: %v", test.name, err)
		}
	}
	days := 30
	if _, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{Name: "x", ExpiresInDays: &days}); err != nil {
		t.Errorf("bob has not left: %v", err)
	}
}
