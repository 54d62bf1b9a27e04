package reminder_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/dev/local"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

func (s *site) rotator() *token.SelfRotator {
	s.t.Helper()
	r, err := token.NewRotator(token.RotatorConfig{
		Store: s.direct, Prefix: "lk", NotifyOn: schedule.First, RetentionDays: 90, Now: s.clock, Random: rand.Reader,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	self, err := token.NewSelfRotator(r, s.direct, 30*day)
	if err != nil {
		s.t.Fatal(err)
	}
	return self
}

// replace replaces the secret of a token of bob's.
func (s *site) replace(k token.Token, days int, old token.OldSecret) token.Issued {
	s.t.Helper()
	issued, err := s.rotator().Rotate(s.t.Context(), s.principal("bob"), string(k.ID), token.RotateRequest{ExpiresInDays: &days, OldSecret: old})
	if err != nil {
		s.t.Fatal(err)
	}
	return issued
}

// used marks a use of a token's current secret, or of the one before.
func (s *site) used(id token.ID, old bool) {
	s.t.Helper()
	read := s.direct.Credential
	if old {
		read = s.direct.Previous
	}
	c, err := read(s.t.Context(), id)
	if err == nil {
		err = s.direct.Used(s.t.Context(), c, s.clock(), "203.0.113.0/24")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// newMails are those since it was asked last.
func (s *site) newMails() []local.Mail {
	s.t.Helper()
	all := s.mails()
	fresh := slices.DeleteFunc(slices.Clone(all), func(m local.Mail) bool { return slices.Contains(s.read, m.ID) })
	for _, m := range fresh {
		s.read = append(s.read, m.ID)
	}
	return fresh
}

// news runs on some days, from now, and lists what was sent: how many days from now, and the
// subject without the company.
func (s *site) news(days ...int) []string {
	s.t.Helper()
	var all []string
	today := 0
	for _, n := range days {
		s.pass(time.Duration(n-today) * day)
		today = n
		s.run()
		fresh := s.newMails()
		if len(fresh) > 0 { // nothing is said twice
			s.run()
			fresh = append(fresh, s.newMails()...)
		}
		for _, m := range fresh {
			name, _, _ := strings.Cut(m.To[0], "@")
			all = append(all, fmt.Sprint(n, " ", name, strings.TrimPrefix(m.Subject, "[Acme Cloud]")))
		}
	}
	return all
}

const (
	notUsed = " API key “Token of bob” has a new API token that is not used"
	inUse   = " API key “Token of bob” still has its old API token in use"
)

// While the new secret is not used, the old one's end is what its owner is notified of.
func TestTheNewSecretIsNotUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(*site, token.Token)
		want []string
	}{
		"ever":         {func(*site, token.Token) {}, []string{"25 bob" + notUsed, "33 bob" + notUsed, "40 bob" + notUsed}},
		"until it was": {func(s *site, k token.Token) { s.used(k.ID, false) }, nil},
		"and taken back": {func(s *site, k token.Token) {
			if _, err := s.rotator().Cancel(t.Context(), s.principal("bob"), string(k.ID)); err != nil {
				t.Fatal(err)
			}
		}, []string{
			"25 bob API key “Token of bob” expires in 15 days", "33 bob API key “Token of bob” expires in 7 days",
			"40 bob API key “Token of bob” has expired",
		}},
		"but ended the old one": {func(s *site, k token.Token) {
			s.used(k.ID, false)
			s.replace(k, 365, token.OldEnds)
		}, nil},
		"but revoked": {func(s *site, k token.Token) { s.revoke(s.principal("bob"), k) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			k := s.issue(s.principal("bob"), 50)
			s.pass(10 * day)
			s.used(k.ID, false)
			s.replace(k, 180, "")
			s.pass(time.Minute)
			test.then(s, k)
			if got := s.news(0, 1, 24, 25, 26, 32, 33, 39, 40, 41); !slices.Equal(got, test.want) {
				t.Errorf("heard %q, want %q", got, test.want)
			}
		})
	}
}

// What is due on the day on which somebody chose a date, or was before, is known to them.
func TestWhoChoosesADateKnowsIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 10)
	s.used(k.ID, false)
	s.replace(k, 12, "")
	want := []string{
		"3 bob" + notUsed, "5 bob API key “Token of bob” expires in 7 days", "10 bob" + notUsed, "12 bob API key “Token of bob” has expired",
	}
	if got := s.news(0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// Both dates are the same: one notice says both.
func TestTheNewSecretEndsWithTheOldOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 20)
	s.used(k.ID, false)
	s.replace(k, 20, "")
	s.pass(5 * day)
	s.pass(8 * day)
	s.run()
	if m := s.firstMail(); !strings.Contains(m.Subject, "expires in 7 days") || !strings.Contains(m.Text, "New token:    not used since it was made on") {
		t.Errorf("mail %s\n%s", m.Subject, m.Text)
	}
}

