// Package reminder notifies people: owners that their tokens expire or were revoked, and
// admins where an owner cannot be reached.
//
// The invariant: for every notice, each of its recipients gets one e-mail that SES accepts,
// within the first run after the notice is due that has enough capacity.
//   - A token that stays active up to a notice date has a notice of that kind, and its owner
//     is the recipient. When several dates have passed, one notice is sent, the tightest,
//     and the wider ones count as covered by it. None is sent for a token that was revoked
//     before it, whose end or owner was changed, nor, the last one aside, that has expired.
//   - Where mail does not reach the owner, the notice is delegated: each of at most ten
//     admins of the organization, those seen last, becomes the recipient of a notice of
//     their own. It is delegated once, in the write that takes it from the owner.
//   - An owner whose token somebody else has revoked is the recipient of a notice of that.
//   - While a token has an old secret beside a new one that was not used, the old one's end
//     has notices like an expiry date's. They end with the first use, and with the rotation.
//   - A token has one notice a run, the one about the earliest date first.
//   - What cannot be sent to anybody is abandoned after a day, or a week where SES refuses
//     it, and the log, the API and, of an expiry date, the event say so.
//
// A recipient gets a second copy only if
//   - the process dies, or the table stays out of reach for as long as the run can wait,
//     between SES's answer and the one conditional write that records the e-mail. Of an
//     e-mail that is recorded, another run completes the rest without sending it again;
//   - SES's answer never arrives. Then each further try waits as long as it has been
//     failing so far, so that an answer which is lost again and again makes few copies;
//   - what it is about is given another end or owner while it is under way;
//   - SES later says that the e-mail bounced. Then it is sent again after growing pauses,
//     three times within a day, or not at all where the same would bounce again, and then
//     to the admins.
//
// A notice that SES refused, or had a fault of its own with, also waits between tries, for
// a few hours at most, and never beyond the next notice date. It comes behind all that
// have not failed, so that it takes no capacity from them.
//
// How it is kept: what is to come is in the index "due" under its date: a token's own entry
// under the earliest of its notices, and each other notice under its own. A run leases each
// due entry with a conditional write that fails for one that was revoked, sent or leased
// otherwise; sends; and marks, in one transaction, what was sent and what comes next. A
// lease lapses when the run that holds it can no longer be alive, so a crash delays a
// notice by one run and never loses it. What a run has no time or quota for is deferred: it
// stays in the index for the next.
//
// Trust: it may mark notices as sent and send mail in the company's name to any
// address. Its role lets it neither make a token valid nor bring back a revoked one.
package reminder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// Reader is what a run reads.
type Reader interface {
	// Due returns a shard's entries that are due on a date, oldest first, at most limit. An
	// error comes with what could be read.
	Due(ctx context.Context, shard int, today token.Date, limit int) ([]notice.Due, error)
	// Records returns the records of tokens, by a strongly consistent read; of those that
	// are deleted there is none.
	Records(ctx context.Context, ids []token.ID) (map[token.ID]token.Token, error)
	// PeopleByID returns what is known of the people with these ids.
	PeopleByID(ctx context.Context, organization string, ids []string) (map[string]token.Person, error)
	// Admins returns an organization's admins who were seen since a moment and whom use
	// accepts, those seen last first, at most limit.
	Admins(ctx context.Context, organization string, since time.Time, limit int, use func(token.Person) bool) ([]token.Person, error)
}

// Queue is the work queue and the record of what was sent.
type Queue interface {
	Reader
	noticeReader
	// Lease holds an entry for a run and returns it as it was. It returns false if there is
	// nothing due any more, or another run holds it.
	Lease(ctx context.Context, d notice.Due, l notice.Lease, now time.Time) (notice.Leased, bool, error)
	// Mark records a change, all of it or nothing. The error is a [notice.LostError] if
	// leases are lost. The same call again finds out whether it was recorded.
	Mark(ctx context.Context, c notice.Change) error
	// Release gives a lease back.
	Release(ctx context.Context, r notice.Ref, run string, f notice.Failure) error
	// SentMail returns an e-mail by the id that entries were leased under for it, if it was
	// recorded before all of its entries were.
	SentMail(ctx context.Context, id token.ID) (notice.SentMail, bool, error)
}

// Mailer sends e-mails.
type Mailer interface {
	// Capacity says how much may be sent now.
	Capacity(ctx context.Context) (Capacity, error)
	// Send makes one attempt. Where SES has answered that nothing was sent, or cannot have
	// heard of it, its error wraps one of those below; any other error leaves open whether
	// it was sent. No error holds an address.
	Send(ctx context.Context, m mail.Message) (messageID string, err error)
}

// Capacity is what the mailer may send.
type Capacity struct {
	PerSecond float64
	Remaining int // e-mails left of the daily quota; negative: no limit
}

// Why an e-mail was not sent.
var (
	ErrThrottled   = errors.New("sending too fast")                      // try again in a moment
	ErrUnreachable = errors.New("SES cannot be reached")                 // try again in a moment
	ErrPaused      = errors.New("the account cannot send")               // nor any other e-mail: try in another run
	ErrRejected    = errors.New("the e-mail was rejected")               // may work later
	ErrAddress     = errors.New("the address cannot be sent to, at all") // nor will it ever
	ErrBroken      = errors.New("SES had a fault of its own")            // may work later
)

