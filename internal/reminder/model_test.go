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

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// model is what is known of a site: who there is, what happened to each token, and what
// may therefore have been sent to whom.
type model struct {
	*site
	random *rand.Rand
	people []*person
	owners map[string]*person // by every address that they had
	tokens map[token.ID]*history
	mail   []local.Mail // all there ever was, for bounces
	lapsed time.Time    // no lease of a run that died is left after it
	runs   map[string]int
	about  map[string]map[token.ID]what // the notices in each mail, by its id
	met    time.Time                    // when the admins were last seen

	faults sync.Mutex // over what a fault notes while a run is under way
}

type person struct {
	token.Principal
	unreachable bool // the address bounced, or was complained of
	markedAt    time.Time
}

// history is what happened to one token.
type history struct {
	token.Token
	owner     *person
	revoked   token.Date    // when; 0: it is not
	byAnother bool          // who revoked it
	rotation  *rotation     // the last one; nil: none
	copies    map[heard]int // e-mails
	allowed   map[heard]int // second copies that the invariant allows
	admins    map[what]int  // to how many it was delegated
}

// rotation is the last one of a token.
type rotation struct {
	on     token.Date
	oldEnd token.Date // the old secret's own date
	used   bool       // the new one was used
}

// what is a notice about a token.
type what struct {
	kind notice.Kind
	date token.Date
}

// heard is a notice to one recipient.
type heard struct {
	what
	by *person
}

// notices are those of which somebody is to have heard by a day: the tightest about each date.
func (h *history) notices(today token.Date) []what {
	if h.revoked != 0 {
		if h.byAnother {
			return []what{{notice.Revoked, h.revoked}}
		}
		return nil
	}
	var all []what
	chosen := token.DateOf(h.CreatedAt)
	if h.rotation != nil {
		chosen = h.rotation.on
	}
	about := func(end token.Date, kind func(int) notice.Kind) {
		first, has := schedule.Next(end, chosen)
		if days, _, ok := schedule.Due(end, today); ok && has && today >= first {
			all = append(all, what{kind(days), end})
		}
	}
	about(h.ExpiresOn, notice.Expires)
	if r := h.rotation; r != nil && !r.used && r.oldEnd < h.ExpiresOn && today < h.ExpiresOn {
		about(r.oldEnd, notice.Unused)
	}
	return all
}

