package reminder_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/token"
)

// A token that is revoked after its notice was delegated makes no more mail.
func TestRevokedBeforeTheAdminsAreNotified(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	k := s.issue(s.principal("bob"), 30)
	s.unreachable("bob")
	s.pass(15 * day)
	s.ses.Fail("SendEmail", 0, 1, refused)
	if r := s.run(); r.Delegated != 1 || r.Failed != 1 {
		t.Errorf("%+v", r)
	}
	s.revoke(s.principal("bob"), k)
	s.pass(time.Second)
	if r := s.run(); r.Skipped != 1 || r.Mails != 0 {
		t.Errorf("%+v", r)
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("%+v", r)
	}
}

// The admins of an organization are found once a run, however many owners are out of reach,
// and each admin gets one e-mail about all of them.
func TestAdminsAreFoundOnceARun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 12 {
		s.seen(s.principal(fmt.Sprintf("admin%02d", i)))
		s.pass(time.Minute)
	}
	s.issued(5)
	s.unreachable("owner0", "owner1", "owner2", "owner3", "owner4")
	var searches atomic.Int32
	s.dynamoDB.FailWhen("Query", func(body string) bool { return strings.Contains(body, "ADMINS#") }, 0, faulty.Always,
		func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			searches.Add(1)
			forward.ServeHTTP(w, r)
		})
	if r := s.run(); r.Delegated != 6 || r.Mails != 10 {
		t.Errorf("%+v", r)
	}
	if n := searches.Load(); n != 1 {
		t.Errorf("the admins were searched %d times", n)
	}
	var want []string
	for i := 2; i < 12; i++ { // those seen last
		want = append(want, s.email(fmt.Sprintf("admin%02d", i)))
	}
	if to := s.recipients(); !slices.Equal(to, want) {
		t.Errorf("mail went to %q, want %q", to, want)
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
	s.issue(s.principal("bob"), 30)
	s.unreachable("bob")
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", about(s.email("admin1")), 0, faulty.Always, badAddress)
	if r := s.run(); r.Sent != 2 || r.Failed != 1 || r.Mails != 2 {
		t.Errorf("%+v", r)
	}
	if to := s.recipients(); !slices.Equal(to, []string{s.email("admin2"), s.email("admin3")}) {
		t.Errorf("mail went to %q", to)
	}
}

// An admin whose own address does not work is not told in their own place.
func TestAnAdminWhoIsTheOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin2"))
	s.issue(s.principal("admin1"), 30)
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", about(s.email("admin1")), 0, faulty.Always, badAddress)
	if r := s.run(); r.Delegated != 1 || r.Sent != 1 {
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
	s.notified(tokens, 1)
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
	s.pass(330 * day)
	s.seen(s.principal("admin-new"))
	s.unreachable("bob")
	s.pass(20 * day)
	if r := s.run(); r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || !slices.Equal(m[0].To, []string{s.email("admin-new")}) {
		t.Errorf("mails %+v", m)
	}
}
