package token_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// names lists one page and returns the names on it and the cursor.
func names(t *testing.T, s *tokentest.Service, p token.Principal, r token.ListRequest) (string, string) {
	t.Helper()
	page, err := s.List(t.Context(), p, r)
	if err != nil {
		t.Fatalf("listing %+v: %v", r, err)
	}
	var found []string
	for _, o := range page.Tokens {
		found = append(found, o.Name)
		if o.Person.ID != o.Owner.ID || o.Person.Email == "" {
			t.Errorf("%s has owner %+v", o.Name, o.Person)
		}
	}
	return strings.Join(found, " "), page.Cursor
}

// stocked is a service with tokens of everybody's, made one second apart.
func stocked(t *testing.T) *tokentest.Service {
	t.Helper()
	s := tokentest.New(t, nil)
	revoked := map[string]bool{"bob-3": true, "alice-1": true}
	for i := range 4 {
		for _, p := range []token.Principal{tokentest.Alice, tokentest.Bob, tokentest.Erin, tokentest.Dave} {
			s.Clock.T = s.Clock.T.Add(time.Second)
			name := fmt.Sprintf("%s-%d", p.Subject, i)
			made, _ := s.MustIssue(t, p, name, 1+30*(i%2)) // the even ones expire tomorrow
			if revoked[name] {
				if _, err := s.Revoke(t.Context(), p, string(made.ID), ""); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s.Clock.T = (tokentest.Today + 1).Start()
	return s
}

func TestListFilters(t *testing.T) {
	s := stocked(t)
	const everyones = "erin-3 bob-3 alice-3 erin-2 bob-2 alice-2 erin-1 bob-1 alice-1 erin-0 bob-0 alice-0"
	for _, test := range []struct {
		name   string
		person token.Principal
		r      token.ListRequest
		want   string
	}{
		{"own, newest first", tokentest.Bob, token.ListRequest{}, "bob-3 bob-2 bob-1 bob-0"},
		{"own by one's subject", tokentest.Bob, token.ListRequest{Owner: "bob"}, "bob-3 bob-2 bob-1 bob-0"},
		{"an admin's own", tokentest.Alice, token.ListRequest{}, "alice-3 alice-2 alice-1 alice-0"},
		{"everyone's", tokentest.Alice, token.ListRequest{Owner: "all"}, everyones},
		{"everyone's elsewhere", tokentest.Dave, token.ListRequest{Owner: "all"}, "dave-3 dave-2 dave-1 dave-0"},
		{"one person's", tokentest.Alice, token.ListRequest{Owner: "erin"}, "erin-3 erin-2 erin-1 erin-0"},
		{"nobody's", tokentest.Alice, token.ListRequest{Owner: "nobody"}, ""},
		{"a person of another organization", tokentest.Alice, token.ListRequest{Owner: "dave"}, ""},
		{"active", tokentest.Bob, token.ListRequest{Statuses: []token.Status{token.StatusActive}}, "bob-1"},
		{"expired", tokentest.Bob, token.ListRequest{Statuses: []token.Status{token.StatusExpired}}, "bob-2 bob-0"},
		{"revoked", tokentest.Bob, token.ListRequest{Statuses: []token.Status{token.StatusRevoked}}, "bob-3"},
		{"two statuses", tokentest.Bob, token.ListRequest{Statuses: []token.Status{token.StatusRevoked, token.StatusActive}}, "bob-3 bob-1"},
		{"part of a name", tokentest.Alice, token.ListRequest{Owner: "all", Search: "b-"}, "bob-3 bob-2 bob-1 bob-0"},
		{"in any case", tokentest.Alice, token.ListRequest{Owner: "all", Search: "ErIN-2"}, "erin-2"},
		{"no match", tokentest.Alice, token.ListRequest{Owner: "all", Search: "zzz"}, ""},
		{
			"all filters", tokentest.Alice,
			token.ListRequest{Owner: "all", Search: "-3", Statuses: []token.Status{token.StatusActive}},
			"alice-3 erin-3",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, cursor := names(t, s, test.person, test.r); got != test.want || cursor != "" {
				t.Errorf("%q, cursor %q\nwant %q", got, cursor, test.want)
			}
			// Page by page it is the same list, whatever the size of a page.
			for limit := 1; limit <= 13; limit++ {
				r := test.r
				r.Limit = limit
				var all []string
				for range 20 {
					page, cursor := names(t, s, test.person, r)
					parts := strings.Fields(page)
					if len(parts) > limit {
						t.Errorf("limit %d: %d tokens on a page", limit, len(parts))
					}
					all = append(all, parts...)
					if r.Cursor = cursor; cursor == "" {
						break
					}
				}
				if got := strings.Join(all, " "); got != test.want || r.Cursor != "" {
					t.Errorf("limit %d: %q, want %q", limit, got, test.want)
				}
			}
		})
	}
}

// A filter that few tokens match must not cost a read for each of the others.
func TestFilteringReadsInLargeSteps(t *testing.T) {
	s := stocked(t)
	for _, r := range []token.ListRequest{
		{Owner: "all", Limit: 1, Search: "alice-0"},
		{Owner: "all", Limit: 1, Statuses: []token.Status{token.StatusRevoked}},
	} {
		before := len(s.Store.Calls())
		names(t, s, tokentest.Alice, r)
		reads := 0
		for _, call := range s.Store.Calls()[before:] {
			if call == "Tokens" {
				reads++
			}
		}
		if reads != 1 {
			t.Errorf("%+v: %d reads, want 1", r, reads)
		}
	}
}

func TestSearchIsTrimmed(t *testing.T) {
	s := stocked(t)
	if got, _ := names(t, s, tokentest.Alice, token.ListRequest{Search: " alice-3\t"}); got != "alice-3" {
		t.Errorf("found %q", got)
	}
}

// A full last page must not promise another one.
func TestListEndsWithoutAnEmptyPage(t *testing.T) {
	s := stocked(t)
	got, cursor := names(t, s, tokentest.Bob, token.ListRequest{Limit: 4})
	if got != "bob-3 bob-2 bob-1 bob-0" || cursor != "" {
		t.Errorf("%q, cursor %q", got, cursor)
	}
}

// The last read of the table may hold more matches than the page has room for.
func TestListLosesNoMatchOfTheLastRead(t *testing.T) {
	s := tokentest.New(t, nil)
	for _, name := range []string{"needle-c", "needle-b", "hay", "needle-a", "hay"} { // oldest first
		s.Clock.T = s.Clock.T.Add(time.Second)
		s.MustIssue(t, tokentest.Bob, name, 30)
	}
	r := token.ListRequest{Search: "needle", Limit: 2} // reads three tokens, then the other two
	got, cursor := names(t, s, tokentest.Bob, r)
	if got != "needle-a needle-b" || cursor == "" {
		t.Fatalf("%q, cursor %q", got, cursor)
	}
	r.Cursor = cursor
	if got, cursor = names(t, s, tokentest.Bob, r); got != "needle-c" || cursor != "" {
		t.Errorf("%q, cursor %q", got, cursor)
	}
}

func TestListOfNothing(t *testing.T) {
	s := tokentest.New(t, nil)
	if got, cursor := names(t, s, tokentest.Bob, token.ListRequest{}); got != "" || cursor != "" {
		t.Errorf("%q, cursor %q", got, cursor)
	}
	if slices.Contains(s.Store.Calls(), "PeopleByID") {
		t.Error("owners of nothing were read")
	}
}

func TestListLimits(t *testing.T) {
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.MaxActive = 200 })
	for i := range 120 {
		s.Clock.T = s.Clock.T.Add(time.Millisecond)
		s.MustIssue(t, tokentest.Bob, fmt.Sprint(i), 30)
	}
	for _, test := range []struct{ limit, want int }{{0, token.DefaultLimit}, {1, 1}, {99, 99}, {100, token.MaxLimit}} {
		got, cursor := names(t, s, tokentest.Bob, token.ListRequest{Limit: test.limit})
		if n := len(strings.Fields(got)); n != test.want || cursor == "" {
			t.Errorf("limit %d: %d tokens, cursor %q", test.limit, n, cursor)
		}
	}
}

