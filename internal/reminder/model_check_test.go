package reminder_test

import (
	"slices"
	"strings"
	"time"

	"latchkey/internal/dev/local"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// inPlaceOf finds how many admins mail reaches in an owner's place.
func (w *model) inPlaceOf(owner *person) int {
	n := 0
	for _, p := range w.people {
		if p.Organization == owner.Organization && p.Role == token.RoleAdmin && !p.unreachable && p != owner {
			n++
		}
	}
	return n
}

// look takes what SES has taken in a run, and checks each e-mail against what happened.
func (w *model) look() {
	w.t.Helper()
	for _, m := range w.mails() {
		w.mail = append(w.mail, m)
		ids := tokensIn(m.Text)
		if len(ids) == 0 || len(m.To) != 1 || w.owners[m.To[0]] == nil {
			w.t.Errorf("a mail to %q about %d tokens: %s", m.To, len(ids), m.Subject)
			continue
		}
		w.about[m.ID] = map[token.ID]what{}
		for _, id := range ids {
			w.check(m, w.owners[m.To[0]], w.tokens[id])
		}
	}
	w.empty()
	for _, h := range w.tokens {
		for _, o := range w.outcomes(h.ID) {
			said := what{o.Kind, o.Date}
			if _, known := h.admins[said]; o.State != notice.Delegated || known {
				continue
			}
			h.admins[said] = o.Admins
			if want := w.inPlaceOf(h.owner); o.Admins != want {
				w.t.Errorf("%s of token %s was delegated to %d admins, want %d", o.Kind, h.ID, o.Admins, want)
			}
		}
	}
}

// check holds one token in an e-mail to what may be sent.
func (w *model) check(m local.Mail, to *person, h *history) {
	w.t.Helper()
	if h == nil {
		w.t.Errorf("a mail about a token that was never issued: %s", m.Text)
		return
	}
	topic := topicOf(m, h.ID)
	at := slices.IndexFunc(h.notices(w.today()), func(said what) bool { return said.kind.Topic() == topic })
	if at < 0 {
		w.t.Errorf("on %s, %q about token %s of %s, which ends on %s: %s", w.today(), topic, h.ID, h.owner.Email, h.ExpiresOn, m.Text)
		return
	}
	said := h.notices(w.today())[at]
	copies := heard{said, to}
	h.copies[copies]++
	w.about[m.ID][h.ID] = said
	expired := said.kind == notice.Expires(0)
	switch {
	case to.Email != m.To[0]:
		w.t.Errorf("a mail to an old address of %s", to.Subject)
	case to.unreachable:
		w.t.Errorf("a mail to %s, whom none reaches", to.Email)
	case said.kind == notice.Revoked && to != h.owner:
		w.t.Errorf("%s was notified that token %s of %s was revoked", to.Email, h.ID, h.owner.Email)
	case expired != strings.Contains(m.Text, "Expired on:   "+h.ExpiresOn.Start().Format("2 January 2006")) && len(tokensIn(m.Text)) == 1:
		w.t.Errorf("token %s of %s, on %s: %s", h.ID, h.ExpiresOn, w.today(), m.Text)
	case to != h.owner && (to.Role != token.RoleAdmin || to.Organization != h.Organization):
		w.t.Errorf("a notice about token %s of %s went to %s", h.ID, h.owner.Email, to.Email)
	case to != h.owner && strings.Contains(m.Subject, h.Name):
		w.t.Errorf("the name of another's token in the subject %q", m.Subject)
	case h.copies[copies] > 1+h.allowed[copies]:
		w.t.Errorf("%d copies of %s about token %s to %s, at most %d are allowed", h.copies[copies], said.kind, h.ID, to.Email, 1+h.allowed[copies])
	}
}

// complete checks that a run has sent all there was to send: what it has not waits for
// another try, or was tried for a day.
func (w *model) complete() {
	w.t.Helper()
	held := map[notice.Ref]bool{}
	for _, d := range w.due() {
		if !d.HeldUntil.After(w.clock()) || d.HeldUntil.After(w.clock().Add(day)) {
			if d.HeldUntil.Equal(w.clock()) {
				continue
			}
			if d.Failing && w.outOfReach(d) { // the next run tries again
				held[d.Ref] = true
				continue
			}
			w.t.Errorf("%s is still due since %s, and held until %s", d.Ref, d.On, d.HeldUntil)
		}
		held[d.Ref] = true
	}
	for _, h := range w.sorted() {
		for _, said := range h.notices(w.today()) {
			w.completed(h, said, held)
		}
	}
}

// completed checks that what was to be said about a token was, or waits for another try.
func (w *model) completed(h *history, said what, held map[notice.Ref]bool) {
	w.t.Helper()
	o := notice.Leased{Outcomes: w.outcomes(h.ID)}.Outcome(said.kind, said.date)
	switch o.State {
	case notice.Sent:
		if h.copies[heard{said, h.owner}] == 0 {
			w.t.Errorf("%s of token %s is recorded as sent, and was not", said.kind, h.ID)
		}
	case notice.Delegated: // the notices to admins are entries of their own
	case notice.Abandoned:
		if w.clock().Sub(said.since()) < day {
			w.t.Errorf("%s of token %s was abandoned within a day", said.kind, h.ID)
		}
	case notice.Bounced, notice.Covered, "":
		waits := held[notice.Ref{ID: h.ID}]
		if h.revoked != 0 {
			waits = slices.ContainsFunc(w.due(), func(d notice.Due) bool { return d.Kind == notice.Revoked && d.Recipient == h.owner.Subject })
		}
		if !waits {
			w.t.Errorf("on %s nobody was notified of %s of token %s of %s, which is %q", w.today(), said.kind, h.ID, h.owner.Email, o.State)
		}
	}
}

// outOfReach reports whether mail reaches nobody who is to be notified of an entry.
func (w *model) outOfReach(d notice.Due) bool {
	at := slices.IndexFunc(w.people, func(p *person) bool { return p.Subject == d.Recipient && p.Organization == d.Organization })
	return at >= 0 && w.people[at].unreachable && (d.Notice || w.inPlaceOf(w.people[at]) == 0)
}

// since is when a notice became due.
func (s what) since() time.Time {
	for _, days := range schedule {
		if s.kind == notice.Expires(days) || s.kind == notice.Unused(days) {
			return (s.date - token.Date(days)).Start()
		}
	}
	return s.date.Start()
}

// recorded checks at the end that the table says what was sent.
func (w *model) recorded() {
	w.t.Helper()
	for _, h := range w.sorted() {
		for _, o := range w.outcomes(h.ID) {
			known := slices.ContainsFunc(w.mail, func(m local.Mail) bool {
				return m.ID == o.MessageID && slices.Contains(tokensIn(m.Text), h.ID)
			})
			if o.MessageID != "" && !known {
				w.t.Errorf("token %s: %s is recorded as sent by e-mail %s, which was not", h.ID, o.Kind, o.MessageID)
			}
		}
	}
}
