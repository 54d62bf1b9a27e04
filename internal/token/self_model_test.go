package token_test

import (
	"errors"
	"slices"
	"time"

	"latchkey/internal/token"
)

// Histories in which tokens replace their own secrets, for TestRotationModel.

// refused stands for the answer to a secret that does not work.
const refused token.Code = "refused"

func (h *history) today() time.Time { return h.Clock.T.Truncate(24 * time.Hour) }

// mayRenew is how a holder of a secret is answered by what is so now: with another secret if
// it is empty.
func (h *history) mayRenew(l *life, s *made) token.Code {
	now := h.Clock.T
	again := s == l.previous
	switch {
	case !l.works(s, now):
		return refused
	case !l.itself:
		return token.CodeForbidden
	case again && !l.current.first.IsZero():
		return token.CodeRefused
	case again && l.byPerson:
		return token.CodeUnused
	case !l.rotated.IsZero() && now.Before(l.rotated.Add(time.Hour)) && !again,
		!l.rotated.IsZero() && now.Before(l.rotated.Add(time.Minute)):
		return token.CodeTooSoon
	default:
		return ""
	}
}

// renew has the holder of a secret ask for another one, while something else happens after
// the credential was read, if that is given.
func (h *history) renew(l *life, meanwhile func()) {
	s := l.secrets[max(0, len(l.secrets)-1-h.random.IntN(3))]
	first := h.mayRenew(l, s)
	if meanwhile != nil {
		h.Store.After("Credential", meanwhile)
	}
	issued, err := h.RotateSelf(h.t.Context(), token.Holder{TokenID: l.id, Generation: s.generation})
	code := token.CodeOf(err)
	if errors.As(err, new(*token.RefusedError)) {
		code = refused
	}
	last := h.mayRenew(l, s)
	if err != nil && code == "" || !slices.Contains([]token.Code{first, last}, code) && meanwhile == nil || err == nil && last != "" {
		h.t.Errorf("renewing: error %v, want %q or %q", err, first, last)
		return
	}
	if err != nil {
		h.counts["not renewed: "+string(code)]++
		return
	}
	h.counts["renewed"]++
	now := h.Clock.T
	next := &made{
		Secret: issued.Secret, expires: h.today().AddDate(0, 0, l.current.days), overlap: 24 * time.Hour,
		generation: issued.Rotation.Version, chosen: l.current.chosen, days: l.current.days,
	}
	if last := next.chosen.AddDate(0, 0, token.MaxDays); next.expires.After(last) {
		next.expires = last
	}
	if s == l.current {
		l.previous, s.presented = s, true
	} else {
		h.counts["renewed again after a lost answer"]++
		l.current.ended = true
	}
	l.current, l.secrets = next, append(l.secrets, next)
	l.rotated, l.byPerson = now, false
}

func (h *history) renewInARace(l *life) {
	h.counts["a renewal raced"]++
	others := []func(){
		func() { h.rotate(l, nil) }, func() { h.cancel(l) }, func() { h.revoke(l) }, func() { h.present(l) }, h.arrive,
		func() { h.renew(l, nil) },
	}
	h.renew(l, others[h.random.IntN(len(others))])
}

// endItself has the holder of a secret end it.
func (h *history) endItself(l *life) {
	s := l.secrets[max(0, len(l.secrets)-1-h.random.IntN(3))]
	worked := l.works(s, h.Clock.T)
	if !worked && s != l.previous {
		_, err := h.RevokeSelf(h.t.Context(), token.Holder{TokenID: l.id, Generation: s.generation})
		if !errors.As(err, new(*token.RefusedError)) {
			h.t.Errorf("ending a secret that does not work: %v", err)
		}
		return
	}
	if !worked { // nobody gets as far as asking
		return
	}
	ended, err := h.RevokeSelf(h.t.Context(), token.Holder{TokenID: l.id, Generation: s.generation})
	switch {
	case err != nil || (ended == token.EndedToken) != (s == l.current):
		h.t.Errorf("a secret that ends itself: %q, error %v", ended, err)
	case s == l.current:
		h.counts["ended itself"]++
		l.revoked = true
	default:
		h.counts["an old one ended itself"]++
		s.ended, l.previous = true, nil
	}
}
