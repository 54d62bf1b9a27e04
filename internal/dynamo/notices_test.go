package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

var notifyOn = notice.Schedule{15, 7, 0}

// tokenOf is a token of a person's that expires in 16 days, its first notice tomorrow.
func (tb table) tokenOf(t *testing.T, subject string) token.Token {
	t.Helper()
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Store: tb.Store, Prefix: "lk", NotifyOn: notifyOn.First, MaxActive: 50, MaxDaily: 200, RetentionDays: 90,
		Now: func() time.Time { return tb.now }, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	days := 16
	issued, err := issuer.Issue(t.Context(), manager(subject), token.IssueRequest{Name: "Nightly export", ExpiresInDays: &days})
	if err != nil {
		t.Fatal(err)
	}
	return issued.Token
}

func manager(subject string) token.Principal {
	return token.Principal{
		Organization: "acme", Subject: subject, Email: subject + "@acme.example", EmailVerified: true, Role: token.RoleManager,
	}
}

// revokedBy has a person revoke a token, an admin if it is another's.
func (tb table) revokedBy(t *testing.T, subject string, k token.Token) {
	t.Helper()
	m, err := token.NewManager(token.ManagerConfig{
		Store: tb.Store, Fold: strings.ToLower, Now: func() time.Time { return tb.now }, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := manager(subject)
	p.Role = token.RoleAdmin
	if _, err := m.Revoke(t.Context(), p, string(k.ID), "it leaked"); err != nil {
		t.Fatal(err)
	}
}

// due reads all shards.
func (tb table) due(t *testing.T, today token.Date) []notice.Due {
	t.Helper()
	var all []notice.Due
	for shard := range dynamo.Shards {
		due, err := tb.Due(t.Context(), shard, today, 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, due...)
	}
	return all
}

// entry is the one entry that is due, when the index has followed.
func (tb table) entry(t *testing.T, today token.Date) notice.Due {
	t.Helper()
	var due []notice.Due
	for range 100 {
		if due = tb.due(t, today); len(due) == 1 {
			return due[0]
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("due are %+v, want one", due)
	return notice.Due{}
}

// nothing waits until nothing is due.
func (tb table) nothing(t *testing.T, today token.Date) {
	t.Helper()
	for range 100 {
		if len(tb.due(t, today)) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("still due: %+v", tb.due(t, today))
}

func (tb table) lease(t *testing.T, d notice.Due, run string, at time.Time) (notice.Leased, bool) {
	t.Helper()
	l, ok, err := tb.Lease(t.Context(), d, notice.Lease{Run: run, Until: at.Add(time.Minute), Mail: token.ID("mail of " + run)}, at)
	if err != nil {
		t.Fatal(err)
	}
	return l, ok
}

func (tb table) tomorrow() token.Date { return token.DateOf(tb.now) + 1 }

func TestQueueHoldsWhatIsDue(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	k := tb.tokenOf(t, "bob")
	want := notice.Due{Ref: notice.Ref{ID: k.ID}, Organization: "acme", Recipient: "bob", On: tb.tomorrow()}
	if got := tb.entry(t, tb.tomorrow()+20); got != want {
		t.Errorf("due after days without a run: %+v, want %+v", got, want)
	}
	if got := tb.due(t, tb.tomorrow()-1); len(got) != 0 {
		t.Errorf("due today: %+v", got)
	}
	tb.revokedBy(t, "bob", k)
	tb.nothing(t, tb.tomorrow()+20)
	if _, ok := tb.lease(t, want, "run", tb.now); ok {
		t.Error("a revoked token was leased")
	}
}

func TestOneRunLeasesUntilItLapses(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	k := tb.tokenOf(t, "bob")
	d := tb.entry(t, tb.tomorrow())
	if got, ok := tb.lease(t, d, "first", tb.now); !ok || got.Before != "" || got.Due != d {
		t.Fatalf("leased %+v, %v", got, ok)
	}
	if got, ok := tb.lease(t, d, "first", tb.now); !ok || got.Before != "" {
		t.Errorf("a run that lost the answer to its lease leased again: %+v, %v", got, ok)
	}
	if _, ok := tb.lease(t, d, "second", tb.now.Add(time.Second)); ok {
		t.Error("two runs have the same lease")
	}
	release := func(run string, f notice.Failure) {
		t.Helper()
		if err := tb.Release(t.Context(), d.Ref, run, f); err != nil {
			t.Fatal(err)
		}
	}
	release("second", notice.Failure{})
	if _, ok := tb.lease(t, d, "second", tb.now.Add(time.Second)); ok {
		t.Error("another run's release freed the lease")
	}
	if got, ok := tb.lease(t, d, "second", tb.now.Add(2*time.Minute)); !ok || got.Before != "mail of first" {
		t.Errorf("a lapsed lease was taken over: %+v, %v", got, ok)
	}
	var lost *notice.LostError
	err := tb.Mark(t.Context(), notice.Change{Run: "first", Marks: []notice.Mark{{Ref: d.Ref}}})
	if !errors.Is(err, notice.ErrLeaseLost) || !errors.As(err, &lost) || !slices.Equal(lost.Entries, []notice.Ref{d.Ref}) {
		t.Errorf("the run that lost its lease marks: %v", err)
	}
	failing := tb.now.Add(time.Minute)
	release("second", notice.Failure{Since: failing})
	if got, ok := tb.lease(t, d, "third", tb.now); !ok || !got.FailingSince.Equal(failing) || got.Before != "" {
		t.Errorf("after a release: %+v, %v", got, ok)
	}
	retryAt := tb.now.Add(time.Hour)
	release("third", notice.Failure{Since: failing, RetryAt: retryAt})
	if _, ok := tb.lease(t, d, "fourth", retryAt.Add(-time.Second)); ok {
		t.Error("leased before it was time to try again")
	}
	if got, ok := tb.lease(t, d, "fourth", retryAt.Add(time.Second)); !ok || !got.FailingSince.Equal(failing) || got.Before != "mail of third" {
		t.Errorf("when it was time to try again: %+v, %v", got, ok)
	}
	other := d
	other.On++
	if _, ok := tb.lease(t, other, "fourth", tb.now.Add(time.Hour)); ok {
		t.Error("leased for a date that is not the token's")
	}
	gone := d
	gone.ID = newID(t, tb.now)
	if _, ok := tb.lease(t, gone, "run", tb.now); ok || tb.exists(t, gone.Ref) {
		t.Error("an entry was made of a token that is not there")
	}
	tb.revokedBy(t, "bob", k)
	if err := tb.Mark(t.Context(), notice.Change{Run: "fourth", Marks: []notice.Mark{{Ref: d.Ref, Next: 1, HasNext: true}}}); !errors.Is(err, notice.ErrLeaseLost) {
		t.Errorf("a mark after a revocation: %v", err)
	}
	tb.nothing(t, tb.tomorrow()+400)
}

func (tb table) exists(t *testing.T, r notice.Ref) bool {
	t.Helper()
	out, err := tb.client.GetItem(context.WithoutCancel(t.Context()), &dynamodb.GetItemInput{TableName: &tb.name, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: r.String()}, "sk": &types.AttributeValueMemberS{Value: "QUEUE"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item != nil
}

func TestMarkRecordsAndMovesOn(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	k := tb.tokenOf(t, "bob")
	d := tb.entry(t, tb.tomorrow())
	tb.lease(t, d, "run", tb.now)
	end := k.EndDate()
	outcomes := []notice.Outcome{
		{Kind: notice.Expires(15), Date: end, At: tb.now, State: notice.Covered},
		{Kind: notice.Expires(7), Date: end, At: tb.now, State: notice.Sent, MessageID: "m-1"},
	}
	mail := &notice.SentMail{
		ID: newID(t, tb.now), MessageID: "m-1", At: tb.now, Organization: "acme", Recipient: "bob", Address: "bob@acme.example",
		Entries: []notice.Ref{d.Ref},
	}
	change := notice.Change{Run: "run", Mail: mail, Marks: []notice.Mark{{
		Ref: d.Ref, Outcomes: outcomes, Next: end, HasNext: true,
		Audits: []token.Audit{{ID: newID(t, tb.now), Organization: "acme", At: tb.now, Action: token.ActionExpiring, Actor: token.Service, TokenID: k.ID}},
	}}}
	for range 2 { // as after a lost answer
		if err := tb.Mark(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := tb.Outcomes(t.Context(), k.ID); err != nil || !slices.Equal(got, outcomes) {
		t.Errorf("outcomes %+v, %v; want %+v", got, err, outcomes)
	}
	if kept, err := tb.Mail(t.Context(), "m-1"); err != nil || fmt.Sprint(kept) != fmt.Sprint(*mail) {
		t.Errorf("kept mail %+v, %v", kept, err)
	}
	if _, found, err := tb.SentMail(t.Context(), mail.ID); err != nil || found {
		t.Errorf("a mail that is wholly recorded waits for others to complete it: %v, %v", found, err)
	}
	tb.nothing(t, end-1)
	if got := tb.entry(t, end); got.On != end || !got.HeldUntil.IsZero() {
		t.Errorf("the next one: %+v", got)
	}

	// It bounces: due again, once, and not before its time.
	sent, retryAt := outcomes[1], tb.now.Add(time.Hour)
	sent.Bounces = notice.Bounces{Count: 1, Since: tb.now}
	for what, change := range map[string]func(*notice.Outcome){
		"another e-mail":      func(o *notice.Outcome) { o.MessageID = "m-2" },
		"another kind":        func(o *notice.Outcome) { o.Kind = notice.Expires(0) },
		"the date of another": func(o *notice.Outcome) { o.Date++ },
	} {
		o := sent
		change(&o)
		if ok, err := tb.Bounce(t.Context(), d.Ref, o, tb.tomorrow(), retryAt); err != nil || ok {
			t.Errorf("%s bounced: %v, %v", what, ok, err)
		}
	}
	for _, want := range []bool{true, false} {
		if ok, err := tb.Bounce(t.Context(), d.Ref, sent, tb.tomorrow(), retryAt); err != nil || ok != want {
			t.Errorf("bounced: %v, %v; want %v", ok, err, want)
		}
	}
	again := tb.entry(t, tb.tomorrow())
	if !again.HeldUntil.Equal(retryAt) {
		t.Errorf("after a bounce %+v", again)
	}
	if _, ok := tb.lease(t, again, "early", tb.now); ok {
		t.Error("leased before it was time to try again")
	}
	got, ok := tb.lease(t, again, "later", retryAt.Add(time.Second))
	if o := got.Outcome(notice.Expires(7), end); !ok || o.State != notice.Bounced || o.Bounces != sent.Bounces || got.Before != "" {
		t.Errorf("leased %+v, %v", got, ok)
	}
	if err := tb.Release(t.Context(), d.Ref, "later", notice.Failure{}); err != nil {
		t.Fatal(err)
	}
	if ok, err := tb.Bounce(t.Context(), d.Ref, sent, tb.tomorrow(), retryAt); err != nil || ok {
		t.Errorf("the same event, late, bounced: %v, %v", ok, err)
	}
	if _, ok := tb.lease(t, again, "later", retryAt.Add(time.Second)); !ok {
		t.Error("not leased after a release")
	}
	change.Run, change.Mail = "later", nil
	if err := tb.Mark(t.Context(), change); err == nil { // its audit entry is there
		t.Error("an audit entry was written over")
	}
	change.Marks[0].Audits = nil
	if err := tb.Mark(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	last := tb.entry(t, end)
	tb.lease(t, last, "last", retryAt.Add(2*time.Second))
	if ok, err := tb.Bounce(t.Context(), d.Ref, sent, tb.tomorrow(), retryAt); err != nil || ok {
		t.Errorf("an entry that is leased bounced: %v, %v", ok, err)
	}

	// The last notice takes the token out of the queue.
	if err := tb.Mark(t.Context(), notice.Change{Run: "last", Marks: []notice.Mark{{Ref: d.Ref}}}); err != nil {
		t.Fatal(err)
	}
	tb.nothing(t, tb.tomorrow()+400)
}

// A revoked token is not due again, whatever comes back.
func TestABounceAfterARevocation(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	k := tb.tokenOf(t, "bob")
	d := tb.entry(t, tb.tomorrow())
	tb.lease(t, d, "run", tb.now)
	o := notice.Outcome{Kind: notice.Expires(15), Date: k.EndDate(), At: tb.now, State: notice.Sent, MessageID: "m-1"}
	if err := tb.Mark(t.Context(), notice.Change{Run: "run", Marks: []notice.Mark{{Ref: d.Ref, Outcomes: []notice.Outcome{o}}}}); err != nil {
		t.Fatal(err)
	}
	tb.revokedBy(t, "bob", k)
	if ok, err := tb.Bounce(t.Context(), d.Ref, o, tb.tomorrow(), tb.now); err != nil || ok {
		t.Errorf("bounced: %v, %v", ok, err)
	}
}

// An e-mail about more than one change records is found by its own id, so that another run
// can complete it.
func TestAPartlyRecordedMailIsFound(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.tokenOf(t, "bob")
	d := tb.entry(t, tb.tomorrow())
	tb.lease(t, d, "run", tb.now)
	mail := &notice.SentMail{
		ID: newID(t, tb.now), MessageID: "m-1", At: tb.now, Organization: "acme", Recipient: "bob", Address: "bob@acme.example",
		Entries: []notice.Ref{d.Ref, {ID: newID(t, tb.now)}},
	}
	if err := tb.Mark(t.Context(), notice.Change{Run: "run", Mail: mail, Marks: []notice.Mark{{Ref: d.Ref}}}); err != nil {
		t.Fatal(err)
	}
	if got, found, err := tb.SentMail(t.Context(), mail.ID); err != nil || !found || fmt.Sprint(got) != fmt.Sprint(*mail) {
		t.Errorf("found %+v, %v, %v", got, found, err)
	}
	// By itself, as when all leases are lost, and again.
	mail.MessageID = "m-2"
	for range 2 {
		if err := tb.Mark(t.Context(), notice.Change{Run: "other", Mail: mail}); err != nil {
			t.Error(err)
		}
	}
}
