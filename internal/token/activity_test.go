package token_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// did are the actions of entries, newest first.
func did(entries []token.Audit) string {
	var all []string
	for _, a := range entries {
		all = append(all, string(a.Action))
	}
	return strings.Join(all, " ")
}

func TestActivity(t *testing.T) {
	s := tokentest.New(t, nil)
	bobs, _ := s.MustIssue(t, tokentest.Bob, "bob's", 30)
	s.MustIssue(t, tokentest.Dave, "dave's", 30)
	s.Clock.T = s.Clock.T.AddDate(0, 0, 1)
	erins, _ := s.MustIssue(t, tokentest.Erin, "erin's", 30)
	s.Clock.T = s.Clock.T.AddDate(0, 0, 1)
	if _, err := s.Revoke(t.Context(), tokentest.Alice, string(bobs.ID), "lost"); err != nil {
		t.Fatal(err)
	}
	today := token.DateOf(s.Clock.T)
	for _, test := range []struct {
		name string
		r    token.ActivityRequest
		want string
	}{
		{"all", token.ActivityRequest{}, "token.revoked token.issued token.issued"},
		{"about a token", token.ActivityRequest{Token: string(bobs.ID)}, "token.revoked token.issued"},
		{"by a person", token.ActivityRequest{Actor: "erin"}, "token.issued"},
		{"of a kind", token.ActivityRequest{Action: []token.Action{token.ActionRevoked}}, "token.revoked"},
		{"since a day", token.ActivityRequest{From: today.String()}, "token.revoked"},
		{"until a day", token.ActivityRequest{To: (today - 1).String()}, "token.issued token.issued"},
		{"on a day", token.ActivityRequest{From: (today - 1).String(), To: (today - 1).String()}, "token.issued"},
		{"from long ago to far ahead", token.ActivityRequest{From: "0200-06-22", To: "9999-12-31"}, "token.revoked token.issued token.issued"},
		{"until long ago", token.ActivityRequest{To: "0391-09-05"}, ""},
		{"within long ago", token.ActivityRequest{From: "0001-01-01", To: "1969-12-31"}, ""},
		{"of nobody", token.ActivityRequest{Actor: "nobody"}, ""},
	} {
		got, err := s.Activity(t.Context(), tokentest.Alice, s.Store, test.r)
		if err != nil || did(got.Entries) != test.want || got.Cursor != "" {
			t.Errorf("%s: %s, cursor %q, error %v; want %s", test.name, did(got.Entries), got.Cursor, err, test.want)
		}
	}
	all, err := s.Activity(t.Context(), tokentest.Alice, s.Store, token.ActivityRequest{})
	if err != nil || all.People["erin"].Email == "" || all.People["alice"].Email == "" || all.Entries[0].Detail != "lost" {
		t.Errorf("%+v, error %v", all, err)
	}
	if other, err := s.Activity(t.Context(), tokentest.Dave, s.Store, token.ActivityRequest{Token: string(erins.ID)}); err != nil || len(other.Entries) != 0 {
		t.Errorf("to another organization: %+v, error %v", other, err)
	}
}

func TestActivityByPages(t *testing.T) {
	s := tokentest.New(t, nil)
	for range 7 {
		s.MustIssue(t, tokentest.Bob, "x", 30)
		s.MustIssue(t, tokentest.Erin, "x", 30)
		s.Clock.T = s.Clock.T.Add(time.Minute)
	}
	for _, r := range []token.ActivityRequest{{Limit: 3}, {Limit: 3, Actor: "bob"}, {Limit: 100}} {
		var seen []token.ID
		pages := 0
		for {
			page, err := s.Activity(t.Context(), tokentest.Alice, s.Store, r)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, a := range page.Entries {
				seen = append(seen, a.ID)
			}
			if r.Cursor = page.Cursor; r.Cursor == "" {
				break
			}
		}
		want := 14
		if r.Actor != "" {
			want = 7
		}
		if len(seen) != want || !slices.IsSortedFunc(seen, func(a, b token.ID) int { return strings.Compare(string(b), string(a)) }) || pages > want/r.Limit+1 {
			t.Errorf("%+v: %d entries in %d pages: %v", r, len(seen), pages, seen)
		}
	}
}

func TestWhoSeesActivity(t *testing.T) {
	s := tokentest.New(t, nil)
	s.MustIssue(t, tokentest.Bob, "x", 30)
	for _, p := range []token.Principal{tokentest.Bob, tokentest.Carol, {}} {
		if _, err := s.Activity(t.Context(), p, s.Store, token.ActivityRequest{}); token.CodeOf(err) != token.CodeForbidden {
			t.Errorf("%q: %v", p.Subject, err)
		}
	}
	page, err := s.Activity(t.Context(), tokentest.Alice, s.Store, token.ActivityRequest{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for places, r := range map[string]token.ActivityRequest{
		"token": {Token: "x"}, "actor": {Actor: "a\nb"}, "action": {Action: []token.Action{"token.eaten"}},
		"from": {From: "yesterday"}, "to": {To: "2026-02-30"}, "limit": {Limit: 101}, "cursor": {Cursor: page.Cursor + "x"},
	} {
		_, err := s.Activity(t.Context(), tokentest.Alice, s.Store, r)
		if token.CodeOf(err) != token.CodeInvalidRequest || !strings.Contains(err.Error(), "; "+places+": ") {
			t.Errorf("%s: %v", places, err)
		}
	}
	if _, err := s.Activity(t.Context(), tokentest.Alice, s.Store, token.ActivityRequest{From: "2026-02-02", To: "2026-02-01"}); token.CodeOf(err) != token.CodeInvalidRequest {
		t.Errorf("backwards: %v", err)
	}
}
