package reminder_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/notice"

	"latchkey/internal/dev/local/faulty"
)

// What DynamoDB and SES answer when all is not well.
var (
	throttled   = faulty.Answer(http.StatusBadRequest, "ProvisionedThroughputExceededException", "slow down")
	tooFast     = faulty.Answer(http.StatusBadRequest, "ThrottlingException", "slow down")
	broken      = faulty.Answer(http.StatusInternalServerError, "InternalServerError", "try again")
	refused     = faulty.Answer(http.StatusBadRequest, "MessageRejected", "the content for bob@acme.example was refused")
	badAddress  = faulty.Answer(http.StatusBadRequest, "BadRequestException", "bob@acme.example is no address")
	tooManySent = faulty.Answer(http.StatusTooManyRequests, "TooManyRequestsException", "Maximum sending rate exceeded.")
	quotaIsUp   = faulty.Answer(http.StatusBadRequest, "LimitExceededException", "Daily message quota exceeded.")
	paused      = faulty.Answer(http.StatusBadRequest, "SendingPausedException", "paused")
	suspended   = faulty.Answer(http.StatusBadRequest, "AccountSuspendedException", "suspended")
)

var tableFaults = map[string]faulty.Fault{
	"throttled": throttled, "too fast": tooFast, "broken": broken, "cut before": faulty.CutBefore, "cut after": faulty.CutAfter,
}

// Every call that a run makes of the table can go wrong for a moment, whether or not it
// had its effect, and the run still does all its work: one mail each.
func TestTheTableFailsForAMoment(t *testing.T) {
	t.Parallel()
	faults := map[string]faulty.Fault{"conflict": faulty.Conflict}
	maps.Copy(faults, tableFaults)
	for _, operation := range []string{"Query", "BatchGetItem", "UpdateItem", "TransactWriteItems"} {
		for name, fault := range faults {
			if name == "conflict" && operation != "TransactWriteItems" {
				continue
			}
			t.Run(operation+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				tokens := s.issued(3)
				s.dynamoDB.Fail(operation, 1, 2, fault)
				if r := s.run(); r.Sent != len(tokens) {
					t.Errorf("%+v", r)
				}
				s.notified(tokens, 1)
			})
		}
	}
}

// While one of the calls fails for good, nobody is notified, or else everybody is at
// most twice: the run sends, and cannot record it.
func TestTheTableFailsForGood(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"Query", "BatchGetItem", "UpdateItem", "TransactWriteItems"} {
		for name, fault := range tableFaults {
			t.Run(operation+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				tokens := s.issued(3)
				s.dynamoDB.Fail(operation, 0, faulty.Always, fault)
				r, err := s.try(t.Context())
				if (err != nil) != (operation == "Query") || r.Failed+r.Deferred != r.Due || r.Due > 0 && r.Failed == 0 {
					t.Errorf("%+v, %v", r, err)
				}
				before := s.copies()
				s.dynamoDB.Heal()
				s.pass(65 * time.Minute) // leases have lapsed
				s.run()
				for _, k := range tokens {
					want := 1
					if operation == "TransactWriteItems" && name != "cut after" {
						want += before[k.ID]
					}
					if n := s.copies()[k.ID]; n != want {
						t.Errorf("%d copies, %d of them before, want %d", n, before[k.ID], want)
					}
				}
				if r := s.run(); r.Due != 0 {
					t.Errorf("there is still something to do: %+v", r)
				}
			})
		}
	}
}

// The table has recorded what was sent, and its answers are lost for longer than the SDK
// tries: the run finds out all the same.
func TestTheAnswerToARecordIsLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(1)
	s.dynamoDB.Fail("TransactWriteItems", 0, 6, faulty.CutAfter)
	if r := s.run(); r.Sent != 2 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	s.notified(tokens, 1)
}

// A token that is gone when its notice is recorded does not keep the others, nor the
// e-mail, from being recorded.
func TestOneTokenCannotBeRecorded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(1)
	s.ses.Fail("SendEmail", 0, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		s.delete(tokens[0].ID)
		forward.ServeHTTP(w, r)
	})
	if r, err := s.try(t.Context()); err != nil || r.Sent != 2 || r.Failed != 0 || r.Mails != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	kept, err := s.direct.Mail(t.Context(), s.firstMail().ID)
	if err != nil || kept.Recipient != "owner0" || len(kept.Entries) != 2 {
		t.Errorf("the e-mail's record is %+v, %v", kept, err)
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("the next run: %+v", r)
	}
}

// SES sends too fast, or cannot be reached, for a moment: the same run tries again.
func TestSESFailsForAMoment(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(3)
	s.ses.Fail("SendEmail", 0, 5, tooManySent)
	if r := s.run(); r.Sent != 4 {
		t.Errorf("%+v", r)
	}
	s.notified(tokens, 1)
}

