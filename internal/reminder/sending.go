package reminder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/internal/token"
)

const (
	// maxWorkers are e-mails under way at once. SES answers in some 50 ms, so this keeps
	// up with rates of hundreds a second. A lower rate has fewer: what only waits for its
	// turn would be claimed for long, and out of order.
	maxWorkers = 32
	// tellAdminsAfter is how long a notice is tried before its owner counts as out of
	// reach.
	tellAdminsAfter = 24 * time.Hour
	// sendTries is how often one e-mail is tried within a run while it is certain that
	// SES has not taken it.
	sendTries = 7
	// leaseMargin is how much longer than its run a claim holds, for clocks that differ.
	leaseMargin = 5 * time.Second
)

// sending is the sending part of one run.
type sending struct {
	*Reminder
	counts *tally
	pace   *pace
	run    string // who claims
	today  token.Date
	lease  time.Time // until when it claims
}

func (r *Reminder) newSending(ctx context.Context, today token.Date, counts *tally) (*sending, error) {
	capacity, err := r.c.Mailer.Capacity(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking how much may be sent: %w", err)
	}
	if capacity.Remaining == 0 {
		r.c.Log.WarnContext(ctx, "nothing may be sent: the day's quota is used up, or sending is off")
	}
	now := r.c.Now()
	run, err := r.c.NewID(now)
	if err != nil {
		return nil, err
	}
	s := &sending{Reminder: r, counts: counts, pace: newPace(ctx, capacity), run: string(run), today: today}
	if deadline, ok := ctx.Deadline(); ok {
		s.lease = now.Add(time.Until(deadline) + leaseMargin)
	}
	return s, nil
}

// all sends every batch, several at once, until time or quota runs out.
func (s *sending) all(ctx context.Context, batches []*batch) {
	var g errgroup.Group
	g.SetLimit(max(1, min(maxWorkers, int(math.Ceil(float64(s.pace.granted))))))
	for _, b := range batches {
		g.Go(func() error {
			s.one(ctx, b)
			return nil
		})
	}
	_ = g.Wait() // the workers report through the tally
}

// one handles one batch, from the owner's address to the record.
func (s *sending) one(ctx context.Context, b *batch) {
	defer s.finish(ctx, b)
	if s.pace.over() {
		s.settle(b, left, b.ids()...)
		return
	}
	to, err := findRecipients(ctx, s.c.Queue, b.organization, b.owner, s.c.Now())
	if err != nil {
		s.fail(ctx, b, b.ids(), "finding whom to tell", err)
		return
	}
	if !s.pace.wait(ctx, len(to.people)) {
		s.settle(b, left, b.ids()...)
		return
	}
	s.tell(ctx, b, to, b.ids())
}

// claim reserves tokens one by one; those that are no longer due drop out.
func (s *sending) claim(ctx context.Context, b *batch, ids []token.ID) []token.Claimed {
	var claims []token.Claimed
	for _, d := range slices.Clone(b.due) {
		if !slices.Contains(ids, d.ID) {
			continue
		}
		c, ok, err := s.c.Queue.Claim(ctx, d, token.Claim{Run: s.run, Until: s.lease}, s.c.Now())
		switch {
		case err != nil:
			s.fail(ctx, b, []token.ID{d.ID}, "claiming", err)
		case !ok:
			s.settle(b, skipped, d.ID)
		default:
			claims = append(claims, c)
		}
	}
	return claims
}

// moveOn puts tokens of which there is nothing to tell where their next notice is, or
// out of the queue.
func (s *sending) moveOn(ctx context.Context, b *batch, others []token.Mark) {
	if len(others) == 0 {
		return
	}
	if err := s.record(ctx, b, idle, nil, others); err != nil {
		for _, m := range others {
			s.fail(ctx, b, []token.ID{m.ID}, "moving on", err)
		}
	}
}

