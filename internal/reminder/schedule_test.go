package reminder_test

import (
	"testing"
	"time"

	"latchkey/internal/reminder"
	"latchkey/internal/token"
)

// days has a reminder run with other notice days.
func days(d ...int) func(*reminder.Config) {
	return func(c *reminder.Config) { c.Schedule = d }
}

// A company that changes its notice days has nobody notified of the same twice.
func TestAChangedScheduleDoublesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.run()
	first := s.outcomes(k.ID)
	s.pass(8 * day) // seven days before, on which the token is in the queue
	if r := s.run(days(15, 3, 0)); r.Due != 1 || r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
	s.notified([]token.Token{k}, 1)
	s.pass(4 * day)
	if r := s.run(days(15, 3, 0)); r.Sent != 1 {
		t.Errorf("three days before: %+v", r)
	}
	if now := s.outcomes(k.ID); len(now) != 2 || now[0] != first[0] {
		t.Errorf("outcomes %+v; before %+v", now, first)
	}
}

// Nor where admins were notified in the owner's place.
func TestAChangedScheduleDoublesNothingDelegated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	k := s.issue(s.principal("bob"), 30)
	s.unreachable("bob")
	s.pass(15 * day)
	if r := s.run(); r.Delegated != 1 || r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	s.pass(8 * day)
	if r := s.run(days(15, 3, 0)); r.Due != 1 || r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
	s.notified([]token.Token{k}, 1)
}

// A notice on expiry that is added later holds for tokens that have had all others.
func TestANoticeOnExpiryCanBeAdded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.run(days(15))
	s.pass(8 * day)
	if r := s.run(days(15)); r.Due != 0 {
		t.Errorf("seven days before: %+v", r)
	}
	s.pass(7 * day)
	if r := s.run(days(15, 0)); r.Sent != 1 {
		t.Errorf("on expiry: %+v", r)
	}
	s.notified([]token.Token{k}, 2)

	other := s.issue(s.principal("ben"), 30)
	s.pass(15 * day)
	s.run(days(15))
	s.pass(15 * day)
	if r := s.run(days(15)); r.Skipped != 1 {
		t.Errorf("without a notice on expiry: %+v", r)
	}
	s.pass(time.Hour)
	if r := s.run(days(15)); r.Due != 0 {
		t.Errorf("it is still in the queue: %+v", r)
	}
	s.notified([]token.Token{other}, 1)
}
