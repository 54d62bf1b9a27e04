package dynamo_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamo"
	"latchkey/internal/token"
)

// A token is made by the policy that it was checked against, or not at all.
func TestThePolicyIsThatOfTheCheck(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	if p, err := tb.Policy(t.Context(), "acme"); err != nil || p != (token.Policy{}) {
		t.Fatalf("policy %+v, error %v; want none", p, err)
	}
	i := key("POLICY#"+base64.RawURLEncoding.EncodeToString([]byte("acme")), "POLICY")
	i["version"], i["max_days"] = &types.AttributeValueMemberN{Value: "3"}, &types.AttributeValueMemberN{Value: "90"}
	if _, err := tb.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &tb.name, Item: i}); err != nil {
		t.Fatal(err)
	}
	now, err := tb.Policy(t.Context(), "acme")
	if err != nil || now != (token.Policy{Version: 3, MaxDays: 90}) {
		t.Fatalf("policy %+v, error %v", now, err)
	}
	for _, stale := range []token.Policy{{}, {Version: 2}} {
		n := tb.newToken(t, 30)
		n.Policy = stale
		if err := tb.Issue(t.Context(), n); token.CodeOf(err) != token.CodeUnavailable {
			t.Errorf("checked against %+v: error %v", stale, err)
		}
	}
	n := tb.newToken(t, 30)
	n.Policy = now
	if err := tb.Issue(t.Context(), n); err != nil {
		t.Error(err)
	}
	if n := tb.count(t, "SECRET#"); n != 1 {
		t.Errorf("%d credentials, want 1", n)
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
