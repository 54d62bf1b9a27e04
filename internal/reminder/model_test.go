package reminder_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/dynamo"
	"latchkey/internal/local"
	"latchkey/internal/local/faulty"
	"latchkey/internal/token"
)

// world is what the model knows of a site: who there is, what happened to each token,
// and what may therefore have been sent.
type world struct {
	*site
	random *rand.Rand
	people []*person
	tokens map[token.ID]*history
	mail   []local.Mail // all there ever was, for bounces
	lapsed time.Time    // no claim of a run that died is left after it
	mailed int          // for the summary
	runs   map[string]int
	told   map[string]map[token.ID]int // the notices in each mail, by its id
	met    time.Time                   // when the admins were last seen

	faults sync.Mutex // over what a fault notes while a run is under way
}

type person struct {
	token.Principal
	unreachable bool // the address bounced, or was complained of
}

// history is what happened to one token.
type history struct {
	token.Token
	owner   *person
	revoked bool
	copies  map[int]int  // e-mails about each notice, by days before expiry
	allowed map[int]int  // second copies that the invariant allows
	excused map[int]bool // there was nobody to tell
	failing time.Time    // since when sending has failed
	held    time.Time    // until when it is not tried again
}

// notice is the tightest one whose date has come, if any.
func (h *history) notice(today token.Date) (days int, ok bool) {
	first, has := schedule.Next(h.ExpiresOn, token.DateOf(h.CreatedAt))
	if !has || today < first {
		return 0, false
	}
	days, _, ok = schedule.Due(h.ExpiresOn, today)
	return days, ok
}

func (w *world) today() token.Date { return token.DateOf(w.clock()) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// TestModel drives random histories over more than a year and holds what SES took and
// what the table says against the invariant in the package's comment. MODEL_SEED repeats
// a history, as far as runs at the same time can be repeated; MODEL_STEPS makes it longer.
func TestModel(t *testing.T) {
	t.Parallel()
	steps, seed := 300, uint64(time.Now().UnixNano())
	for name, set := range map[string]func(n uint64){
		"MODEL_STEPS": func(n uint64) { steps = int(n) },
		"MODEL_SEED":  func(n uint64) { seed = n },
	} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 63)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set(n)
		}
	}
	server, err := local.StartSES(t.Context(), local.SESConfig{NodeModules: nodeModules}) // its own, to be emptied
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		site: newSiteAt(t, server.Endpoint()), random: rand.New(rand.NewPCG(seed, 0)),
		tokens: map[token.ID]*history{}, runs: map[string]int{}, told: map[string]map[token.ID]int{},
	}
	for _, organization := range []string{w.org, w.org + "-b"} {
		for _, name := range []string{"admin1", "admin2", "anna", "ben", "cleo"} {
			p := w.principal(name)
			p.Organization, p.Email = organization, name+"."+organization[len(w.org):]+w.email("x")
			w.people = append(w.people, &person{Principal: p})
			w.seen(p)
		}
	}
	w.met = w.clock()
	begin := w.clock()
	for step := 0; step < steps || w.clock().Sub(begin) < 380*day; step++ {
		w.step()
		if t.Failed() {
			t.Fatalf("failed at step %d; MODEL_SEED=%d repeats it", step, seed)
		}
	}
	w.recorded()
	t.Logf("MODEL_SEED=%d: %d days, %d tokens, %d e-mails, steps %v", seed, int(w.clock().Sub(begin)/day), len(w.tokens), w.mailed, w.runs)
}

// step does one thing at random, more often what matters more.
func (w *world) step() {
	kinds := []struct {
		name   string
		weight int
		do     func()
	}{
		{"issue", 25, w.issueSome},
		{"revoke", 6, w.revokeSome},
		{"address", 4, w.changeAddress},
		{"feedback", 5, w.bounce},
		{"run", 20, func() { w.clean(1) }},
		{"runs at once", 8, func() { w.clean(2) }},
		{"crash", 14, w.crash},
		{"SES fails", 10, w.failSES},
		{"table fails", 6, w.failTable},
		{"quota", 5, w.limit},
		{"days pass", 20, func() { w.pass(time.Duration(1+w.random.IntN(6)) * day) }},
	}
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	at := w.random.IntN(sum)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			w.runs[k.name]++
			k.do()
			break
		}
	}
	w.pass(time.Duration(w.random.IntN(6*60)) * time.Minute)
	if w.clock().Sub(w.met) > 30*day { // who is not seen for 90 days is no admin any more
		w.met = w.clock()
		for _, p := range w.people {
			if p.Role == token.RoleAdmin {
				w.seen(p.Principal)
			}
		}
	}
}

func (w *world) issueSome() {
	p := pick(w.random, w.people)
	for range 1 + w.random.IntN(3) {
		days := 1 + w.random.IntN(365)
		if w.random.IntN(2) == 0 {
			days = 1 + w.random.IntN(35)
		}
		k := w.issue(p.Principal, days)
		w.tokens[k.ID] = &history{
			Token: k, owner: p, copies: map[int]int{}, allowed: map[int]int{}, excused: map[int]bool{},
		}
	}
}

