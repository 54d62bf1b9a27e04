package reminder_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/token"
)

// revokedFor has an admin revoke a token of bob's.
func (s *site) revokedFor(reason string) token.Token {
	s.t.Helper()
	k := s.issue(s.principal("bob"), 30)
	s.pass(time.Hour)
	if _, err := s.manager().Revoke(s.t.Context(), s.principal("admin"), string(k.ID), reason); err != nil {
		s.t.Fatal(err)
	}
	return k
}

// An owner is notified when somebody else revokes their token: of who, when and why. Who
// revokes their own is not.
func TestTheOwnerIsNotifiedOfARevocation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	own := s.issue(s.principal("bob"), 30)
	s.revoke(s.principal("bob"), own)
	k := s.revokedFor("It was at https://evil.example")
	at := s.clock()
	s.pass(30 * time.Second) // whatever starts the run
	if r := s.run(); r.Due != 1 || r.Sent != 1 || r.Mails != 1 {
		t.Errorf("%+v", r)
	}
	m := s.mails()
	if len(m) != 1 || m[0].To[0] != s.email("bob") || !slices.Equal(tokensIn(m[0].Text), []token.ID{k.ID}) {
		t.Fatalf("mails %+v", m)
	}
	for _, want := range []string{"was revoked", s.email("admin"), at.Format("2 January 2006, 15:04 UTC"), "It was at https[:]//evil[.]example"} {
		if !strings.Contains(m[0].Text, want) {
			t.Errorf("there is no %q in:\n%s", want, m[0].Text)
		}
	}
	if got := s.outcomes(k.ID); len(got) != 1 || got[0].Kind != notice.Revoked || got[0].State != notice.Sent || got[0].MessageID != m[0].ID {
		t.Errorf("outcomes %+v", got)
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("again: %+v", r)
	}
}

// Several revocations by the time of a run are one e-mail.
func TestSeveralRevocationsAreOneMail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 3 {
		s.revokedFor("")
	}
	if r := s.run(); r.Sent != 3 || r.Mails != 1 || !strings.Contains(s.firstMail().Subject, "3 API keys were revoked") {
		t.Errorf("%+v", r)
	}
}

// It goes to nobody else: it waits for an owner who cannot be reached, and is abandoned
// after a day.
func TestARevocationWaitsForItsOwner(t *testing.T) {
	t.Parallel()
	for name, works := range map[string]bool{"with a new address": true, "for ever": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.seen(s.principal("admin2"))
			k := s.revokedFor("")
			s.unreachable("bob")
			if r := s.run(); r.Deferred != 1 || r.Mails != 0 {
				t.Errorf("%+v", r)
			}
			s.pass(23 * time.Hour)
			if r := s.run(); r.Deferred != 1 || r.Mails != 0 {
				t.Errorf("within a day: %+v", r)
			}
			if works {
				robert := s.principal("bob")
				robert.Email = s.email("robert")
				s.seen(robert)
			}
			s.pass(5 * time.Hour)
			r := s.run()
			got := s.outcomes(k.ID)
			if works && (r.Sent != 1 || !slices.Equal(s.recipients(), []string{s.email("robert")}) || got[0].State != notice.Sent) ||
				!works && (r.Abandoned != 1 || len(s.mails()) != 0 || got[0].State != notice.Abandoned) {
				t.Errorf("%+v, outcomes %+v, mail to %q", r, got, s.recipients())
			}
			if r := s.run(); r.Due != 0 {
				t.Errorf("again: %+v", r)
			}
		})
	}
}

// A time that was typed wrongly must not have all owners notified that their tokens
// expired.
func TestATimeFarAheadIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	for ahead, taken := range map[time.Duration]bool{day: true, day + time.Second: false, 365 * day: false} {
		if _, err := s.reminder().Handle(t.Context(), s.clock().Add(ahead)); (err == nil) != taken {
			t.Errorf("%s ahead: %v", ahead, err)
		}
	}
	s.notified([]token.Token{k}, 0)
	if got := s.outcomes(k.ID); len(got) != 0 {
		t.Errorf("outcomes %+v", got)
	}
	allowed := func(c *reminder.Config) { c.AllowFuture = true }
	if r, err := s.reminder(allowed).Handle(t.Context(), s.clock().Add(365*day)); err != nil || r.Sent != 1 {
		t.Errorf("where it is allowed: %+v, %v", r, err)
	}
}
