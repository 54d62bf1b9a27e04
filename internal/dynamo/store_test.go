package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamo"
	"latchkey/internal/local"
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

var bob = token.Owner{Organization: "acme", ID: "bob", Email: "bob@acme.example"}

// newToken is a token of bob's that expires in some days, its first notice in one.
func (tb table) newToken(t *testing.T, days int) token.NewToken {
	t.Helper()
	today := token.DateOf(tb.now)
	id := newID(t, tb.now)
	return token.NewToken{
		Token: token.Token{
			ID: id, Organization: bob.Organization, Owner: bob.ID, Name: "Nightly export", Hint: "lk_…AAAA_…bbbb",
			Scopes: []string{"read"}, CreatedAt: tb.now, ExpiresOn: today + token.Date(days),
		},
		Hash: token.Hash{1, 2, 3}, NoticeOn: today + 1, DeleteAt: (today + token.Date(days) + 90).Start(),
		Owner: bob, MaxActive: 50,
		Audit: token.Audit{
			ID: newID(t, tb.now), Organization: bob.Organization, At: tb.now, Action: token.ActionIssued,
			Actor: bob.ID, TokenID: id, TokenName: "Nightly export", ExpiresOn: today + token.Date(days),
		},
	}
}

func (tb table) issue(t *testing.T, n token.NewToken) token.NewToken {
	t.Helper()
	if err := tb.KeepOwner(t.Context(), n.Owner, tb.now); err != nil {
		t.Fatal(err)
	}
	if err := tb.Issue(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (tb table) revocation(t *testing.T, of token.Token) (token.Token, token.Audit) {
	t.Helper()
	of.RevokedAt, of.RevokedBy, of.RevokeReason = tb.now, "alice", "left the company"
	return of, token.Audit{
		ID: newID(t, tb.now), Organization: of.Organization, At: tb.now, Action: token.ActionRevoked,
		Actor: "alice", TokenID: of.ID, TokenName: of.Name, ExpiresOn: of.ExpiresOn,
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

func TestIssuedTokenIsReadBack(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))

	got, hash, err := tb.Secret(t.Context(), n.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !hash.Equal(n.Hash) {
		t.Error("another hash came back")
	}
	if got.Name != n.Name || got.Owner != n.Token.Owner || got.Organization != n.Organization || got.Hint != n.Hint ||
		!slices.Equal(got.Scopes, n.Scopes) || !got.CreatedAt.Equal(n.CreatedAt) || got.ExpiresOn != n.ExpiresOn {
		t.Errorf("stored %+v, read %+v", n.Token, got)
	}
	if got.Status(tb.now) != token.StatusActive {
		t.Errorf("status %s", got.Status(tb.now))
	}
	if n := tb.count(t, "AUDIT#acme"); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
}

func TestUnknownTokenIsNotFound(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	if _, _, err := tb.Secret(t.Context(), newID(t, tb.now)); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestTimeToLiveIsWhatTheTableDeletesBy(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	out, err := tb.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &tb.name, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "TOKEN#" + string(n.ID)}, "sk": &types.AttributeValueMemberS{Value: "TOKEN"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ttl, ok := out.Item[dynamo.Schema().TTL].(*types.AttributeValueMemberN)
	if want := fmt.Sprint(n.DeleteAt.Unix()); !ok || ttl.Value != want {
		t.Errorf("ttl %v, want the number %s", out.Item[dynamo.Schema().TTL], want)
	}
}

func TestAnIDIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	again := n
	again.Name, again.Hash = "Another", token.Hash{9}
	again.Audit.ID = newID(t, tb.now)
	if err := tb.Issue(t.Context(), again); err == nil {
		t.Fatal("a second token with the same id was stored")
	}
	got, hash, err := tb.Secret(t.Context(), n.ID)
	if err != nil || got.Name != n.Name || !hash.Equal(n.Hash) {
		t.Errorf("the first token changed: %+v, %v", got, err)
	}
	if n := tb.count(t, "AUDIT#acme"); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
}

func TestCapOnActiveTokensHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	if err := tb.KeepOwner(t.Context(), bob, tb.now); err != nil {
		t.Fatal(err)
	}
	const allowed, tries = 5, 20
	var wg sync.WaitGroup
	results := make(chan error, tries)
	for range tries {
		n := tb.newToken(t, 30)
		n.MaxActive = allowed
		wg.Go(func() { results <- tb.Issue(t.Context(), n) })
	}
	wg.Wait()
	close(results)
	stored := 0
	for err := range results {
		switch code := token.CodeOf(err); {
		case err == nil:
			stored++
		case code != token.CodeLimitReached:
			t.Errorf("unexpected: %v", err)
		}
	}
	if stored != allowed || tb.count(t, "TOKEN#") != stored {
		t.Errorf("%d accepted, %d stored, %d allowed", stored, tb.count(t, "TOKEN#"), allowed)
	}
}

func TestExpiredAndRevokedTokensMakeRoom(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	short := tb.newToken(t, 1)
	short.MaxActive = 2
	tb.issue(t, short)
	long := tb.newToken(t, 30)
	long.MaxActive = 2
	tb.issue(t, long)

	third := tb.newToken(t, 30)
	third.MaxActive = 2
	if err := tb.Issue(t.Context(), third); token.CodeOf(err) != token.CodeLimitReached {
		t.Fatalf("a third of two: %v", err)
	}
	revoked, audit := tb.revocation(t, long.Token)
	if _, err := tb.Revoke(t.Context(), revoked, audit); err != nil {
		t.Fatal(err)
	}
	if err := tb.Issue(t.Context(), third); err != nil {
		t.Errorf("after a revocation: %v", err)
	}
	tb.now = tb.now.Add(48 * time.Hour)
	fourth := tb.newToken(t, 30)
	fourth.MaxActive = 2
	if err := tb.Issue(t.Context(), fourth); err != nil {
		t.Errorf("after an expiry: %v", err)
	}
}

func TestRevokedAtOnceOnceAndForGood(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	revoked, audit := tb.revocation(t, n.Token)

	changed, err := tb.Revoke(t.Context(), revoked, audit)
	if err != nil || !changed {
		t.Fatalf("revoking: %v, %v", changed, err)
	}
	got, err := tb.Token(t.Context(), n.ID)
	if err != nil || got.Status(tb.now) != token.StatusRevoked || got.RevokedBy != "alice" || got.RevokeReason != "left the company" {
		t.Errorf("read %+v, %v", got, err)
	}
	later, audit := tb.revocation(t, n.Token)
	later.RevokedAt, later.RevokedBy = tb.now.Add(time.Hour), "mallory"
	if changed, err = tb.Revoke(t.Context(), later, audit); err != nil || changed {
		t.Errorf("revoking again: %v, %v", changed, err)
	}
	if got, err = tb.Token(t.Context(), n.ID); err != nil || got.RevokedBy != "alice" {
		t.Errorf("the second revocation changed the first: %+v, %v", got, err)
	}
	if n := tb.count(t, "AUDIT#acme"); n != 2 {
		t.Errorf("%d audit entries, want one issue and one revocation", n)
	}
}

func TestRevokingTouchesOnlyItsOrganization(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	stray := n.Token
	stray.Organization = "globex"
	revoked, audit := tb.revocation(t, stray)
	if changed, err := tb.Revoke(t.Context(), revoked, audit); err != nil || changed {
		t.Errorf("revoked across organizations: %v, %v", changed, err)
	}
	missing := tb.newToken(t, 30).Token
	revoked, audit = tb.revocation(t, missing)
	if changed, err := tb.Revoke(t.Context(), revoked, audit); err != nil || changed {
		t.Errorf("revoked what is not there: %v, %v", changed, err)
	}
	if n := tb.count(t, "TOKEN#"); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
}

func TestRevokingNeedsNoOwnerRecord(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	if _, err := tb.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &tb.name, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "OWNER#acme#bob"}, "sk": &types.AttributeValueMemberS{Value: "OWNER"},
	}}); err != nil {
		t.Fatal(err)
	}
	revoked, audit := tb.revocation(t, n.Token)
	if changed, err := tb.Revoke(t.Context(), revoked, audit); err != nil || !changed {
		t.Errorf("revoking without the owner's record: %v, %v", changed, err)
	}
}

