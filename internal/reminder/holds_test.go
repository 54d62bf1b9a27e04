package reminder_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/token"
)

// The table takes leases and no records, for as long as nobody mends it. What is sent is
// sent again, so the run that finds out sends nothing more, and the copy waits.
func TestRecordsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.issued(3)
	s.mailer = newMailer(t, s.ses.URL, 1)
	s.dynamoDB.Fail("TransactWriteItems", 0, faulty.Always, faulty.Answer(http.StatusBadRequest, "AccessDeniedException", "no"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := s.try(ctx)
	if err != nil || r.Mails != 1 || r.Failed == 0 || r.Deferred == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	held := 0
	for _, d := range s.due() {
		if d.Failing && d.HeldUntil.Equal(s.clock().Add(time.Hour)) {
			held++
		}
	}
	if held != r.Failed {
		t.Errorf("%d are held for an hour, want the %d that were sent", held, r.Failed)
	}
}

// What is refused again and again comes behind what has not failed yet.
func TestRefusedMailKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 30 {
		s.issue(s.principal(fmt.Sprintf("bad%d", i)), 30)
	}
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", func(body string) bool { return !about(s.email("good"))(body) }, 0, faulty.Always, refused)
	if r := s.run(); r.Failed != 30 {
		t.Fatalf("%+v", r)
	}
	good := s.issue(s.principal("good"), 15) // with a later date than all the others
	s.pass(8*day + time.Minute)
	s.mailer = newMailer(t, s.ses.URL, 1)
	s.ses.Fail("GetAccount", 0, 1, quota(1, 0)) // for one e-mail, also if that is refused
	if r, err := s.try(t.Context()); err != nil || r.Sent != 1 || r.Deferred != 30 {
		t.Errorf("%+v, %v", r, err)
	}
	s.notified([]token.Token{good}, 1)
}

// While SES has a fault of its own the waits stay short, and none outlasts the notice.
func TestAnOutageOfSESCostsNoNotice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 8)
	s.pass(7 * day)
	s.ses.Fail("SendEmail", 0, faulty.Always, broken)
	for range 20 {
		s.run()
		s.pass(time.Hour + time.Minute)
	}
	s.ses.Heal()
	s.pass(time.Hour) // the longest wait
	if r := s.run(); r.Sent != 1 || token.DateOf(s.clock()) >= k.ExpiresOn {
		t.Errorf("%+v at %s", r, s.clock())
	}
	if m := s.mails(); len(m) != 1 || !strings.Contains(m[0].Subject, "expires in 1 day") {
		t.Errorf("mails %+v", m)
	}
}

// A wait ends where there is something else to say.
func TestNothingIsHeldBeyondItsNextNotice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.issue(s.principal("bob"), 30)
	s.pass(21 * day) // two days before the next notice
	s.ses.Fail("SendEmail", 0, faulty.Always, faulty.CutBefore)
	for _, later := range []time.Duration{20 * time.Hour, 21 * time.Hour, 7 * time.Hour} {
		if r := s.run(); r.Failed != 1 {
			t.Errorf("%+v", r)
		}
		s.pass(later)
	}
	s.ses.Heal()
	if r := s.run(); r.Sent != 1 { // after seven hours, and the longest wait is a day
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !strings.Contains(m[0].Subject, "expires in 7 days") {
		t.Errorf("mails %+v", m)
	}
}

// Once a notice was sent, the next one starts afresh: its first failure does not go to
// the admins.
func TestARecordEndsTheFailing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.ses.Fail("SendEmail", 0, 1, refused)
	s.run()
	if r := s.run(); r.Sent != 1 {
		t.Fatalf("%+v", r)
	}
	s.pass(8 * day)
	s.ses.FailWhen("SendEmail", about(s.email("bob")), 0, 1, refused)
	if r := s.run(); r.Failed != 1 || r.Mails != 0 {
		t.Errorf("%+v", r)
	}
}

// In SES's sandbox a recipient whom nobody has verified fails alone.
func TestTheSandboxStopsNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.issued(5)
	s.ses.FailWhen("SendEmail", about(s.email("owner3")), 0, faulty.Always, faulty.Answer(http.StatusBadRequest, "MessageRejected",
		"Email address is not verified. The following identities failed the check in region US-EAST-1: "+s.email("owner3")))
	if r := s.run(); r.Sent != 5 || r.Failed != 1 {
		t.Errorf("%+v", r)
	}
}

// A lease holds for as long as its run can live: nobody else sends what it is sending.
func TestALeaseOutlivesItsRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // as a function has
	defer cancel()
	s.ses.Fail("SendEmail", 0, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		s.pass(5*time.Minute + 2*time.Second) // and clocks differ
		if r := s.run(); r.Skipped != 2 || r.Mails != 0 {
			t.Errorf("while another run is at it: %+v", r)
		}
		forward.ServeHTTP(w, r)
	})
	if r, err := s.try(ctx); err != nil || r.Sent != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	s.notified(tokens, 1)
}

// It turns midnight while a run is at it.
func TestMidnightDuringARun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(29*day + 23*time.Hour + 53*time.Minute) // 23:58 of the day before it expires
	s.dynamoDB.Fail("BatchGetItem", 0, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		s.pass(4 * time.Minute)
		forward.ServeHTTP(w, r)
	})
	if r := s.run(); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !strings.Contains(m[0].Subject, "has expired") {
		t.Errorf("mails %+v", m)
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("again: %+v", r)
	}
	if got := s.audited(k.ID); got[len(got)-1][0] != string(token.ActionExpired) {
		t.Errorf("events %q", got)
	}
}

// SES sends too fast, and the token is revoked before its e-mail is tried again.
func TestRevokedWhileWaitingForATurn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.ses.Fail("SendEmail", 0, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		s.revoke(s.principal("bob"), k)
		tooManySent(w, r, forward)
	})
	if r := s.run(); r.Skipped != 1 || r.Mails != 0 {
		t.Errorf("%+v", r)
	}
	s.notified([]token.Token{k}, 0)
}

// A run whose time is almost up begins nothing.
func TestNothingIsBegunAtTheEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(3)
	end := time.Now().Add(20 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	s.dynamoDB.Fail("BatchGetItem", 0, faulty.Always, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		time.Sleep(time.Until(end.Add(-time.Second))) // well into the last quarter of its time
		forward.ServeHTTP(w, r)
	})
	if r, err := s.try(ctx); err != nil || r.Due == 0 || r.Mails != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	s.notified(tokens, 0)
}
