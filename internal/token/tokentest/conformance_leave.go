package tokentest

import (
	"context"
	"testing"
	"time"

	"latchkey/internal/token"
)

func quotasCountWhatIsActive(t *testing.T, c conforming) {
	t.Helper()
	read := func(o token.Owner) token.Quota {
		t.Helper()
		q, err := c.Quota(t.Context(), "acme", o)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := read(ofBob); q.Active != nil || !q.LeftAt.IsZero() {
		t.Errorf("of somebody without tokens: %+v", q)
	}
	kept, ended := c.issue(Noon, nil), c.issue(Noon, nil)
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(t, "acme", ofErin, Noon, 30) })
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(t, "globex", ofBob, Noon, 30) })
	c.revoke(ended.Token)
	q := read(ofBob)
	if at, there := q.Active[kept.Token.ID]; len(q.Active) != 1 || !there || !at.Equal(kept.Token.ExpiresAt()) {
		t.Errorf("active: %v", q.Active)
	}
}

func leavingAndReturning(t *testing.T, c conforming) {
	t.Helper()
	leave := func(at time.Time) time.Time {
		t.Helper()
		since, err := c.Leave(t.Context(), NewDeparture(t, "bob", token.ActionLeft, at))
		if err != nil {
			t.Fatal(err)
		}
		return since
	}
	comeBack := func() {
		t.Helper()
		if err := c.Return(t.Context(), NewDeparture(t, "bob", token.ActionReturned, Noon)); err != nil {
			t.Fatal(err)
		}
	}
	comeBack() // from nowhere: nothing is changed, and nothing is recorded
	if since := leave(Noon); !since.Equal(Noon) {
		t.Errorf("left at %s", since)
	}
	if since := leave(Noon.Add(time.Hour)); !since.Equal(Noon) {
		t.Errorf("the second time: left at %s", since)
	}
	c.refused("after leaving, without a token before", token.CodeForbidden, Noon, nil)
	comeBack()
	comeBack()
	c.issue(Noon, nil)
	var actions []token.Action
	for _, entry := range c.Trail("acme") {
		if actions = append(actions, entry.Action); entry.Action != token.ActionIssued && entry.Person != "bob" {
			t.Errorf("audit entry %+v", entry)
		}
	}
	if len(actions) != 3 {
		t.Errorf("audit entries: %v", actions)
	}
}

func leftIsNoAdmin(t *testing.T, c conforming) {
	t.Helper()
	admin := token.Person{Organization: "acme", ID: "bob", Email: "bob@acme.example", Role: token.RoleAdmin}
	admins := func() int {
		t.Helper()
		if _, err := c.KeepPerson(t.Context(), admin, Noon); err != nil { // signs in all the same
			t.Fatal(err)
		}
		found, err := c.Admins(context.WithoutCancel(t.Context()), "acme", Noon.Add(-time.Hour), 10, func(token.Person) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	before := admins()
	MustLeave(t, c, "bob")
	people, err := c.PeopleByID(t.Context(), "acme", []string{"bob"})
	if err != nil {
		t.Fatal(err)
	}
	if left := admins(); before != 1 || left != 0 || people["bob"].Role != token.RoleNone || !people["bob"].Left {
		t.Errorf("%d admins before, %d after leaving, who is %+v", before, left, people["bob"])
	}
	if err := c.Return(t.Context(), NewDeparture(t, "bob", token.ActionReturned, Noon)); err != nil {
		t.Fatal(err)
	}
	if admins() != 1 {
		t.Error("who has returned is no admin")
	}
}
