package reminder

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/internal/notice"
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
	// mailWrites is how many items record an e-mail.
	mailWrites = 2
)

// marks are the marks of items of which all has become the same.
func (s *sending) marks(items []item, state notice.State, messageID string) []notice.Mark {
	marks := make([]notice.Mark, 0, len(items))
	for _, i := range items {
		marks = append(marks, s.mark(i, state, messageID))
	}
	return marks
}

// mark says what became of an item, and of wider notices that were missed that they are
// covered.
func (s *sending) mark(i item, state notice.State, messageID string) notice.Mark {
	now := s.c.Now()
	m := notice.Mark{Ref: i.Ref}
	o := notice.Outcome{Kind: i.kind, At: now, State: state, MessageID: messageID, Bounces: i.bounces}
	if i.Ref.Notice {
		o.Date = token.DateOf(i.Notice.CreatedAt)
		m.Outcomes = []notice.Outcome{o}
		if !i.Notice.Instead || state == notice.Abandoned {
			m.Subjects = s.subjects(i)
		}
		if i.Notice.Instead && state == notice.Abandoned {
			m.Audits = s.audits(i, "an admin who was to be notified in the owner's place could not be reached")
		}
		return m
	}
	o.Date = i.date
	m.Outcomes = []notice.Outcome{o}
	for _, k := range i.covers {
		m.Outcomes = append(m.Outcomes, notice.Outcome{Kind: k, Date: i.date, At: now, State: notice.Covered})
	}
	if i.kind == notice.Renewed {
		m.Forget = slices.DeleteFunc(slices.Clone(i.Outcomes), func(o notice.Outcome) bool { return o.Kind != i.kind || o.Date == i.date })
	}
	m.Next, m.HasNext = s.next(i.tokens[0], i.Leased, i.kind, i.today)
	switch {
	case i.kind.Topic() != notice.Ends: // no event: the record says it all the time
	case state == notice.Abandoned:
		m.Audits = s.audits(i, "nobody could be notified by e-mail")
	case state == notice.Delegated:
		m.Audits = s.audits(i, "the owner cannot be reached: admins are notified")
	case i.bounces.Count == 0: // sent again, it is no other event
		m.Audits = s.audits(i, "")
	}
	return m
}

// subjects are the tokens of a notice that it is still about.
func (s *sending) subjects(i item) []notice.Subject {
	return slices.DeleteFunc(slices.Clone(i.Notice.Tokens), func(subject notice.Subject) bool {
		return !slices.ContainsFunc(i.tokens, func(t token.Token) bool { return t.ID == subject.ID })
	})
}

// audits are also the notice's events: they leave through the audit trail, the more so when
// no e-mail could.
func (s *sending) audits(i item, detail string) []token.Audit {
	var all []token.Audit
	now := s.c.Now()
	for _, t := range i.tokens {
		id, err := s.c.NewID(now)
		if err != nil {
			continue // no random bytes: the notice itself matters more
		}
		a := token.Audit{
			ID: id, Organization: t.Organization, At: now, Action: token.ActionExpiring, Actor: token.Service,
			TokenID: t.ID, TokenName: t.Name, ExpiresOn: t.ExpiresOn, Detail: detail,
		}
		if i.today >= t.EndDate() {
			a.Action = token.ActionExpired
		}
		all = append(all, a)
	}
	return all
}

// parts are marks as many at a time as one change can take beside an e-mail's record and
// notices to admins.
func (s *sending) parts(marks []notice.Mark) [][]notice.Mark {
	var parts [][]notice.Mark
	room := 0
	for _, m := range marks {
		if room < m.Writes() || len(parts) == 0 {
			parts = append(parts, nil)
			room = s.c.MaxWrites - mailWrites - maxAdmins
		}
		room -= m.Writes()
		last := len(parts) - 1
		parts[last] = append(parts[last], m)
	}
	return parts
}