// What SES refuses stays due: the next run has it, once.
func TestSESRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  faulty.Fault
		failed func(n int) bool // of 4; the others are left
	}{
		"too fast":   {tooManySent, func(n int) bool { return n == 0 }},
		"quota":      {quotaIsUp, func(n int) bool { return n > 0 }}, // whoever came before it was known
		"paused":     {paused, func(n int) bool { return n > 0 }},
		"suspended":  {suspended, func(n int) bool { return n > 0 }},
		"rejected":   {refused, func(n int) bool { return n == 4 }},
		"no address": {badAddress, func(n int) bool { return n == 4 }}, // and no admin
		"broken":     {broken, func(n int) bool { return n == 4 }},
		"cut before": {faulty.CutBefore, func(n int) bool { return n == 4 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			tokens := s.issued(3)
			s.ses.Fail("SendEmail", 0, faulty.Always, c.fault)
			if r, err := s.try(t.Context()); err != nil || !c.failed(r.Failed) || r.Deferred != 4-r.Failed || r.Mails != 0 {
				t.Errorf("%+v, %v", r, err)
			}
			s.ses.Heal()
			if r := s.run(); r.Sent != 4 {
				t.Errorf("the next run: %+v", r)
			}
			s.notified(tokens, 1)
		})
	}
}

// Nothing can be found out about the account: nothing is sent, and the run has failed.
func TestCapacityFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := s.issued(3)
	s.ses.Fail("GetAccount", 0, faulty.Always, faulty.Answer(http.StatusForbidden, "AccessDeniedException", "no"))
	if r, err := s.try(t.Context()); err == nil || r.Due != 4 || r.Deferred != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	s.notified(tokens, 0)
	s.ses.Heal()
	s.run()
	s.notified(tokens, 1)
}

// One bad address or failed send never stops the rest.
func TestOneFailureStopsNobodyElse(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faulty.Fault{"rejected": refused, "no address": badAddress, "broken": broken, "cut": faulty.CutBefore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.issued(5)
			s.ses.FailWhen("SendEmail", about(s.email("owner3")), 0, faulty.Always, fault)
			if r := s.run(); r.Sent != 5 || r.Failed != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// SES takes every mail and its answer is lost every time. The owner is notified, and then
// reminded of it less and less often, not every quarter of an hour for ever.
func TestAnswersAreLostForAWeek(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.ses.Fail("SendEmail", 0, faulty.Always, faulty.CutAfter)
	until := s.clock().Add(7 * day)
	for s.clock().Before(until) {
		s.run()
		s.pass(3 * time.Hour)
	}
	if n := s.copies()[bob.ID]; n < 2 || n > 12 {
		t.Errorf("%d copies, want few", n)
	}
}

// A notice that SES rejects for a day goes to the admins, after another try with the
// owner.
func TestRejectedForADay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.seen(s.principal("admin"))
	s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.ses.FailWhen("SendEmail", about(s.email("bob")), 0, faulty.Always, refused)
	for range 4 {
		if r := s.run(); r.Failed != 1 {
			t.Fatalf("%+v", r)
		}
		s.pass(6*time.Hour + time.Minute)
	}
	if r := s.run(); r.Delegated != 1 || r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if m := s.mails(); len(m) != 1 || m[0].To[0] != s.email("admin") {
		t.Errorf("mails %+v", m)
	}
}

// A notice that SES takes for nobody is abandoned after a week, and the next one is tried.
func TestRejectedForAWeek(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(30 * day)
	s.ses.Fail("SendEmail", 0, faulty.Always, refused)
	for range 14 {
		if r := s.run(); r.Failed != 1 {
			t.Fatalf("%+v", r)
		}
		s.pass(12 * time.Hour)
	}
	if got := s.outcomes(k.ID); len(got) != 0 {
		t.Errorf("before the week is over: %+v", got)
	}
	if r := s.run(); r.Abandoned != 1 {
		t.Errorf("after a week: %+v", r)
	}
	got := s.outcomes(k.ID)
	if len(got) != 3 || !slices.ContainsFunc(got, func(o notice.Outcome) bool {
		return o.Kind == notice.Expires(0) && o.State == notice.Abandoned && o.MessageID == ""
	}) {
		t.Errorf("outcomes %+v", got)
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("it is still tried: %+v", r)
	}
}

// An owner who cannot be reached, and no admin either: somebody may turn up within a day.
// After that it is abandoned, and the API, the event and the count say so.
func TestNobodyCanBeReached(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.unreachable("bob")
	s.pass(15 * day)
	for range 4 {
		if r := s.run(); r.Deferred != 1 || r.Abandoned != 0 {
			t.Errorf("%+v", r)
		}
		s.pass(6*time.Hour + time.Minute)
	}
	if r := s.run(); r.Failed != 1 || r.Abandoned != 1 {
		t.Errorf("after a day: %+v", r)
	}
	if r := s.run(); r.Due != 0 {
		t.Errorf("again: %+v", r)
	}
	if got := s.outcomes(k.ID); len(got) != 1 || got[0].State != notice.Abandoned {
		t.Errorf("outcomes %+v", got)
	}
	s.seen(s.principal("admin"))
	s.pass(8 * day)
	if r := s.run(); r.Delegated != 1 || r.Sent != 1 {
		t.Errorf("the next notice, now that there is an admin: %+v", r)
	}
}

// about finds the calls for a mail to an address.
func about(address string) func(body string) bool {
	return func(body string) bool { return strings.Contains(body, `"`+address+`"`) }
}
