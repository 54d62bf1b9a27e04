package reminder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/internal/notice"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

const (
	// maxWorkers are e-mails under way at once. SES answers in some 50 ms, so this keeps
	// up with rates of hundreds a second. A lower rate has fewer: what only waits for its
	// turn would be leased for long, and out of order.
	maxWorkers = 32
	// sendTries is how often one e-mail is tried within a run while it is certain that
	// SES has not taken it.
	sendTries = 7
	// leaseMargin is how much longer than its run a lease holds, for clocks that differ.
	leaseMargin = 5 * time.Second
)

// sending is the sending part of one run.
type sending struct {
	*Reminder
	counts *tally
	pace   *pace
	admins admins
	run    string // who leases
	today  token.Date
	lapses time.Time // until when it leases

	mu   sync.Mutex
	made []notice.Due // notices that the run has made, to be sent by it
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
	s := &sending{
		Reminder: r, counts: counts, pace: newPace(ctx, capacity), run: string(run), today: today,
		admins: admins{known: map[string]*found{}},
	}
	if deadline, ok := ctx.Deadline(); ok {
		s.lapses = now.Add(time.Until(deadline) + leaseMargin)
	}
	return s, nil
}

// all sends what is due, several e-mails at once, until time or quota runs out; then the
// notices to admins that this has made.
func (s *sending) all(ctx context.Context, due []notice.Due) {
	for len(due) > 0 {
		var g errgroup.Group
		g.SetLimit(max(1, min(maxWorkers, int(math.Ceil(float64(s.pace.granted))))))
		for _, b := range group(due) {
			g.Go(func() error {
				s.one(ctx, b)
				return nil
			})
		}
		_ = g.Wait() // the workers report through the tally
		due, s.made = s.made, nil
		s.counts.more(len(due))
	}
}

// one handles one batch, from the recipient's address to the record.
func (s *sending) one(ctx context.Context, b *batch) {
	defer s.finish(ctx, b)
	if s.pace.over() {
		s.count(b, deferred, b.entries()...)
		return
	}
	to, err := person(ctx, s.c.Queue, b.organization, b.recipient)
	if err == nil {
		b.mail, err = s.c.NewID(s.c.Now())
	}
	switch {
	case err != nil:
		s.fail(ctx, b, b.entries(), "finding whom to notify", err)
	case !reachable(to):
		s.elsewhere(ctx, b, to, s.lease(ctx, b), errNobody)
	case !s.pace.wait(ctx):
		s.count(b, deferred, b.entries()...)
	default:
		s.notify(ctx, b, to)
	}
}

// notify leases entries and sends one e-mail about those of which there is something to
// say, after its turn has come. Where it is certain that SES did not take it and may well
// take it in a moment, it waits for another turn. Each time the entries are leased anew: in
// between one may have been revoked, or the day have changed.
func (s *sending) notify(ctx context.Context, b *batch, to token.Person) {
	for try := 1; ; try++ {
		items := s.withoutHopeless(ctx, b, to, s.lease(ctx, b))
		switch {
		case len(items) == 0:
			s.pace.giveBack()
			return
		case s.pace.late(): // leasing took its time
			s.putOff(ctx, b, items)
			return
		}
		rate := s.pace.limiter.Limit()
		sentMail, err := s.send(ctx, b, to, items)
		if err == nil {
			s.pace.faster()
			s.sent(ctx, b, items, sentMail)
			return
		}
		if !errors.Is(err, ErrThrottled) && !errors.Is(err, ErrUnreachable) {
			s.refused(ctx, b, to, items, err)
			return
		}
		s.pace.slower(rate) // for all, then this one again in its turn
		if try == sendTries || !s.pace.turn(ctx) {
			s.putOff(ctx, b, items)
			return
		}
	}
}

// withoutHopeless has somebody else notified of what bounces at this address.
func (s *sending) withoutHopeless(ctx context.Context, b *batch, to token.Person, items []item) []item {
	var hopeless []item
	items = slices.DeleteFunc(items, func(i item) bool {
		if !i.bounces.Hopeless(s.c.Now()) {
			return false
		}
		hopeless = append(hopeless, i)
		return true
	})
	s.elsewhere(ctx, b, to, hopeless, errBounced)
	return items
}

