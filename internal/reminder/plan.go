package reminder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/token"
)

// PlanReader is what a plan reads.
type PlanReader interface {
	Reader
	Token(ctx context.Context, id token.ID) (token.Token, error)
}

// PlanConfig is what a plan needs. All of it is required.
type PlanConfig struct {
	Reader   PlanReader
	Schedule token.Schedule
	Shards   int // partitions of the work queue
	MaxGroup int // tokens in one e-mail
	Now      func() time.Time
}

// PlannedMail is an e-mail that a run would send.
type PlannedMail struct {
	Owner     token.Owner   // whose tokens it is about
	To        []token.Owner // whom it goes to; nobody if neither the owner nor an admin can be reached
	ForAdmins bool
	Notices   []PlannedNotice
}

// PlannedNotice is one token in an e-mail.
type PlannedNotice struct {
	Token      token.Token
	DaysBefore int        // which notice: days before the expiry date
	DueOn      token.Date // since when it is due
	HeldUntil  time.Time  // no run tries it before: it failed, or another run is at it; or zero
}

// Plan says what a run at a time would send, if it had the time and the quota. It
// writes nothing. Unlike a run it believes the time, even if that has passed.
func Plan(ctx context.Context, c PlanConfig, at time.Time) ([]PlannedMail, error) {
	if c.Reader == nil || len(c.Schedule) == 0 || c.Shards < 1 || c.MaxGroup < 1 || c.Now == nil {
		return nil, errors.New("plan: reader, schedule, shards, tokens in a mail and clock are required")
	}
	today := token.DateOf(at)
	due, err := allDue(ctx, c.Reader, c.Shards, today)
	if err != nil {
		return nil, err
	}
	var mails []PlannedMail
	for _, b := range group(due, c.MaxGroup) {
		notices, err := c.notices(ctx, b, today)
		if err != nil {
			return nil, err
		}
		if len(notices) == 0 {
			continue
		}
		to, err := findRecipients(ctx, c.Reader, b.organization, b.owner, c.Now())
		if err != nil {
			return nil, err
		}
		mails = append(mails, PlannedMail{Owner: to.owner, To: to.people, ForAdmins: to.forAdmins, Notices: notices})
	}
	return mails, nil
}

// notices are those of a batch that there is something to tell about.
func (c PlanConfig) notices(ctx context.Context, b *batch, today token.Date) ([]PlannedNotice, error) {
	var notices []PlannedNotice
	for _, d := range b.due {
		t, err := c.Reader.Token(ctx, d.ID)
		if errors.Is(err, token.ErrNotFound) {
			continue // deleted since
		}
		if err != nil {
			return nil, fmt.Errorf("reading token %s: %w", d.ID, err)
		}
		days, _, ok := c.Schedule.Due(t.ExpiresOn, today)
		if ok && t.RevokedAt.IsZero() && !wasTold(t, days) {
			notices = append(notices, PlannedNotice{Token: t, DaysBefore: days, DueOn: d.On, HeldUntil: d.HeldUntil})
		}
	}
	return notices, nil
}
