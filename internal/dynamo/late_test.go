package dynamo_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/notice"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// late is a table on which something can be done between a writer's read and its write.
type late struct {
	table

	proxy  *faulty.Proxy
	direct *dynamodb.Client
}

func newLate(t *testing.T) late {
	t.Helper()
	tb, proxy := contested(t)
	return late{tb, proxy, undelayed()}
}

// before does something once, before an operation's call reaches the table, after skip calls
// of it have.
func (l late) before(operation string, skip int, do func()) {
	l.proxy.Fail(operation, skip, 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		do()
		forward.ServeHTTP(w, r)
	})
}

func (l late) stored(t *testing.T, pk, sk string) map[string]types.AttributeValue {
	t.Helper()
	out, err := l.direct.GetItem(context.WithoutCancel(t.Context()), &dynamodb.GetItemInput{
		TableName: &l.name, Key: key(pk, sk), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Error(err)
		return nil
	}
	return out.Item
}

func (l late) store(t *testing.T, item map[string]types.AttributeValue) {
	t.Helper()
	if _, err := l.direct.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &l.name, Item: item}); err != nil {
		t.Error(err)
	}
}

// wipe deletes all items of a token but one, as time to live does.
func (l late) wipe(t *testing.T, id token.ID, but string) {
	t.Helper()
	for _, k := range itemKeys(id) {
		if textOf(k, "sk") == but {
			continue
		}
		if _, err := l.direct.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &l.name, Key: k}); err != nil {
			t.Error(err)
		}
	}
}

// Each writer is held up between its read and its write, and all that it read is deleted
// meanwhile. It makes nothing.
func TestALateWriterMakesNothing(t *testing.T) {
	t.Parallel()
	const update = "UpdateItem"
	run := func(tb table) notice.Lease { return notice.Lease{Run: "run", Until: tb.now.Add(time.Minute)} }
	entry := func(n token.NewToken) notice.Due {
		return notice.Due{Ref: notice.Ref{ID: n.Token.ID}, On: n.NotifyOn}
	}
	sent := func(tb table, n token.NewToken) notice.Outcome {
		return notice.Outcome{Kind: notice.Expires(15), Date: n.Token.ExpiresOn, At: tb.now, State: notice.Sent, MessageID: "m-1"}
	}
	mark := func(ctx context.Context, tb table, n token.NewToken) error {
		return tb.Mark(ctx, notice.Change{Run: "run", Marks: []notice.Mark{{
			Ref: entry(n).Ref, Outcomes: []notice.Outcome{sent(tb, n)}, Next: n.NotifyOn + 1, HasNext: true,
		}}})
	}
	rotate := func(ctx context.Context, tb table, n token.NewToken) error {
		return tb.Rotate(ctx, tokentest.NewSecretChange(t, n.Credential, n.Token, tb.now))
	}
	lease := func(ctx context.Context, tb table, n token.NewToken) error {
		_, _, err := tb.Lease(ctx, entry(n), run(tb), tb.now)
		return err
	}
	for name, c := range map[string]struct {
		first, late func(context.Context, table, token.NewToken) error // late fails where may is true
		operation   string
		skip        int
		may         bool
	}{
		"the mark of a use on the credential": {late: func(ctx context.Context, tb table, n token.NewToken) error {
			return tb.Used(ctx, n.Credential, tb.now, "203.0.113.0/24")
		}, operation: update},
		"the mark of a use on the record": {late: func(ctx context.Context, tb table, n token.NewToken) error {
			return tb.Used(ctx, n.Credential, tb.now, "203.0.113.0/24")
		}, operation: update, skip: 1},
		"a revocation": {late: func(ctx context.Context, tb table, n token.NewToken) error {
			_, err := tb.Revoke(ctx, tb.revocation(t, n.Token))
			return err
		}, operation: transaction},
		"a rotation": {late: rotate, operation: transaction, may: true},
		"the end of a secret before a rotation": {first: rotate, late: func(ctx context.Context, tb table, n token.NewToken) error {
			was := n.Credential
			was.Previous = true
			return tb.EndPrevious(ctx, token.EndedSecret{Secret: was, Audit: tb.revocation(t, n.Token).Audit})
		}, operation: transaction, may: true},
		"a lease": {late: lease, operation: update},
		"a release": {first: lease, late: func(ctx context.Context, tb table, n token.NewToken) error {
			return tb.Release(ctx, entry(n).Ref, "run", notice.Failure{Since: tb.now, RetryAt: tb.now})
		}, operation: update},
		"the mark of a notice": {first: lease, late: mark, operation: transaction, may: true},
		"a bounce": {first: func(ctx context.Context, tb table, n token.NewToken) error {
			return errors.Join(lease(ctx, tb, n), mark(ctx, tb, n))
		}, late: func(ctx context.Context, tb table, n token.NewToken) error {
			_, err := tb.Bounce(ctx, entry(n).Ref, sent(tb, n), n.NotifyOn, tb.now)
			return err
		}, operation: update},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLate(t)
			n := l.issue(t, l.newToken(t, 30))
			if c.first != nil {
				if err := c.first(t.Context(), l.table, n); err != nil {
					t.Fatal(err)
				}
			}
			wiped := false
			l.before(c.operation, c.skip, func() {
				l.wipe(t, n.Token.ID, "")
				wiped = true
			})
			if err := c.late(t.Context(), l.table, n); (err != nil) != c.may {
				t.Errorf("error %v", err)
			}
			if !wiped {
				t.Error("the writer wrote nothing")
			}
			if credentials, others := l.count(t, "SECRET#"), l.count(t, "TOKEN#"); credentials != 0 || others != 0 {
				t.Errorf("%d credentials and %d other items are there", credentials, others)
			}
		})
	}
}

