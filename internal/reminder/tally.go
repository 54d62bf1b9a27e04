package reminder

import (
	"sync"
	"time"

	"latchkey/internal/token"
)

// outcome is what became of a notice that was due.
type outcome int

const (
	sent    outcome = iota
	idle            // there was nothing to tell, and the token has moved on in the queue
	skipped         // gone, told or claimed by another run
	failed
	givenUp // failed, and not to be tried again
	left
)

// tally counts outcomes. It is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	counts  Result
	overdue token.Date // oldest notice date of what was due and not sent; 0: none
}

func newTally(due int) *tally { return &tally{counts: Result{Due: due}} }

func (t *tally) add(o outcome, due ...token.DueNotice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch o {
	case sent:
		t.counts.Sent += len(due)
		return
	case idle:
		t.counts.Skipped += len(due)
		return
	case skipped: // perhaps since a run that died, or waits to try again, holds the claim
		t.counts.Skipped += len(due)
	case failed:
		t.counts.Failed += len(due)
	case givenUp:
		t.counts.Failed += len(due)
		t.counts.GivenUp += len(due)
	case left:
		t.counts.Left += len(due)
	}
	for _, d := range due {
		if t.overdue == 0 || d.On < t.overdue {
			t.overdue = d.On
		}
	}
}

func (t *tally) mail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Mails++
}

// result is the sum of a run that was scheduled for a time.
func (t *tally) result(scheduled time.Time) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.counts
	r.Time = scheduled.UTC()
	if t.overdue != 0 {
		r.OldestOverdueHours = max(0, r.Time.Sub(t.overdue.Start()).Hours())
	}
	return r
}
