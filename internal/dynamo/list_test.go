package dynamo_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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

func TestListsAreInOrderAndOfOneTenant(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	owned := func(organization, id string, days int) token.NewToken {
		tb.now = tb.now.Add(time.Second)
		n := tb.newToken(t, days)
		n.Token.Organization, n.Token.Owner = organization, token.PersonOwner(id)
		n.Credential.Organization, n.Credential.Owner = organization, n.Token.Owner
		return tb.issue(t, n)
	}
	var ids []token.ID // bob's, oldest first
	for _, days := range []int{30, 10, 20, 10, 5} {
		ids = append(ids, owned("acme", "bob", days).Token.ID)
	}
	owned("acme", "alice", 7)
	owned("globex", "bob", 7)
	revoked := owned("acme", "bob", 8)
	if _, err := tb.Revoke(t.Context(), tb.revocation(t, revoked.Token)); err != nil {
		t.Fatal(err)
	}

	list := func(q token.Query) []token.ID {
		t.Helper()
		tokens, err := tb.Tokens(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var found []token.ID
		for _, k := range tokens {
			found = append(found, k.ID)
		}
		return found
	}
	bob, today := token.PersonOwner("bob"), token.DateOf(tb.now)
	newest := []token.ID{revoked.Token.ID, ids[4], ids[3], ids[2], ids[1], ids[0]}
	soonest := []token.ID{ids[4], ids[1], ids[3], ids[2], ids[0]}
	reversed := func(ids []token.ID) []token.ID {
		ids = slices.Clone(ids)
		slices.Reverse(ids)
		return ids
	}
	for name, c := range map[string]struct {
		q    token.Query
		want []token.ID
	}{
		"newest first":           {token.Query{Owner: &bob, Descending: true}, newest},
		"oldest first":           {token.Query{Owner: &bob}, reversed(newest)},
		"soonest first":          {token.Query{Owner: &bob, Living: today + 1}, soonest},
		"latest first":           {token.Query{Owner: &bob, Living: today + 1, Descending: true}, reversed(soonest)},
		"before a date":          {token.Query{Owner: &bob, Living: today + 1, Before: today + 20}, soonest[:3]},
		"before the first":       {token.Query{Owner: &bob, Living: today + 1, Before: today + 1}, nil},
		"living on a later date": {token.Query{Owner: &bob, Living: today + 20}, soonest[3:]},
	} {
		c.q.Organization, c.q.Limit = "acme", 50
		eventually(t, name, func() bool { return slices.Equal(list(c.q), c.want) })
		everyone := c.q
		everyone.Owner = nil
		if n := len(list(everyone)); name == "newest first" && n != 7 || name == "soonest first" && n != 6 {
			t.Errorf("%s: %d tokens of everyone's", name, n)
		}
		// Page by page it is the same list, each token once.
		c.q.Limit = 2
		var paged []token.ID
		for {
			tokens, err := tb.Tokens(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range tokens {
				paged = append(paged, k.ID)
				c.q.After = token.Position{ID: k.ID, End: k.EndDate()}
			}
			if len(tokens) < c.q.Limit {
				break
			}
		}
		if !slices.Equal(paged, c.want) {
			t.Errorf("%s: pages %v, want %v", name, paged, c.want)
		}
	}
}

// Listing what lives costs what it returns, however much was revoked.
func TestListingWhatLivesCostsWhatItReturns(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	living := tb.issue(t, tb.newToken(t, 30))
	revoked := tb.issue(t, tb.newToken(t, 30))
	if _, err := tb.Revoke(t.Context(), tb.revocation(t, revoked.Token)); err != nil {
		t.Fatal(err)
	}
	out, err := tb.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &tb.name, Key: key("TOKEN#"+string(revoked.Token.ID), "TOKEN")})
	if err != nil {
		t.Fatal(err)
	}
	var batch []types.WriteRequest
	for i := range 3000 {
		id := string(newID(t, tb.now.Add(time.Duration(i)*time.Millisecond)))
		copied := maps.Clone(out.Item)
		copied["pk"], copied["id"] = &types.AttributeValueMemberS{Value: "TOKEN#" + id}, &types.AttributeValueMemberS{Value: id}
		if batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: copied}}); len(batch) == 25 {
			in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{tb.name: batch}}
			if _, err := tb.client.BatchWriteItem(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
	}
	bob := token.PersonOwner("bob")
	for _, owner := range []*token.Owner{nil, &bob} {
		q := token.Query{Organization: "acme", Owner: owner, Living: token.DateOf(tb.now) + 1, Limit: 51}
		tokens, err := tb.Tokens(t.Context(), q)
		if err != nil || len(tokens) != 1 || tokens[0].ID != living.Token.ID {
			t.Fatalf("%d tokens, error %v", len(tokens), err)
		}
	}
	for index, partition := range map[string]string{dynamo.IndexLiveOrganization: "live_org", dynamo.IndexLiveOwner: "live_owner"} {
		value := map[string]string{"live_org": "acme", "live_owner": "YWNtZQ#Ym9i"}[partition]
		found, err := tb.client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: &tb.name, IndexName: &index, KeyConditionExpression: aws.String("#p = :v"),
			ExpressionAttributeNames:  map[string]string{"#p": partition},
			ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: value}},
		})
		if err != nil || found.ScannedCount != 1 {
			t.Errorf("%s: %d items read for one, error %v", index, found.ScannedCount, err)
		}
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

