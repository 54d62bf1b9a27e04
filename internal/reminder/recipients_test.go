package reminder_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/dynamo"
	"latchkey/internal/feedback"
	"latchkey/internal/local"
	"latchkey/internal/local/faulty"
	"latchkey/internal/token"
)

// hear has SES say that a mail bounced for good, or was complained of, at an address.
func (s *site) hear(event string, m local.Mail, address string) feedback.Result {
	s.t.Helper()
	recipients := []map[string]string{{"emailAddress": address}}
	detail, err := json.Marshal(map[string]any{
		"eventType": event,
		"mail":      map[string]any{"messageId": m.ID},
		"bounce":    map[string]any{"bounceType": "Permanent", "bouncedRecipients": recipients},
		"complaint": map[string]any{"complainedRecipients": recipients},
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

// What bounced is told to the admins, once; with a new address the owner is told again.
func TestBouncedMailGoesToTheAdmins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admins := []string{s.email("admin1"), s.email("admin2")}
	for _, name := range []string{"admin1", "admin2", "admin3"} {
		s.seen(s.principal(name))
	}
	gone := token.Owner{Organization: s.org, ID: "admin3", Email: s.email("admin3")}
	if err := s.direct.MarkUndeliverable(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	bob := s.principal("bob")
	s.issue(bob, 30)
	s.issue(bob, 30)
	s.pass(15 * day)
	s.run()
	first := s.mails()[0]
	for _, requeued := range []int{2, 0} { // such events come at least once
		if r := s.hear("Bounce", first, s.email("bob")); r.Undeliverable != 1 || r.Requeued != requeued {
			t.Errorf("bounce: %+v, want %d requeued", r, requeued)
		}
	}
	if r := s.run(); r.Sent != 2 || r.Mails != 1 {
		t.Errorf("after the bounce: %+v", r)
	}
	m := s.mails()[1]
	slices.Sort(m.To)
	if !slices.Equal(m.To, admins) || !strings.Contains(m.Subject, "Owner cannot be reached") || !strings.Contains(m.Text, s.email("bob")) {
		t.Errorf("to %q: %s\n%s", m.To, m.Subject, m.Text)
	}
	if r := s.hear("Bounce", first, s.email("bob")); r.Requeued != 0 {
		t.Errorf("the same bounce, late: %+v", r)
	}
	s.hear("Bounce", m, s.email("admin1"))
	if r := s.run(); r.Due != 0 {
		t.Errorf("one of two admins did not get it: %+v", r)
	}

	bob.Email = s.email("robert")
	s.seen(bob)
	s.pass(8 * day)
	s.run()
	if m := s.mails(); len(m) != 3 || !slices.Equal(m[2].To, []string{s.email("robert")}) {
		t.Errorf("with the new address: %+v", m[2:])
	}
	// A complaint ends mail to the owner, but this one has arrived.
	if r := s.hear("Complaint", s.mails()[2], s.email("robert")); r.Undeliverable != 1 || r.Requeued != 0 {
		t.Errorf("complaint: %+v", r)
	}
	s.pass(7 * day)
	s.run()
	if m := s.mails(); len(m) != 4 || !slices.Equal(m[3].To, []string{s.email("admin2")}) || !strings.Contains(m[3].Subject, "have expired") {
		t.Errorf("after the complaint: %+v", m[3:])
	}
}

// A bounce that is heard when the next notice has been told makes nobody hear that twice.
func TestALateBounceDoublesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	bob := s.principal("bob")
	k := s.issue(bob, 30)
	s.pass(15 * day)
	s.run()
	first := s.mails()[0]
	bob.Email = s.email("robert")
	s.seen(bob)
	s.pass(8 * day)
	s.run()
	s.told([]token.Token{k}, 2)
	if r := s.hear("Bounce", first, s.email("bob")); r.Requeued != 1 {
		t.Errorf("bounce: %+v", r)
	}
	if r := s.run(); r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
	s.told([]token.Token{k}, 2)
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
	if r := s.hear("Bounce", s.mails()[0], s.email("bob")); r.Requeued != 1 {
		t.Errorf("one of two revoked: %+v", r)
	}
	var due []token.ID
	for shard := range dynamo.Shards {
		d, err := s.direct.Due(t.Context(), shard, token.DateOf(s.clock()), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range d {
			due = append(due, n.ID)
		}
	}
	if !slices.Equal(due, []token.ID{kept.ID}) {
		t.Errorf("due are %q, want %s", due, kept.ID)
	}
}

// SES does not take the address of one admin: the others hear all the same, and so do
// those whose e-mails come after it.
func TestOneBadAdminSilencesNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"admin1", "admin2", "admin3"} {
		s.seen(s.principal(name))
	}
	k := s.issue(s.principal("bob"), 30)
	gone := token.Owner{Organization: s.org, ID: "bob", Email: s.email("bob")}
	if err := s.direct.MarkUndeliverable(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", about(s.email("admin1")), 0, faulty.Always, badAddress)
	if r := s.run(); r.Sent != 1 || r.Mails != 2 {
		t.Errorf("%+v", r)
	}
	var to []string
	for _, m := range s.mails() {
		to = append(to, m.To...)
		if kept, err := s.direct.Mail(t.Context(), m.ID); err != nil || len(kept.Tokens) != 1 || kept.Tokens[0] != k.ID {
			t.Errorf("the record of the mail to %q is %+v, %v", m.To, kept, err)
		}
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{s.email("admin2"), s.email("admin3")}) {
		t.Errorf("mail went to %q", to)
	}
}

// Sending is paused while admins are told one by one: nothing more is tried in this run.
func TestPausedWhileAdminsAreToldOneByOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin1"))
	s.seen(s.principal("admin2"))
	s.mailer = newMailer(t, s.ses.URL, 1) // one e-mail after the other
	tokens := s.issued(2)
	gone := token.Owner{Organization: s.org, ID: "owner0", Email: s.email("owner0")}
	if err := s.direct.MarkUndeliverable(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	s.ses.FailWhen("SendEmail", func(body string) bool {
		return about(s.email("admin1"))(body) && about(s.email("admin2"))(body)
	}, 0, 1, badAddress)
	s.ses.FailWhen("SendEmail", about(s.email("admin1")), 0, faulty.Always, paused)
	s.ses.FailWhen("SendEmail", about(s.email("admin2")), 0, faulty.Always, paused)
	if r := s.run(); r.Mails != 0 || r.Failed != 2 || r.Left != 1 {
		t.Errorf("%+v", r)
	}
	s.ses.Heal()
	s.mailer = newMailer(t, s.ses.URL, 1000)
	if r := s.run(); r.Sent != 3 {
		t.Errorf("the next run: %+v", r)
	}
	s.told(tokens, 1)
}

// An admin whose own address does not work is not told in their own place.
func TestAnAdminWhoIsTheOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin2"))
	s.issue(s.principal("admin1"), 30)
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", about(s.email("admin1")), 0, faulty.Always, badAddress)
	if r := s.run(); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !slices.Equal(m[0].To, []string{s.email("admin2")}) {
		t.Errorf("mails %+v", m)
	}
	if n := s.ses.Count("SendEmail"); n != 2 {
		t.Errorf("%d tries, want one with the owner and one with the other admin", n)
	}
}

// SES says no to the owner's address itself: the same run tells the admins.
func TestABadAddressGoesToTheAdmins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	tokens := []token.Token{s.issue(s.principal("bob"), 30)}
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", about(s.email("bob")), 0, faulty.Always, badAddress)
	if r := s.run(); r.Sent != 1 || r.Mails != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !slices.Equal(m[0].To, []string{s.email("admin")}) {
		t.Errorf("mails %+v", m)
	}
	s.told(tokens, 1)
}

