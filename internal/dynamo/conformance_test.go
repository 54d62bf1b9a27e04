package dynamo_test

import (
	"encoding/base64"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestStoreConforms(t *testing.T) {
	t.Parallel()
	tokentest.Conformance(t, func(t *testing.T) tokentest.Backend {
		t.Helper()
		return backend{newTable(t), t}
	})
}

// backend is a table with what no function writes so far. It writes and reads the stored form
// by hand, since that is what other versions of the code find.
type backend struct {
	table

	t *testing.T
}

func encoded(claim string) string { return base64.RawURLEncoding.EncodeToString([]byte(claim)) }

// PutPolicy implements [tokentest.Backend].
func (b backend) PutPolicy(organization string, p token.Policy) {
	b.t.Helper()
	item := key("POLICY#"+encoded(organization), "POLICY")
	item["version"], item["max_days"] = numberValue(p.Version), numberValue(p.MaxDays)
	if p.NoSelfRotation {
		item["self_rotation"] = &types.AttributeValueMemberBOOL{Value: false}
	}
	b.put(b.t, item)
}

// PutCredential implements [tokentest.Backend].
func (b backend) PutCredential(c token.Credential) {
	b.t.Helper()
	b.put(b.t, credentialItem(c))
}

func (tb table) put(t *testing.T, item map[string]types.AttributeValue) {
	t.Helper()
	if _, err := tb.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &tb.name, Item: item}); err != nil {
		t.Fatal(err)
	}
}

func credentialItem(c token.Credential) map[string]types.AttributeValue {
	item := key("SECRET#"+string(c.TokenID), "CURRENT")
	if c.Previous {
		item["sk"] = textValue("PREVIOUS")
	}
	item["schema"] = numberValue(1)
	item["org_id"], item["owner_id"] = textValue(c.Organization), textValue(c.Owner.ID)
	if c.Owner.Type == token.OwnerOrganization {
		item["owner_type"] = textValue("organization")
	}
	item["hash"] = &types.AttributeValueMemberB{Value: c.Hash[:]}
	item["generation"], item["version"] = numberValue(c.Generation), numberValue(c.Version)
	item["expires_at"], item["ttl"] = numberValue(int(c.ExpiresAt.Unix())), numberValue(int(c.ExpiresAt.Unix()))
	if c.EndsOn != 0 {
		item["ends_on"] = numberValue(int(c.EndsOn))
	}
	if c.Overlap != 0 {
		item["overlap"] = numberValue(int(c.Overlap / time.Second))
	}
	if c.Scopes != nil {
		scopes := []types.AttributeValue{}
		for _, s := range c.Scopes {
			scopes = append(scopes, textValue(s))
		}
		item["scopes"] = &types.AttributeValueMemberL{Value: scopes}
	}
	use := map[string]types.AttributeValue{}
	if !c.Use.FirstAt.IsZero() {
		use["first_at"], use["last_at"] = numberValue(int(c.Use.FirstAt.Unix())), numberValue(int(c.Use.LastAt.Unix()))
	}
	item["use"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
		strconv.Itoa(c.Generation): &types.AttributeValueMemberM{Value: use},
	}}
	return item
}

// Trail implements [tokentest.Backend].
func (b backend) Trail(organization string) []token.Audit {
	b.t.Helper()
	out, err := b.client.Query(b.t.Context(), &dynamodb.QueryInput{
		TableName: &b.name, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": textValue("AUDIT#" + encoded(organization))},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	var entries []token.Audit
	for _, i := range out.Items {
		at, err := time.Parse(time.RFC3339, textOf(i, "at"))
		if err != nil {
			b.t.Fatal(err)
		}
		expires := token.Date(0)
		if textOf(i, "token_id") != "" {
			if expires, err = token.ParseDate(textOf(i, "expires_on")); err != nil {
				b.t.Fatal(err)
			}
		}
		if textOf(i, "about_token") != textOf(i, "token_id") {
			b.t.Errorf("the event of audit entry %s is about %q", textOf(i, "sk"), textOf(i, "about_token"))
		}
		entries = append(entries, token.Audit{
			ID: token.ID(textOf(i, "sk")), Organization: textOf(i, "org_id"), At: at, Action: token.Action(textOf(i, "action")),
			Actor:   token.Actor{Kind: token.ActorKind(textOf(i, "actor_kind")), ID: textOf(i, "actor")},
			Address: textOf(i, "address"), Client: textOf(i, "client"), TokenID: token.ID(textOf(i, "token_id")),
			TokenName: textOf(i, "token_name"), ExpiresOn: expires, Detail: textOf(i, "detail"), Person: textOf(i, "about_person"),
		})
	}
	return entries
}

// Recipient implements [tokentest.Backend].
func (b backend) Recipient(notice token.ID) (string, bool) {
	b.t.Helper()
	n, err := b.Notice(b.t.Context(), notice)
	if errors.Is(err, token.ErrNotFound) {
		return "", false
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return n.Recipient, true
}
