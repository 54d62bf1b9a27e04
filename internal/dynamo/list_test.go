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

// The directory follows the role, and has the address that is current.
func TestAdminsAreKeptCurrent(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	alice := token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Admin: true}
	moved, former := alice, alice
	moved.Email, former.Admin = "alice@new.example", false
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
	if err := tb.Demote(t.Context(), "acme", "alice"); err != nil {
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
