package reminder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// PlanReader is what a plan reads.
type PlanReader interface {
	Reader
	// Outcomes returns what has become of notices about a token.
	Outcomes(ctx context.Context, id token.ID) ([]notice.Outcome, error)
	noticeReader
}

// PlanConfig is what a plan needs. All of it is required.
type PlanConfig struct {
	Reader           PlanReader
	Schedule         notice.Schedule
	Shards           int // partitions of the work queue
	AdminsSeenWithin time.Duration
	Now              func() time.Time
}

// PlannedMail is what a run would send to one recipient, or to several one by one.
type PlannedMail struct {
	About   mail.About
	For     token.Person   // whom it is for: the owner of the tokens, or another notice's recipient
	To      []token.Person // whom it goes to, an e-mail each; nobody if nobody can be reached
	Notices []PlannedNotice
}

// PlannedNotice is one token in an e-mail.
type PlannedNotice struct {
	Token     token.Token
	Kind      notice.Kind
	DueOn     token.Date // since when it is due
	HeldUntil time.Time  // no run tries it before: it failed, or another run is at it; or zero
}

// Plan says what a run at a time would send, if it had the time and the quota. It
// writes nothing. Unlike a run it believes the time, even if that has passed.
func Plan(ctx context.Context, c PlanConfig, at time.Time) ([]PlannedMail, error) {
	if c.Reader == nil || len(c.Schedule) == 0 || c.Shards < 1 || c.AdminsSeenWithin < day || c.Now == nil {
		return nil, errors.New("plan: reader, schedule, shards, admins seen within and clock are required")
	}
	// A run that only finds out what there is to send.
	s := &sending{
		Reminder: &Reminder{Config{Schedule: c.Schedule, Now: c.Now}}, today: token.DateOf(at), admins: admins{known: map[string]*found{}},
	}
	due, err := allDue(ctx, c.Reader, c.Shards, s.today)
	if err != nil {
		return nil, err
	}
	var mails []PlannedMail
	for _, b := range group(due) {
		items, err := c.items(ctx, s, b)
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			continue
		}
		m, err := c.mail(ctx, s, b)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			for _, t := range i.tokens {
				m.Notices = append(m.Notices, PlannedNotice{Token: t, Kind: i.kind, DueOn: i.On, HeldUntil: i.HeldUntil})
			}
		}
		mails = append(mails, m)
	}
	return mails, nil
}

// items are what there is to send of a batch.
func (c PlanConfig) items(ctx context.Context, s *sending, b *batch) ([]item, error) {
	leases := make([]notice.Leased, 0, len(b.due))
	for _, d := range b.due {
		l := notice.Leased{Due: d}
		var err error
		if d.Notice {
			l.Notice, err = c.Reader.Notice(ctx, d.ID)
		} else {
			l.Outcomes, err = c.Reader.Outcomes(ctx, d.ID)
		}
		if errors.Is(err, token.ErrNotFound) {
			continue // deleted since
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", d.Ref, err)
		}
		quiet, err := inARow(ctx, c.Reader, l)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", d.Ref, err)
		}
		if !quiet {
			leases = append(leases, l)
		}
	}
	records, err := c.Reader.Records(ctx, tokensOf(leases))
	if err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	var items []item
	for _, l := range leases {
		if i, ok := s.item(l, records, s.today); ok {
			items = append(items, i)
		}
	}
	return items, nil
}

// mail finds whom a batch goes to.
func (c PlanConfig) mail(ctx context.Context, s *sending, b *batch) (PlannedMail, error) {
	to, err := person(ctx, c.Reader, b.organization, b.recipient)
	if err != nil {
		return PlannedMail{}, err
	}
	m := PlannedMail{About: b.about, For: to}
	switch {
	case reachable(to):
		m.To = []token.Person{to}
	case b.about == mail.Dates:
		admins, err := s.admins.of(ctx, c.Reader, b.organization, c.Now().Add(-c.AdminsSeenWithin))
		if err != nil {
			return PlannedMail{}, err
		}
		m.About, m.To = mail.Instead, inPlaceOf(to, admins)
	}
	return m, nil
}
