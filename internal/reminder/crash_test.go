package reminder_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"testing"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// crash is a process that dies at a call: from then on nothing of it reaches the table
// or SES. It stands between a run and the real parts.
type crash struct {
	queue  reminder.Queue
	mailer reminder.Mailer
	step   string // at which it dies; empty: never
	call   int    // which of those calls, from 0
	after  bool   // when the call has had its effect; else before

	mu    sync.Mutex
	calls map[string]int
	dead  bool
	open  map[string]mail.Message // e-mails that SES took, not recorded yet
}

var (
	_ reminder.Queue  = (*crash)(nil)
	_ reminder.Mailer = (*crash)(nil)
)

// crashing has a run die at a step.
func crashing(s *site, step string, call int, after bool) *crash {
	return &crash{
		queue: s.store, mailer: s.mailer, step: step, call: call, after: after,
		calls: map[string]int{}, open: map[string]mail.Message{},
	}
}

// copyOf is what somebody hears of a token.
type copyOf struct {
	token token.ID
	to    string
}

// window is what SES took an e-mail about, and to whom, without this being recorded.
func (c *crash) window() []copyOf {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []copyOf
	for _, m := range c.open {
		for _, id := range tokensIn(m.Text) {
			all = append(all, copyOf{id, m.To})
		}
	}
	return all
}

// died reports whether the run got as far as the step.
func (c *crash) died() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// run has the crashing run take place, as far as it gets.
func (c *crash) run(s *site) {
	s.t.Helper()
	over := make(chan struct{})
	go func() {
		defer close(over)
		// Of a process that has died nobody hears how its run went.
		_, _ = s.reminder(func(config *reminder.Config) { config.Queue, config.Mailer = c, c }).Handle(s.t.Context(), s.clock())
	}()
	<-over
}

// do makes a call unless the process has died, and lets it die there if it is time to.
func (c *crash) do(step string, call func() error) error {
	c.mu.Lock()
	here := step == c.step && c.calls[step] == c.call && !c.dead
	c.calls[step]++
	if here && !c.after {
		c.dead = true
	}
	dead := c.dead
	c.mu.Unlock()
	if dead {
		runtime.Goexit()
	}
	err := call()
	c.mu.Lock()
	if here {
		c.dead = true
	}
	dead = c.dead
	c.mu.Unlock()
	if dead {
		runtime.Goexit()
	}
	return err
}

func (c *crash) Due(ctx context.Context, shard int, today token.Date, limit int) (due []notice.Due, err error) {
	err = c.do("due", func() (err error) {
		due, err = c.queue.Due(ctx, shard, today, limit)
		return err
	})
	return due, err
}

func (c *crash) Records(ctx context.Context, ids []token.ID) (records map[token.ID]token.Token, err error) {
	err = c.do("records", func() (err error) {
		records, err = c.queue.Records(ctx, ids)
		return err
	})
	return records, err
}

func (c *crash) Notice(ctx context.Context, id token.ID) (n notice.Notice, err error) {
	err = c.do("notice", func() (err error) {
		n, err = c.queue.Notice(ctx, id)
		return err
	})
	return n, err
}

func (c *crash) PeopleByID(ctx context.Context, organization string, ids []string) (people map[string]token.Person, err error) {
	err = c.do("people", func() (err error) {
		people, err = c.queue.PeopleByID(ctx, organization, ids)
		return err
	})
	return people, err
}

func (c *crash) Admins(
	ctx context.Context, organization string, since time.Time, limit int, use func(token.Person) bool,
) (admins []token.Person, err error) {
	err = c.do("admins", func() (err error) {
		admins, err = c.queue.Admins(ctx, organization, since, limit, use)
		return err
	})
	return admins, err
}

func (c *crash) Lease(ctx context.Context, d notice.Due, l notice.Lease, now time.Time) (leased notice.Leased, ok bool, err error) {
	err = c.do("lease", func() (err error) {
		leased, ok, err = c.queue.Lease(ctx, d, l, now)
		return err
	})
	return leased, ok, err
}

func (c *crash) SentMail(ctx context.Context, id token.ID) (m notice.SentMail, ok bool, err error) {
	err = c.do("sent mail", func() (err error) {
		m, ok, err = c.queue.SentMail(ctx, id)
		return err
	})
	return m, ok, err
}

func (c *crash) Release(ctx context.Context, r notice.Ref, run string, f notice.Failure) error {
	return c.do("release", func() error { return c.queue.Release(ctx, r, run, f) })
}

