package stream_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	table "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/localtest"
	"latchkey/internal/dev/local/stream"
)

// patience is more than a change takes to be read.
const patience = 30 * time.Second

func startDynamoDB(t *testing.T, dataDir string) *local.Server {
	t.Helper()
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	server, err := local.StartDynamoDB(t.Context(), local.DynamoDBConfig{NodeModules: filepath.Join(root, "node_modules"), DataDir: dataDir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func create(t *testing.T, client *dynamodb.Client, name string, streams bool) {
	t.Helper()
	in := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: table.BillingModePayPerRequest,
		AttributeDefinitions: []table.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: table.ScalarAttributeTypeS}},
		KeySchema:            []table.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: table.KeyTypeHash}},
	}
	if streams {
		in.StreamSpecification = &table.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: table.StreamViewTypeNewImage}
	}
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, client *dynamodb.Client, name, pk string) {
	t.Helper()
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: &name, Item: map[string]table.AttributeValue{"pk": &table.AttributeValueMemberS{Value: pk}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// follow returns what the follower reads, as operation and key.
func follow(t *testing.T, endpoint, name string) <-chan string {
	t.Helper()
	f, err := stream.Follow(t.Context(), endpoint, name)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan string, 100)
	go f.Run(t.Context(), func(_ context.Context, r types.Record) {
		pk, ok := r.Dynamodb.Keys["pk"].(*types.AttributeValueMemberS)
		if !ok {
			changes <- "no key"
			return
		}
		changes <- string(r.EventName) + " " + pk.Value
	})
	return changes
}

func expect(t *testing.T, changes <-chan string, want string) {
	t.Helper()
	select {
	case got := <-changes:
		if got != want {
			t.Fatalf("read %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("did not read %q", want)
	}
}

// Each change is handed over once, in its order, and none from before the follower was made.
func TestFollow(t *testing.T) {
	server := startDynamoDB(t, "")
	client := local.NewDynamoDBClient(server.Endpoint())
	create(t, client, "things", true)
	put(t, client, "things", "before")
	changes := follow(t, server.Endpoint(), "things")
	for i := range 30 {
		put(t, client, "things", strconv.Itoa(i))
	}
	put(t, client, "things", "3") // as it is: no change
	_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String("things"), Key: map[string]table.AttributeValue{"pk": &table.AttributeValueMemberS{Value: "7"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		expect(t, changes, "INSERT "+strconv.Itoa(i))
	}
	expect(t, changes, "REMOVE 7")
}

func TestATableWithoutAStreamIsAnError(t *testing.T) {
	server := startDynamoDB(t, "")
	create(t, local.NewDynamoDBClient(server.Endpoint()), "still", false)
	for _, name := range []string{"still", "missing"} {
		if _, err := stream.Follow(t.Context(), server.Endpoint(), name); err == nil {
			t.Errorf("table %s is followed", name)
		}
	}
}

// While the server does not answer nothing is lost.
func TestAfterAnOutage(t *testing.T) {
	server := startDynamoDB(t, t.TempDir())
	client := local.NewDynamoDBClient(server.Endpoint())
	create(t, client, "things", true)
	changes := follow(t, server.Endpoint(), "things")
	put(t, client, "things", "one")
	expect(t, changes, "INSERT one")
	server.Stop()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, client, "things", "two")
	expect(t, changes, "INSERT two")
}

// A stream that is gone, as DynamoDB Local's are after a restart in memory, and as places in
// one are after some minutes, is looked for again. What came before that is not read.
func TestAStreamThatIsGone(t *testing.T) {
	server := startDynamoDB(t, "")
	client := local.NewDynamoDBClient(server.Endpoint())
	create(t, client, "things", true)
	changes := follow(t, server.Endpoint(), "things")
	server.Stop()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, client, "things", true)
	deadline := time.After(patience)
	for i := 0; ; i++ {
		put(t, client, "things", strconv.Itoa(i))
		select {
		case <-changes:
			return
		case <-deadline:
			t.Fatal("nothing was read of the new stream")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