// Days on which nothing ran are made up for, by the tightest notice.
func TestUnusedIsCaughtUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 50)
	s.used(k.ID, false)
	s.replace(k, 180, "")
	s.pass(44 * day)
	if got := s.news(0); !slices.Equal(got, []string{"0 bob" + notUsed}) {
		t.Errorf("heard %q", got)
	}
	var states []string
	for _, o := range s.outcomes(k.ID) {
		states = append(states, fmt.Sprint(o.Kind, " ", o.State, " ", o.Date == k.ExpiresOn))
	}
	slices.Sort(states)
	if !slices.Equal(states, []string{"unused-15 covered true", "unused-7 sent true"}) {
		t.Errorf("outcomes %q", states)
	}
}

// Where the owner cannot be reached, admins hear that a new secret is not used, and of no
// more than that.
func TestAdminsHearThatTheNewSecretIsNotUsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	k := s.issue(s.principal("bob"), 50)
	s.used(k.ID, false)
	s.replace(k, 180, "")
	s.unreachable("bob")
	s.pass(35 * day)
	s.seen(s.principal("admin"))
	s.run()
	m := s.firstMail()
	if m.To[0] != s.email("admin") || !strings.Contains(m.Subject, "Owner cannot be reached") || !strings.Contains(m.Text, "was replaced, but the new one has not been used") {
		t.Errorf("mail to %s: %s\n%s", m.To[0], m.Subject, m.Text)
	}
	s.pass(time.Hour)
	if s.run(); len(s.mails()) != 1 {
		t.Errorf("again: %+v", s.mails())
	}
}

// An old secret that is in use shortly before its end.
func TestTheOldSecretIsStillUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uses func(*site, token.ID)
		want []string
	}{
		"after the new one": {func(s *site, id token.ID) {
			s.used(id, false)
			s.pass(2 * time.Hour)
			s.used(id, true)
		}, []string{"0 bob" + inUse}},
		"before the new one": {func(s *site, id token.ID) {
			s.used(id, true)
			s.pass(2 * time.Hour)
			s.used(id, false)
		}, nil},
		"alone": {func(s *site, id token.ID) { s.used(id, true) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			k := s.issue(s.principal("bob"), 100)
			s.used(k.ID, false)
			s.replace(k, 180, "")
			s.pass(10 * time.Hour)
			test.uses(s, k.ID)
			s.pass(14 * time.Hour) // the next day, before the old one's end
			if got := s.news(0, 1, 2); !slices.Equal(got, test.want) {
				t.Errorf("heard %q, want %q", got, test.want)
			}
		})
	}
	// It ends in more than a day: not yet.
	s := newSite(t)
	k := s.issue(s.principal("bob"), 100)
	s.used(k.ID, false)
	hours := 72
	_, err := s.rotator().Rotate(t.Context(), s.principal("bob"), string(k.ID), token.RotateRequest{OverlapHours: &hours})
	if err != nil {
		t.Fatal(err)
	}
	s.pass(time.Hour)
	s.used(k.ID, false)
	var got []string
	for n := range 5 {
		s.pass(23 * time.Hour)
		if n < 3 {
			s.used(k.ID, true)
		}
		s.pass(time.Hour)
		s.run()
		for range s.newMails() {
			got = append(got, fmt.Sprint(n))
		}
	}
	if !slices.Equal(got, []string{"1"}) {
		t.Errorf("heard on %q", got)
	}
}