// sorted are the tokens in the order of their issue, so that a seed means one history.
func (w *world) sorted() []*history {
	var all []*history
	for _, h := range w.tokens {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *history) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

func (w *world) revokeSome() {
	if len(w.tokens) == 0 {
		return
	}
	h := pick(w.random, w.sorted())
	w.revoke(h.owner.Principal, h.Token)
	h.revoked = true
}

func (w *world) changeAddress() {
	p := pick(w.random, w.people)
	p.Email, p.unreachable = fmt.Sprintf("%s.%d%s", p.Subject, w.random.IntN(1e6), p.Email[strings.IndexByte(p.Email, '@'):]), false
	w.seen(p.Principal)
}

// bounce has SES say that a recent mail, to some or all of its recipients, bounced.
func (w *world) bounce() {
	if len(w.mail) == 0 {
		return
	}
	m := pick(w.random, w.mail[max(0, len(w.mail)-10):])
	for _, address := range m.To {
		if w.random.IntN(4) == 0 {
			continue
		}
		if _, err := w.direct.Mail(w.t.Context(), m.ID); err != nil {
			return // the process died before it was recorded
		}
		if w.hear("Bounce", m, address).Undeliverable == 1 {
			for _, p := range w.people {
				p.unreachable = p.unreachable || p.Email == address
			}
		}
		for _, d := range w.due() { // the same notice may be told again, no other
			told, in := w.told[m.ID][d.ID]
			if days, ok := w.tokens[d.ID].notice(w.today()); in && ok && days == told {
				w.tokens[d.ID].allowed[days]++
			}
		}
	}
}

// due is all of the queue that is due.
func (w *world) due() []token.DueNotice {
	var all []token.DueNotice
	for shard := range dynamo.Shards {
		due, err := w.direct.Due(w.t.Context(), shard, w.today(), 10000)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, due...)
	}
	return all
}

// clean has so many undisturbed runs take place at once.
func (w *world) clean(runs int) {
	var running sync.WaitGroup
	for range runs {
		running.Go(func() {
			if _, err := w.try(w.t.Context()); err != nil {
				w.t.Error(err)
			}
		})
	}
	running.Wait()
	w.look()
	if w.clock().After(w.lapsed) {
		w.complete()
	}
}

// crash has a run die at some call.
func (w *world) crash() {
	step := pick(w.random, []string{"due", "capacity", "owners", "admins", "claim", "claim", "send", "send", "mark", "mark"})
	c := crashing(w.site, step, w.random.IntN(4), w.random.IntN(2) == 0)
	c.run(w.site)
	w.lapsed = w.clock().Add(15*time.Minute + 6*time.Second)
	w.look()
	for _, id := range c.window() {
		if days, ok := w.tokens[id].notice(w.today()); ok {
			w.tokens[id].allowed[days]++
		}
	}
}

// failSES has SES refuse, break down or lose its answer for some e-mails of a run.
func (w *world) failSES() {
	kind := w.random.IntN(4)
	w.ses.Fail("SendEmail", w.random.IntN(2), 1+w.random.IntN(4), func(rw http.ResponseWriter, r *http.Request, forward http.Handler) {
		switch kind {
		case 0:
			w.note(r, func(h *history) { h.fails(w.clock(), 4*time.Hour) })
			refused(rw, r, forward)
		case 1:
			w.note(r, func(h *history) { h.fails(w.clock(), time.Hour) })
			broken(rw, r, forward)
		case 2:
			w.note(r, func(h *history) {
				h.fails(w.clock(), day)
				if days, ok := h.notice(w.today()); ok {
					h.allowed[days]++
				}
			})
			faulty.CutAfter(rw, r, forward)
		default:
			tooManySent(rw, r, forward)
		}
	})
	w.disturbed()
}

// fails notes a try that failed: the next one waits for as long as it has been failing, up
// to a bound, but not beyond the next notice date.
func (h *history) fails(now time.Time, most time.Duration) {
	if h.failing.IsZero() {
		h.failing = now
	}
	h.held = now.Add(min(now.Sub(h.failing), most))
	if next, ok := schedule.Next(h.ExpiresOn, token.DateOf(now)); ok && next.Start().Before(h.held) {
		h.held = next.Start()
	}
}

// note changes what is known of the tokens in an e-mail to SES.
func (w *world) note(r *http.Request, change func(h *history)) {
	w.faults.Lock()
	defer w.faults.Unlock()
	for _, id := range tokensIn(peek(r)) {
		change(w.tokens[id])
	}
}

// failTable has calls of the table fail for a moment.
func (w *world) failTable() {
	fault := pick(w.random, []faulty.Fault{throttled, tooFast, broken, faulty.CutBefore, faulty.CutAfter})
	for _, operation := range []string{"Query", "BatchGetItem", "UpdateItem", "TransactWriteItems"} {
		w.dynamoDB.Fail(operation, w.random.IntN(20), 1+w.random.IntN(2), fault)
	}
	w.disturbed()
}

// limit has little quota left.
func (w *world) limit() {
	w.ses.Fail("GetAccount", 0, 1, faulty.AnswerJSON(http.StatusOK, "", map[string]any{
		"SendingEnabled": true, "SendQuota": map[string]int{"Max24HourSend": 1000, "MaxSendRate": 100, "SentLast24Hours": 1000 - w.random.IntN(4)},
	}))
	w.disturbed()
}

// disturbed has a run take place that need not complete its work.
func (w *world) disturbed() {
	if _, err := w.try(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	w.look()
	w.ses.Heal()
	w.dynamoDB.Heal()
}