func TestUseIsRecordedNowAndThen(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	n := tb.issue(t, tb.newToken(t, 30))
	used := func(at time.Time) time.Time {
		t.Helper()
		current, err := tb.Token(t.Context(), n.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := tb.Used(t.Context(), current, at); err != nil {
			t.Fatal(err)
		}
		if current, err = tb.Token(t.Context(), n.ID); err != nil {
			t.Fatal(err)
		}
		return current.LastUsedAt
	}
	if got := used(tb.now); !got.Equal(tb.now) {
		t.Errorf("first use %v, want %v", got, tb.now)
	}
	if got := used(tb.now.Add(time.Minute)); !got.Equal(tb.now) {
		t.Errorf("a minute later a write happened: %v", got)
	}
	if got := used(tb.now.Add(2 * time.Hour)); !got.Equal(tb.now.Add(2 * time.Hour)) {
		t.Errorf("two hours later: %v", got)
	}
	gone := tb.newToken(t, 30).Token
	if err := tb.Used(t.Context(), gone, tb.now); err != nil {
		t.Fatal(err)
	}
	if n := tb.count(t, "TOKEN#"); n != 1 {
		t.Error("the use of a token that is not there made one")
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
	_, _, err = store.Secret(t.Context(), newID(t, time.Now()))
	if err == nil || token.CodeOf(err) != "" {
		t.Errorf("got %v, want an error outside the closed set", err)
	}
}
