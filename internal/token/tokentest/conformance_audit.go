package tokentest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"latchkey/internal/token"
)

func trailByPages(t *testing.T, c conforming) {
	t.Helper()
	all := token.AuditQuery{Organization: "acme", From: "0", To: "8", Limit: 10}
	read := func(change func(*token.AuditQuery)) []token.Audit {
		t.Helper()
		q := all
		change(&q)
		found, err := c.AuditEntries(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := read(func(*token.AuditQuery) {}); len(found) != 0 {
		t.Errorf("of nothing: %+v", found)
	}
	first := c.issue(Noon, nil)
	second := c.issue(Noon.Add(time.Second), nil)
	theirs := c.issue(Noon.Add(2*time.Second), func(n *token.NewToken) {
		*n = NewToken(t, "globex", ofBob, Noon.Add(2*time.Second), 30)
	})
	left := NewDeparture(t, "erin", token.ActionLeft, Noon.Add(3*time.Second))
	if _, err := c.Leave(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	want := c.Trail("acme")
	slices.Reverse(want)
	if found := read(func(*token.AuditQuery) {}); !reflect.DeepEqual(found, want) || len(want) != 3 || found[0].Person != "erin" {
		t.Errorf("%+v\nwant %+v", found, want)
	}
	page := read(func(q *token.AuditQuery) { q.Limit = 2 })
	rest := read(func(q *token.AuditQuery) { q.Limit, q.After = 2, want[1].ID })
	if !reflect.DeepEqual(slices.Concat(page, rest), want) {
		t.Errorf("pages: %+v and %+v", page, rest)
	}
	within := read(func(q *token.AuditQuery) { q.From, q.To = second.Audit.ID, second.Audit.ID })
	if len(within) != 1 || within[0].ID != second.Audit.ID {
		t.Errorf("within a moment: %+v", within)
	}
	if none := read(func(q *token.AuditQuery) { q.To = "0" }); len(none) != 0 {
		t.Errorf("before all: %+v", none)
	}
	for id, entries := range map[token.ID]int{first.Token.ID: 1, theirs.Token.ID: 0} {
		var of []token.Audit
		for range 20 { // an index lags behind
			if of = read(func(q *token.AuditQuery) { q.Token = id }); len(of) == entries {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if len(of) != entries {
			t.Errorf("about token %s: %+v", id, of)
		}
		if after := read(func(q *token.AuditQuery) { q.Token, q.After = id, first.Audit.ID }); len(after) != 0 {
			t.Errorf("about token %s, after the last: %+v", id, after)
		}
	}
}
