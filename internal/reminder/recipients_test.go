package reminder_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/dev/local"
	"latchkey/internal/feedback"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// hear has SES say what became of a mail.
func (s *site) hear(event, kind, subType string, m local.Mail) feedback.Result {
	s.t.Helper()
	detail, err := json.Marshal(map[string]any{
		"eventType": event,
		"mail":      map[string]any{"messageId": m.ID},
		"bounce":    map[string]any{"bounceType": kind, "bounceSubType": subType},
		"complaint": map[string]any{},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	h, err := feedback.New(s.direct, s.clock, logger(s.log))
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := h.Handle(s.t.Context(), events.CloudWatchEvent{Detail: detail})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// bounced has SES say that a mail bounced for good.
func (s *site) bounced(m local.Mail) feedback.Result {
	s.t.Helper()
	return s.hear("Bounce", "Permanent", "General", m)
}

// What bounced goes to the admins, once to each; with a new address the owner is notified
// again.
func TestBouncedMailGoesToTheAdmins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"admin1", "admin2", "admin3"} {
		s.seen(s.principal(name))
	}
	s.unreachable("admin3")
	bob := s.principal("bob")
	k := s.issue(bob, 30)
	s.issue(bob, 30)
	s.pass(15 * day)
	s.run()
	first := s.firstMail()
	for _, requeued := range []int{2, 0} { // such events come at least once
		if r := s.bounced(first); r.Undeliverable != 1 || r.Requeued != requeued {
			t.Errorf("bounce: %+v, want %d requeued", r, requeued)
		}
	}
	if got := s.outcomes(k.ID); len(got) != 1 || got[0].State != notice.Bounced {
		t.Errorf("outcomes %+v", got)
	}
	s.pass(time.Second)
	if r := s.run(); r.Due != 4 || r.Delegated != 2 || r.Sent != 2 || r.Mails != 2 {
		t.Errorf("after the bounce: %+v", r)
	}
	m := s.mails()
	for _, m := range m[1:] {
		if !strings.Contains(m.Subject, "Owner cannot be reached") || !strings.Contains(m.Text, s.email("bob")) || len(tokensIn(m.Text)) != 2 {
			t.Errorf("to %q: %s\n%s", m.To, m.Subject, m.Text)
		}
	}
	if to := s.recipients(); !slices.Equal(to, []string{s.email("admin1"), s.email("admin2"), s.email("bob")}) {
		t.Errorf("mail went to %q", to)
	}
	if r := s.bounced(first); r.Requeued != 0 {
		t.Errorf("the same bounce, late: %+v", r)
	}
	if got := s.outcomes(k.ID); len(got) != 1 || got[0].State != notice.Delegated || got[0].Admins != 2 {
		t.Errorf("outcomes %+v", got)
	}

	bob.Email = s.email("robert")
	s.seen(bob)
	s.pass(8 * day)
	s.run()
	if m := s.mails(); len(m) != 4 || !slices.Equal(m[3].To, []string{s.email("robert")}) {
		t.Errorf("with the new address: %+v", m[3:])
	}
	// A complaint ends mail to the owner, but this one has arrived.
	if r := s.hear("Complaint", "", "", s.mails()[3]); r.Undeliverable != 1 || r.Requeued != 0 {
		t.Errorf("complaint: %+v", r)
	}
	s.seen(s.principal("admin1"))
	s.seen(s.principal("admin2"))
	s.pass(7 * day)
	s.run()
	if m := s.mails(); len(m) != 6 || !strings.Contains(m[5].Subject, "have expired") {
		t.Errorf("after the complaint: %+v", m[4:])
	}
}

// Admins' e-mails that come back, each by itself and in any way, make no second copy to
// the others. When all are abandoned, the API says so.
func TestBouncesOfSeveralAdmins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"admin1", "admin2", "admin3"} {
		s.seen(s.principal(name))
	}
	k := s.issue(s.principal("bob"), 30)
	s.unreachable("bob")
	s.pass(15 * day)
	if r := s.run(); r.Mails != 3 {
		t.Fatalf("%+v", r)
	}
	state := func() notice.State { return s.outcomes(k.ID)[0].State }
	for _, m := range s.mails() {
		if s.bounced(m).Requeued != 1 {
			t.Errorf("the bounce of %q made nothing due", m.To)
		}
		s.pass(time.Second)
		if r := s.run(); r.Mails != 0 {
			t.Errorf("%+v", r)
		}
	}
	if got := state(); got != notice.Delegated {
		t.Errorf("it is %s", got)
	}
	s.pass(day + time.Minute) // some admin might have signed in with another address
	if r := s.run(); r.Abandoned != 3 {
		t.Errorf("%+v", r)
	}
	if got := state(); got != notice.Abandoned {
		t.Errorf("when all are abandoned it is %s", got)
	}
	if got := s.audited(k.ID); len(got) != 5 || !strings.Contains(got[4][1], "could not be reached") {
		t.Errorf("events %q", got)
	}
	if r := s.run(); r.Due != 0 || len(s.mails()) != 3 {
		t.Errorf("%+v, %d mails", r, len(s.mails()))
	}
}

