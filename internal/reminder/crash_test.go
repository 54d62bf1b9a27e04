package reminder_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"latchkey/internal/reminder"
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
	open  map[string][]token.ID // e-mails that SES took, not recorded yet
}

var (
	_ reminder.Queue  = (*crash)(nil)
	_ reminder.Mailer = (*crash)(nil)
)

// crashing has a run die at a step.
func crashing(s *site, step string, call int, after bool) *crash {
	return &crash{
		queue: s.store, mailer: s.mailer, step: step, call: call, after: after,
		calls: map[string]int{}, open: map[string][]token.ID{},
	}
}

// window are the tokens that SES took an e-mail about without this being recorded.
func (c *crash) window() []token.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []token.ID
	for _, tokens := range c.open {
		ids = append(ids, tokens...)
	}
	return ids
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

func (c *crash) Due(ctx context.Context, shard int, today token.Date, limit int) (due []token.DueNotice, err error) {
	err = c.do("due", func() (err error) {
		due, err = c.queue.Due(ctx, shard, today, limit)
		return err
	})
	return due, err
}

func (c *crash) Owners(ctx context.Context, organization string, ids []string) (owners map[string]token.Owner, err error) {
	err = c.do("owners", func() (err error) {
		owners, err = c.queue.Owners(ctx, organization, ids)
		return err
	})
	return owners, err
}

func (c *crash) Admins(ctx context.Context, organization string, since time.Time) (admins []token.Owner, err error) {
	err = c.do("admins", func() (err error) {
		admins, err = c.queue.Admins(ctx, organization, since)
		return err
	})
	return admins, err
}

func (c *crash) Claim(ctx context.Context, d token.DueNotice, by token.Claim, now time.Time) (claimed token.Claimed, ok bool, err error) {
	err = c.do("claim", func() (err error) {
		claimed, ok, err = c.queue.Claim(ctx, d, by, now)
		return err
	})
	return claimed, ok, err
}

func (c *crash) Release(ctx context.Context, id token.ID, run string, f token.Failure) error {
	return c.do("release", func() error { return c.queue.Release(ctx, id, run, f) })
}

func (c *crash) Mark(ctx context.Context, run string, mail *token.SentMail, marks []token.Mark) error {
	return c.do("mark", func() error {
		err := c.queue.Mark(ctx, run, mail, marks)
		if err == nil {
			c.recorded(marks)
		}
		return err
	})
}

// recorded takes tokens out of the window.
func (c *crash) recorded(marks []token.Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, tokens := range c.open {
		c.open[id] = slices.DeleteFunc(tokens, func(id token.ID) bool {
			return slices.ContainsFunc(marks, func(m token.Mark) bool { return m.ID == id })
		})
	}
}

func (c *crash) Capacity(ctx context.Context) (capacity reminder.Capacity, err error) {
	err = c.do("capacity", func() (err error) {
		capacity, err = c.mailer.Capacity(ctx)
		return err
	})
	return capacity, err
}

func (c *crash) Send(ctx context.Context, m reminder.Mail) (id string, err error) {
	err = c.do("send", func() (err error) {
		if id, err = c.mailer.Send(ctx, m); err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.open[id] = tokensIn(m.Text)
		}
		return err
	})
	return id, err
}

// Wherever a run dies, the next one after the claims have lapsed completes its work, and
// there is a second copy only of what SES had taken and the table had not recorded.
func TestARunDiesAnywhere(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"due", "capacity", "owners", "admins", "claim", "send", "mark", "release"} {
		for _, after := range []bool{false, true} {
			for _, call := range []int{0, 3} {
				t.Run(fmt.Sprintf("%s %d, after %v", step, call, after), func(t *testing.T) {
					t.Parallel()
					s := newSite(t)
					s.seen(s.principal("admin"))
					tokens := s.issued(6)
					bounced := token.Owner{Organization: s.org, ID: "owner1", Email: s.email("owner1")}
					if err := s.direct.MarkUndeliverable(t.Context(), bounced); err != nil {
						t.Fatal(err)
					}
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
					s.pass(15*time.Minute + 5*time.Second) // a run without a deadline ends before
					s.run()
					s.pass(15 * time.Minute)
					if r := s.run(); r.Due != 0 {
						t.Errorf("there is still something to do: %+v", r)
					}
					copies := s.copies()
					for _, k := range tokens {
						want := 1
						if slices.Contains(c.window(), k.ID) {
							want = 2
						}
						if copies[k.ID] != want {
							t.Errorf("%d mails about token %s of %s, want %d", copies[k.ID], k.ID, k.Owner, want)
						}
					}
				})
			}
		}
	}
}
