package reminder

import (
	"sync"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// outcome is how a notice that was due is counted.
type outcome int

const (
	sent      outcome = iota
	delegated         // notices to admins were made
	noOp              // there was nothing to send, and the entry has moved on in the queue
	skipped           // gone, or another run's
	failed
	abandoned // failed, and not to be tried again
	deferred
)

// tally counts outcomes. It is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	counts  Result
	overdue token.Date // oldest date of what was due and not sent; 0: none
}

func newTally(due int) *tally { return &tally{counts: Result{Due: due}} }

func (t *tally) add(o outcome, due ...notice.Due) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch o {
	case sent:
		t.counts.Sent += len(due)
		return
	case delegated:
		t.counts.Delegated += len(due)
		return
	case noOp:
		t.counts.Skipped += len(due)
		return
	case skipped: // perhaps since a run that died, or that failed, holds the lease
		t.counts.Skipped += len(due)
	case failed:
		t.counts.Failed += len(due)
	case abandoned:
		t.counts.Failed += len(due)
		t.counts.Abandoned += len(due)
	case deferred:
		t.counts.Deferred += len(due)
	}
	for _, d := range due {
		if t.overdue == 0 || d.On < t.overdue {
			t.overdue = d.On
		}
	}
}

// more counts notices that the run itself has made due.
func (t *tally) more(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Due += n
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
