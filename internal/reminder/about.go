package reminder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// said is a notice that there may be about a token: its kind, the date that it is about, and
// wider ones that it makes up for.
type said struct {
	kind   notice.Kind
	date   token.Date
	covers []notice.Kind
	count  int // of [notice.Renewed]: how often the token has replaced its secret
}

// about are the notices of a token's own entry whose time has come, the most pressing first.
// Those that were sent are among them.
func (s *sending) about(t token.Token, outcomes []notice.Outcome, today token.Date) []said {
	if !t.RevokedAt.IsZero() {
		return nil
	}
	chosen := token.DateOf(t.CreatedAt)
	if t.Rotation != nil {
		chosen = token.DateOf(t.Rotation.RotatedAt)
	}
	var all []said
	ends := func(end token.Date, kind func(int) notice.Kind) {
		days, covers, ok := s.c.Schedule.Due(end, today)
		if !ok || end-token.Date(days) <= chosen {
			return // whoever chose the date knows of it
		}
		n := said{kind: kind(days), date: end}
		for _, days := range covers {
			n.covers = append(n.covers, kind(days))
		}
		all = append(all, n)
	}
	if end, is := unusedUntil(t); is && end < t.EndDate() { // else both say the same
		ends(end, notice.Unused)
	}
	ends(t.EndDate(), notice.Expires)
	slices.SortStableFunc(all, func(a, b said) int { return cmp.Compare(a.date, b.date) })
	if today >= t.EndDate() {
		return slices.DeleteFunc(all, func(n said) bool { return n.kind.Topic() != notice.Ends })
	}
	if s.oldStillUsed(t, today) {
		all = append(all, said{kind: notice.OldUsed, date: token.DateOf(t.OldEndsAt())})
	}
	if n, is := renewed(t, outcomes, today); is {
		all = append(all, n)
	}
	return all
}

// unusedUntil is the date on which the old secret of a token ends whose new one was not
// used, and false if there is none.
func unusedUntil(t token.Token) (token.Date, bool) {
	r := t.Rotation
	if r == nil || r.Overlap == 0 || !t.Uses[r.Version].FirstAt.IsZero() {
		return 0, false
	}
	return token.DateOf(t.OldEndsAt()), true
}

// overlaps reports whether the old secret of a token works at a moment.
func overlaps(t token.Token, at time.Time) bool {
	return t.Rotation != nil && t.Rotation.Overlap != 0 && at.Before(t.OldEndsAt())
}

// moment is the time for which a run on a day works out what there is to say.
func (s *sending) moment(today token.Date) time.Time {
	if now := s.c.Now(); now.After(today.Start()) {
		return now
	}
	return today.Start()
}

// oldStillUsed reports whether an old secret that ends within a day was used within a day,
// after the new one.
func (s *sending) oldStillUsed(t token.Token, today token.Date) bool {
	now := s.moment(today)
	if !overlaps(t, now) || t.OldEndsAt().Sub(now) > day {
		return false
	}
	first, last := t.Uses[t.Rotation.Version].FirstAt, t.Uses[t.Rotation.OldGeneration].LastAt
	return !first.IsZero() && last.After(first) && now.Sub(last) <= day
}

// renewed is that a token has replaced its own secret before today, since its owner was
// last notified of that.
func renewed(t token.Token, outcomes []notice.Outcome, today token.Date) (said, bool) {
	if t.Rotation == nil || t.Rotation.RotatedBy.Kind != token.ActorToken {
		return said{}, false
	}
	n := said{kind: notice.Renewed}
	var known token.Date
	for _, o := range outcomes {
		if o.Kind == notice.Renewed && o.Settles() {
			known = max(known, o.Date)
		}
	}
	for _, f := range t.Fingerprints {
		made := token.DateOf(f.MadeAt)
		if f.Generation > 1 && made > known && made < today {
			n.count++
			n.date = max(n.date, made)
		}
	}
	return n, n.count > 0
}

// first is the most pressing notice that nothing has become of, and what is known of it.
func first(all []said, l notice.Leased) (said, notice.Outcome, bool) {
	for _, n := range all {
		if known := l.Outcome(n.kind, n.date); known.State == "" || !known.Settles() {
			return n, known, true
		}
	}
	return said{}, notice.Outcome{}, false
}

// next is the date on which there may be something to notify of about a token, and false if
// there is none: today if there is more now, else later. but is the notice that is dealt with
// now, if any.
func (s *sending) next(t token.Token, l notice.Leased, but notice.Kind, today token.Date) (token.Date, bool) {
	on, has := s.c.Schedule.Next(t.EndDate(), today)
	if !has {
		return 0, false
	}
	if end, is := unusedUntil(t); is {
		if unused, more := s.c.Schedule.Next(end, today); more {
			on = min(on, unused)
		}
	}
	others := slices.DeleteFunc(s.about(t, l.Outcomes, today), func(n said) bool { return n.kind == but })
	_, _, more := first(others, l)
	r := t.Rotation
	switch {
	case more:
		return today, true // for the next run
	case overlaps(t, s.moment(today)), // nobody tells the queue when the new secret is used
		r != nil && r.RotatedBy.Kind == token.ActorToken && token.DateOf(r.RotatedAt) == today:
		return min(on, today+1), true
	}
	return on, true
}

// inARow reports whether a notice is about a replaced secret that was used on many days in a
// row: its owner knows.
func inARow(ctx context.Context, r noticeReader, l notice.Leased) (bool, error) {
	if !l.Ref.Notice || l.Notice.Kind != notice.RetiredUsed {
		return false, nil
	}
	for n := range token.Date(notice.RetiredInARow) {
		id, err := notice.RetiredUsedID(l.Notice.Tokens[0].ID, l.Notice.Recipient, token.DateOf(l.Notice.CreatedAt)-1-n)
		if err != nil {
			return false, fmt.Errorf("naming a notice: %w", err)
		}
		_, err = r.Notice(ctx, id)
		if errors.Is(err, token.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("reading an earlier notice: %w", err)
		}
	}
	return true, nil
}

// noticeReader reads notices of their own.
type noticeReader interface {
	// Notice returns a notice, or [token.ErrNotFound].
	Notice(ctx context.Context, id token.ID) (notice.Notice, error)
}
