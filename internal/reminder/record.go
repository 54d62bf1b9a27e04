package reminder

import (
	"context"
	"errors"
	"time"

	"latchkey/internal/token"
)

const (
	// cleanupTimeout is for writes that must happen even when the run is over.
	cleanupTimeout = 5 * time.Second
	// recordTimeout is how long a run tries to record what SES has accepted, if it has
	// the time: what is not recorded is sent again.
	recordTimeout = 30 * time.Second
	// recordTries is how often it tries again, with pauses that grow from recordPause.
	recordTries = 4
	recordPause = 500 * time.Millisecond
	// giveUpAfter is how long a notice is tried that SES takes for nobody.
	giveUpAfter = 7 * 24 * time.Hour
)

// record writes what became of tokens, in one transaction. If the whole cannot be
// recorded, because one of them was deleted or taken over, each is recorded by itself.
// It returns the error of the last try, and settles only those that were recorded.
func (s *sending) record(ctx context.Context, b *batch, o outcome, mail *token.SentMail, marks []token.Mark) error {
	ctx, cancel := s.afterwards(ctx, recordTimeout)
	defer cancel()
	rest := marks
	for try := 0; ; try++ {
		// Again after the parts, too: if it had its effect and only its answer was lost,
		// this is how to hear of it.
		err := s.c.Queue.Mark(ctx, s.run, mail, marks)
		if err == nil {
			s.settleMarks(b, o, marks)
			return nil
		}
		rest, err = s.recordEach(ctx, b, o, mail, rest)
		if err == nil || try > 0 && errors.Is(err, token.ErrClaimLost) {
			return err
		}
		select {
		case <-time.After(recordPause << try):
		case <-ctx.Done():
			return err
		}
		if try == recordTries {
			return err
		}
	}
}

// recordEach records tokens one by one, and the e-mail by itself. It returns those that
// could not be recorded, and why: [token.ErrClaimLost] if there is no other reason.
func (s *sending) recordEach(
	ctx context.Context, b *batch, o outcome, mail *token.SentMail, marks []token.Mark,
) (rest []token.Mark, last error) {
	for _, m := range marks {
		if err := s.c.Queue.Mark(ctx, s.run, nil, []token.Mark{m}); err != nil {
			rest = append(rest, m)
			if last == nil || errors.Is(last, token.ErrClaimLost) {
				last = err
			}
			continue
		}
		s.settleMarks(b, o, []token.Mark{m})
	}
	if mail != nil && len(rest) < len(marks) { // else it may be recorded with all of them
		s.keep(ctx, *mail)
	}
	return rest, last
}

// keep records an e-mail by itself.
func (s *sending) keep(ctx context.Context, mail token.SentMail) {
	ctx, cancel := s.afterwards(ctx, cleanupTimeout)
	defer cancel()
	if err := s.c.Queue.Mark(ctx, s.run, &mail, nil); err != nil {
		s.c.Log.WarnContext(ctx, "a sent e-mail was not recorded: should it bounce, this will not be known",
			"message_id", mail.MessageID, "error", err.Error())
	}
}

func (s *sending) settleMarks(b *batch, o outcome, marks []token.Mark) {
	for _, m := range marks {
		s.settle(b, o, m.ID)
	}
}

// release gives claims back for the next run.
func (s *sending) release(ctx context.Context, told []notice) {
	for _, n := range told {
		s.releaseOne(ctx, n.ID, token.Failure{})
	}
}

// hold is how long a notice that failed waits for its next try: as long as it has been
// failing, within these bounds.
type hold struct{ least, most time.Duration }

var (
	refusedAgain = hold{0, 4 * time.Hour}          // SES took it for certain not
	brokenAgain  = hold{0, time.Hour}              // nor then, and it is likely to in a while
	maybeSent    = hold{0, 24 * time.Hour}         // a copy each time, if SES took it
	unrecorded   = hold{time.Hour, 24 * time.Hour} // a copy each time, for certain
)

func holdFor(err error) hold {
	switch {
	case errors.Is(err, ErrBroken):
		return brokenAgain
	case errors.Is(err, ErrRejected), errors.Is(err, ErrAddress), errors.Is(err, errNobody):
		return refusedAgain
	default:
		return maybeSent
	}
}

// postpone gives claims back after a try that failed. None is held beyond its next
// notice date: then there is something else to tell.
func (s *sending) postpone(ctx context.Context, told []notice, h hold) {
	now := s.c.Now()
	for _, n := range told {
		f := token.Failure{Since: n.FailingSince}
		if f.Since.IsZero() {
			f.Since = now
		}
		if wait := min(max(now.Sub(f.Since), h.least), h.most); wait > 0 {
			f.RetryAt = now.Add(wait)
			if next, ok := s.c.Schedule.Next(n.ExpiresOn, n.today); ok && next.Start().Before(f.RetryAt) {
				f.RetryAt = next.Start()
			}
		}
		s.releaseOne(ctx, n.ID, f)
	}
}

func (s *sending) releaseOne(ctx context.Context, id token.ID, f token.Failure) {
	ctx, cancel := s.afterwards(ctx, cleanupTimeout)
	defer cancel()
	if err := s.c.Queue.Release(ctx, id, s.run, f); err != nil {
		s.c.Log.WarnContext(ctx, "releasing a claim", "token_id", string(id), "error", err.Error())
	}
}

// afterwards is a context for writes that record what has already happened: they are
// tried even when the run's time is up, and for longer, at most so long, while it is not.
func (s *sending) afterwards(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	timeout := cleanupTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(timeout, min(most, time.Until(deadline)-time.Second))
	}
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}
