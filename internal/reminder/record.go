package reminder

import (
	"context"
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
	// maxRetryDelay bounds the wait for another try of what may have been sent.
	maxRetryDelay = 24 * time.Hour
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
		if rest, err = s.recordEach(ctx, b, o, mail, rest); err == nil {
			return nil
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
// could not be recorded.
func (s *sending) recordEach(
	ctx context.Context, b *batch, o outcome, mail *token.SentMail, marks []token.Mark,
) (rest []token.Mark, last error) {
	for _, m := range marks {
		if err := s.c.Queue.Mark(ctx, s.run, nil, []token.Mark{m}); err != nil {
			rest, last = append(rest, m), err
			continue
		}
		s.settleMarks(b, o, []token.Mark{m})
	}
	if mail != nil && len(rest) < len(marks) { // else it may be recorded with all of them
		if err := s.c.Queue.Mark(ctx, s.run, mail, nil); err != nil {
			s.c.Log.WarnContext(ctx, "a sent e-mail was not recorded: should it bounce, this will not be known",
				"message_id", mail.MessageID, "error", err.Error())
		}
	}
	return rest, last
}

func (s *sending) settleMarks(b *batch, o outcome, marks []token.Mark) {
	for _, m := range marks {
		s.settle(b, o, m.ID)
	}
}

// release gives claims back for the next run.
func (s *sending) release(ctx context.Context, claims []token.Claimed) {
	for _, c := range claims {
		s.releaseOne(ctx, c.ID, token.Failure{})
	}
}

// postpone gives claims back after a try that failed. What may have been sent all the
// same waits for as long as it has been failing, so that few copies are made.
func (s *sending) postpone(ctx context.Context, claims []token.Claimed, maybeSent bool) {
	now := s.c.Now()
	for _, c := range claims {
		f := token.Failure{Since: c.FailingSince}
		if f.Since.IsZero() {
			f.Since = now
		}
		if failing := now.Sub(f.Since); maybeSent && failing > 0 {
			f.RetryAt = now.Add(min(failing, maxRetryDelay))
		}
		s.releaseOne(ctx, c.ID, f)
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