// An address that SES never takes is not tried: it would turn away the other admins' too.
func TestAddressesThatSESDoesNotTake(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.principal("bob")
	s.issue(bob, 30)
	for i, bad := range []string{"jörg@" + s.domain, "Bob <bob@" + s.domain + ">", "bob", "a@b@" + s.domain} {
		p := s.principal(fmt.Sprintf("admin%d", i))
		p.Email = bad
		s.seen(p)
	}
	twice := s.principal("admin8") // one person, two accounts
	s.seen(twice)
	twice.Subject = "admin9"
	s.seen(twice)
	bob.Email = "böb@" + s.domain
	s.seen(bob)
	s.pass(15 * day)
	if r := s.run(); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !slices.Equal(m[0].To, []string{s.email("admin8")}) {
		t.Errorf("mails %+v", m)
	}
}

// Admins of other organizations, and those who left, hear nothing.
func TestWhoCountsAsAdmin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.principal("admin")
	other.Organization = "other-" + s.org
	s.seen(other)
	s.seen(s.principal("admin-left"))
	demoted := s.principal("admin-demoted")
	s.seen(demoted)
	demoted.Role = token.RoleManager
	s.pass(1)
	s.seen(demoted)
	s.issue(s.principal("bob"), 365)
	s.pass(290 * day)
	s.seen(s.principal("admin-new"))
	gone := token.Owner{Organization: s.org, ID: "bob", Email: s.email("bob")}
	if err := s.direct.MarkUndeliverable(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	s.pass(60 * day)
	if r := s.run(); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !slices.Equal(m[0].To, []string{s.email("admin-new")}) {
		t.Errorf("mails %+v", m)
	}
}