// record writes what became of entries, in as few transactions as that takes. The first one
// holds the e-mail: from then on nothing of it is sent again, because whoever leases one of
// its other entries finds it. It settles what was recorded. Leases that are lost are no
// error: those entries have changed, or are another run's.
func (s *sending) record(ctx context.Context, b *batch, o outcome, c notice.Change) error {
	ctx, cancel := s.afterwards(ctx, recordTimeout)
	defer cancel()
	var errs []error
	for n, part := range s.parts(c.Marks) {
		one := notice.Change{Run: s.run, Marks: part, Notices: c.Notices}
		if n == 0 {
			one.Mail = c.Mail
		}
		errs = append(errs, s.recordPart(ctx, b, o, one))
	}
	return errors.Join(errs...)
}

func (s *sending) recordPart(ctx context.Context, b *batch, o outcome, c notice.Change) error {
	for try := 0; ; {
		err := s.c.Queue.Mark(ctx, c)
		if err == nil {
			s.count(b, o, entriesOf(c.Marks)...)
			s.queue(c.Notices)
			return nil
		}
		if lost, ok := errors.AsType[*notice.LostError](err); ok {
			s.lost(ctx, b, o, lost)
			if c = c.Without(lost); len(c.Marks) == 0 && c.Mail == nil {
				return nil
			}
			continue
		}
		select {
		case <-time.After(recordPause << try):
		case <-ctx.Done():
			return err
		}
		if try++; try > recordTries {
			return err
		}
	}
}

// lost settles entries whose leases are lost. What was sent was sent all the same.
func (s *sending) lost(ctx context.Context, b *batch, o outcome, lost *notice.LostError) {
	if o != sent {
		o = skipped
	}
	for _, e := range lost.Entries {
		s.c.Log.WarnContext(ctx, "a lease was lost before its mark", "entry", e.String(), "org_id", b.organization, "sent", o == sent)
	}
	s.count(b, o, lost.Entries...)
}

func entriesOf(marks []notice.Mark) []notice.Ref {
	entries := make([]notice.Ref, 0, len(marks))
	for _, m := range marks {
		entries = append(entries, m.Ref)
	}
	return entries
}

// hold is how long a notice that failed waits for its next try: as long as it has been
// failing, within these bounds.
type hold struct{ least, most time.Duration }

var (
	refusedAgain = hold{0, 4 * time.Hour}          // SES took it for certain not
	brokenAgain  = hold{0, time.Hour}              // nor then, and it is likely to in a while
	maybeSent    = hold{0, 24 * time.Hour}         // a copy each time, if SES took it
	unrecorded   = hold{time.Hour, 24 * time.Hour} // a copy each time, unless its record arrived
)

func holdFor(err error) hold {
	switch {
	case errors.Is(err, ErrBroken):
		return brokenAgain
	case errors.Is(err, ErrRejected), errors.Is(err, ErrAddress), errors.Is(err, errNobody), errors.Is(err, errBounced):
		return refusedAgain
	default:
		return maybeSent
	}
}

// postpone gives leases back after a try that failed. None is held beyond the token's next
// notice date: then there is something else to say.
func (s *sending) postpone(ctx context.Context, b *batch, items []item, h hold) {
	now := s.c.Now()
	open := b.entries()
	for _, i := range items {
		if !slices.Contains(open, i.Ref) {
			continue // it is recorded
		}
		f := notice.Failure{Since: i.FailingSince}
		if f.Since.IsZero() {
			f.Since = now
		}
		if wait := min(max(now.Sub(f.Since), h.least), h.most); wait > 0 {
			f.RetryAt = now.Add(wait)
			if next, ok := s.c.Schedule.Next(i.date, i.today); ok && !i.Ref.Notice && next.Start().Before(f.RetryAt) {
				f.RetryAt = next.Start()
			}
		}
		s.release(ctx, i.Ref, f)
	}
}

// releaseAll gives leases back for the next run.
func (s *sending) releaseAll(ctx context.Context, entries []notice.Ref) {
	for _, e := range entries {
		s.release(ctx, e, notice.Failure{})
	}
}

func (s *sending) release(ctx context.Context, e notice.Ref, f notice.Failure) {
	ctx, cancel := s.afterwards(ctx, cleanupTimeout)
	defer cancel()
	if err := s.c.Queue.Release(ctx, e, s.run, f); err != nil {
		s.c.Log.WarnContext(ctx, "releasing a lease", "entry", e.String(), "error", err.Error())
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
