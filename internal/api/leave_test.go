package api_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestRevokeMany(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "Nightly export", 30)
	other, _ := s.MustIssue(t, tokentest.Dave, "dave's", 30)
	body := `{"ids":["` + string(made.ID) + `","` + string(other.ID) + `"],"reason":"old"}`
	a := s.call(t, manyRoute, tokentest.Bob, "", body).ok(200)
	if want := `{"results":[{"id":"` + string(made.ID) + `","name":"Nightly export","outcome":"revoked"},{"id":"` + string(other.ID) +
		`","name":null,"outcome":"not_found"}]}`; a.Body != want {
		t.Errorf("%s\nwant %s", a.Body, want)
	}
	for body, places := range map[string]string{
		`{"ids":[]}`: "/ids", `{"owner":"bob","ids":["x"]}`: "/ids", `{"ids":"x"}`: "/ids", `{"ids":[1]}`: "/ids/0",
		`{"owner":""}`: "/owner", `{"owner":"a\tb"}`: "/owner", `{"ids":["x"],"force":true}`: "/force",
		`{"ids":["` + strings.Repeat(`x","`, 100) + `x"]}`: "/ids",
	} {
		if got := s.call(t, manyRoute, tokentest.Bob, "", body).problem(token.CodeInvalidRequest); got != places {
			t.Errorf("%.40s: places %q, want %q", body, got, places)
		}
	}
	s.call(t, manyRoute, tokentest.Bob, "", `{"owner":"alice"}`).problem(token.CodeForbidden)
}

func TestLeaveAndReturn(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "Nightly export", 30)
	dry := s.call(t, leaveRoute, tokentest.Alice, "", `{"person":"bob","dry_run":true}`).ok(200)
	if !strings.Contains(dry.Body, `"left_at":null`) || dry.at("person", "email") != "bob@acme.example" || !strings.Contains(dry.Body, `"name":"Nightly export"`) {
		t.Errorf("dry run: %s", dry.Body)
	}
	s.Store.Fail("Revoke", errors.New("the table is away"))
	if a := s.call(t, leaveRoute, tokentest.Alice, "", `{"person":"bob"}`).ok(202); !strings.Contains(a.Body, `"outcome":"failed"`) {
		t.Errorf("half-way: %s", a.Body)
	}
	s.Store.Fail("Revoke", nil)
	a := s.call(t, leaveRoute, tokentest.Alice, "", `{"person":"bob","reason":"left"}`).ok(200)
	if !strings.Contains(a.Body, `"outcome":"revoked"`) || strings.Contains(a.Body, `"left_at":null`) {
		t.Errorf("left: %s", a.Body)
	}
	s.call(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30}`).problem(token.CodeForbidden)
	if shown := s.call(t, getRoute, tokentest.Alice, made.ID, "").ok(200); shown.at("status") != "revoked" || shown.at("revoke_reason") != "left" {
		t.Errorf("shown: %s", shown.Body)
	}
	if a := s.call(t, returnRoute, tokentest.Alice, "", `{"person":"bob"}`).ok(200); !strings.Contains(a.Body, `"left_at":null`) || a.at("person", "id") != "bob" {
		t.Errorf("returned: %s", a.Body)
	}
	s.call(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30}`).ok(201)
	for _, route := range []string{leaveRoute, returnRoute} {
		s.call(t, route, tokentest.Dave, "", `{"person":"bob"}`).problem(token.CodeNotFound)
		s.call(t, route, tokentest.Bob, "", `{"person":"erin"}`).problem(token.CodeForbidden)
		if places := s.call(t, route, tokentest.Alice, "", `{}`).problem(token.CodeInvalidRequest); places != "/person" {
			t.Errorf("%s: places %q", route, places)
		}
	}
}