// A temporary bounce of one admin, of whom SES says no more, is sent again to that one.
func TestATemporaryBounceOfOneAdmin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin1"))
	s.seen(s.principal("admin2"))
	s.issue(s.principal("bob"), 30)
	s.unreachable("bob")
	s.pass(15 * day)
	s.run()
	for _, m := range s.mails() {
		if m.To[0] == s.email("admin1") {
			s.hear("Bounce", "Transient", "General", m)
		}
	}
	s.pass(time.Hour + time.Second)
	s.run()
	if to := s.recipients(); !slices.Equal(to, []string{s.email("admin1"), s.email("admin1"), s.email("admin2")}) {
		t.Errorf("mail went to %q", to)
	}
}

// An automatic reply, which SES reports as a bounce, to each e-mail: a few more copies
// within a day, and then the admins are notified. What they get is answered as well.
func TestNoLoopOfAutomaticReplies(t *testing.T) {
	t.Parallel()
	for name, subType := range map[string]string{"an automatic reply": "General", "a full mailbox": "MailboxFull"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.seen(s.principal("admin"))
			k := s.issue(s.principal("bob"), 30)
			s.pass(15 * day)
			replied := map[string]bool{}
			abandoned := 0
			for range 60 {
				abandoned += s.run().Abandoned
				for _, m := range s.mails() {
					if !replied[m.ID] {
						replied[m.ID] = true
						s.hear("Bounce", "Transient", subType, m)
					}
				}
				s.pass(time.Hour + time.Second)
			}
			if got := s.audited(k.ID); len(got) != 4 { // issued, sent, delegated, abandoned
				t.Errorf("events %q", got)
			}
			heard := s.heard()
			if bob, admin := heard[copyOf{k.ID, s.email("bob")}], heard[copyOf{k.ID, s.email("admin")}]; bob != 4 || admin != 4 {
				t.Errorf("%d copies to the owner and %d to the admin, want 4 each", bob, admin)
			}
			if got := s.outcomes(k.ID); got[0].State != notice.Abandoned || abandoned != 1 {
				t.Errorf("outcomes %+v, %d abandoned", got, abandoned)
			}
		})
	}
}

// What cannot get better by sending the same again is not sent again to that address.
func TestWhatBouncesForItsContent(t *testing.T) {
	t.Parallel()
	for name, hear := range map[string]func(s *site, m local.Mail) feedback.Result{
		"refused content": func(s *site, m local.Mail) feedback.Result {
			return s.hear("Bounce", "Transient", "ContentRejected", m)
		},
		"too large": func(s *site, m local.Mail) feedback.Result {
			return s.hear("Bounce", "Transient", "MessageTooLarge", m)
		},
		"malware": func(s *site, m local.Mail) feedback.Result { return s.hear("Reject", "", "", m) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.seen(s.principal("admin"))
			k := s.issue(s.principal("bob"), 30)
			s.pass(15 * day)
			s.run()
			if r := hear(s, s.firstMail()); r.Requeued != 1 || r.Undeliverable != 0 {
				t.Errorf("%+v", r)
			}
			s.pass(time.Second)
			if r := s.run(); r.Delegated != 1 || r.Sent != 1 {
				t.Errorf("%+v", r)
			}
			if r := hear(s, s.mails()[1]); r.Requeued != 1 {
				t.Errorf("%+v", r)
			}
			s.pass(time.Second)
			if r := s.run(); r.Abandoned != 1 {
				t.Errorf("%+v", r)
			}
			if to := s.recipients(); !slices.Equal(to, []string{s.email("admin"), s.email("bob")}) {
				t.Errorf("mail went to %q", to)
			}
			if got := s.outcomes(k.ID); got[0].State != notice.Abandoned {
				t.Errorf("outcomes %+v", got)
			}
			s.pass(8 * day) // the owner's address is as good as before
			s.run()
			if m := s.mails(); len(m) != 3 || m[2].To[0] != s.email("bob") {
				t.Errorf("the next notice: %+v", m[2:])
			}
		})
	}
}

// A bounce that is heard when the next notice has been sent makes nobody hear that twice.
func TestALateBounceDoublesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	bob := s.principal("bob")
	k := s.issue(bob, 30)
	s.pass(15 * day)
	s.run()
	first := s.firstMail()
	bob.Email = s.email("robert")
	s.seen(bob)
	s.pass(8 * day)
	s.run()
	s.notified([]token.Token{k}, 2)
	if r := s.bounced(first); r.Requeued != 1 {
		t.Errorf("bounce: %+v", r)
	}
	s.pass(time.Second)
	if r := s.run(); r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
	s.notified([]token.Token{k}, 2)
	s.pass(7 * day)
	if r := s.run(); r.Sent != 1 {
		t.Errorf("on expiry: %+v", r)
	}
}

// A revoked token, and one that a run is at, is not made due again.
func TestWhatABounceMakesDueAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.principal("bob")
	revoked, kept := s.issue(bob, 30), s.issue(bob, 30)
	s.pass(15 * day)
	s.run()
	s.revoke(bob, revoked)
	if r := s.bounced(s.firstMail()); r.Requeued != 1 {
		t.Errorf("one of two revoked: %+v", r)
	}
	var due []token.ID
	for _, d := range s.due() {
		due = append(due, d.ID)
	}
	if !slices.Equal(due, []token.ID{kept.ID}) {
		t.Errorf("due are %q, want %s", due, kept.ID)
	}
}