// A revocation ends what is there when it writes, not what was there when it read.
func TestARevocationEndsWhatThereIs(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	n := l.issue(t, l.newToken(t, 30))
	secret := "SECRET#" + string(n.Token.ID)
	l.before(transaction, 0, func() { // it is rotated meanwhile
		item := l.stored(t, secret, "CURRENT")
		previous := maps.Clone(item)
		previous["sk"] = textValue("PREVIOUS")
		item["generation"], item["version"] = numberValue(2), numberValue(2)
		l.store(t, item)
		l.store(t, previous)
	})
	if changed, err := l.revoke(t, n.Token); err != nil || !changed {
		t.Fatalf("revoked %v, %v", changed, err)
	}
	if left := l.count(t, "SECRET#"); left != 0 {
		t.Errorf("%d credentials are left", left)
	}
}

// What the revocation is decided by is in the condition of its write.
func TestARevocationIsOfTheOrganizationThatWasRead(t *testing.T) {
	t.Parallel()
	for name, sk := range map[string]string{"the secret": "CURRENT", "the secret before it": "PREVIOUS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLate(t)
			n := l.issue(t, l.newToken(t, 30))
			secret := "SECRET#" + string(n.Token.ID)
			another := l.stored(t, secret, "CURRENT")
			another["org_id"], another["sk"] = textValue("globex"), textValue(sk)
			l.before(transaction, 0, func() { l.store(t, another) })
			changed, err := l.revoke(t, n.Token)
			if changed || !errors.Is(err, token.ErrNotFound) {
				t.Errorf("revoked %v, %v", changed, err)
			}
			if left := l.stored(t, secret, sk); textOf(left, "org_id") != "globex" {
				t.Errorf("another organization's credential became %v", left)
			}
			if record, err := l.Token(t.Context(), n.Token.ID); err != nil || !record.RevokedAt.IsZero() {
				t.Errorf("the record is %+v, %v", record, err)
			}
		})
	}
}

