package dynamo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/internal/dynamo"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// Somebody leaves between what a writer reads and what it writes. They get nothing, and give
// nobody anything.
func TestLeavingInTheSameMoment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who   string
		write func(context.Context, table, token.NewToken) error
	}{
		"issuing": {"bob", func(ctx context.Context, tb table, _ token.NewToken) error {
			return tb.Issue(ctx, tokentest.NewToken(t, "acme", token.PersonOwner("bob"), tb.now, 30))
		}},
		"the owner's rotation": {"bob", func(ctx context.Context, tb table, n token.NewToken) error {
			return tb.Rotate(ctx, tokentest.NewSecretChange(t, n.Credential, n.Token, tb.now))
		}},
		"an admin's rotation of another's": {"alice", func(ctx context.Context, tb table, n token.NewToken) error {
			change := tokentest.NewSecretChange(t, n.Credential, n.Token, tb.now)
			change.By = token.PersonOwner("alice")
			return tb.Rotate(ctx, change)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLate(t)
			n := tokentest.NewToken(t, "acme", token.PersonOwner("bob"), l.now, 30)
			if err := l.Issue(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			direct, err := dynamo.New(l.direct, l.name)
			if err != nil {
				t.Fatal(err)
			}
			l.before("TransactWriteItems", 0, func() {
				if _, err := direct.Leave(context.WithoutCancel(t.Context()), tokentest.NewDeparture(t, c.who, token.ActionLeft, l.now)); err != nil {
					t.Error(err)
				}
			})
			if err := c.write(t.Context(), l.table, n); !errors.Is(err, token.ErrLeft) {
				t.Errorf("error %v", err)
			}
			q, err := direct.Quota(t.Context(), "acme", token.PersonOwner("bob"))
			if err != nil || len(q.Active) != 1 {
				t.Errorf("quota %+v, error %v", q, err)
			}
			if kept, err := direct.Credential(t.Context(), n.Token.ID); err != nil || kept.Generation != 1 {
				t.Errorf("credential %+v, error %v", kept, err)
			}
		})
	}
}

// Two admins say so at once: it counts, and is recorded, once.
func TestLeavingTwiceAtOnce(t *testing.T) {
	t.Parallel()
	l := newLate(t)
	l.issue(t, l.newToken(t, 30))
	direct, err := dynamo.New(l.direct, l.name)
	if err != nil {
		t.Fatal(err)
	}
	first := tokentest.NewDeparture(t, "bob", token.ActionLeft, l.now)
	l.before("TransactWriteItems", 0, func() {
		if _, err := direct.Leave(context.WithoutCancel(t.Context()), first); err != nil {
			t.Error(err)
		}
	})
	since, err := l.Leave(t.Context(), tokentest.NewDeparture(t, "bob", token.ActionLeft, l.now.Add(time.Hour)))
	if err != nil || !since.Equal(first.At) {
		t.Errorf("left at %s, error %v", since, err)
	}
	entries, err := direct.AuditEntries(t.Context(), token.AuditQuery{Organization: "acme", From: "0", To: "8", Limit: 10})
	if err != nil || len(entries) != 2 { // and one of the issue
		t.Errorf("%d entries, error %v", len(entries), err)
	}
}
