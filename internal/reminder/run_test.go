package reminder_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/dynamo"
	"latchkey/internal/reminder"
	"latchkey/internal/token"
)

// issued makes tokens of several owners that expire in 30 days, and lets time pass to
// the first notice: one of each owner, and a second one of the first.
func (s *site) issued(owners int) []token.Token {
	s.t.Helper()
	tokens := []token.Token{s.issue(s.principal("owner0"), 30)}
	for i := range owners {
		tokens = append(tokens, s.issue(s.principal(fmt.Sprintf("owner%d", i)), 30))
	}
	s.pass(15 * day)
	return tokens
}

func TestOneMailAnOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(3)
	if r := s.run(); r.Due != 4 || r.Sent != 4 || r.Mails != 3 || r.OldestOverdueHours != 0 {
		t.Errorf("%+v", r)
	}
	s.notified(tokens, 1)
	for _, m := range s.mails() {
		if m.Headers["Auto-Submitted"] != "auto-generated" || m.Headers["X-Auto-Response-Suppress"] != "All" || len(m.To) != 1 {
			t.Errorf("mail to %q with headers %v", m.To, m.Headers)
		}
		if two := strings.Contains(m.Subject, "2 API keys expire in 15 days"); two != (m.To[0] == s.email("owner0")) {
			t.Errorf("%q got %q", m.To, m.Subject)
		}
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("the same event again: %+v", r)
	}
}

// One e-mail for one owner and day, also for more tokens than one transaction can record.
func TestManyTokensOfOneOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var tokens []token.Token
	for range 53 {
		tokens = append(tokens, s.issue(s.principal("bob"), 30))
	}
	s.pass(15 * day)
	before := s.dynamoDB.Count("TransactWriteItems")
	if r := s.run(); r.Sent != 53 || r.Mails != 1 {
		t.Errorf("%+v, want 53 notices in one e-mail", r)
	}
	if n := s.dynamoDB.Count("TransactWriteItems") - before; n != 2 {
		t.Errorf("%d transactions, want 2", n)
	}
	s.notified(tokens, 1)
}

// The event may come twice, and two runs may overlap: still one mail each.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(40)
	var results [3]reminder.Result
	var running sync.WaitGroup
	for i := range results {
		running.Go(func() {
			var err error
			if results[i], err = s.try(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	sent := 0
	for _, r := range results {
		sent += r.Sent
	}
	if sent != len(tokens) {
		t.Errorf("%+v sent %d notices, want %d", results, sent, len(tokens))
	}
	s.notified(tokens, 1)
}

func TestMailGoesToTheCurrentAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.principal("bob")
	s.issue(bob, 30)
	s.pass(2 * day)
	bob.Email = s.email("robert")
	s.seen(bob)
	s.pass(13 * day)
	s.run()
	if m := s.mails(); len(m) != 1 || !slices.Equal(m[0].To, []string{s.email("robert")}) {
		t.Errorf("mails %+v", m)
	}
}

// A late event must not say what is no longer so: the day before, there was a notice of
// one day left; now the token has expired.
func TestALateEventSaysWhatIsSoNow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.issue(s.principal("bob"), 30)
	s.pass(30 * day)
	r, err := s.reminder().Handle(t.Context(), s.clock().Add(-20*time.Minute))
	if err != nil || r.Sent != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if m := s.mails(); len(m) != 1 || !strings.Contains(m[0].Subject, "has expired") {
		t.Errorf("mails %+v", m)
	}
	if _, err := s.reminder().Handle(t.Context(), time.Time{}); err == nil {
		t.Error("an event without a time was taken")
	}
}

// A token that is revoked before it is leased gets no notice; one that is revoked while
// its e-mail is under way gets no other.
func TestRevokedDuringARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		during func(s *site) (*faulty.Proxy, string)
		mails  int
	}{
		{func(s *site) (*faulty.Proxy, string) { return s.dynamoDB, "UpdateItem" }, 0},
		{func(s *site) (*faulty.Proxy, string) { return s.ses, "SendEmail" }, 1},
	} {
		s := newSite(t)
		k := s.issue(s.principal("bob"), 30)
		s.pass(15 * day)
		proxy, operation := c.during(s)
		proxy.Fail(operation, 0, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			s.revoke(s.principal("bob"), k)
			forward.ServeHTTP(w, r)
		})
		if r := s.run(); r.Sent != c.mails || r.Sent+r.Skipped != 1 {
			t.Errorf("revoked during %s: %+v", operation, r)
		}
		s.pass(8 * day)
		if r := s.run(); r.Due != 0 {
			t.Errorf("revoked during %s, a week later: %+v", operation, r)
		}
		s.notified([]token.Token{k}, c.mails)
		for _, m := range s.mails() { // should it bounce, it is known
			if kept, err := s.direct.Mail(t.Context(), m.ID); err != nil || kept.Recipient != "bob" {
				t.Errorf("the e-mail's record is %+v, %v", kept, err)
			}
		}
	}
}

