package reminder_test

import (
	"slices"
	"strings"
	"time"

	"latchkey/internal/local"
	"latchkey/internal/token"
)

// reaches finds whom of an organization mail reaches.
func (w *world) reaches(organization string, admins bool) []string {
	var to []string
	for _, p := range w.people {
		if p.Organization == organization && !p.unreachable && (p.Role == token.RoleAdmin || !admins) {
			to = append(to, p.Email)
		}
	}
	return to
}

// look takes what SES has taken in a run, and checks each e-mail against what happened.
func (w *world) look() {
	w.t.Helper()
	for _, m := range w.mails() {
		w.mailed++
		w.mail = append(w.mail, m)
		ids := tokensIn(m.Text)
		if len(ids) == 0 {
			w.t.Errorf("a mail about nothing: %s", m.Subject)
		}
		w.told[m.ID] = map[token.ID]int{}
		for _, id := range ids {
			w.check(m, w.tokens[id])
		}
	}
	w.empty()
	for _, h := range w.tokens { // those that there was nobody to tell about
		days, ok := h.notice(w.today())
		if ok && h.owner.unreachable && !slices.ContainsFunc(w.people, func(p *person) bool {
			return p.Organization == h.Organization && p.Role == token.RoleAdmin && !p.unreachable && p != h.owner
		}) {
			h.excused[days] = true
			if w.clock().After(h.held) {
				h.fails(w.clock(), 4*time.Hour)
			}
		}
	}
}

func (w *world) check(m local.Mail, h *history) {
	w.t.Helper()
	if h == nil {
		w.t.Errorf("a mail about a token that was never issued: %s", m.Text)
		return
	}
	days, ok := h.notice(w.today())
	expired := w.today() >= h.ExpiresOn
	h.copies[days]++
	w.told[m.ID][h.ID] = days
	switch {
	case !ok:
		w.t.Errorf("a notice before its time about token %s", h.ID)
	case h.revoked:
		w.t.Errorf("a notice about token %s, which was revoked", h.ID)
	case expired != (days == 0) || expired != strings.Contains(m.Text, "Expired on:   "+h.ExpiresOn.Start().Format("2 January 2006")):
		w.t.Errorf("token %s of %s, on %s: %s", h.ID, h.ExpiresOn, w.today(), m.Text)
	case h.copies[days] > 1+h.allowed[days]:
		w.t.Errorf("%d copies of notice %d about token %s, at most %d are allowed", h.copies[days], days, h.ID, 1+h.allowed[days])
	}
	toOwner := slices.Equal(m.To, []string{h.owner.Email}) && !h.owner.unreachable
	toAdmins := !slices.ContainsFunc(m.To, func(to string) bool {
		return !slices.Contains(w.reaches(h.Organization, true), to) || to == h.owner.Email
	})
	if !toOwner && !toAdmins || toAdmins && !h.owner.unreachable && h.failing.IsZero() {
		w.t.Errorf("a notice about token %s of %s went to %q", h.ID, h.owner.Email, m.To)
	}
}

// complete checks that a run has told all there was to tell.
func (w *world) complete() {
	w.t.Helper()
	w.faults.Lock()
	defer w.faults.Unlock()
	for _, h := range w.sorted() {
		days, ok := h.notice(w.today())
		waits := !w.clock().After(h.held)
		if ok && !h.revoked && h.copies[days] == 0 && !h.excused[days] && !waits {
			w.t.Errorf("on %s nobody was told that token %s of %s expires on %s", w.today(), h.ID, h.owner.Email, h.ExpiresOn)
		}
		if !waits {
			h.failing, h.held = time.Time{}, time.Time{}
		}
	}
	for _, d := range w.due() {
		h := w.tokens[d.ID]
		days, _ := h.notice(w.today())
		if w.clock().After(h.held) && !h.excused[days] {
			w.t.Errorf("token %s is still due since %s", d.ID, d.On)
		}
	}
}

// recorded checks at the end that the table says what was sent.
func (w *world) recorded() {
	w.t.Helper()
	for _, h := range w.sorted() {
		k, err := w.direct.Token(w.t.Context(), h.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, n := range k.Notices {
			known := slices.ContainsFunc(w.mail, func(m local.Mail) bool {
				return m.ID == n.MessageID && slices.Contains(tokensIn(m.Text), h.ID)
			})
			if n.MessageID != "" && !known {
				w.t.Errorf("token %s: notice %d is recorded as sent by e-mail %s, which was not", h.ID, n.DaysBefore, n.MessageID)
			}
		}
	}
}