// What a revocation keeps of the last use never goes back behind what the record knows.
func TestARevocationKeepsALaterUse(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	n := l.issue(t, l.newToken(t, 30))
	use := func(at time.Time) {
		t.Helper()
		c, err := l.Credential(context.WithoutCancel(t.Context()), n.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Used(t.Context(), c, at, "203.0.113.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	use(l.now)
	later := l.now.Add(48 * time.Hour)
	l.before(transaction, 0, func() { use(later) })
	if changed, err := l.revoke(t, n.Token); err != nil || !changed {
		t.Fatalf("revoked %v, %v", changed, err)
	}
	if record, err := l.Token(t.Context(), n.Token.ID); err != nil || !record.Uses.Last().LastAt.Equal(later) {
		t.Errorf("last used at %v, want %v; error %v", record.Uses.Last().LastAt, later, err)
	}
}

// The credential says whose quota a token was counted in, and who is notified.
func TestARevocationGoesByTheCredentialsOwner(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	falsified := n.Token
	falsified.Owner = token.PersonOwner("mallory")
	r := tb.revocation(t, falsified)
	if changed, err := tb.Revoke(t.Context(), r); err != nil || !changed {
		t.Fatalf("revoked %v, %v", changed, err)
	}
	if got, err := tb.Notice(t.Context(), r.Notice); err != nil || got.Recipient != "bob" {
		t.Errorf("notified %q, %v", got.Recipient, err)
	}
	out, err := tb.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &tb.name, Key: key("QUOTA#YWNtZQ#Ym9i", "QUOTA")})
	if active, ok := out.Item["active"].(*types.AttributeValueMemberM); err != nil || !ok || len(active.Value) != 0 {
		t.Errorf("counted are %v, %v", out.Item, err)
	}
}

// One item that is left of a token is enough to keep its id taken.
func TestAnIDIsTakenWhileAnythingIsLeft(t *testing.T) {
	t.Parallel()
	for _, sk := range []string{"CURRENT", "TOKEN", "QUEUE"} {
		l := newLate(t)
		n := l.issue(t, l.newToken(t, 30))
		l.wipe(t, n.Token.ID, sk)
		again := l.newToken(t, 30)
		again.Token.ID, again.Credential.TokenID, again.Credential.Hash = n.Token.ID, n.Token.ID, token.Hash{9}
		if err := l.Issue(t.Context(), again); err == nil {
			t.Errorf("%s was overwritten", sk)
		}
		if all := l.count(t, "SECRET#") + l.count(t, "TOKEN#"); all != 1 {
			t.Errorf("%s: %d items are there, want the one that was left", sk, all)
		}
	}
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	again := tb.newToken(t, 30)
	again.Audit.ID = n.Audit.ID
	if err := tb.Issue(t.Context(), again); err == nil || tb.count(t, "SECRET#") != 1 {
		t.Errorf("an audit entry was overwritten: %v", err)
	}
}

// What was checked before a token is written is checked again by the write.
func TestIssuingChecksAgainWhenItWrites(t *testing.T) {
	t.Parallel()
	const quota = "QUOTA#YWNtZQ#Ym9i"
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, late)
		want      error
		code      token.Code
	}{
		"the owner leaves": {func(t *testing.T, l late) {
			t.Helper()
			item := l.stored(t, quota, "QUOTA")
			item["left_at"] = numberValue(1)
			l.store(t, item)
		}, token.ErrLeft, ""},
		"the last free place is taken": {func(t *testing.T, l late) {
			t.Helper()
			item := l.stored(t, quota, "QUOTA")
			item["active"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"one": numberValue(1 << 33), "two": numberValue(1 << 33),
			}}
			l.store(t, item)
		}, nil, token.CodeLimitReached},
		"the day's last one is made": {func(t *testing.T, l late) {
			t.Helper()
			item := l.stored(t, quota, "QUOTA")
			item["issued"] = numberValue(2)
			l.store(t, item)
		}, nil, token.CodeDailyLimit},
		"another's clock begins the next day": {func(t *testing.T, l late) {
			t.Helper()
			item := l.stored(t, quota, "QUOTA")
			item["issued_on"], item["issued"] = numberValue(int(l.tomorrow())), numberValue(1)
			l.store(t, item)
		}, nil, ""},
		"there is a policy": {func(t *testing.T, l late) {
			t.Helper()
			item := key("POLICY#YWNtZQ", "POLICY")
			item["version"], item["max_days"] = numberValue(1), numberValue(7)
			l.store(t, item)
		}, token.ErrBusy, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLate(t)
			l.issue(t, l.newToken(t, 30))
			n := l.newToken(t, 30)
			n.MaxActive, n.MaxDaily = 2, 2
			l.before(transaction, 0, func() { c.meanwhile(t, l) })
			err := l.Issue(t.Context(), n)
			switch {
			case c.want != nil && !errors.Is(err, c.want), c.code != "" && token.CodeOf(err) != c.code:
				t.Errorf("error %v", err)
			case c.want == nil && c.code == "" && err != nil:
				t.Errorf("refused: %v", err)
			}
			want := 1
			if c.want == nil && c.code == "" {
				want = 2
			}
			if got := l.count(t, "SECRET#"); got != want {
				t.Errorf("%d credentials, want %d", got, want)
			}
		})
	}
}
