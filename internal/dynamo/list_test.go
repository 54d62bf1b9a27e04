package dynamo_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

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

// Listing what lives costs what it returns, however much was revoked.
func TestListingWhatLivesCostsWhatItReturns(t *testing.T) {
	t.Parallel()
	const revoked, living = 3000, 7
	plain := newTable(t)
	gone := plain.issue(t, plain.newToken(t, 30))
	if _, err := plain.revoke(t, gone.Token); err != nil {
		t.Fatal(err)
	}
	out, err := plain.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &plain.name, Key: key("TOKEN#"+string(gone.Token.ID), "TOKEN")})
	if err != nil {
		t.Fatal(err)
	}
	var batch []types.WriteRequest
	for i := range revoked {
		copied, id := maps.Clone(out.Item), string(newID(t, plain.now))
		copied["pk"], copied["id"] = textValue("TOKEN#"+id), textValue(id)
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: copied}})
		for len(batch) == 25 || i == revoked-1 && len(batch) > 0 {
			in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{plain.name: batch}}
			out, err := plain.client.BatchWriteItem(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			batch = out.UnprocessedItems[plain.name]
		}
	}
	for i := range living {
		plain.issue(t, plain.newToken(t, 30+i))
	}
	tb, m := plain.metered(t)
	owner := token.PersonOwner("bob")
	for what, q := range map[string]token.Query{
		"the owner's":        {Organization: "acme", Owner: &owner},
		"the organization's": {Organization: "acme"},
	} {
		q.Living = token.DateOf(plain.now) + 1
		for _, q.Limit = range []int{3, 51} {
			want := min(living, q.Limit)
			eventually(t, what, func() bool {
				m.reset()
				found, err := tb.Tokens(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				return len(found) == want
			})
			if m.calls != 1 || m.read != want {
				t.Errorf("%s, %d: %d calls read %d items to return %d", what, q.Limit, m.calls, m.read, want)
			}
		}
	}
	if n := plain.count(t, "TOKEN#"); n != revoked+2+2*living {
		t.Errorf("%d items, want %d", n, revoked+2+2*living) // all of them are there
	}
}

// Credentials are in no index, and a record has no hash.
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
				pk, _ := item["pk"].(*types.AttributeValueMemberS)
				if _, ok := item["hash"]; ok || pk == nil || strings.HasPrefix(pk.Value, "SECRET#") {
					t.Fatalf("index %s holds %v", index.Name, item)
				}
			}
			return len(out.Items) == 1
		})
	}
}

// The directory follows the role, and has the address that is current.
func TestAdminsAreKeptCurrent(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	alice := token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Role: token.RoleAdmin}
	moved, former := alice, alice
	moved.Email, former.Role = "alice@new.example", token.RoleManager
	keep := func(p token.Person, after time.Duration) {
		t.Helper()
		if _, err := tb.KeepPerson(t.Context(), p, tb.now.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	are := func(what string, want ...token.Person) {
		t.Helper()
		found, err := tb.Admins(t.Context(), "acme", tb.now.Add(-time.Hour), 10, func(token.Person) bool { return true })
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: admins %+v, %v; want %+v", what, found, err, want)
		}
	}
	are("nobody signed in")
	keep(alice, 0)
	keep(moved, time.Minute)
	are("with a new address", moved)
	if _, err := tb.Demote(t.Context(), "acme", "alice", token.RoleManager); err != nil {
		t.Fatal(err)
	}
	are("without the role")
	keep(moved, 2*time.Minute)
	are("with the role again", moved)
	keep(former, 3*time.Minute)
	are("with another role")
}

// Whatever a claim holds, two people or organizations never share a key.
func TestKeysOfOddClaimsStayApart(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	odd := []token.Person{
		{Organization: "a#b", ID: "c"},
		{Organization: "a", ID: "b#c"},
		{Organization: "Acme Inc", ID: "o'brien@acme.example"},
		{Organization: "ac me", ID: "%2F"},
		{Organization: "acme", ID: strings.Repeat("x", 255)},
	}
	for i, p := range odd {
		p.Email = fmt.Sprintf("%d@acme.example", i)
		if _, err := tb.KeepPerson(t.Context(), p, tb.now); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range odd {
		people, err := tb.PeopleByID(t.Context(), p.Organization, []string{p.ID})
		if want := fmt.Sprintf("%d@acme.example", i); err != nil || people[p.ID].Email != want {
			t.Errorf("%q of %q: %+v, error %v", p.ID, p.Organization, people, err)
		}
	}
}
