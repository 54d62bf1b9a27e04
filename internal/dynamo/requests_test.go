package dynamo_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// recorder keeps the calls that come through a proxy.
type recorder struct {
	mu    sync.Mutex
	calls []faulty.Call
}

func (r *recorder) see(c faulty.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// taken returns the calls that came since it was called last.
func (r *recorder) taken() []faulty.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// watched is a table whose calls are recorded.
func watched(t *testing.T) (table, *recorder) {
	t.Helper()
	tb, proxy := contested(t)
	r := &recorder{}
	proxy.Watch(r.see)
	return tb, r
}

// everything does each operation of the store, and calls after with its name when it is done.
func everything(t *testing.T, tb table, after func(operation string)) {
	t.Helper()
	ctx := t.Context()
	admin := token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Role: token.RoleAdmin}
	n := tb.newToken(t, 30)
	id, d := n.Token.ID, notice.Due{Ref: notice.Ref{ID: n.Token.ID}, On: n.NotifyOn}
	r := tb.revocation(t, n.Token)
	hold := notice.Lease{Run: "run", Until: tb.now.Add(time.Minute), Mail: newID(t, tb.now)}
	sent := notice.Outcome{Kind: notice.Expires(15), Date: n.Token.ExpiresOn, At: tb.now, State: notice.Sent, MessageID: "m-1"}
	mark := notice.Change{
		Run: "run",
		Mail: &notice.SentMail{
			ID: hold.Mail, MessageID: "m-1", At: tb.now, Organization: "acme", Recipient: "bob", Entries: []notice.Ref{d.Ref, {ID: "another"}},
		},
		Marks: []notice.Mark{{Ref: d.Ref, Outcomes: []notice.Outcome{sent}, Next: n.NotifyOn, HasNext: true, Audits: []token.Audit{r.Audit}}},
		Notices: []notice.Notice{{
			ID: newID(t, tb.now), Kind: notice.Expires(15), Organization: "acme", Recipient: "alice", CreatedAt: tb.now,
			Tokens: []notice.Subject{{ID: id, Kind: notice.Expires(15), Date: n.Token.ExpiresOn}},
		}},
	}
	lease := func() error {
		_, ok, err := tb.Lease(ctx, d, hold, tb.now)
		if err == nil && !ok {
			err = errors.New("not leased")
		}
		return err
	}
	aside := tb.revocation(t, n.Token)
	revoke := func() error {
		r.Audit.ID = newID(t, tb.now)
		_, err := tb.Revoke(ctx, r)
		return err
	}
	everyone := func(token.Person) bool { return true }
	missing := map[string]bool{}
	for method := range reflect.TypeFor[*dynamo.Store]().Methods() {
		missing[method.Name] = true
	}
	for _, o := range []struct {
		name string
		do   func() error
	}{
		{"Issue", func() error { return tb.Issue(ctx, n) }},
		{"Issue to a full quota", func() error {
			other := tb.newToken(t, 30)
			other.Token.CreatedAt, other.MaxActive = n.Credential.ExpiresAt, 1 // the first one has expired
			return tb.Issue(ctx, other)
		}},
		{"Issue with a key", func() error {
			repeated := tb.newToken(t, 30)
			repeated.Request = &token.Request{Organization: "acme", Person: "bob"}
			return tb.Issue(ctx, repeated)
		}},
		{"Answered", func() error {
			_, _, err := tb.Answered(ctx, token.Request{Organization: "acme", Person: "bob"}, tb.now)
			return err
		}},
		{"KeepPerson", func() error { _, err := tb.KeepPerson(ctx, admin, tb.now); return err }},
		{"KeepKnown", func() error {
			changed := admin
			changed.Email = "alice@new.example"
			_, err := tb.KeepKnown(ctx, changed, tb.now.Add(time.Second))
			return err
		}},
		{"KeepPerson", func() error { _, err := tb.KeepPerson(ctx, admin, tb.now.Add(2*time.Second)); return err }},
		{"Demote", func() error { _, err := tb.Demote(ctx, "acme", "alice", token.RoleNone); return err }},
		{"MarkUndeliverable", func() error { return tb.MarkUndeliverable(ctx, admin, tb.now) }},
		{"ClearUndeliverable", func() error { return tb.ClearUndeliverable(ctx, "acme", "alice") }},
		{"PeopleByID", func() error { _, err := tb.PeopleByID(ctx, "acme", []string{"alice"}); return err }},
		{"Admins", func() error { _, err := tb.Admins(ctx, "acme", tb.now, 10, everyone); return err }},
		{"Policy", func() error { _, err := tb.Policy(ctx, "acme"); return err }},
		{"Credential", func() error { _, err := tb.Credential(ctx, id); return err }},
		{"Previous", func() error { _, err := tb.Previous(ctx, id); return err }},
		{"Used", func() error { return tb.Used(ctx, n.Credential, tb.now, "203.0.113.0/24") }},
		{"Token", func() error { _, err := tb.Token(ctx, id); return err }},
		{"LateToken", func() error { _, err := tb.LateToken(ctx, id); return err }},
		{"Records", func() error { _, err := tb.Records(ctx, []token.ID{id}); return err }},
		{"Tokens", func() error { _, err := tb.Tokens(ctx, token.Query{Organization: "acme", Limit: 2}); return err }},
		{"Due", func() error { _, err := tb.Due(ctx, 0, d.On, 10); return err }},
		{"Lease", lease},
		{"Release", func() error { return tb.Release(ctx, d.Ref, "run", notice.Failure{}) }},
		{"Lease again", lease},
		{"Mark", func() error { return tb.Mark(ctx, mark) }},
		{"Bounce", func() error { _, err := tb.Bounce(ctx, d.Ref, sent, d.On, tb.now); return err }},
		{"Mail", func() error { _, err := tb.Mail(ctx, "m-1"); return err }},
		{"SentMail", func() error { _, _, err := tb.SentMail(ctx, hold.Mail); return err }},
		{"Outcomes", func() error { _, err := tb.Outcomes(ctx, id); return err }},
		{"Rotate", func() error {
			was, err := tb.Credential(ctx, id)
			if err != nil {
				return err
			}
			record, err := tb.Token(ctx, id)
			if err != nil {
				return err
			}
			return tb.Rotate(ctx, tokentest.NewSecretChange(t, was, record, tb.now))
		}},
		{"RotationRefused", func() error {
			return tb.RotationRefused(ctx, token.RefusedRotation{Token: n.Token, Audit: aside.Audit, Recipients: map[token.ID]string{aside.Notice: "bob"}})
		}},
		{"RetiredUsed", func() error {
			return tb.RetiredUsed(ctx, &token.RefusedError{TokenID: id, Organization: "acme", Owner: n.Token.Owner}, tb.now, "")
		}},
		{"EndPrevious", func() error {
			previous, err := tb.Previous(ctx, id)
			if err != nil {
				return err
			}
			return tb.EndPrevious(ctx, token.EndedSecret{Secret: previous, Audit: tb.revocation(t, n.Token).Audit})
		}},
		{"Quota", func() error { _, err := tb.Quota(ctx, "acme", n.Token.Owner); return err }},
		{"Leave", func() error {
			_, err := tb.Leave(ctx, tokentest.NewDeparture(t, "alice", token.ActionLeft, tb.now))
			return err
		}},
		{"Return", func() error { return tb.Return(ctx, tokentest.NewDeparture(t, "alice", token.ActionReturned, tb.now)) }},
		{"AuditEntries", func() error {
			_, err := tb.AuditEntries(ctx, token.AuditQuery{Organization: "acme", From: "0", To: "8", Limit: 2})
			return err
		}},
		{"AuditEntries of a token", func() error {
			_, err := tb.AuditEntries(ctx, token.AuditQuery{Organization: "acme", Token: id, From: "0", To: "8", Limit: 2})
			return err
		}},
		{"Revoke", revoke},
		{"Revoke again", revoke},
		{"Notice", func() error { _, err := tb.Notice(ctx, r.Notice); return err }},
		{"Outcome", func() error { _, err := tb.Outcome(ctx, r.Notice); return err }},
	} {
		if err := o.do(); err != nil && !errors.Is(err, token.ErrNotFound) {
			t.Errorf("%s: %v", o.name, err)
		}
		after(o.name)
		delete(missing, strings.Fields(o.name)[0])
	}
	if len(missing) > 0 {
		t.Errorf("not tried: %v", slices.Sorted(maps.Keys(missing)))
	}
}