// A filter that matches little must not read the whole table in one call.
func TestListReadsABoundedPart(t *testing.T) {
	s := tokentest.New(t, func(c *token.IssuerConfig) { c.MaxActive = 1 })
	last, _ := s.MustIssue(t, tokentest.Bob, "needle", 30)
	stored, _ := s.Store.Stored(last.ID)
	for i := range 1500 {
		id, err := token.NewID(tokentest.Noon.Add(time.Duration(i+1)*time.Millisecond), strings.NewReader("0123456789"))
		if err != nil {
			t.Fatal(err)
		}
		stored.ID, stored.Name = id, "hay"
		s.Store.Put(stored)
	}
	before := len(s.Store.Calls())
	r := token.ListRequest{Search: "needle", Limit: 99} // reads 100 at a time
	got, cursor := names(t, s, tokentest.Bob, r)
	reads := 0
	for _, call := range s.Store.Calls()[before:] {
		if call == "Tokens" {
			reads++
		}
	}
	if got != "" || cursor == "" || reads != 10 {
		t.Fatalf("%q, cursor %q, %d reads; want an empty page with a cursor after 10", got, cursor, reads)
	}
	r.Cursor = cursor
	if got, cursor = names(t, s, tokentest.Bob, r); got != "needle" || cursor != "" {
		t.Errorf("second page %q, cursor %q", got, cursor)
	}
}

