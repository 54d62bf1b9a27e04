package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/dev/local"
)

// result is what the reminder says it did.
type result struct {
	Due, Sent, Skipped, Failed, Mails int
}

// runReminder has the reminder run as scheduled for 00:05 of a day, so many days after
// the token's expiry date; before it, if negative.
func (s *site) runReminder(t *testing.T, k token, days int) result {
	t.Helper()
	at := k.expiry().AddDate(0, 0, days).Add(5 * time.Minute).Format(time.RFC3339)
	var r result
	s.presenting(t).post("/_local/schedule?time="+at, nil).is(http.StatusOK).into(&r)
	if r.Failed > 0 {
		t.Errorf("%d days: %+v", days, r)
	}
	return r
}

// mail is a mail as /_local/mail shows it.
type mail struct {
	From    string
	To      []string
	Subject string
	Text    string
	HTML    string
}

// mailAbout returns the mails that tell of the token, oldest first.
func (s *site) mailAbout(t *testing.T, k token) []mail {
	t.Helper()
	var all []mail
	s.presenting(t).get("/_local/mail").is(http.StatusOK).into(&all)
	return slices.DeleteFunc(all, func(m mail) bool { return !strings.Contains(m.Text, k.ID) })
}

func TestThreeNoticesOnceEach(t *testing.T) {
	s := newSite(t, nil)
	k, _ := s.as(t, "bob").issue("Partner feed", 30)

	for i, notice := range []struct {
		days int
		says string
	}{
		{-15, "15 days"},
		{-7, "7 days"},
		{0, "has expired"},
	} {
		s.runReminder(t, k, notice.days-1) // the day before there is nothing to say
		if n := len(s.mailAbout(t, k)); n != i {
			t.Fatalf("the day before notice %d: %d mails", notice.days, n)
		}
		if r := s.runReminder(t, k, notice.days); r.Sent != 1 || r.Mails != 1 {
			t.Errorf("notice %d: %+v", notice.days, r)
		}
		for range 3 {
			if r := s.runReminder(t, k, notice.days); r.Sent != 0 {
				t.Errorf("notice %d again: %+v", notice.days, r)
			}
		}
		mails := s.mailAbout(t, k)
		if len(mails) != i+1 {
			t.Fatalf("after notice %d: %d mails", notice.days, len(mails))
		}
		m := mails[i]
		if !slices.Equal(m.To, []string{"bob@acme.example"}) || !strings.Contains(m.From, "no-reply@latchkey.example") {
			t.Errorf("notice %d went from %s to %q", notice.days, m.From, m.To)
		}
		if !strings.Contains(m.Subject, "Partner feed") || !strings.Contains(m.Subject, notice.says) {
			t.Errorf("notice %d has the subject %q", notice.days, m.Subject)
		}
		for _, want := range []string{"Partner feed", k.Hint, k.expiry().Format("2 January 2006"), s.url + "/#/", k.ID, notice.says} {
			if !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
				t.Errorf("notice %d lacks %q in its text or HTML:\n%s", notice.days, want, m.Text)
			}
		}
	}
	for _, days := range []int{1, 2, 30} {
		s.runReminder(t, k, days)
	}
	if n := len(s.mailAbout(t, k)); n != 3 {
		t.Errorf("%d mails in the end, want 3", n)
	}
}

func TestNoNoticeForARevokedToken(t *testing.T) {
	s := newSite(t, nil)
	bob := s.as(t, "bob")
	early, _ := bob.issue("Revoked early", 30)
	late, _ := bob.issue("Revoked after the first notice", 30)
	bob.revoke(early.ID).is(http.StatusOK)
	s.runReminder(t, late, -15)
	bob.revoke(late.ID).is(http.StatusOK)
	for _, days := range []int{-7, -1, 0, 1} {
		s.runReminder(t, late, days)
	}
	if n := len(s.mailAbout(t, early)); n != 0 {
		t.Errorf("%d mails about the token revoked early", n)
	}
	if n := len(s.mailAbout(t, late)); n != 1 {
		t.Errorf("%d mails about the token revoked after its first notice, want 1", n)
	}
}

