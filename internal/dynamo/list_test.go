package dynamo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dynamo"
	"latchkey/internal/token"
)

// eventually polls until f is true: indexes follow the table with a delay.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 100 {
		if f() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s did not come about", what)
}

func TestListsAreNewestFirstAndOfOneTenant(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	var own []token.ID
	for i := range 5 {
		tb.now = tb.now.Add(time.Second)
		n := tb.newToken(t, 30)
		n.Name = fmt.Sprintf("token %d", i)
		own = append([]token.ID{tb.issue(t, n).ID}, own...)
	}
	other := tb.newToken(t, 30)
	other.Token.Owner, other.Owner = "alice", token.Owner{Organization: "acme", ID: "alice", Email: "alice@acme.example"}
	tb.issue(t, other)
	foreign := tb.newToken(t, 30)
	foreign.Organization, foreign.Owner = "globex", token.Owner{Organization: "globex", ID: "bob", Email: "bob@globex.example"}
	tb.issue(t, foreign)

	ids := func(q token.Query) []token.ID {
		t.Helper()
		tokens, err := tb.Tokens(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []token.ID
		for _, tk := range tokens {
			ids = append(ids, tk.ID)
		}
		return ids
	}
	mine := token.Query{Organization: "acme", Owner: "bob", Limit: 50}
	eventually(t, "bob's list", func() bool { return slices.Equal(ids(mine), own) })
	eventually(t, "everyone's list", func() bool {
		return len(ids(token.Query{Organization: "acme", Limit: 50})) == 6
	})

	// Page by page it is the same list, each token once.
	var paged []token.ID
	q := token.Query{Organization: "acme", Owner: "bob", Limit: 2}
	for {
		page := ids(q)
		paged = append(paged, page...)
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1]
	}
	if !slices.Equal(paged, own) {
		t.Errorf("pages %v, want %v", paged, own)
	}
}

func TestNoIndexHoldsAHash(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	tb.issue(t, tb.newToken(t, 30))
	for _, index := range dynamo.Schema().Indexes {
		eventually(t, index.Name, func() bool {
			out, err := tb.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &tb.name, IndexName: &index.Name})
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range out.Items {
				if _, ok := item["secret_hash"]; ok {
					t.Fatalf("index %s holds the hash", index.Name)
				}
			}
			return len(out.Items) == 1
		})
	}
}

func TestOwnersAreKeptCurrent(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	alice := token.Owner{Organization: "acme", ID: "alice", Email: "alice@acme.example", Admin: true}
	keep := func(o token.Owner, at time.Time) {
		t.Helper()
		if err := tb.KeepOwner(t.Context(), o, at); err != nil {
			t.Fatal(err)
		}
	}
	read := func() token.Owner {
		t.Helper()
		owners, err := tb.Owners(t.Context(), "acme", []string{"alice", "nobody"})
		if err != nil {
			t.Fatal(err)
		}
		if len(owners) != 1 {
			t.Fatalf("%d owners, want 1", len(owners))
		}
		return owners["alice"]
	}
	keep(alice, tb.now)
	if got := read(); got != alice {
		t.Errorf("read %+v", got)
	}
	if err := tb.MarkUndeliverable(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if !read().Undeliverable {
		t.Error("the bounce was not kept")
	}
	moved := alice
	moved.Email = "alice@new.example"
	keep(moved, tb.now.Add(time.Minute))
	if got := read(); got != moved {
		t.Errorf("after a change of address: %+v", got)
	}
	// A bounce of the old address says nothing about the new one.
	if err := tb.MarkUndeliverable(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if read().Undeliverable {
		t.Error("the new address counts as undeliverable")
	}
	// A call that was under way for long does not bring the old address back.
	keep(alice, tb.now.Add(-time.Hour))
	if got := read(); got != moved {
		t.Errorf("an older call won: %+v", got)
	}
	admins, err := tb.Admins(t.Context(), "acme", tb.now.Add(-time.Hour))
	if err != nil || len(admins) != 1 || admins[0] != moved {
		t.Errorf("admins %+v, %v", admins, err)
	}
	if err := tb.Demote(t.Context(), "acme", "alice"); err != nil {
		t.Fatal(err)
	}
	if admins, err = tb.Admins(t.Context(), "acme", tb.now.Add(-time.Hour)); err != nil || len(admins) != 0 {
		t.Errorf("an admin who lost the role is still told: %+v, %v", admins, err)
	}
	if err := tb.Demote(t.Context(), "acme", "nobody"); err != nil {
		t.Errorf("demoting somebody unknown: %v", err)
	}
	keep(moved, tb.now.Add(90*time.Second))
	moved.Admin = false
	keep(moved, tb.now.Add(2*time.Minute))
	if admins, err = tb.Admins(t.Context(), "acme", tb.now.Add(-time.Hour)); err != nil || len(admins) != 0 {
		t.Errorf("a former admin is still told: %+v, %v", admins, err)
	}
}
