package reminder

import (
	"context"
	"errors"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

const (
	// delegateAfter is how long a notice is tried before its owner counts as out of reach.
	delegateAfter = 24 * time.Hour
	// abandonAfter is how long a notice is tried whose recipient cannot be reached:
	// somebody may yet sign in.
	abandonAfter = 24 * time.Hour
	// abandonRefusedAfter is how long a notice is tried that SES takes for nobody.
	abandonRefusedAfter = 7 * 24 * time.Hour
)

// Why a notice was not sent.
var (
	errNobody  = errors.New("nobody can be reached")
	errBounced = errors.New("the e-mail bounces")
)

// elsewhere deals with entries that cannot be sent to their recipient: a token's are
// delegated to admins. Where there are none, and those of other notices, are abandoned in
// the end.
func (s *sending) elsewhere(ctx context.Context, b *batch, to token.Person, items []item, why error) {
	if b.about == mail.Dates {
		items = s.delegate(ctx, b, to, items)
	}
	s.unsent(ctx, b, items, why)
}

// withoutRenewed drops what is of no interest to anybody but the owner.
func (s *sending) withoutRenewed(ctx context.Context, b *batch, items []item) []item {
	var renewed, others []item
	for _, i := range items {
		if i.kind == notice.Renewed {
			renewed = append(renewed, i)
		} else {
			others = append(others, i)
		}
	}
	s.moveOn(ctx, b, s.marks(renewed, notice.Covered, ""))
	return others
}

// delegate makes a notice to each admin in the owner's place, in the write that takes the
// tokens from the owner. It returns those for whom there is no admin.
func (s *sending) delegate(ctx context.Context, b *batch, owner token.Person, items []item) []item {
	if items = s.withoutRenewed(ctx, b, items); len(items) == 0 {
		return nil
	}
	admins, err := s.admins.of(ctx, s.c.Queue, b.organization, s.c.Now().Add(-s.c.AdminsSeenWithin))
	if err != nil {
		s.releaseAll(ctx, refs(items))
		s.fail(ctx, b, refs(items), "finding whom to notify", err)
		return nil
	}
	admins = inPlaceOf(owner, admins)
	if len(admins) == 0 {
		return items
	}
	marks := s.marks(items, notice.Delegated, "")
	for i := range marks {
		marks[i].Outcomes[0].Admins = len(admins)
	}
	for _, part := range s.parts(marks) {
		c := notice.Change{Marks: part}
		for _, admin := range admins {
			n, err := s.inPlace(admin, part)
			if err != nil {
				s.releaseAll(ctx, entriesOf(part))
				s.fail(ctx, b, entriesOf(part), "notifying admins", err)
				return nil
			}
			c.Notices = append(c.Notices, n)
		}
		if err := s.record(ctx, b, delegated, c); err != nil {
			s.releaseAll(ctx, entriesOf(part))
			s.fail(ctx, b, entriesOf(part), "notifying admins", err)
		}
	}
	return nil
}

// inPlace is a notice to an admin of what the owner cannot be notified of.
func (s *sending) inPlace(admin token.Person, marks []notice.Mark) (notice.Notice, error) {
	now := s.c.Now()
	id, err := s.c.NewID(now)
	n := notice.Notice{
		ID: id, Kind: marks[0].Outcomes[0].Kind, Organization: admin.Organization, Recipient: admin.ID,
		CreatedAt: now.Truncate(time.Second), Actor: token.Service, Instead: true,
	}
	for _, m := range marks {
		n.Tokens = append(n.Tokens, notice.Subject{ID: m.ID, Kind: m.Outcomes[0].Kind, Date: m.Outcomes[0].Date})
	}
	return n, err
}

// queue has notices that were made sent by this run.
func (s *sending) queue(notices []notice.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range notices {
		s.made = append(s.made, notice.Due{
			Ref: notice.Ref{ID: n.ID, Notice: true}, Organization: n.Organization, Recipient: n.Recipient,
			Kind: n.Kind, On: token.DateOf(n.CreatedAt),
		})
	}
}

// unsent has notices that were not sent tried again later, and abandons those that have
// been tried for long.
func (s *sending) unsent(ctx context.Context, b *batch, items []item, why error) {
	if len(items) == 0 {
		return
	}
	outOfReach := errors.Is(why, errNobody) || errors.Is(why, errBounced) || errors.Is(why, ErrAddress)
	long := abandonRefusedAfter
	switch {
	case errors.Is(why, errBounced) && b.about != mail.Dates:
		long = 0 // nobody else can turn up for it
	case outOfReach:
		long = abandonAfter
	}
	lost, others := s.failingFor(items, long)
	if len(lost) > 0 {
		s.abandon(ctx, b, lost, why)
	}
	s.postpone(ctx, b, others, holdFor(why))
	if outOfReach && !errors.Is(why, ErrAddress) {
		s.logDeferred(ctx, b, others, why)
		s.count(b, deferred, refs(others)...)
		return
	}
	s.fail(ctx, b, refs(others), "sending", why)
}

// abandon records notices as dealt with although nobody was notified. Trying again for ever
// would hide it; the log, the count, the event and the API show it.
func (s *sending) abandon(ctx context.Context, b *batch, items []item, why error) {
	if err := s.record(ctx, b, abandoned, notice.Change{Marks: s.marks(items, notice.Abandoned, "")}); err != nil {
		why = errors.Join(why, err)
	}
	s.logFailed(ctx, b.organization, refs(items), "notifying anybody", why)
	s.count(b, failed, refs(items)...)
}

// failingFor tells the notices that have been failing for so long from the others.
func (s *sending) failingFor(items []item, long time.Duration) (failing, others []item) {
	now := s.c.Now()
	for _, i := range items {
		if since := i.failingSince(); !since.IsZero() && now.Sub(since) >= long {
			failing = append(failing, i)
		} else {
			others = append(others, i)
		}
	}
	return failing, others
}

// failingSince is since when a notice has failed or bounced.
func (i item) failingSince() time.Time {
	if b := i.bounces; b.Count > 0 && (i.FailingSince.IsZero() || b.Since.Before(i.FailingSince)) {
		return b.Since
	}
	return i.FailingSince
}