// tell claims tokens and sends one e-mail about those of which there is something to
// tell, after its turn has come. Where it is certain that SES did not take it and may well
// take it in a moment, it waits for another turn. Each time the tokens are claimed anew: in
// between one may have been revoked, or the day have changed.
func (s *sending) tell(ctx context.Context, b *batch, to recipients, ids []token.ID) {
	for try := 1; ; try++ {
		told, others := s.split(s.claim(ctx, b, ids))
		s.moveOn(ctx, b, others)
		switch {
		case len(told) == 0:
			s.pace.giveBack(len(to.people))
			return
		case len(to.people) == 0:
			s.untold(ctx, b, told, errNobody)
			return
		case s.pace.late(): // claiming took its time
			s.leave(ctx, b, told)
			return
		}
		rate := s.pace.limiter.Limit()
		mail, err := s.send(ctx, b, to, told)
		if err == nil {
			s.pace.faster()
			s.sent(ctx, b, told, mail)
			return
		}
		if !errors.Is(err, ErrThrottled) && !errors.Is(err, ErrUnreachable) {
			s.refused(ctx, b, to, told, err)
			return
		}
		s.pace.slower(rate) // for all, then this one again in its turn
		if try == sendTries || !s.pace.turn(ctx) {
			s.leave(ctx, b, told)
			return
		}
	}
}

// send makes one attempt to send an e-mail about tokens.
func (s *sending) send(ctx context.Context, b *batch, to recipients, told []notice) (token.SentMail, error) {
	mail, err := s.c.Composer.Compose(Notice{
		Organization: b.organization, Owner: to.owner, To: to.people, ForAdmins: to.forAdmins,
		Today: told[0].today, Tokens: tokensOf(told),
	})
	if err != nil {
		return token.SentMail{}, fmt.Errorf("%w: composing it: %w", ErrRejected, err)
	}
	messageID, err := s.c.Mailer.Send(ctx, mail)
	if err != nil {
		return token.SentMail{}, err
	}
	s.counts.mail()
	return token.SentMail{MessageID: messageID, At: s.c.Now(), Recipients: to.people, Tokens: idsOf(told)}, nil
}

// sent records what SES has taken. If that is not possible, this run sends nothing more:
// what is not recorded is sent again.
func (s *sending) sent(ctx context.Context, b *batch, told []notice, mail token.SentMail) {
	err := s.record(ctx, b, sent, &mail, s.marksOf(told, mail.MessageID))
	if err == nil {
		return
	}
	if !errors.Is(err, token.ErrClaimLost) {
		s.pace.pause()
	}
	s.postpone(ctx, told, unrecorded)
	s.fail(ctx, b, idsOf(told), "recording what was sent", err)
}

// refused deals with an e-mail that was not sent, or of which that is unknown.
func (s *sending) refused(ctx context.Context, b *batch, to recipients, told []notice, err error) {
	switch {
	case errors.Is(err, ErrPaused):
		s.pace.pause()
		s.release(ctx, told)
		s.fail(ctx, b, idsOf(told), "sending", err)
		return
	case errors.Is(err, ErrAddress) && len(to.people) > 1:
		s.each(ctx, b, to, told, err)
		return
	}
	if !to.forAdmins {
		unheard, fresh := s.failingFor(told, tellAdminsAfter)
		if errors.Is(err, ErrAddress) {
			unheard, fresh = told, nil
		}
		if len(unheard) > 0 && s.tellAdmins(ctx, b, to.owner, unheard) {
			told = fresh
		}
	}
	s.untold(ctx, b, told, err)
}

// each sends an e-mail to one person at a time, because SES does not take it for all of
// them: the address of one must not keep it from the others.
func (s *sending) each(ctx context.Context, b *batch, to recipients, told []notice, err error) {
	var mails []token.SentMail
	alone := to
	for _, person := range to.people {
		if !s.pace.turn(ctx) {
			break
		}
		alone.people = []token.Owner{person}
		mail, failure := s.send(ctx, b, alone, told)
		if failure != nil {
			err = failure
			continue
		}
		mails = append(mails, mail)
	}
	if len(mails) == 0 {
		alone.people = to.people[:1]
		s.refused(ctx, b, alone, told, err)
		return
	}
	s.sent(ctx, b, told, mails[0])
	for _, mail := range mails[1:] {
		s.keep(ctx, mail)
	}
}