// The runs of three days did not take place: the next one says what is true by then.
func TestSkippedRunsAreCaughtUp(t *testing.T) {
	s := newSite(t, nil)
	k, _ := s.as(t, "bob").issue("Left alone", 30)
	s.runReminder(t, k, -16)
	s.runReminder(t, k, -12) // -15, -14 and -13 were skipped
	mails := s.mailAbout(t, k)
	if len(mails) != 1 || !strings.Contains(mails[0].Subject, "12 days") || strings.Contains(mails[0].Text, "15 days") {
		t.Fatalf("mails %+v", mails)
	}
	s.runReminder(t, k, -7)
	s.runReminder(t, k, 0)
	if n := len(s.mailAbout(t, k)); n != 3 {
		t.Errorf("%d mails in the end, want 3", n)
	}
}

// Nothing ran until the token had expired: one mail says so, not three.
func TestSeveralMissedNoticesAreOneMail(t *testing.T) {
	s := newSite(t, nil)
	k, _ := s.as(t, "bob").issue("Forgotten", 30)
	s.runReminder(t, k, 2)
	s.runReminder(t, k, 3)
	mails := s.mailAbout(t, k)
	if len(mails) != 1 || !strings.Contains(mails[0].Text, "has expired") {
		t.Errorf("mails %+v", mails)
	}
}

func TestATokenOfTenDaysGetsNo15DayNotice(t *testing.T) {
	s := newSite(t, nil)
	k, _ := s.as(t, "bob").issue("Short", 10)
	for days := -10; days < -7; days++ {
		s.runReminder(t, k, days)
	}
	if mails := s.mailAbout(t, k); len(mails) != 0 {
		t.Fatalf("before the 7-day notice: %+v", mails)
	}
	for days := -7; days <= 1; days++ {
		s.runReminder(t, k, days)
	}
	if n := len(s.mailAbout(t, k)); n != 2 {
		t.Errorf("%d mails, want 2: 7 days before and on the day", n)
	}
}

// An owner with several tokens due on one day gets one mail, other owners theirs.
func TestEachOwnerHearsOfTheirOwn(t *testing.T) {
	s := newSite(t, nil)
	first, _ := s.as(t, "bob").issue("One", 30)
	second, _ := s.as(t, "bob").issue("Two", 30)
	daves, _ := s.as(t, "dave").issue("Dave's", 30)
	if r := s.runReminder(t, first, -15); r.Sent != 3 || r.Mails != 2 {
		t.Errorf("%+v, want 3 notices in 2 mails", r)
	}
	for _, about := range []struct {
		token
		to, alsoTells, tellsNot string
	}{
		{first, "bob@acme.example", second.ID, daves.ID},
		{daves, "dave@globex.example", daves.ID, first.ID},
	} {
		mails := s.mailAbout(t, about.token)
		if len(mails) != 1 || !slices.Equal(mails[0].To, []string{about.to}) ||
			!strings.Contains(mails[0].Text, about.alsoTells) || strings.Contains(mails[0].Text, about.tellsNot) {
			t.Errorf("about %s: %+v", about.Name, mails)
		}
	}
}

// The days are a setting.
func TestNoticeDaysAreConfigurable(t *testing.T) {
	s := newSite(t, func(c *local.Config) { c.Environment = map[string]string{"NOTICE_DAYS": "20,3"} })
	k, _ := s.as(t, "bob").issue("Other days", 30)
	var told []string
	for days := -21; days <= 1; days++ {
		if r := s.runReminder(t, k, days); r.Sent > 0 {
			told = append(told, fmt.Sprint(days))
		}
	}
	if got := strings.Join(told, " "); got != "-20 -3" {
		t.Errorf("notices on days %s, want -20 -3", got)
	}
}

// Whoever sends the reminder something that is no scheduled event gets an error, and
// nobody gets mail.
func TestTheReminderWantsATime(t *testing.T) {
	s := newSite(t, nil)
	k, _ := s.as(t, "bob").issue("Untouched", 10)
	for _, event := range []string{`{}`, `{"time": "soon"}`, `[]`} {
		if out, err := s.system.Invoke(t.Context(), "remind", json.RawMessage(event)); err == nil {
			t.Errorf("%s: answered %s", event, out)
		}
	}
	if mails := s.mailAbout(t, k); len(mails) != 0 {
		t.Errorf("mails %+v", mails)
	}
}
