package token

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Schedule is the days before a token's expiry date on which its owner is told,
// largest first; 0 is the expiry date itself, on which the token has expired.
type Schedule []int

// NewSchedule checks and orders days: each 0 to 365, none twice, at least one.
func NewSchedule(days []int) (Schedule, error) {
	if len(days) == 0 {
		return nil, fmt.Errorf("notice days: want at least one")
	}
	s := slices.Clone(days)
	slices.SortFunc(s, func(a, b int) int { return b - a })
	for i, d := range s {
		if d < 0 || d > MaxDays {
			return nil, fmt.Errorf("notice days: %d is not between 0 and %d", d, MaxDays)
		}
		if i > 0 && s[i-1] == d {
			return nil, fmt.Errorf("notice days: %d is there twice", d)
		}
	}
	return s, nil
}

// Next returns the first date after the given one on which there may be something to
// tell of a token, and false if there is none. A token issued on that date is not told
// about itself on the day. The expiry date is always one: a notice for it may be added to
// the schedule while the token lives.
func (s Schedule) Next(expiry, after Date) (Date, bool) {
	for _, days := range s {
		if on := expiry - Date(days); on > after {
			return on, true
		}
	}
	return expiry, expiry > after
}

// Due splits the notices whose date has come by today: the tightest one, which is
// sent, and the wider ones, which it covers. ok is false if there is none to send: no
// date has come, or the token has expired and the schedule has no notice for that.
func (s Schedule) Due(expiry, today Date) (send int, covers []int, ok bool) {
	var passed []int
	for _, days := range s {
		if expiry-Date(days) <= today {
			passed = append(passed, days)
		}
	}
	if len(passed) == 0 {
		return 0, nil, false
	}
	send = passed[len(passed)-1]
	if today >= expiry && send != 0 {
		return 0, nil, false
	}
	return send, passed[:len(passed)-1], true
}

// DueNotice is an entry of the work queue: a token that still has a notice to come.
type DueNotice struct {
	ID           ID
	Organization string
	Owner        string
	On           Date // the notice date
	// Failing says that sending was tried and failed, and HeldUntil until when nobody may
	// claim the token; both as the queue knows it, which may lag behind by a moment.
	Failing   bool
	HeldUntil time.Time
}

// ErrClaimLost says that a token is another run's by now, or is gone.
var ErrClaimLost = errors.New("the claim is lost")

// Claim reserves a token's notice for one run. Another run may take it over after
// Until, when the claimant can no longer be alive.
type Claim struct {
	Run   string
	Until time.Time
}

// Claimed is a token as it was at the moment of the claim.
type Claimed struct {
	Token

	// FailingSince is when sending its notice first failed; zero if it did not.
	FailingSince time.Time
}

// Failure is what a run leaves behind with a claim that it gives back. Its zero value
// says that nothing was tried.
type Failure struct {
	Since   time.Time // when sending first failed
	RetryAt time.Time // no run may claim the token before; zero: the next one may
}

// Mark is what becomes of a claimed token: the notices to record and the next one to
// come. Without notices the token only moves on in the queue.
type Mark struct {
	ID      ID
	Notices []Notice
	Next    Date
	HasNext bool
	Audit   *Audit // recorded with the notices
}

// SentMail is an e-mail that SES accepted, kept so that a bounce finds its way back to
// the tokens that it was about.
type SentMail struct {
	MessageID  string
	At         time.Time
	Recipients []Owner
	Tokens     []ID
}