// send makes one attempt to send an e-mail.
func (s *sending) send(ctx context.Context, b *batch, to token.Person, items []item) (notice.SentMail, error) {
	content, err := s.content(ctx, b, to, items)
	if err != nil {
		return notice.SentMail{}, err
	}
	message, err := s.c.Composer.Compose(content)
	if err != nil {
		return notice.SentMail{}, fmt.Errorf("%w: composing it: %w", ErrRejected, err)
	}
	messageID, err := s.c.Mailer.Send(ctx, message)
	if err != nil {
		return notice.SentMail{}, err
	}
	s.counts.mail()
	return notice.SentMail{
		ID: b.mail, MessageID: messageID, At: s.c.Now(), Organization: b.organization, Recipient: to.ID, Address: to.Email,
		Entries: refs(items),
	}, nil
}

// content is what an e-mail says, with the people whom it speaks of.
func (s *sending) content(ctx context.Context, b *batch, to token.Person, items []item) (mail.Content, error) {
	c := mail.Content{About: b.about, Organization: b.organization, To: to, Today: items[0].today}
	people := map[string]token.Person{to.ID: to}
	var others []string
	for _, i := range items {
		for _, t := range i.tokens {
			c.Keys = append(c.Keys, s.key(i, t))
			for _, id := range []string{t.Owner.ID, t.RevokedBy} {
				if id != "" && id != to.ID {
					others = append(others, id)
				}
			}
		}
	}
	// Two notices can be about one token: an owner's that was delegated, and delegated again.
	slices.SortStableFunc(c.Keys, func(a, b mail.Key) int { return cmp.Compare(a.ID, b.ID) })
	c.Keys = slices.CompactFunc(c.Keys, func(a, b mail.Key) bool { return a.ID == b.ID })
	if len(others) > 0 {
		slices.Sort(others)
		found, err := s.c.Queue.PeopleByID(ctx, b.organization, slices.Compact(others))
		if err != nil {
			return mail.Content{}, fmt.Errorf("%w: reading whom it speaks of: %w", ErrBroken, err)
		}
		maps.Copy(people, found)
	}
	for n := range c.Keys {
		c.Keys[n].Owner = known(people, b.organization, c.Keys[n].Token.Owner.ID)
		c.Keys[n].By = known(people, b.organization, c.Keys[n].RevokedBy)
	}
	return c, nil
}

// key is what an e-mail says of one token.
func (s *sending) key(i item, t token.Token) mail.Key {
	k := mail.Key{Token: t, Kind: i.kind, Count: i.count}
	if i.Ref.Notice {
		k.At, k.From = i.Notice.CreatedAt, i.Notice.Reason
		for _, subject := range i.Notice.Tokens {
			if subject.ID == t.ID {
				k.Kind = subject.Kind
			}
		}
	}
	return k
}

// sent records what SES has taken. If that is not possible, this run sends nothing more:
// what is not recorded is sent again.
func (s *sending) sent(ctx context.Context, b *batch, items []item, m notice.SentMail) {
	err := s.record(ctx, b, sent, notice.Change{Mail: &m, Marks: s.marks(items, notice.Sent, m.MessageID)})
	if err == nil {
		return
	}
	s.pace.pause()
	s.postpone(ctx, b, items, unrecorded)
	s.fail(ctx, b, refs(items), "recording what was sent", err)
}

// refused deals with an e-mail that was not sent, or of which that is unknown.
func (s *sending) refused(ctx context.Context, b *batch, to token.Person, items []item, err error) {
	switch {
	case errors.Is(err, ErrPaused):
		s.pace.pause()
		s.releaseAll(ctx, refs(items))
		s.fail(ctx, b, refs(items), "sending", err)
	case errors.Is(err, ErrAddress):
		s.pace.giveBack()
		s.elsewhere(ctx, b, to, items, err)
	default:
		long, others := s.failingFor(items, delegateAfter)
		if b.about == mail.Dates {
			long = s.delegate(ctx, b, to, long)
		}
		s.unsent(ctx, b, append(long, others...), err)
	}
}

// putOff gives leased entries to the next run.
func (s *sending) putOff(ctx context.Context, b *batch, items []item) {
	s.releaseAll(ctx, refs(items))
	s.count(b, deferred, refs(items)...)
}
