package tokentest

import (
	"testing"
	"time"

	"latchkey/internal/token"
)

// keep keeps a person, and returns what is known of them.
func (c conforming) keep(p token.Person, at time.Time) token.Person {
	c.t.Helper()
	known, err := c.KeepPerson(c.t.Context(), p, at)
	if err != nil {
		c.t.Fatal(err)
	}
	return known
}

// person reads one person of acme.
func (c conforming) person(id string) token.Person {
	c.t.Helper()
	people, err := c.PeopleByID(c.t.Context(), "acme", []string{id, "nobody"})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(people) > 1 {
		c.t.Fatalf("%d people, want at most 1", len(people))
	}
	return people[id]
}

var alice = token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Role: token.RoleAdmin}

func peopleAreAsTheyAreNow(t *testing.T, c conforming) {
	t.Helper()
	if got := c.keep(alice, Noon); got != alice {
		t.Errorf("kept %+v", got)
	}
	c.keep(token.Person{Organization: "globex", ID: "alice", Email: "alice@globex.example"}, Noon)
	if got := c.person("alice"); got != alice {
		t.Errorf("read %+v", got)
	}
	if got := c.person("bob"); got != (token.Person{}) {
		t.Errorf("somebody unknown is %+v", got)
	}
	moved := alice
	moved.Email, moved.Role = "alice@new.example", token.RoleManager
	c.keep(moved, Noon.Add(time.Minute))
	if got := c.person("alice"); got != moved {
		t.Errorf("after a change: %+v", got)
	}
	moved.Role = token.RoleAdmin
	c.keep(moved, Noon.Add(2*time.Minute))
	for _, role := range []token.Role{token.RoleManager, token.RoleAdmin, token.RoleNone} {
		for _, id := range []string{"alice", "alice", "bob"} {
			if _, err := c.Demote(t.Context(), "acme", id, role); err != nil {
				t.Errorf("demoting %s: %v", id, err)
			}
		}
		moved.Role = min(moved.Role, role)
		if got := c.person("alice"); got != moved {
			t.Errorf("demoted to %d: %+v", role, got)
		}
	}
	if got := c.person("bob"); got != (token.Person{}) {
		t.Errorf("demoting somebody unknown made %+v", got)
	}
	// Without a role, who is known is kept current, and nobody becomes known.
	moved.Email = "alice@newer.example"
	for _, p := range []token.Person{moved, {Organization: "acme", ID: "bob", Email: "bob@acme.example"}} {
		if got, err := c.KeepKnown(t.Context(), p, Noon.Add(3*time.Minute)); err != nil || got != p {
			t.Errorf("%s without a role: %+v, error %v", p.ID, got, err)
		}
	}
	if got := c.person("alice"); got != moved {
		t.Errorf("an address that changed after the role was lost: %+v", got)
	}
	if got := c.person("bob"); got != (token.Person{}) {
		t.Errorf("keeping somebody unknown made %+v", got)
	}
	// A call that was under way for long does not bring an old address back.
	c.keep(alice, Noon.Add(-time.Hour))
	if got := c.person("alice"); got != moved {
		t.Errorf("an older call won: %+v", got)
	}
}

func undeliverableIsOfAnAddress(t *testing.T, c conforming) {
	t.Helper()
	mark := func(p token.Person, at time.Time) {
		t.Helper()
		if err := c.MarkUndeliverable(t.Context(), p, at); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what string, want bool, at time.Time) {
		t.Helper()
		if got := c.person("alice").Undeliverable; got != want {
			t.Errorf("%s: undeliverable is %v", what, got)
		}
		if got := c.keep(c.person("alice"), at).Undeliverable; got != want {
			t.Errorf("%s: at a sign-in, undeliverable is %v", what, got)
		}
	}
	mark(alice, Noon) // of nobody
	if got := c.person("alice"); got != (token.Person{}) {
		t.Errorf("a mark made %+v", got)
	}
	c.keep(alice, Noon)
	mark(alice, Noon)
	is("marked", true, Noon.Add(time.Minute))

	moved := alice
	moved.Email = "alice@new.example"
	c.keep(moved, Noon.Add(2*time.Minute))
	is("with a new address", false, Noon.Add(3*time.Minute))
	mark(alice, Noon.Add(4*time.Minute)) // a late bounce of the old address
	is("the old address came back", false, Noon.Add(5*time.Minute))

	mark(moved, Noon.Add(6*time.Minute))
	is("the new address came back", true, Noon.Add(7*time.Minute))
	mark(alice, Noon.Add(7*time.Minute))
	is("then the old one, late", true, Noon.Add(8*time.Minute))
	if err := c.ClearUndeliverable(t.Context(), "acme", "alice"); err != nil {
		t.Fatal(err)
	}
	is("cleared", false, Noon.Add(9*time.Minute))
	if err := c.ClearUndeliverable(t.Context(), "acme", "bob"); err != nil {
		t.Errorf("clearing somebody unknown: %v", err)
	}
	if got := c.person("bob"); got != (token.Person{}) {
		t.Errorf("clearing made %+v", got)
	}

	// Somebody who signs in some days later gets another try.
	mark(moved, Noon.Add(time.Hour))
	is("a day later", true, Noon.Add(25*time.Hour))
	later := Noon.Add(time.Hour + 3*24*time.Hour)
	if c.keep(moved, later).Undeliverable {
		t.Error("three days later the mark holds at a sign-in")
	}
	is("three days later", false, later.Add(time.Minute))
}