// Config is what a [Reminder] needs. All of it is required but AllowFuture.
type Config struct {
	Queue    Queue
	Mailer   Mailer
	Composer *mail.Composer
	Schedule notice.Schedule
	Shards   int // partitions of the work queue
	// MaxWrites is how many items one Mark can change.
	MaxWrites int
	// AdminsSeenWithin is how recently an admin must have been seen to be notified in an
	// owner's place.
	AdminsSeenWithin time.Duration
	// AllowFuture takes scheduled times that are more than a day ahead of the clock.
	AllowFuture bool
	Now         func() time.Time
	NewID       func(time.Time) (token.ID, error) // for runs, e-mails, notices and audit entries
	Log         *slog.Logger
}

// leastWrites is the fewest items that a Mark must be able to change: an e-mail's two
// records, notices to all admins, and a token's entry with its event.
const leastWrites = mailWrites + maxAdmins + 2

// Reminder sends notices.
type Reminder struct{ c Config }

// New refuses a half-built configuration.
func New(c Config) (*Reminder, error) {
	switch {
	case c.Queue == nil || c.Mailer == nil || c.Composer == nil || c.Now == nil || c.NewID == nil || c.Log == nil:
		return nil, errors.New("reminder: queue, mailer, composer, clock, ids and log are required")
	case len(c.Schedule) == 0:
		return nil, errors.New("reminder: no notice schedule")
	case c.Shards < 1:
		return nil, errors.New("reminder: there must be at least 1 shard")
	case c.MaxWrites < leastWrites:
		return nil, fmt.Errorf("reminder: a mark must be able to change %d items", leastWrites)
	case c.AdminsSeenWithin < day:
		return nil, errors.New("reminder: admins seen within a day must be notified")
	}
	return &Reminder{c}, nil
}

// Result is what a run did. All counts but Mails are of notices, and each notice that
// was due counts once: Due = Sent + Delegated + Skipped + Failed + Deferred.
type Result struct {
	Time      time.Time `json:"time"`      // the scheduled time
	Due       int       `json:"due"`       // found in the queue, and those to admins that the run made
	Sent      int       `json:"sent"`      // accepted by SES
	Delegated int       `json:"delegated"` // notices to admins were made in its place
	Skipped   int       `json:"skipped"`   // there was nothing to send any more, or it is another run's
	Failed    int       `json:"failed"`    // not sent, or sent and not recorded; see the log
	Deferred  int       `json:"deferred"`  // not tried: out of time or quota, or its recipient cannot be reached yet
	Abandoned int       `json:"abandoned"` // of those that failed, the ones that will not be tried again
	Mails     int       `json:"mails"`     // e-mails that SES accepted; one can hold several notices
	// OldestOverdueHours is how long the oldest notice that was due and not sent has
	// been due, from the start of its date.
	OldestOverdueHours float64 `json:"oldest_overdue_hours"`
}

const (
	day = 24 * time.Hour
	// maxRun is how long a run may take where its context has no deadline: as long as a
	// Lambda function can.
	maxRun = 15 * time.Minute
	// farAhead is how far a scheduled time may be ahead of the clock. It only differs by the
	// clocks; a year typed wrongly would have every owner notified that their tokens expired.
	farAhead = day
)

// Handle is a run as the schedule asks for it, with one line in the log that metrics and
// alarms are made from.
func (r *Reminder) Handle(ctx context.Context, scheduled time.Time) (Result, error) {
	if scheduled.IsZero() {
		return Result{}, errors.New("the event has no time")
	}
	if ahead := scheduled.Sub(r.c.Now()); ahead > farAhead && !r.c.AllowFuture {
		return Result{}, fmt.Errorf("the event's time %s is more than a day ahead of the clock", scheduled.UTC().Format(time.RFC3339))
	}
	result, err := r.Run(ctx, scheduled)
	fields := []any{
		"scheduled_at", result.Time.Format(time.RFC3339), "due", result.Due, "sent", result.Sent, "delegated", result.Delegated,
		"skipped", result.Skipped, "failed", result.Failed, "deferred", result.Deferred, "abandoned", result.Abandoned,
		"mails", result.Mails, "oldest_overdue_hours", result.OldestOverdueHours,
	}
	if err != nil {
		r.c.Log.ErrorContext(ctx, "run failed", append(fields, "error", err.Error())...)
		return result, err
	}
	r.c.Log.InfoContext(ctx, "run finished", fields...)
	return result, nil
}

// Run sends what is due at a scheduled time. The error says that it could not be found
// out what is due, or not all of it, or how much may be sent; failures of single notices
// are in the result.
func (r *Reminder) Run(ctx context.Context, scheduled time.Time) (Result, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxRun)
		defer cancel()
	}
	// An event that comes late must not say what is no longer so.
	today := max(token.DateOf(scheduled), token.DateOf(r.c.Now()))
	due, dueErr := allDue(ctx, r.c.Queue, r.c.Shards, today)
	counts := newTally(len(due))
	due, held := ready(due, r.c.Now())
	counts.add(skipped, held...)
	if len(due) == 0 {
		return counts.result(scheduled), dueErr
	}
	s, err := r.newSending(ctx, today, counts)
	if err != nil {
		counts.add(deferred, due...)
		return counts.result(scheduled), errors.Join(dueErr, err)
	}
	s.all(ctx, due)
	return counts.result(scheduled), dueErr
}