func (c *crash) Mark(ctx context.Context, change notice.Change) error {
	return c.do("mark", func() error {
		err := c.queue.Mark(ctx, change)
		if err == nil && change.Mail != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.open, change.Mail.MessageID)
		}
		return err
	})
}

func (c *crash) Capacity(ctx context.Context) (capacity reminder.Capacity, err error) {
	err = c.do("capacity", func() (err error) {
		capacity, err = c.mailer.Capacity(ctx)
		return err
	})
	return capacity, err
}

func (c *crash) Send(ctx context.Context, m mail.Message) (id string, err error) {
	err = c.do("send", func() (err error) {
		if id, err = c.mailer.Send(ctx, m); err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.open[id] = m
		}
		return err
	})
	return id, err
}

// heard counts the mails to each recipient about each token.
func (s *site) heard() map[copyOf]int {
	s.t.Helper()
	copies := map[copyOf]int{}
	for _, m := range s.mails() {
		for _, id := range tokensIn(m.Text) {
			copies[copyOf{id, m.To[0]}]++
		}
	}
	return copies
}

// Wherever a run dies, the next one after the leases have lapsed completes its work, and
// there is a second copy only of what SES had taken and the table had not recorded: for
// the owners of few and of many tokens, for each of several admins in an owner's place, and
// for an owner whose token was revoked.
func TestARunDiesAnywhere(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"due", "capacity", "people", "admins", "lease", "records", "send", "mark", "release"} {
		for _, after := range []bool{false, true} {
			for _, call := range []int{0, 3} {
				t.Run(fmt.Sprintf("%s %d, after %v", step, call, after), func(t *testing.T) {
					t.Parallel()
					s := newSite(t)
					want := map[copyOf]int{}
					for _, name := range []string{"admin1", "admin2"} {
						s.seen(s.principal(name))
					}
					many := 2
					if step == "mark" {
						many = 50 // more than one transaction records
					}
					for range many {
						want[copyOf{s.issue(s.principal("many"), 30).ID, s.email("many")}] = 1
					}
					for _, k := range s.issued(4) {
						if k.Owner.ID == "owner1" {
							want[copyOf{k.ID, s.email("admin1")}], want[copyOf{k.ID, s.email("admin2")}] = 1, 1
							continue
						}
						want[copyOf{k.ID, s.email(k.Owner.ID)}] = 1
					}
					s.unreachable("owner1")
					revoked := s.issue(s.principal("eve"), 100)
					s.revoke(s.principal("admin1"), revoked)
					want[copyOf{revoked.ID, s.email("eve")}] = 1
					if step == "release" { // of what SES refuses
						s.ses.Fail("SendEmail", 0, 2, refused)
					}
					c := crashing(s, step, call, after)
					c.run(s)
					// Some steps take place once only.
					if once := step == "capacity" || step == "admins" || step == "release"; !c.died() && (call == 0 || !once) {
						t.Fatalf("the run did not get to %s %d", step, call)
					}
					s.ses.Heal()
					s.pass(15*time.Minute + 6*time.Second) // a run without a deadline ends before
					s.run()
					s.pass(15 * time.Minute)
					if r := s.run(); r.Due != 0 {
						t.Errorf("there is still something to do: %+v", r)
					}
					for _, open := range c.window() {
						want[open]++
					}
					if got := s.heard(); !maps.Equal(got, want) {
						t.Errorf("heard %v, want %v", got, want)
					}
				})
			}
		}
	}
}

// The owner of more tokens than one transaction records gets one e-mail, also if the run
// dies between two of them: the next one records the rest.
func TestARunDiesBetweenTheRecordsOfOneMail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var tokens []token.Token
	for range 50 {
		tokens = append(tokens, s.issue(s.principal("bob"), 30))
	}
	s.pass(15 * day)
	c := crashing(s, "mark", 1, false)
	c.run(s)
	if !c.died() || len(c.window()) != 0 {
		t.Fatalf("died %v, window %v", c.died(), c.window())
	}
	s.pass(15*time.Minute + 6*time.Second)
	if r := s.run(); r.Due == 0 || r.Due == 50 || r.Sent != r.Due || r.Mails != 0 {
		t.Errorf("%+v, want the rest recorded and nothing sent", r)
	}
	s.notified(tokens, 1)
	for _, k := range tokens {
		if got := s.outcomes(k.ID); len(got) != 1 || got[0].State != notice.Sent || got[0].MessageID != s.firstMail().ID {
			t.Errorf("outcomes %+v", got)
		}
	}
}