func TestPeopleAreKeptCurrent(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	alice := token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Admin: true}
	keep := func(p token.Person, at time.Time) token.Person {
		t.Helper()
		known, err := tb.KeepPerson(t.Context(), p, at)
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	read := func() token.Person {
		t.Helper()
		people, err := tb.PeopleByID(t.Context(), "acme", []string{"alice", "nobody"})
		if err != nil {
			t.Fatal(err)
		}
		if len(people) != 1 {
			t.Fatalf("%d people, want 1", len(people))
		}
		return people["alice"]
	}
	admins := func() []token.Person {
		t.Helper()
		found, err := tb.Admins(t.Context(), "acme", tb.now.Add(-time.Hour), 10, func(token.Person) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if known := keep(alice, tb.now); known != alice || read() != alice {
		t.Errorf("known %+v, read %+v", known, read())
	}
	mark := func() {
		t.Helper()
		if err := tb.MarkUndeliverable(t.Context(), alice, tb.now); err != nil {
			t.Fatal(err)
		}
	}
	mark()
	if !read().Undeliverable || !keep(alice, tb.now.Add(time.Minute)).Undeliverable {
		t.Error("the bounce was not kept")
	}
	if err := tb.ClearUndeliverable(t.Context(), "acme", "alice"); err != nil || read().Undeliverable {
		t.Errorf("the mark was not cleared: %v", err)
	}
	mark()
	// A bounce is not for ever: whoever signs in days later with the address gets a try.
	if keep(alice, tb.now.Add(71*time.Hour)).Undeliverable != true || keep(alice, tb.now.Add(73*time.Hour)).Undeliverable || read().Undeliverable {
		t.Error("the mark is not cleared by a sign-in three days after it")
	}
	tb.now = tb.now.Add(73 * time.Hour)
	mark()
	moved := alice
	moved.Email = "alice@new.example"
	if known := keep(moved, tb.now.Add(time.Minute)); known != moved || read() != moved {
		t.Errorf("after a change of address: %+v", read())
	}
	mark() // of the old address: it says nothing about the new one
	if read().Undeliverable {
		t.Error("the new address counts as undeliverable")
	}
	// A call that was under way for long does not bring the old address back.
	keep(alice, tb.now.Add(-time.Hour))
	if got := read(); got != moved {
		t.Errorf("an older call won: %+v", got)
	}
	if found := admins(); len(found) != 1 || found[0] != moved {
		t.Errorf("admins %+v", found)
	}
	if err := tb.Demote(t.Context(), "acme", "alice"); err != nil {
		t.Fatal(err)
	}
	if found := admins(); len(found) != 0 {
		t.Errorf("an admin who lost the role is still one: %+v", found)
	}
	if err := tb.Demote(t.Context(), "acme", "nobody"); err != nil {
		t.Errorf("demoting somebody unknown: %v", err)
	}
	keep(moved, tb.now.Add(90*time.Second))
	moved.Admin = false
	keep(moved, tb.now.Add(2*time.Minute))
	if found := admins(); len(found) != 0 {
		t.Errorf("a former admin is still one: %+v", found)
	}
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