// What may be read late: lists, what happened to one token, what is due (the lease decides), and why a secret was refused.
var lateReads = map[string]bool{"Tokens": true, "Due": true, "LateToken": true, "AuditEntries of a token": true}

// DynamoDB Local is consistent whatever is asked of it, so the requests themselves are
// checked.
func TestReadsThatDecideAreStronglyConsistent(t *testing.T) {
	t.Parallel()
	tb, recorder := watched(t)
	read := map[string]bool{}
	everything(t, tb, func(operation string) {
		for _, call := range recorder.taken() {
			switch call.Operation {
			case "GetItem", "BatchGetItem", "Query":
				read[operation] = true
				if consistent := strings.Contains(call.Body, `"ConsistentRead":true`); consistent == lateReads[operation] {
					t.Errorf("%s: consistent is %v: %s", operation, consistent, call.Body)
				}
			case "Scan", "TransactGetItems":
				t.Errorf("%s: %s", operation, call.Operation)
			}
		}
	})
	for _, operation := range []string{
		"Issue", "KeepPerson", "KeepKnown", "Demote", "PeopleByID", "Admins", "Policy", "Credential", "Previous", "Token", "LateToken", "Records",
		"Tokens", "Due", "Mail", "SentMail", "Outcomes", "Revoke", "Notice", "Outcome", "Quota", "Leave", "Return", "AuditEntries", "AuditEntries of a token",
	} {
		if !read[operation] {
			t.Errorf("%s: no read was seen", operation)
		}
	}
}