func (w *model) today() token.Date { return token.DateOf(w.clock()) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// TestModel drives random histories over more than a year and holds what SES took and
// what the table says against the invariant in the package's comment. MODEL_SEED repeats
// a history, as far as runs at the same time can be repeated; MODEL_STEPS makes it longer.
func TestModel(t *testing.T) {
	t.Parallel()
	steps, seed := 250, uint64(time.Now().UnixNano())
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
	w := &model{
		site: newSiteAt(t, server.Endpoint()), random: rand.New(rand.NewPCG(seed, 0)),
		owners: map[string]*person{}, tokens: map[token.ID]*history{}, runs: map[string]int{}, about: map[string]map[token.ID]what{},
	}
	for _, organization := range []string{w.org, w.org + "-b"} {
		for _, name := range []string{"admin1", "admin2", "anna", "ben", "cleo"} {
			p := w.principal(name)
			p.Organization, p.Email = organization, name+"."+organization[len(w.org):]+w.email("x")
			w.people = append(w.people, &person{Principal: p})
			w.acts(w.people[len(w.people)-1])
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
	t.Logf("MODEL_SEED=%d: %d days, %d tokens, %d e-mails, steps %v", seed, int(w.clock().Sub(begin)/day), len(w.tokens), len(w.mail), w.runs)
}

// step does one thing at random, more often what matters more.
func (w *model) step() {
	kinds := []struct {
		name   string
		weight int
		do     func()
	}{
		{"issue", 25, w.issueSome},
		{"revoke", 6, w.revokeSome},
		{"rotate", 10, w.rotateSome},
		{"use", 6, w.useSome},
		{"take back", 3, w.cancelSome},
		{"address", 4, w.changeAddress},
		{"feedback", 5, w.bounce},
		{"run", 20, func() { w.clean(1) }},
		{"runs at once", 8, func() { w.clean(2) }},
		{"crash", 14, w.crash},
		{"SES fails", 10, w.failSES},
		{"table fails", 6, w.failTable},
		{"quota", 5, w.limit},
		{"days pass", 32, func() { w.pass(time.Duration(1+w.random.IntN(12)) * day) }},
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
	if w.clock().Sub(w.met) > 20*day { // who is not seen for 30 days is no admin any more
		w.met = w.clock()
		for _, p := range w.people {
			if p.Role == token.RoleAdmin {
				w.acts(p)
			}
		}
	}
}

// acts has the API see a person. Some days after it bounced, their address gets another
// chance.
func (w *model) acts(p *person) {
	w.owners[p.Email] = p
	w.seen(p.Principal)
	if w.clock().Sub(p.markedAt) >= 3*day {
		p.unreachable = false
	}
}

func (w *model) issueSome() {
	p := pick(w.random, w.people)
	w.acts(p)
	for range 1 + w.random.IntN(3) {
		days := 1 + w.random.IntN(365)
		if w.random.IntN(2) == 0 {
			days = 1 + w.random.IntN(35)
		}
		k := w.issue(p.Principal, days)
		w.tokens[k.ID] = &history{
			Token: k, owner: p, copies: map[heard]int{}, allowed: map[heard]int{}, admins: map[what]int{},
		}
	}
}

// sorted are the tokens in the order of their issue, so that a seed means one history.
func (w *model) sorted() []*history {
	var all []*history
	for _, h := range w.tokens {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *history) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// revokeSome has a token revoked by its owner or by an admin.
func (w *model) revokeSome() {
	if len(w.tokens) == 0 {
		return
	}
	h, by := pick(w.random, w.sorted()), pick(w.random, w.people)
	if h.revoked != 0 {
		return
	}
	if by.Role != token.RoleAdmin || by.Organization != h.Organization {
		by = h.owner
	}
	w.acts(by)
	w.revoke(by.Principal, h.Token)
	h.revoked, h.byAnother = w.today(), by != h.owner
}

func (w *model) changeAddress() {
	p := pick(w.random, w.people)
	p.Email, p.unreachable = fmt.Sprintf("%s.%d%s", p.Subject, w.random.IntN(1e6), p.Email[strings.IndexByte(p.Email, '@'):]), false
	w.acts(p)
}

// bounce has SES say that a recent mail bounced, for good or for now.
func (w *model) bounce() {
	if len(w.mail) == 0 {
		return
	}
	m := pick(w.random, w.mail[max(0, len(w.mail)-10):])
	if _, err := w.direct.Mail(w.t.Context(), m.ID); err != nil {
		return // the process died before it was recorded
	}
	to := w.owners[m.To[0]]
	if w.random.IntN(2) == 0 {
		w.bounced(m)
		if to.Email == m.To[0] {
			to.unreachable, to.markedAt = true, w.clock()
		}
	} else {
		w.hear("Bounce", "Transient", "General", m)
	}
	for id, said := range w.about[m.ID] { // the same notice may be sent again, no other
		w.tokens[id].allowed[heard{said, to}]++
	}
	w.pass(time.Second)
}

// clean has so many undisturbed runs take place at once.
func (w *model) clean(runs int) {
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
	two := func(h *history) bool { return len(h.notices(w.today())) > 1 }
	if slices.ContainsFunc(w.sorted(), two) { // a token has one notice a run
		if _, err := w.try(w.t.Context()); err != nil {
			w.t.Error(err)
		}
		w.look()
	}
	if w.clock().After(w.lapsed) {
		w.complete()
	}
}

// crash has a run die at some call.
func (w *model) crash() {
	step := pick(w.random, []string{"due", "capacity", "people", "admins", "lease", "lease", "records", "send", "send", "mark", "mark"})
	c := crashing(w.site, step, w.random.IntN(4), w.random.IntN(2) == 0)
	c.run(w.site)
	w.lapsed = w.clock().Add(15*time.Minute + 6*time.Second)
	w.look()
	for _, open := range c.window() {
		w.allow(open.token, open.to)
	}
}

// allow says that the invariant allows another copy of what an e-mail was about.
func (w *model) allow(id token.ID, to string) {
	h := w.tokens[id]
	for _, said := range h.notices(w.today()) {
		h.allowed[heard{said, w.owners[to]}]++
	}
}

// failSES has SES refuse, break down or lose its answer for some e-mails of a run.
func (w *model) failSES() {
	fault := pick(w.random, []faulty.Fault{refused, broken, tooManySent, nil})
	if fault == nil {
		fault = func(rw http.ResponseWriter, r *http.Request, forward http.Handler) {
			body := peek(r)
			w.faults.Lock()
			for _, id := range tokensIn(body) {
				for address := range w.owners {
					if strings.Contains(body, `"`+address+`"`) {
						w.allow(id, address)
					}
				}
			}
			w.faults.Unlock()
			faulty.CutAfter(rw, r, forward)
		}
	}
	w.ses.Fail("SendEmail", w.random.IntN(2), 1+w.random.IntN(4), fault)
	w.disturbed()
}

// failTable has calls of the table fail for a moment.
func (w *model) failTable() {
	fault := pick(w.random, []faulty.Fault{throttled, tooFast, broken, faulty.CutBefore, faulty.CutAfter})
	for _, operation := range []string{"Query", "BatchGetItem", "UpdateItem", "TransactWriteItems"} {
		w.dynamoDB.Fail(operation, w.random.IntN(20), 1+w.random.IntN(2), fault)
	}
	w.disturbed()
}

// limit has little quota left.
func (w *model) limit() {
	w.ses.Fail("GetAccount", 0, 1, faulty.AnswerJSON(http.StatusOK, "", map[string]any{
		"SendingEnabled": true, "SendQuota": map[string]int{"Max24HourSend": 1000, "MaxSendRate": 100, "SentLast24Hours": 1000 - w.random.IntN(4)},
	}))
	w.disturbed()
}

// disturbed has a run take place that need not complete its work.
func (w *model) disturbed() {
	if _, err := w.try(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	w.look()
	w.ses.Heal()
	w.dynamoDB.Heal()
}
