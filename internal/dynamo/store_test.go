package dynamo_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dev/local"
	"latchkey/internal/dynamo"
	"latchkey/internal/token"
)

// endpoint is Amazon's DynamoDB Local: DYNAMODB_ENDPOINT, or one that the tests start.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if endpoint = os.Getenv("DYNAMODB_ENDPOINT"); endpoint == "" {
			server, err := local.StartDynamoDB(ctx, local.DynamoDBConfig{NodeModules: "../../node_modules"})
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer server.Stop()
			endpoint = server.Endpoint()
		}
		return m.Run()
	}())
}

// table is a store on a table of the test's own.
type table struct {
	*dynamo.Store

	client *dynamodb.Client
	name   string
	now    time.Time
}

func newTable(t *testing.T) table {
	t.Helper()
	return newTableAt(t, endpoint)
}

func newTableAt(t *testing.T, endpoint string) table {
	t.Helper()
	client := dynamo.NewClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient: &http.Client{Timeout: time.Minute}, // a busy machine's DynamoDB can be slow
	})
	name := "test-" + string(newID(t, time.Now()))
	if err := dynamo.CreateTable(t.Context(), client, name); err != nil {
		t.Fatal(err)
	}
	store, err := dynamo.New(client, name)
	if err != nil {
		t.Fatal(err)
	}
	return table{store, client, name, time.Now().UTC().Truncate(time.Second)}
}

func newID(t *testing.T, at time.Time) token.ID {
	t.Helper()
	id, err := token.NewID(at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var bob = token.Person{Organization: "acme", ID: "bob", Email: "bob@acme.example"}

// newToken is a token of bob's that expires in some days, its first notice in one.
func (tb table) newToken(t *testing.T, days int) token.NewToken {
	t.Helper()
	today := token.DateOf(tb.now)
	id, owner, expires := newID(t, tb.now), token.PersonOwner(bob.ID), today+token.Date(days)
	hash := token.Hash{1, 2, 3}
	return token.NewToken{
		Token: token.Token{
			ID: id, Organization: bob.Organization, Owner: owner, Name: "Nightly export", Hint: "lk_…AAAA_…bbbb",
			Scopes: []string{"read"}, CreatedAt: tb.now, CreatedBy: bob.ID, LifetimeDays: days, Uses: token.Uses{1: {}}, ExpiresOn: expires,
			Fingerprints: []token.Fingerprint{{Generation: 1, Sum: hash.Fingerprint(), MadeAt: tb.now}},
		},
		Credential: token.Credential{
			TokenID: id, Organization: bob.Organization, Owner: owner, Hash: hash, Generation: 1, Version: 1,
			ExpiresAt: expires.Start(), Scopes: []string{"read"},
		},
		NotifyOn: today + 1, DeleteAt: (expires + 90).Start(), MaxActive: 50, MaxDaily: 200,
		Audit: token.Audit{
			ID: newID(t, tb.now), Organization: bob.Organization, At: tb.now, Action: token.ActionIssued,
			Actor: token.Actor{Kind: token.ActorPerson, ID: bob.ID}, TokenID: id, TokenName: "Nightly export", ExpiresOn: expires,
		},
	}
}

func (tb table) issue(t *testing.T, n token.NewToken) token.NewToken {
	t.Helper()
	if err := tb.Issue(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (tb table) revocation(t *testing.T, of token.Token) token.Revocation {
	t.Helper()
	of.RevokedAt, of.RevokedBy, of.RevokeReason = tb.now, "alice", "left the company"
	return token.Revocation{
		Token: of,
		Audit: token.Audit{
			ID: newID(t, tb.now), Organization: of.Organization, At: tb.now, Action: token.ActionRevoked,
			Actor: token.Actor{Kind: token.ActorPerson, ID: "alice"}, TokenID: of.ID, TokenName: of.Name, ExpiresOn: of.ExpiresOn,
		},
		Notice: newID(t, tb.now),
	}
}

// key names an item of a token's.
func key(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk},
	}
}

func (tb table) delete(t *testing.T, pk, sk string) {
	t.Helper()
	if _, err := tb.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &tb.name, Key: key(pk, sk)}); err != nil {
		t.Fatal(err)
	}
}

// count returns how many items the table has whose partition key begins with a prefix.
func (tb table) count(t *testing.T, prefix string) int {
	t.Helper()
	pages := dynamodb.NewScanPaginator(tb.client, &dynamodb.ScanInput{
		TableName: &tb.name, ConsistentRead: aws.Bool(true), FilterExpression: aws.String("begins_with(pk, :p)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: prefix}},
	})
	n := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Items)
	}
	return n
}

func TestTimeToLiveIsWhatTheTableDeletesBy(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	id := string(n.Token.ID)
	for at, want := range map[[2]string]int64{
		{"TOKEN#" + id, "TOKEN"}: n.DeleteAt.Unix(), {"TOKEN#" + id, "QUEUE"}: n.DeleteAt.Unix(),
		{"SECRET#" + id, "CURRENT"}: n.Credential.ExpiresAt.Unix(),
	} {
		out, err := tb.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &tb.name, Key: key(at[0], at[1])})
		if err != nil {
			t.Fatal(err)
		}
		ttl, ok := out.Item[dynamo.Schema().TTL].(*types.AttributeValueMemberN)
		if !ok || ttl.Value != fmt.Sprint(want) {
			t.Errorf("%v: ttl %v, want the number %d", at, out.Item[dynamo.Schema().TTL], want)
		}
	}
}

func TestCapOnActiveTokensHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	for _, limit := range []struct {
		code   token.Code
		change func(*token.NewToken)
	}{
		{token.CodeLimitReached, func(n *token.NewToken) { n.MaxActive = 5 }},
		{token.CodeDailyLimit, func(n *token.NewToken) { n.MaxDaily = 5 }},
	} {
		const allowed, tries = 5, 20
		owner := token.PersonOwner(string(limit.code))
		var wg sync.WaitGroup
		results := make(chan error, tries)
		for range tries {
			n := tb.newToken(t, 30)
			n.Token.Owner, n.Credential.Owner = owner, owner
			limit.change(&n)
			wg.Go(func() { results <- tb.Issue(t.Context(), n) })
		}
		wg.Wait()
		close(results)
		stored := 0
		for err := range results {
			switch code := token.CodeOf(err); {
			case err == nil:
				stored++
			case code != limit.code:
				t.Errorf("unexpected: %v", err)
			}
		}
		if stored != allowed {
			t.Errorf("%s: %d accepted, %d allowed", limit.code, stored, allowed)
		}
	}
	if credentials := tb.count(t, "SECRET#"); credentials != 10 {
		t.Errorf("%d credentials, want 10", credentials)
	}
}

func TestDeadTableIsAnErrorNotAnAnswer(t *testing.T) {
	t.Parallel()
	nowhere := "http://127.0.0.1:1"
	store, err := dynamo.New(dynamo.NewClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: &nowhere, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}), "latchkey")
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Credential(t.Context(), newID(t, time.Now()))
	if err == nil || token.CodeOf(err) != "" {
		t.Errorf("got %v, want an error outside the closed set", err)
	}
}
