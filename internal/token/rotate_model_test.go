package token_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// What has to hold after each step of any history:
//   - A secret works exactly if the rules of life below say so; at most two do.
//   - Who has deployed the newest secret whose use was ever marked is not locked out, unless
//     somebody ended it: by a revocation, by end-now, by its date.
//   - A rotation with overlap never leaves only secrets that were not used.
//   - Nothing works while the token is shown as expired or revoked.
//   - Nothing but issuing and rotating makes a secret valid.
//   - No token reaches by itself beyond 365 days after a person last chose.

// life is one token by the rules, apart from the code that is tested.
type life struct {
	id       token.ID
	secrets  []*made // every one that it ever had
	current  *made
	previous *made // nil: none
	revoked  bool
	itself   bool      // it may replace its own secret
	rotated  time.Time // when it was last rotated; zero: not, or that was taken back
	byPerson bool      // the last rotation was a person's
}

// made is one secret.
type made struct {
	token.Secret

	expires time.Time
	overlap time.Duration // for which the one before works after the first use of this one; 0: none
	first   time.Time     // its first use that was marked
	// presented says that it was used to have it replaced, whether or not that was marked.
	presented bool
	ended     bool // somebody meant it to end at once, or to be taken back

	generation int
	chosen     time.Time // the day on which a person last chose how long it lives
	days       int       // that they chose
}

func (l *life) works(s *made, now time.Time) bool {
	switch {
	case l.revoked || s == nil || !now.Before(l.current.expires):
		return false
	case s == l.current:
		return true
	case s != l.previous || l.current.overlap == 0 || !now.Before(s.expires):
		return false
	default:
		return l.current.first.IsZero() || now.Before(l.current.first.Add(l.current.overlap))
	}
}

// newest is the latest secret that is known to be in use.
func (l *life) newest() *made {
	for _, s := range slices.Backward(l.secrets) {
		if !s.first.IsZero() || s.presented {
			return s
		}
	}
	return nil
}

// history is a random one.
type history struct {
	*tokentest.Service

	t      *testing.T
	random *rand.Rand
	lives  []*life
	late   []func() // marks whose authorizers have not come as far yet
	counts map[string]int
}

// TestRotationModel holds random histories to the rules. MODEL_SEED repeats one, MODEL_STEPS
// makes it longer.
func TestRotationModel(t *testing.T) {
	steps, seed := 20_000, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("MODEL_STEPS")); err == nil {
		steps = n
	}
	if n, err := strconv.ParseUint(os.Getenv("MODEL_SEED"), 10, 64); err == nil {
		seed = n
	}
	h := &history{
		Service: tokentest.New(t, func(c *token.IssuerConfig) { c.MaxActive, c.MaxDaily = 200, 10_000 }), t: t,
		random: rand.New(rand.NewPCG(seed, 0)), counts: map[string]int{},
	}
	for step := range steps {
		h.step()
		h.check()
		if t.Failed() {
			t.Fatalf("failed at step %d; MODEL_SEED=%d repeats it", step, seed)
		}
	}
	for _, what := range []string{
		"rotated", "ended at once", "unused one replaced", "refused: rotation_unused", "refused: rotated_meanwhile", "refused: token_ended",
		"taken back", "refused: used", "raced", "marked late", "mark lost", "an old one let in", "a decision raced",
		"renewed", "renewed again after a lost answer", "not renewed: rotation_refused", "not renewed: too_soon", "not renewed: rotation_unused",
		"not renewed: forbidden", "a renewal raced", "ended itself", "an old one ended itself",
	} {
		if h.counts[what] == 0 {
			t.Errorf("no history had: %s", what)
		}
	}
	t.Logf("MODEL_SEED=%d: %v", seed, h.counts)
}

func (h *history) step() {
	living := slices.DeleteFunc(slices.Clone(h.lives), func(l *life) bool { return l.revoked || !h.Clock.T.Before(l.current.expires) })
	if len(living) < 3 {
		h.issue()
		return
	}
	l := living[h.random.IntN(len(living))]
	switch n := h.random.IntN(100); {
	case n < 22:
		h.rotate(l, nil)
	case n < 30:
		h.cancel(l)
	case n < 33:
		h.race(l)
	case n < 43:
		h.Clock.T = h.Clock.T.Add(time.Duration(h.random.IntN(2)) * time.Hour) // holders mostly ask when it is time
		h.renew(l, nil)
	case n < 45:
		h.renewInARace(l)
	case n < 46:
		h.endItself(l)
	case n < 70:
		h.present(l)
	case n < 76:
		h.arrive()
	case n < 77:
		h.revoke(l)
	case n < 90:
		h.Clock.T = h.Clock.T.Add(time.Duration(h.random.IntN(20*3600)) * time.Second)
	case n < 94:
		h.Clock.T = h.Clock.T.Add(time.Duration(h.random.IntN(20)) * 24 * time.Hour)
	default: // also who has ended is asked
		l = h.lives[len(h.lives)-1-h.random.IntN(min(len(h.lives), 6))]
		h.rotate(l, nil)
		h.cancel(l)
	}
}