func TestListRefuses(t *testing.T) {
	s := stocked(t)
	for _, test := range []struct {
		name    string
		r       token.ListRequest
		pointer string
	}{
		{"negative limit", token.ListRequest{Limit: -1}, "limit"},
		{"limit too large", token.ListRequest{Limit: 101}, "limit"},
		{"unknown status", token.ListRequest{Statuses: []token.Status{"active", "dead"}}, "status"},
		{"empty status", token.ListRequest{Statuses: []token.Status{""}}, "status"},
		{"status in another case", token.ListRequest{Statuses: []token.Status{"Active"}}, "status"},
		{"search too long", token.ListRequest{Search: strings.Repeat("é", 101)}, "q"},
		{"search with a control character", token.ListRequest{Search: "a\x00"}, "q"},
		{"owner beyond any key", token.ListRequest{Owner: strings.Repeat("x", 256)}, "owner"},
		{"no such order", token.ListRequest{Sort: "name"}, "sort"},
		{"order by expiry of what may be over", token.ListRequest{Sort: token.SortSoonest}, "sort"},
		{
			"order by expiry of revoked ones",
			token.ListRequest{Sort: token.SortLatest, Statuses: []token.Status{token.StatusActive, token.StatusRevoked}},
			"sort",
		},
		{"a date of no calendar", token.ListRequest{ExpiresBefore: "2026-02-30", Statuses: []token.Status{token.StatusActive}}, "expires_before"},
		{"a date for what may be over", token.ListRequest{ExpiresBefore: "2026-12-24"}, "expires_before"},
		{"cursor of nothing", token.ListRequest{Cursor: "x"}, "cursor"},
		{"cursor that is not base64", token.ListRequest{Cursor: "!!!!"}, "cursor"},
		{"cursor that is only an id", token.ListRequest{Cursor: base64.RawURLEncoding.EncodeToString([]byte(vectorID))}, "cursor"},
	} {
		_, err := s.List(t.Context(), tokentest.Alice, test.r)
		e, ok := errors.AsType[*token.Error](err)
		if !ok || e.Code != token.CodeInvalidRequest || len(e.Fields) != 1 || e.Fields[0].Pointer != test.pointer {
			t.Errorf("%s: error %v, want one that names %s", test.name, err, test.pointer)
		}
	}
}

// A cursor belongs to the person and the list that it was made for.
func TestCursorsAreBound(t *testing.T) {
	s := stocked(t)
	made := token.ListRequest{Owner: "all", Search: "-", Statuses: []token.Status{token.StatusActive, token.StatusExpired}, Limit: 2}
	_, cursor := names(t, s, tokentest.Alice, made)
	if cursor == "" {
		t.Fatal("no cursor")
	}
	made.Cursor = cursor
	change := func(f func(*token.ListRequest)) token.ListRequest {
		r := made
		f(&r)
		return r
	}
	second := tokentest.Erin
	second.Role = token.RoleAdmin
	elsewhere := tokentest.Alice
	elsewhere.Organization = "globex"
	for _, test := range []struct {
		name   string
		person token.Principal
		r      token.ListRequest
		ok     bool
	}{
		{"as it was", tokentest.Alice, made, true},
		{"another page size", tokentest.Alice, change(func(r *token.ListRequest) { r.Limit = 50 }), true},
		{
			"statuses in another order", tokentest.Alice,
			change(func(r *token.ListRequest) { r.Statuses = []token.Status{token.StatusExpired, token.StatusActive} }), true,
		},
		{"another admin", second, made, false},
		{"the same subject elsewhere", elsewhere, made, false},
		{"another owner", tokentest.Alice, change(func(r *token.ListRequest) { r.Owner = "bob" }), false},
		{"own", tokentest.Alice, change(func(r *token.ListRequest) { r.Owner = "" }), false},
		{"another status", tokentest.Alice, change(func(r *token.ListRequest) { r.Statuses = r.Statuses[:1] }), false},
		{"another search", tokentest.Alice, change(func(r *token.ListRequest) { r.Search = "" }), false},
		{"cut short", tokentest.Alice, change(func(r *token.ListRequest) { r.Cursor = cursor[:len(cursor)-1] }), false},
		{"made longer", tokentest.Alice, change(func(r *token.ListRequest) { r.Cursor = cursor + "AA" }), false},
		{"padded", tokentest.Alice, change(func(r *token.ListRequest) { r.Cursor = cursor + "==" }), false},
		{"first byte changed", tokentest.Alice, change(func(r *token.ListRequest) { r.Cursor = "_" + cursor[1:] }), false},
		{"id in lower case", tokentest.Alice, change(func(r *token.ListRequest) {
			b, err := base64.RawURLEncoding.DecodeString(cursor)
			if err != nil {
				t.Fatal(err)
			}
			r.Cursor = base64.RawURLEncoding.EncodeToString(append(b[:8:8], strings.ToLower(string(b[8:]))...))
		}), false},
	} {
		page, err := s.List(t.Context(), test.person, test.r)
		switch {
		case test.ok && (err != nil || len(page.Tokens) == 0):
			t.Errorf("%s: %d tokens, error %v", test.name, len(page.Tokens), err)
		case !test.ok && token.CodeOf(err) != token.CodeInvalidRequest:
			t.Errorf("%s: error %v", test.name, err)
		}
	}
}