// A write without a condition makes or replaces what it names, and IAM cannot forbid it.
func TestEveryWriteIsConditional(t *testing.T) {
	t.Parallel()
	tb, recorder := watched(t)
	written := map[string]bool{}
	everything(t, tb, func(operation string) {
		check := func(what string, raw json.RawMessage) {
			written[operation] = true
			var w struct {
				ConditionExpression string `json:"ConditionExpression"`
			}
			if err := json.Unmarshal(raw, &w); err != nil {
				t.Fatal(err)
			}
			if w.ConditionExpression == "" {
				t.Errorf("%s: %s without a condition: %s", operation, what, raw)
			}
		}
		for _, call := range recorder.taken() {
			switch call.Operation {
			case "TransactWriteItems":
				var in struct {
					TransactItems []map[string]json.RawMessage `json:"TransactItems"`
				}
				if err := json.Unmarshal([]byte(call.Body), &in); err != nil {
					t.Fatal(err)
				}
				for _, item := range in.TransactItems {
					for what, raw := range item {
						check(what, raw)
					}
				}
			case "UpdateItem", "PutItem", "DeleteItem":
				check(call.Operation, json.RawMessage(call.Body))
			case "BatchWriteItem", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction":
				t.Errorf("%s: %s takes no conditions", operation, call.Operation)
			}
		}
	})
	for _, operation := range []string{
		"Issue", "Issue to a full quota", "KeepPerson", "KeepKnown", "Demote", "MarkUndeliverable", "ClearUndeliverable", "Used", "Lease", "Release",
		"Mark", "Bounce", "RotationRefused", "RetiredUsed", "EndPrevious", "Revoke", "Revoke again",
	} {
		if !written[operation] {
			t.Errorf("%s: no write was seen", operation)
		}
	}
}