func (h *history) issue() {
	days := 1 + h.random.IntN(90)
	itself := h.random.IntN(4) > 0
	issued, err := h.Issue(h.t.Context(), tokentest.Bob, token.IssueRequest{Name: "x", ExpiresInDays: &days, SelfRotation: itself})
	if err != nil {
		h.t.Fatal(err)
	}
	s := &made{Secret: issued.Secret, expires: issued.ExpiresAt(), generation: 1, chosen: h.today(), days: days}
	h.lives = append(h.lives, &life{id: issued.ID, secrets: []*made{s}, current: s, itself: itself})
}

// rotate rotates as somebody may ask, while something else happens after the credential was
// read, if that is given.
func (h *history) rotate(l *life, meanwhile func()) {
	days, hours := 1+h.random.IntN(120), 1+h.random.IntN(168)
	r := token.RotateRequest{ExpiresInDays: &days, OverlapHours: &hours}
	if h.random.IntN(4) == 0 {
		r.OldSecret, r.OverlapHours = token.OldEnds, nil
	}
	stored, err := h.Store.Credential(h.t.Context(), l.id)
	if err == nil && h.random.IntN(2) == 0 {
		generation := stored.Generation - h.random.IntN(5)/4
		if generation > 0 {
			r.Replace = &generation
		}
	}
	before, first := l.current, h.verdict(l, r, stored.Generation)
	if meanwhile != nil {
		h.Store.After("Credential", meanwhile)
	}
	issued, err := h.Rotate(h.t.Context(), tokentest.Bob, string(l.id), r)
	now := h.Clock.T
	keepsOld := l.works(l.previous, now) && l.current.first.IsZero()
	allowed := []token.Code{h.verdict(l, r, stored.Generation)}
	if l.current != before { // what it was refused for may have been read before, or after
		allowed = append(slices.DeleteFunc(append(allowed, first), func(c token.Code) bool { return c == "" }), token.CodeRotated)
	} else if err != nil {
		allowed = append(allowed, first)
	}
	if !slices.Contains(allowed, token.CodeOf(err)) || err != nil && token.CodeOf(err) == "" {
		h.t.Errorf("rotating: error %v, want one of %q", err, allowed)
		return
	}
	if err != nil {
		h.counts["refused: "+string(token.CodeOf(err))]++
		return
	}
	next := &made{
		Secret: issued.Secret, expires: h.today().AddDate(0, 0, days), overlap: time.Duration(hours) * time.Hour,
		generation: issued.Rotation.Version, chosen: h.today(), days: days,
	}
	l.rotated, l.byPerson = now, true
	h.counts["rotated"]++
	switch {
	case r.OldSecret == token.OldEnds:
		h.counts["ended at once"]++
		next.overlap, l.current.ended = 0, true
		if l.previous != nil {
			l.previous.ended = true
		}
		l.previous = nil
	case keepsOld:
		h.counts["unused one replaced"]++
		l.current.ended = true
	default:
		l.previous = l.current
	}
	l.current, l.secrets = next, append(l.secrets, next)
}

// verdict is how a rotation is answered by what is so now: with success if it is empty.
func (h *history) verdict(l *life, r token.RotateRequest, generation int) token.Code {
	switch now := h.Clock.T; {
	case l.revoked || !now.Before(l.current.expires):
		return token.CodeEnded
	case r.Replace != nil && *r.Replace != generation:
		return token.CodeRotated
	case r.Replace == nil && l.works(l.previous, now) && l.current.first.IsZero():
		return token.CodeUnused
	default:
		return ""
	}
}

func (h *history) cancel(l *life) {
	_, err := h.Cancel(h.t.Context(), tokentest.Bob, string(l.id))
	now := h.Clock.T
	want := token.CodeUsed
	switch {
	case l.revoked || !now.Before(l.current.expires):
		want = token.CodeEnded
	case l.current.first.IsZero() && l.works(l.previous, now):
		want = ""
	}
	if token.CodeOf(err) != want || (err == nil) != (want == "") {
		h.t.Errorf("taking back: error %v, want %q", err, want)
		return
	}
	if err != nil {
		h.counts["refused: used"]++
		return
	}
	h.counts["taken back"]++
	l.current.ended = true
	l.current, l.previous = l.previous, nil
	l.current.overlap = 0
	l.rotated, l.byPerson = time.Time{}, false
}

