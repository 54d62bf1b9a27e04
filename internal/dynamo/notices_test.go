package dynamo_test

import (
	"testing"
	"time"

	"latchkey/internal/dynamo"
	"latchkey/internal/token"
)

// due reads the whole work queue as of a date.
func (tb table) due(t *testing.T, today token.Date) []token.DueNotice {
	t.Helper()
	var all []token.DueNotice
	for shard := range dynamo.Shards {
		due, err := tb.Due(t.Context(), shard, today, 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, due...)
	}
	return all
}

func (tb table) claim(t *testing.T, d token.DueNotice, run string, at time.Time) (token.Claimed, bool) {
	t.Helper()
	claimed, ok, err := tb.Claim(t.Context(), d, token.Claim{Run: run, Until: at.Add(time.Minute)}, at)
	if err != nil {
		t.Fatal(err)
	}
	return claimed, ok
}

func TestQueueHoldsWhatIsDue(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	today := token.DateOf(tb.now)
	n := tb.issue(t, tb.newToken(t, 30)) // first notice tomorrow
	without := tb.newToken(t, 30)
	without.NoticeOn = 0
	tb.issue(t, without)

	if got := tb.due(t, today); len(got) != 0 {
		t.Errorf("due today: %+v", got)
	}
	want := token.DueNotice{ID: n.ID, Organization: "acme", Owner: "bob", On: today + 1}
	eventually(t, "the token in the queue", func() bool { return len(tb.due(t, today+1)) == 1 })
	if got := tb.due(t, today+20); len(got) != 1 || got[0] != want {
		t.Errorf("due after days without a run: %+v, want %+v", got, want)
	}
	revoked, audit := tb.revocation(t, n.Token)
	if _, err := tb.Revoke(t.Context(), revoked, audit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revoked token out of the queue", func() bool { return len(tb.due(t, today+20)) == 0 })
	if _, ok := tb.claim(t, want, "run", tb.now); ok {
		t.Error("a revoked token was claimed")
	}
}

func TestOneRunClaimsUntilItLapses(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	d := token.DueNotice{ID: n.ID, Organization: "acme", Owner: "bob", On: n.NoticeOn}

	if got, ok := tb.claim(t, d, "first", tb.now); !ok || got.Name != n.Name {
		t.Fatalf("claimed %+v, %v", got, ok)
	}
	if _, ok := tb.claim(t, d, "first", tb.now); !ok {
		t.Error("a run that lost the answer to its claim could not claim again")
	}
	if _, ok := tb.claim(t, d, "second", tb.now.Add(time.Second)); ok {
		t.Error("two runs have the same claim")
	}
	if err := tb.Release(t.Context(), n.ID, "second", token.Failure{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := tb.claim(t, d, "second", tb.now.Add(time.Second)); ok {
		t.Error("another run's release freed the claim")
	}
	if _, ok := tb.claim(t, d, "second", tb.now.Add(2*time.Minute)); !ok {
		t.Error("a lapsed claim was not taken over")
	}
	if err := tb.Mark(t.Context(), "first", nil, []token.Mark{{ID: n.ID}}); err == nil {
		t.Error("the run that lost its claim could still mark")
	}
	failing := tb.now.Add(time.Minute)
	if err := tb.Release(t.Context(), n.ID, "second", token.Failure{Since: failing}); err != nil {
		t.Fatal(err)
	}
	if got, ok := tb.claim(t, d, "third", tb.now); !ok || !got.FailingSince.Equal(failing) {
		t.Errorf("after a release: %+v, %v", got, ok)
	}
	retryAt := tb.now.Add(time.Hour)
	if err := tb.Release(t.Context(), n.ID, "third", token.Failure{Since: failing, RetryAt: retryAt}); err != nil {
		t.Fatal(err)
	}
	if _, ok := tb.claim(t, d, "fourth", retryAt.Add(-time.Second)); ok {
		t.Error("claimed before it was time to try again")
	}
	if got, ok := tb.claim(t, d, "fourth", retryAt.Add(time.Second)); !ok || !got.FailingSince.Equal(failing) {
		t.Errorf("when it was time to try again: %+v, %v", got, ok)
	}
	other := d
	other.On++
	if _, ok := tb.claim(t, other, "fourth", tb.now.Add(time.Hour)); ok {
		t.Error("claimed for a notice date that is not the token's")
	}
}

func TestMarkMovesOnAndRecords(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	today := token.DateOf(tb.now)
	n := tb.issue(t, tb.newToken(t, 30))
	d := token.DueNotice{ID: n.ID, Organization: "acme", Owner: "bob", On: n.NoticeOn}
	tb.claim(t, d, "run", tb.now)
	mail := &token.SentMail{MessageID: "m-1", At: tb.now, Recipients: []token.Owner{bob}, Tokens: []token.ID{n.ID}}
	err := tb.Mark(t.Context(), "run", mail, []token.Mark{{
		ID:      n.ID,
		Notices: []token.Notice{{DaysBefore: 7, SentAt: tb.now, MessageID: "m-1"}, {DaysBefore: 15, SentAt: tb.now}},
		Next:    today + 9, HasNext: true,
		Audit: &token.Audit{ID: newID(t, tb.now), Organization: "acme", At: tb.now, Action: token.ActionExpiring, Actor: token.Service, TokenID: n.ID},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tb.Token(t.Context(), n.ID)
	if err != nil || len(got.Notices) != 2 || got.Notices[0].DaysBefore != 15 || got.Notices[1].MessageID != "m-1" {
		t.Errorf("notices %+v, %v", got.Notices, err)
	}
	eventually(t, "the next notice", func() bool {
		due := tb.due(t, today+9)
		return len(tb.due(t, today+8)) == 0 && len(due) == 1 && due[0].On == today+9
	})
	if kept, err := tb.Mail(t.Context(), "m-1"); err != nil || len(kept.Tokens) != 1 || kept.Tokens[0] != n.ID ||
		len(kept.Recipients) != 1 || kept.Recipients[0].Email != bob.Email {
		t.Errorf("kept mail %+v, %v", kept, err)
	}
	if n := tb.count(t, "AUDIT#acme"); n != 2 {
		t.Errorf("%d audit entries, want 2", n)
	}

	// It bounced: the notice is due again, once.
	if ok, err := tb.Requeue(t.Context(), n.ID, "m-1", 7, today); err != nil || !ok {
		t.Fatalf("requeueing: %v, %v", ok, err)
	}
	eventually(t, "the bounced notice", func() bool { return len(tb.due(t, today)) == 1 })
	if ok, err := tb.Requeue(t.Context(), n.ID, "m-2", 7, today); err != nil || ok {
		t.Errorf("requeued for another e-mail: %v, %v", ok, err)
	}

	// The last notice takes the token out of the queue.
	tb.claim(t, token.DueNotice{ID: n.ID, On: today}, "last", tb.now)
	if err := tb.Mark(t.Context(), "last", nil, []token.Mark{{ID: n.ID}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an empty queue", func() bool { return len(tb.due(t, today+400)) == 0 })
}

// What has its parts recorded by themselves records the e-mail by itself, too.
func TestSeveralMailsOfOneRunAreKept(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	for _, id := range []string{"m-1", "m-2", "m-2"} { // once more, as after a lost answer
		mail := &token.SentMail{MessageID: id, At: tb.now, Recipients: []token.Owner{bob}}
		if err := tb.Mark(t.Context(), "run", mail, nil); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"m-1", "m-2"} {
		if _, err := tb.Mail(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestMarkKeepsARevokedTokenOutOfTheQueue(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	today := token.DateOf(tb.now)
	n := tb.issue(t, tb.newToken(t, 30))
	tb.claim(t, token.DueNotice{ID: n.ID, On: n.NoticeOn}, "run", tb.now)
	revoked, audit := tb.revocation(t, n.Token)
	if _, err := tb.Revoke(t.Context(), revoked, audit); err != nil {
		t.Fatal(err)
	}
	// The e-mail was under way: that it was sent is recorded all the same.
	err := tb.Mark(t.Context(), "run", nil, []token.Mark{{
		ID: n.ID, Notices: []token.Notice{{DaysBefore: 15, SentAt: tb.now, MessageID: "m"}}, Next: today + 9, HasNext: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // the index would have followed by now
	if due := tb.due(t, today+400); len(due) != 0 {
		t.Errorf("a revoked token is due: %+v", due)
	}
	if got, err := tb.Token(t.Context(), n.ID); err != nil || len(got.Notices) != 1 {
		t.Errorf("notices %+v, %v", got.Notices, err)
	}
}