// What one batch does to the program must not take down the others, nor the count.
type panicking struct {
	reminder.Queue
	owner string
}

func (p panicking) PeopleByID(ctx context.Context, organization string, ids []string) (map[string]token.Person, error) {
	if slices.Contains(ids, p.owner) {
		panic("bob@acme.example")
	}
	return p.Queue.PeopleByID(ctx, organization, ids)
}

func TestAPanicFailsOneBatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(3)
	r := s.run(func(c *reminder.Config) { c.Queue = panicking{s.store, "owner1"} })
	if r.Sent != 3 || r.Failed != 1 || !strings.Contains(s.log.String(), "run finished") {
		t.Errorf("%+v", r)
	}
	s.run()
	s.notified(tokens, 1)
}

// shardInUse is a shard of the work queue that holds something.
func (s *site) shardInUse() int {
	s.t.Helper()
	for shard := range dynamo.Shards {
		due, err := s.direct.Due(s.t.Context(), shard, token.DateOf(s.clock()), 1)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(due) > 0 {
			return shard
		}
	}
	s.t.Fatal("nothing is due")
	return 0
}

// A notice in a shard that cannot be read does not hold up those in the others.
func TestAnUnreadableShardHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(30)
	broken := fmt.Sprintf(`{"N":"%d"}`, s.shardInUse())
	s.dynamoDB.FailWhen("Query", func(body string) bool { return strings.Contains(body, broken) }, 0, faulty.Always,
		faulty.Answer(http.StatusBadRequest, "ProvisionedThroughputExceededException", "slow down"))
	r, err := s.try(t.Context())
	if err == nil || r.Sent == 0 || r.Sent != r.Due || r.Sent == len(tokens) {
		t.Errorf("%+v, %v", r, err)
	}
	s.dynamoDB.Heal()
	s.run()
	s.notified(tokens, 1)
}

// quota is SES's answer that so many e-mails may be sent in a day, of which so many were.
func quota(most, sent int) faulty.Fault {
	return faulty.AnswerJSON(http.StatusOK, "", map[string]any{
		"SendingEnabled": true, "SendQuota": map[string]int{"Max24HourSend": most, "MaxSendRate": 100, "SentLast24Hours": sent},
	})
}

// The quota counts e-mails, and each admin gets one.
func TestTheQuotaIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"admin1", "admin2", "admin3"} {
		s.seen(s.principal(name))
	}
	s.issued(6)
	s.unreachable("owner0", "owner1", "owner2", "owner3", "owner4", "owner5")
	s.ses.Fail("GetAccount", 0, 1, quota(10, 10))
	s.ses.Fail("GetAccount", 0, 1, quota(10, 8))
	if r := s.run(); r.Deferred != 7 || r.Mails != 0 {
		t.Errorf("without quota: %+v", r)
	}
	if r := s.run(); r.Delegated != 7 || r.Mails != 2 || r.Deferred == 0 {
		t.Errorf("with a quota of 2: %+v", r)
	}
	if r := s.run(); r.Mails != 1 || r.Deferred != 0 {
		t.Errorf("with all the quota: %+v", r)
	}
	if to := s.recipients(); !slices.Equal(to, []string{s.email("admin1"), s.email("admin2"), s.email("admin3")}) {
		t.Errorf("mail went to %q", to)
	}
}