// race has two change a token at once: the second comes between the reads and the write of
// the first.
func (h *history) race(l *life) {
	h.counts["raced"]++
	others := []func(){
		func() { h.rotate(l, nil) }, func() { h.cancel(l) }, func() { h.revoke(l) }, func() { h.present(l) }, h.arrive,
		func() { h.renew(l, nil) },
	}
	h.rotate(l, others[h.random.IntN(len(others))])
}

// present presents a secret to an authorizer. It marks the use, or will in a while, or
// cannot. Somebody may take back a rotation between its reads.
func (h *history) present(l *life) {
	s := l.secrets[max(0, len(l.secrets)-1-h.random.IntN(3))]
	if s == l.previous && h.random.IntN(4) == 0 {
		h.counts["a decision raced"]++
		h.Store.After("Credential", func() { h.cancel(l) })
	}
	c, err := h.Verify(h.t.Context(), s.Reveal())
	if works := l.works(s, h.Clock.T); works != (err == nil) {
		h.t.Errorf("a secret that works: %t, was answered: %v", works, err)
	}
	if err != nil {
		return
	}
	if s == l.previous {
		h.counts["an old one let in"]++
	}
	at := h.Clock.T
	mark := func() {
		if s == l.current || s == l.previous {
			if s.first.IsZero() {
				s.first = at
			}
		}
		if err := h.Store.Used(h.t.Context(), c, at, ""); err != nil {
			h.t.Error(err)
		}
	}
	switch h.random.IntN(5) {
	case 0:
		h.counts["mark lost"]++
	case 1:
		h.late = append(h.late, mark)
	default:
		mark()
	}
}

// arrive has late marks arrive, in any order.
func (h *history) arrive() {
	h.random.Shuffle(len(h.late), func(i, j int) { h.late[i], h.late[j] = h.late[j], h.late[i] })
	n := h.random.IntN(len(h.late) + 1)
	for _, mark := range h.late[:n] {
		h.counts["marked late"]++
		mark()
	}
	h.late = h.late[n:]
}

func (h *history) revoke(l *life) {
	if _, err := h.Revoke(h.t.Context(), tokentest.Alice, string(l.id), ""); err != nil {
		h.t.Error(err)
	}
	l.revoked = true
}

// check asks for every secret of the latest tokens whether it works.
func (h *history) check() {
	now := h.Clock.T
	for _, l := range h.lives[max(0, len(h.lives)-6):] {
		var working []*made
		asked := append(slices.Clone(l.secrets[max(0, len(l.secrets)-12):]), l.current)
		if l.previous != nil {
			asked = append(asked, l.previous)
		}
		slices.SortFunc(asked, func(a, b *made) int { return slices.Index(l.secrets, a) - slices.Index(l.secrets, b) })
		for _, s := range slices.Compact(asked) {
			_, err := h.Verify(h.t.Context(), s.Reveal())
			if err != nil && !errors.As(err, new(*token.RefusedError)) {
				h.t.Fatal(err)
			}
			if works := l.works(s, now); works != (err == nil) {
				h.t.Errorf("secret %d of %d works: %t, want %t", slices.Index(l.secrets, s)+1, len(l.secrets), err == nil, works)
			}
			if err == nil {
				working = append(working, s)
			}
		}
		h.hold(l, working)
	}
}

// hold checks what has to hold of the secrets that work.
func (h *history) hold(l *life, working []*made) {
	now := h.Clock.T
	record, _ := h.Store.Stored(l.id)
	if len(working) > 2 || len(working) > 0 && record.Status(now) != token.StatusActive {
		h.t.Errorf("%d secrets of a token work that is shown as %s", len(working), record.Status(now))
	}
	if !l.revoked && record.Status(now) == token.StatusActive && len(working) == 0 {
		h.t.Error("no secret of a token works that is shown as active")
	}
	if s := l.newest(); s != nil && !slices.Contains(working, s) && !l.revoked && !s.ended && now.Before(s.expires) && now.Before(l.current.expires) {
		h.t.Error("who has deployed the newest secret that was ever used is locked out")
	}
	for _, s := range working {
		if s.expires.After(s.chosen.AddDate(0, 0, token.MaxDays)) {
			h.t.Error("a token reaches by itself beyond a year after a person last chose")
		}
		if s.ended || !now.Before(s.expires) || !now.Before(l.current.expires) {
			h.t.Error("a secret works that was ended, or is beyond its date or the new one's")
		}
	}
	if record.Hint != l.current.Hint() || !l.revoked && !record.ExpiresAt().Equal(l.current.expires) {
		h.t.Errorf("the record shows %s until %v, want %s until %v", record.Hint, record.ExpiresAt(), l.current.Hint(), l.current.expires)
	}
}