// The owner of a token that replaces its own secret hears of it once a day, with the count.
func TestRenewals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	issuer := s.issuer()
	days := 100
	issued, err := issuer.Issue(t.Context(), s.principal("bob"), token.IssueRequest{Name: "Token of bob", ExpiresInDays: &days, SelfRotation: true})
	if err != nil {
		t.Fatal(err)
	}
	renew := func(times int) {
		t.Helper()
		for range times {
			s.pass(2 * time.Hour)
			c, err := s.direct.Credential(t.Context(), issued.ID)
			if err != nil {
				t.Fatal(err)
			}
			s.used(issued.ID, false)
			if _, err := s.rotator().RotateSelf(t.Context(), token.Holder{TokenID: issued.ID, Generation: c.Generation}); err != nil {
				t.Fatal(err)
			}
		}
		s.used(issued.ID, false)
		s.run()
		if mails := s.newMails(); len(mails) != 0 {
			t.Errorf("on the day itself: %+v", mails)
		}
		s.pass(day - time.Duration(times)*2*time.Hour)
	}
	for _, times := range []int{3, 1, 0, 0, 2} {
		renew(times)
		s.run()
		s.run()
		mails := s.newMails()
		if len(mails) != min(times, 1) {
			t.Fatalf("after %d: %+v", times, mails)
		}
		want := map[int]string{1: "Replaced:     once", 2: "Replaced:     2 times", 3: "Replaced:     3 times"}[times]
		if times > 0 && (!strings.Contains(mails[0].Text, want) || !strings.Contains(mails[0].Subject, "replaced its own API token")) {
			t.Errorf("%s\n%s", mails[0].Subject, mails[0].Text)
		}
	}
	kept := slices.DeleteFunc(s.outcomes(issued.ID), func(o notice.Outcome) bool { return o.Kind != notice.Renewed })
	if len(kept) != 1 {
		t.Errorf("%d outcomes are kept: %+v", len(kept), kept)
	}
	// Nobody else hears of it where the owner cannot be reached.
	s.seen(s.principal("admin"))
	s.unreachable("bob")
	renew(1)
	r := s.run()
	if mails := s.newMails(); len(mails) != 0 || r.Failed != 0 {
		t.Errorf("%+v, mails %+v", r, mails)
	}
}

// Owner and admins hear at once that two have the same secret.
func TestTwoHaveTheSameSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	days := 100
	issued, err := s.issuer().Issue(t.Context(), s.principal("bob"), token.IssueRequest{Name: "Token of bob", ExpiresInDays: &days, SelfRotation: true})
	if err != nil {
		t.Fatal(err)
	}
	stolen := token.Holder{TokenID: issued.ID, Generation: 1, Address: "198.51.100.7"}
	if _, err := s.rotator().RotateSelf(t.Context(), stolen); err != nil {
		t.Fatal(err)
	}
	s.used(issued.ID, false)
	s.pass(time.Hour)
	for range 3 {
		if _, err := s.rotator().RotateSelf(t.Context(), stolen); token.CodeOf(err) != token.CodeRefused {
			t.Fatal(err)
		}
	}
	if r := s.run(); r.Sent != 2 {
		t.Errorf("%+v", r)
	}
	var to []string
	for _, m := range s.mails() {
		to = append(to, m.To[0])
		if !strings.Contains(m.Subject, "may be in a stranger’s hands") || !slices.Equal(tokensIn(m.Text), []token.ID{issued.ID}) {
			t.Errorf("mail to %s: %s\n%s", m.To[0], m.Subject, m.Text)
		}
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{s.email("admin"), s.email("bob")}) {
		t.Errorf("heard: %q", to)
	}
	if o := s.outcomes(issued.ID); len(o) != 1 || o[0].Kind != notice.RotationRefused || o[0].State != notice.Sent {
		t.Errorf("outcomes %+v", o)
	}
}

// A secret that a token no longer has is used day after day: a week of notices is enough,
// until it stops for a day.
func TestAReplacedSecretIsUsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 200)
	var got []string
	for n := range 14 {
		s.pass(time.Hour)
		if n != 10 {
			for range 2 {
				refused := &token.RefusedError{Reason: token.ReasonRotated, TokenID: k.ID, Organization: k.Organization, Owner: k.Owner}
				if err := s.direct.RetiredUsed(t.Context(), refused, s.clock(), "198.51.100.0/24"); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.run()
		s.run()
		for _, m := range s.newMails() {
			got = append(got, fmt.Sprint(n))
			if !strings.Contains(m.Text, "Came from:    198.51.100.0/24") || !strings.Contains(m.Subject, "had a replaced API token used") {
				t.Errorf("%s\n%s", m.Subject, m.Text)
			}
		}
		s.pass(day - time.Hour)
	}
	if want := []string{"0", "1", "2", "3", "4", "5", "6", "11", "12", "13"}; !slices.Equal(got, want) {
		t.Errorf("heard on %q, want %q", got, want)
	}
}