// tellAdmins tells the organization's admins instead of the owner. Where there are none,
// it returns false and has done nothing.
func (s *sending) tellAdmins(ctx context.Context, b *batch, owner token.Owner, told []notice) bool {
	admins, err := findAdmins(ctx, s.c.Queue, owner, s.c.Now())
	switch {
	case err != nil:
		s.release(ctx, told)
		s.fail(ctx, b, idsOf(told), "finding whom to tell", err)
	case len(admins.people) == 0:
		return false
	case !s.pace.wait(ctx, len(admins.people)):
		s.leave(ctx, b, told)
	default:
		s.tell(ctx, b, admins, idsOf(told))
	}
	return true
}

// leave gives claimed tokens to the next run.
func (s *sending) leave(ctx context.Context, b *batch, told []notice) {
	s.release(ctx, told)
	s.settle(b, left, idsOf(told)...)
}

// errNobody says that there is no address to send to.
var errNobody = errors.New("neither the owner nor an admin can be reached")

// untold has notices that were not sent tried again later, and gives up those that have
// been tried for long.
func (s *sending) untold(ctx context.Context, b *batch, told []notice, why error) {
	long := giveUpAfter
	if errors.Is(why, errNobody) {
		long = tellAdminsAfter
	}
	lost, others := s.failingFor(told, long)
	if len(lost) > 0 {
		s.giveUp(ctx, b, lost, why)
	}
	s.postpone(ctx, others, holdFor(why))
	s.fail(ctx, b, idsOf(others), "sending", why)
}

// giveUp records notices as dealt with although nobody was told. Trying again for ever
// would hide it; the log, the count and the event show it.
func (s *sending) giveUp(ctx context.Context, b *batch, told []notice, why error) {
	if err := s.record(ctx, b, givenUp, nil, s.marksOf(told, "")); err != nil {
		why = errors.Join(why, err)
	}
	s.logFailed(ctx, b.organization, idsOf(told), "telling anybody", why)
	s.settle(b, failed, idsOf(told)...)
}

// failingFor tells the notices that have been failing for so long from the others.
func (s *sending) failingFor(told []notice, long time.Duration) (failing, others []notice) {
	now := s.c.Now()
	for _, n := range told {
		if !n.FailingSince.IsZero() && now.Sub(n.FailingSince) >= long {
			failing = append(failing, n)
		} else {
			others = append(others, n)
		}
	}
	return failing, others
}

// settle counts what became of tokens of a batch. Each counts once, by what is said
// first.
func (s *sending) settle(b *batch, o outcome, ids ...token.ID) { s.counts.add(o, b.take(ids)...) }

// finish ends a batch. A fault in the handling of one must not take down the run, its
// count and its line in the log.
func (s *sending) finish(ctx context.Context, b *batch) {
	if fault := recover(); fault != nil {
		what := fmt.Sprintf("%T", fault) // its text could hold anything
		if err, ok := fault.(runtime.Error); ok {
			what = err.Error()
		}
		s.c.Log.ErrorContext(ctx, "handling a batch panicked", "panic", what, "stack", callers())
	}
	if len(b.due) > 0 {
		s.fail(ctx, b, b.ids(), "handling", errors.New("ended half-way"))
	}
}

// callers are the functions under way, innermost first, without their arguments.
func callers() []string {
	pcs := make([]uintptr, 16)
	const own = 3 // this function and those that led from the fault to it
	frames := runtime.CallersFrames(pcs[:runtime.Callers(own, pcs)])
	var stack []string
	for {
		frame, more := frames.Next()
		stack = append(stack, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return stack
		}
	}
}

// fail logs and counts those of the tokens that nothing has become of yet.
func (s *sending) fail(ctx context.Context, b *batch, ids []token.ID, doing string, err error) {
	due := b.take(ids)
	open := make([]token.ID, 0, len(due))
	for _, d := range due {
		open = append(open, d.ID)
	}
	s.logFailed(ctx, b.organization, open, doing, err)
	s.counts.add(failed, due...)
}

// logFailed says what failed by ids, never by address or name.
func (s *sending) logFailed(ctx context.Context, organization string, ids []token.ID, doing string, err error) {
	for _, id := range ids {
		s.c.Log.LogAttrs(ctx, slog.LevelError, "notice failed",
			slog.String("token_id", string(id)), slog.String("org_id", organization),
			slog.String("error", fmt.Sprintf("%s: %v", doing, err)))
	}
}
