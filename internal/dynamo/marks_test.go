package dynamo_test

import (
	"testing"
	"time"

	"latchkey/internal/token"
)

func TestUseIsRecordedNowAndThen(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.now = token.DateOf(tb.now).Start().Add(12 * time.Hour)
	n := tb.issue(t, tb.newToken(t, 30))
	used := func(at time.Time) (token.Use, time.Time) {
		t.Helper()
		c, err := tb.Credential(t.Context(), n.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := tb.Used(t.Context(), c, at, "203.0.113.0/24"); err != nil {
			t.Fatal(err)
		}
		if c, err = tb.Credential(t.Context(), n.Token.ID); err != nil {
			t.Fatal(err)
		}
		record, err := tb.Token(t.Context(), n.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Use, record.Uses.Last().LastAt
	}
	for _, step := range []struct {
		after, last, seen time.Duration
	}{
		{0, 0, 0},
		{time.Minute, 0, 0},               // recent enough
		{2 * time.Hour, 2 * time.Hour, 0}, // the record knows of the day
		{24 * time.Hour, 24 * time.Hour, 24 * time.Hour}, // another day
		{time.Hour, 24 * time.Hour, 24 * time.Hour},      // an earlier one comes late
		{25 * time.Hour, 25 * time.Hour, 24 * time.Hour},
	} {
		use, seen := used(tb.now.Add(step.after))
		want := token.Use{FirstAt: tb.now, LastAt: tb.now.Add(step.last), From: "203.0.113.0/24"}
		if use != want || !seen.Equal(tb.now.Add(step.seen)) {
			t.Errorf("after %v: use %+v, seen %v", step.after, use, seen)
		}
	}
	// Revoking keeps when it was used last.
	if _, err := tb.Revoke(t.Context(), tb.revocation(t, n.Token)); err != nil {
		t.Fatal(err)
	}
	if got, err := tb.Token(t.Context(), n.Token.ID); err != nil || !got.Uses.Last().LastAt.Equal(tb.now.Add(25*time.Hour)) {
		t.Errorf("last used %v, error %v", got.Uses.Last().LastAt, err)
	}
}

// A mark that comes late makes no item, and lands on no other secret.
func TestALateMarkFindsNothing(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	other := n.Credential
	other.Generation = 2
	if err := tb.Used(t.Context(), other, tb.now, "203.0.113.0/24"); err != nil {
		t.Fatal(err)
	}
	if c, err := tb.Credential(t.Context(), n.Token.ID); err != nil || c.Use != (token.Use{}) {
		t.Errorf("the mark of another generation landed: %+v, %v", c.Use, err)
	}
	for _, sk := range []string{"CURRENT", "PREVIOUS"} {
		tb.delete(t, "SECRET#"+string(n.Token.ID), sk)
	}
	tb.delete(t, "TOKEN#"+string(n.Token.ID), "TOKEN")
	for _, previous := range []bool{false, true} {
		late := n.Credential
		late.Previous = previous
		if err := tb.Used(t.Context(), late, tb.now, "203.0.113.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	if credentials, records := tb.count(t, "SECRET#"), tb.count(t, "TOKEN#"); credentials != 0 || records != 1 {
		t.Errorf("%d credentials and %d items of tokens, want 0 and the queue's", credentials, records)
	}
}

// Two authorizers that read at the same time keep the earliest first use and the latest last.
func TestMarksFromTheSameReadKeepTheirOrder(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	for _, after := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
		if err := tb.Used(t.Context(), n.Credential, tb.now.Add(after), "203.0.113.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	want := token.Use{FirstAt: tb.now.Add(time.Second), LastAt: tb.now.Add(3 * time.Second), From: "203.0.113.0/24"}
	if c, err := tb.Credential(t.Context(), n.Token.ID); err != nil || c.Use != want {
		t.Errorf("%+v, %v; want %+v", c.Use, err, want)
	}
}

// A secret that was replaced is marked where it is kept by then, or not at all.
func TestAMarkLandsOnItsOwnGeneration(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	// Another secret takes its place, as by a rotation.
	next, before := n.Credential, n.Credential
	next.Hash, next.Generation, next.Version, next.Overlap = token.Hash{2}, 2, 2, time.Hour
	before.Previous = true
	tb.put(t, credentialItem(next))
	tb.put(t, credentialItem(before))
	uses := func() (current, previous token.Credential) {
		t.Helper()
		current, err := tb.Credential(t.Context(), n.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		if previous, err = tb.Previous(t.Context(), n.Token.ID); err != nil {
			t.Fatal(err)
		}
		return current, previous
	}
	mark := func(c token.Credential) {
		t.Helper()
		if err := tb.Used(t.Context(), c, tb.now, "203.0.113.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	mark(n.Credential) // read before the other one was there
	current, previous := uses()
	if current.Use != (token.Use{}) || previous.Use != (token.Use{}) {
		t.Errorf("a late mark landed: %+v, %+v", current.Use, previous.Use)
	}
	mark(previous)
	if current, previous = uses(); current.Use != (token.Use{}) || !previous.Use.FirstAt.Equal(tb.now) {
		t.Errorf("the mark of the first secret landed on %+v, %+v", current.Use, previous.Use)
	}
	mark(current)
	if current, _ = uses(); !current.Use.FirstAt.Equal(tb.now) {
		t.Errorf("the mark of the second secret did not land: %+v", current.Use)
	}
}
