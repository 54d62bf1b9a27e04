package notice_test

import (
	"testing"
	"time"

	"latchkey/internal/notice"
)

// An automatic reply to each e-mail, which SES reports like a full mailbox, makes three
// more copies within a day and then none.
func TestAutomaticRepliesMakeNoLoop(t *testing.T) {
	at := time.Date(2026, time.December, 8, 0, 5, 0, 0, time.UTC)
	first := at
	var b notice.Bounces
	var copies []time.Duration
	for !b.Hopeless(at) {
		copies = append(copies, at.Sub(first))
		var next time.Time
		if b, next = b.Again(at, false); !next.After(at) {
			t.Fatalf("after bounce %d it is sent again at once", b.Count)
		}
		at = next
	}
	want := []time.Duration{0, time.Hour, 4 * time.Hour, 13 * time.Hour}
	if len(copies) != len(want) || at.Sub(first) != 24*time.Hour {
		t.Fatalf("copies after %v, and somebody else is notified after %s", copies, at.Sub(first))
	}
	for i := range want {
		if copies[i] != want[i] {
			t.Errorf("copy %d after %s, want %s", i, copies[i], want[i])
		}
	}
}

func TestBouncesAreCountedFromTheFirst(t *testing.T) {
	at := time.Date(2026, time.December, 8, 0, 5, 0, 0, time.UTC)
	b, _ := notice.Bounces{}.Again(at, false)
	b, retryAt := b.Again(at.Add(30*time.Hour), false) // SES had tried for so long
	if b.Count != 2 || !b.Since.Equal(at) || !b.Hopeless(at.Add(30*time.Hour)) || !retryAt.Equal(at.Add(30*time.Hour)) {
		t.Errorf("%+v, retry at %s", b, retryAt)
	}
	if b, retryAt := (notice.Bounces{}).Again(at, true); !b.Hopeless(at) || !retryAt.Equal(at) {
		t.Errorf("what cannot get better: %+v, retry at %s", b, retryAt)
	}
	if (notice.Bounces{}).Hopeless(at) {
		t.Error("what has never bounced is hopeless")
	}
}
