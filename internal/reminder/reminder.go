// Package reminder tells owners that their tokens expire.
//
// The invariant: for every token that stays active up to a notice date, exactly one
// notice of that kind is accepted by SES within the first run after that date that
// has enough capacity. When several notice dates have passed, one notice is sent, the
// tightest, and the wider ones count as covered by it. No notice is sent for a token
// that was revoked before it, nor, the last notice aside, for one that has expired.
//
// A second copy is possible only if
//   - the process dies, or the table stays out of reach for as long as the run can
//     wait, between SES's answer and the one conditional write that records it;
//   - SES's answer never arrives. Then each further try waits as long as it has been
//     failing so far, so that an answer which is lost again and again makes few copies;
//   - SES later says that the e-mail bounced: it is told again, to somebody else, or to
//     the same address if the bounce was temporary.
//
// A notice that SES refused, or had a fault of its own with, also waits between tries, for
// a few hours at most, and never beyond the next notice date. It comes behind all that
// have not failed, so that it takes no capacity from them.
//
// How it is kept: a token with a notice to come is in the index "due" under the date
// of that notice. A run claims each due token with a conditional write that fails for
// a revoked, already told or otherwise claimed token; sends; and marks, in one
// transaction, what was sent and which notice comes next. A claim lapses when the run
// that made it can no longer be alive, so a crash delays a notice by one run and never
// loses it. What a run has no time or quota for stays in the index for the next.
//
// Trust: it may mark notices as sent and send mail in the company's name to any
// address. Its role lets it neither make a token valid nor bring back a revoked one.
package reminder

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"latchkey/internal/token"
)

// Reader is what a run reads.
type Reader interface {
	Due(ctx context.Context, shard int, today token.Date, limit int) ([]token.DueNotice, error)
	Owners(ctx context.Context, organization string, ids []string) (map[string]token.Owner, error)
	Admins(ctx context.Context, organization string, since time.Time) ([]token.Owner, error)
}

// Queue is the work queue and the record of what was sent.
type Queue interface {
	Reader
	Claim(ctx context.Context, d token.DueNotice, c token.Claim, now time.Time) (token.Claimed, bool, error)
	Mark(ctx context.Context, run string, mail *token.SentMail, marks []token.Mark) error
	Release(ctx context.Context, id token.ID, run string, f token.Failure) error
}

// Mailer sends e-mails.
type Mailer interface {
	// Capacity says how much may be sent now.
	Capacity(ctx context.Context) (Capacity, error)
	// Send makes one attempt. Where SES has answered that nothing was sent, or cannot have
	// heard of it, its error wraps one of those below; any other error leaves open whether
	// it was sent. No error holds an address.
	Send(ctx context.Context, m Mail) (messageID string, err error)
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

// Config is what a [Reminder] needs. All of it is required.
type Config struct {
	Queue    Queue
	Mailer   Mailer
	Composer *Composer
	Schedule token.Schedule
	Shards   int // partitions of the work queue
	MaxGroup int // tokens in one e-mail, at most what one Mark can take
	Now      func() time.Time
	NewID    func(time.Time) (token.ID, error) // for runs and audit entries
	Log      *slog.Logger
}

// Reminder sends notices.
type Reminder struct{ c Config }

// New refuses a half-built configuration.
func New(c Config) (*Reminder, error) {
	switch {
	case c.Queue == nil || c.Mailer == nil || c.Composer == nil || c.Now == nil || c.NewID == nil || c.Log == nil:
		return nil, errors.New("reminder: queue, mailer, composer, clock, ids and log are required")
	case len(c.Schedule) == 0:
		return nil, errors.New("reminder: no notice schedule")
	case c.Shards < 1 || c.MaxGroup < 1:
		return nil, errors.New("reminder: shards and tokens in a mail must be at least 1")
	}
	return &Reminder{c}, nil
}

// Result is what a run did. All counts but Mails are of notices, and each notice that
// was due counts once: Due = Sent + Skipped + Failed + Left.
type Result struct {
	Time    time.Time `json:"time"`     // the scheduled time
	Due     int       `json:"due"`      // found in the queue
	Sent    int       `json:"sent"`     // accepted by SES and recorded
	Skipped int       `json:"skipped"`  // revoked or told meanwhile, or another run's
	Failed  int       `json:"failed"`   // not sent, or sent and not recorded; see the log
	Left    int       `json:"left"`     // not tried: out of time or quota
	GivenUp int       `json:"given_up"` // of those that failed, the ones that will not be tried again
	Mails   int       `json:"mails"`    // e-mails that SES accepted; one can hold several notices
	// OldestOverdueHours is how long the oldest notice that was due and not sent has
	// been due, from the start of its notice date.
	OldestOverdueHours float64 `json:"oldest_overdue_hours"`
}

// maxRun is how long a run may take where its context has no deadline: as long as a
// Lambda function can.
const maxRun = 15 * time.Minute

// Handle is a run as the schedule asks for it, with one line in the log that metrics and
// alarms are made from.
func (r *Reminder) Handle(ctx context.Context, scheduled time.Time) (Result, error) {
	if scheduled.IsZero() {
		return Result{}, errors.New("the event has no time")
	}
	result, err := r.Run(ctx, scheduled)
	fields := []any{
		"scheduled_at", result.Time.Format(time.RFC3339), "due", result.Due, "sent", result.Sent, "skipped", result.Skipped,
		"failed", result.Failed, "given_up", result.GivenUp, "left", result.Left, "mails", result.Mails,
		"oldest_overdue_hours", result.OldestOverdueHours,
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
	// An event that comes late must not tell what is no longer so.
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
		counts.add(left, due...)
		return counts.result(scheduled), errors.Join(dueErr, err)
	}
	s.all(ctx, group(due, r.c.MaxGroup))
	return counts.result(scheduled), dueErr
}