// Many e-mails that are sent too fast at the same moment halve the rate once, not once
// each: the run still gets through.
func TestSlowerButNotTooSlow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const atOnce = 30
	tokens := s.issued(40)
	var arrived sync.WaitGroup
	arrived.Add(atOnce)
	s.ses.Fail("SendEmail", 0, atOnce, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		arrived.Done()
		arrived.Wait()
		tooManySent(w, r, forward)
	})
	// Halved for each of them, the rate is the slowest one, and half of the owners are left.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if r, err := s.try(ctx); err != nil || r.Sent != len(tokens) {
		t.Errorf("%+v, %v", r, err)
	}
}

// Time runs out: the run stops by itself, in time, and the next one does the rest.
func TestWhatIsLeftIsForTheNextRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(20)
	s.mailer = newMailer(t, s.ses.URL, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Second) // in the last 6 s none is begun
	defer cancel()
	r, err := s.try(ctx)
	if err != nil || ctx.Err() != nil || r.Deferred == 0 || r.Mails == 0 || r.Failed > 0 {
		t.Errorf("%+v, %v; the time is up: %v", r, err, ctx.Err())
	}
	s.pass(day + 15*time.Minute)
	s.mailer = newMailer(t, s.ses.URL, 1000)
	if next := s.run(); next.Due != r.Deferred || next.Sent != r.Deferred {
		t.Errorf("%+v after %+v", next, r)
	}
	s.notified(tokens, 1)
}

// The run's time ends while SES has not answered. What the run has leased it gives
// back, so that the next one need not wait.
func TestTimeOutDuringASend(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(1)
	ctx, cancel := context.WithCancel(t.Context())
	s.ses.Fail("SendEmail", 0, 1, faulty.StallBefore(cancel))
	if r, err := s.try(ctx); err != nil || r.Failed != 2 || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("%+v, %v", r, err)
	}
	if r := s.run(); r.Sent != 2 {
		t.Errorf("the next run: %+v", r)
	}
	s.notified(tokens, 1)
}

// The oldest notices go first, and the metric tells of the oldest that is left.
func TestTheOldestGoFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 40 {
		s.issue(s.principal(fmt.Sprintf("late%d", i)), 32)
	}
	s.pass(day)
	old := s.issue(s.principal("old"), 29) // two days before the others
	s.pass(18 * day)
	s.mailer = newMailer(t, s.ses.URL, 2)
	s.ses.Fail("GetAccount", 0, 1, quota(10, 0))
	r, err := s.try(t.Context())
	if err != nil || r.Deferred == 0 || r.OldestOverdueHours > 49 || r.OldestOverdueHours < 47 {
		t.Errorf("%+v, %v", r, err)
	}
	s.notified([]token.Token{old}, 1)
}

// The overdue metric says how far behind the notices are.
func TestOverdue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.issued(1)
	s.issue(s.principal("later"), 16) // due a day after the others
	s.pass(2 * day)
	s.ses.Fail("SendEmail", 0, faulty.Always, faulty.Answer(http.StatusBadRequest, "SendingPausedException", "paused"))
	if r := s.run(); r.Failed+r.Deferred != 3 || r.OldestOverdueHours < 48 || r.OldestOverdueHours > 48.1 {
		t.Errorf("%+v", r)
	}
	s.ses.Heal()
	// A run that died holds the lease: the notice is still overdue for the next.
	s.dynamoDB.Fail("TransactWriteItems", 0, faulty.Always, faulty.Answer(http.StatusBadRequest, "ProvisionedThroughputExceededException", "slow"))
	if r, err := s.try(t.Context()); err != nil || r.Failed == 0 || r.Failed+r.Deferred != 3 || r.OldestOverdueHours < 48 {
		t.Errorf("%+v, %v", r, err)
	}
	s.dynamoDB.Heal()
	if r := s.run(); r.Skipped == 0 || r.OldestOverdueHours < 48 {
		t.Errorf("%+v", r)
	}
}
