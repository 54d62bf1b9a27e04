package dynamo_test

import (
	"testing"
	"time"

	"latchkey/internal/token"
)

func TestNothingStandsInTheWayOfARevocation(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(table, token.NewToken){
		"no quota":      func(tb table, _ token.NewToken) { tb.delete(t, "QUOTA#YWNtZQ#Ym9i", "QUOTA") },
		"no queue":      func(tb table, n token.NewToken) { tb.delete(t, "TOKEN#"+string(n.Token.ID), "QUEUE") },
		"no credential": func(tb table, n token.NewToken) { tb.delete(t, "SECRET#"+string(n.Token.ID), "CURRENT") },
	} {
		tb := newTable(t)
		n := tb.issue(t, tb.newToken(t, 30))
		gone(tb, n)
		if changed, err := tb.Revoke(t.Context(), tb.revocation(t, n.Token)); err != nil || !changed {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		got, err := tb.Token(t.Context(), n.Token.ID)
		if err != nil || got.RevokedAt.IsZero() || tb.count(t, "SECRET#") != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

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
		if err := tb.Used(t.Context(), c, at); err != nil {
			t.Fatal(err)
		}
		if c, err = tb.Credential(t.Context(), n.Token.ID); err != nil {
			t.Fatal(err)
		}
		record, err := tb.Token(t.Context(), n.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Use, record.LastUsedAt
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
		want := token.Use{FirstAt: tb.now, LastAt: tb.now.Add(step.last)}
		if use != want || !seen.Equal(tb.now.Add(step.seen)) {
			t.Errorf("after %v: use %+v, seen %v", step.after, use, seen)
		}
	}
	// Revoking keeps when it was used last.
	if _, err := tb.Revoke(t.Context(), tb.revocation(t, n.Token)); err != nil {
		t.Fatal(err)
	}
	if got, err := tb.Token(t.Context(), n.Token.ID); err != nil || !got.LastUsedAt.Equal(tb.now.Add(25*time.Hour)) {
		t.Errorf("last used %v, error %v", got.LastUsedAt, err)
	}
}

// A mark that comes late makes no item, and lands on no other secret.
func TestALateMarkFindsNothing(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	other := n.Credential
	other.Generation = 2
	if err := tb.Used(t.Context(), other, tb.now); err != nil {
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
		if err := tb.Used(t.Context(), late, tb.now); err != nil {
			t.Fatal(err)
		}
	}
	if credentials, records := tb.count(t, "SECRET#"), tb.count(t, "TOKEN#"); credentials != 0 || records != 1 {
		t.Errorf("%d credentials and %d items of tokens, want 0 and the queue's", credentials, records)
	}
}
