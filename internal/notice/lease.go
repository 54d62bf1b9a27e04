package notice

import (
	"time"

	"latchkey/internal/token"
)

// Lease is a run's hold on an entry: until it lapses, no other run sends it.
type Lease struct {
	Run   string // who holds it
	Until time.Time
	Mail  token.ID // the e-mail that the run is going to send
}

// Leased is an entry as it was when a run leased it.
type Leased struct {
	Due
	Outcomes     []Outcome // of a token's entry
	Notice       Notice    // of a notice's entry
	Bounces      Bounces   // of a notice's entry: of the e-mails that it was sent in so far
	FailingSince time.Time // since when sending it has failed; zero if it has not
	// Before is the e-mail that the entry was leased for by a run that neither marked it nor
	// gave it back; empty if there is none. It may have been sent.
	Before token.ID
}

// Outcome is what is known of a notice about a token's entry; its State is empty if that is
// nothing.
func (l Leased) Outcome(k Kind, date token.Date) Outcome { return find(l.Outcomes, k, date) }

func find(outcomes []Outcome, k Kind, date token.Date) Outcome {
	for _, o := range outcomes {
		if o.Kind == k && o.Date == date {
			return o
		}
	}
	return Outcome{Kind: k, Date: date}
}

// Failure is how sending an entry failed.
type Failure struct {
	Since   time.Time // since when it fails; zero: it did not fail
	RetryAt time.Time // no run tries it before; zero: the next run may
}
