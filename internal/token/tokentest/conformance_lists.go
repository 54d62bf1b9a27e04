package tokentest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/internal/token"
)

// ids lists, in one page.
func (c conforming) ids(q token.Query) []token.ID {
	c.t.Helper()
	found, err := c.Tokens(c.t.Context(), q)
	if err != nil {
		c.t.Fatalf("%+v: %v", q, err)
	}
	var ids []token.ID
	for _, t := range found {
		ids = append(ids, t.ID)
	}
	return ids
}

// lists checks a list, whole and by pages of two. A list may lag behind by a moment.
func (c conforming) lists(what string, q token.Query, want []token.ID) {
	c.t.Helper()
	q.Limit = 50
	var got []token.ID
	for range 100 {
		if got = c.ids(q); slices.Equal(got, want) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
		return
	}
	var paged []token.ID
	q.Limit = 2
	for {
		page := c.ids(q)
		paged = append(paged, page...)
		if len(page) < q.Limit {
			break
		}
		last := c.record(page[len(page)-1])
		q.After = token.Position{ID: last.ID, End: last.EndDate()}
	}
	if !slices.Equal(paged, want) {
		c.t.Errorf("%s, by pages: %v, want %v", what, paged, want)
	}
}

func reversed(ids []token.ID) []token.ID {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

func listsByCreation(_ *testing.T, c conforming) {
	var bobs, all []token.ID
	for i := range 5 {
		at := Noon.Add(time.Duration(i) * time.Second)
		n := c.issue(at, func(n *token.NewToken) { n.Token.Name = fmt.Sprintf("token %d", i) })
		bobs, all = append(bobs, n.Token.ID), append(all, n.Token.ID)
		if i == 2 {
			c.revoke(n.Token)
			all = append(all, c.issue(at.Add(time.Millisecond*500), func(n *token.NewToken) {
				*n = NewToken(c.t, "acme", ofErin, at.Add(time.Millisecond*500), 30)
				n.Token.ID = newID(c.t, at.Add(time.Millisecond*500))
				n.Credential.TokenID = n.Token.ID
			}).Token.ID)
		}
	}
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(c.t, "globex", ofBob, Noon, 30) })
	c.lists("bob's", token.Query{Organization: "acme", Owner: &ofBob}, bobs)
	c.lists("bob's, newest first", token.Query{Organization: "acme", Owner: &ofBob, Descending: true}, reversed(bobs))
	c.lists("everyone's", token.Query{Organization: "acme"}, all)
	c.lists("everyone's, newest first", token.Query{Organization: "acme", Descending: true}, reversed(all))
	c.lists("nobody's", token.Query{Organization: "initech"}, nil)
}

// endings issues bob a token for each number of days, and returns their ids in this order.
func (c conforming) endings(days ...int) []token.ID {
	c.t.Helper()
	var ids []token.ID
	for i, d := range days {
		at := Noon.Add(time.Duration(i) * time.Second)
		ids = append(ids, c.issue(at, func(n *token.NewToken) { *n = NewToken(c.t, "acme", ofBob, at, d) }).Token.ID)
	}
	return ids
}

func listsOfWhatLives(_ *testing.T, c conforming) {
	ids := c.endings(40, 1, 20, 20, 30, 365)
	c.revoke(c.record(ids[4]))
	ends := c.issue(Noon, func(n *token.NewToken) { n.Token.EndsOn, n.Credential.EndsOn = Today+5, Today+5 }).Token.ID
	erins := c.issue(Noon, func(n *token.NewToken) { *n = NewToken(c.t, "acme", ofErin, Noon, 10) }).Token.ID
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(c.t, "globex", ofBob, Noon, 10) })
	bobs := []token.ID{ends, ids[2], ids[3], ids[0], ids[5]} // on this date the one of a day has expired
	living := token.Query{Organization: "acme", Owner: &ofBob, Living: Today + 2}
	c.lists("bob's", living, bobs)
	living.Descending = true
	c.lists("bob's, latest first", living, reversed(bobs))
	living.Before = Today + 40
	c.lists("bob's before a date, latest first", living, reversed(bobs[:3]))
	living.Descending = false
	c.lists("bob's before a date", living, bobs[:3])
	living.Owner = nil
	c.lists("everyone's before a date", living, []token.ID{ends, erins, ids[2], ids[3]})
	living.Before = Today + 2
	c.lists("before the first date", living, nil)
	living.Living, living.Before = Today+1, 0
	c.lists("everyone's", living, []token.ID{ids[1], ends, erins, ids[2], ids[3], ids[0], ids[5]})
}

// The day on which a page was read may be over when the next one is asked for, and a cursor
// may say anything.
func listsBeginOutside(_ *testing.T, c conforming) {
	ids := c.endings(1, 20, 30, 60)
	at := func(i int) token.Position { return token.Position{ID: ids[i], End: c.record(ids[i]).EndDate()} }
	q := token.Query{Organization: "acme", Owner: &ofBob, Living: Today + 2, Before: Today + 60}
	c.lists("all", q, ids[1:3])
	q.After = at(0)
	c.lists("after one that has expired", q, ids[1:3])
	q.After = at(3)
	c.lists("after one beyond the last date", q, nil)
	q.Descending = true
	c.lists("latest first, after one beyond the last date", q, reversed(ids[1:3]))
	q.After = at(0)
	c.lists("latest first, after one that has expired", q, nil)
}
