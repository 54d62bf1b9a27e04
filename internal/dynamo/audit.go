package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/token"
)

// auditRetention is how long the audit trail is kept.
const auditRetention = 400 * 24 * time.Hour

// newAuditItem is an audit entry as the table holds it. All of its attributes are always
// there, since events are made of them as they are, but for the key of an index, which cannot
// be empty.
func newAuditItem(a token.Audit) item {
	i := newItem(key("AUDIT#"+encoded(a.Organization), string(a.ID)))
	for name, value := range map[string]string{
		attrOrganization: a.Organization, "at": a.At.UTC().Format(time.RFC3339), "action": string(a.Action),
		"actor_kind": string(a.Actor.Kind), "actor": a.Actor.ID, "address": a.Address, "client": a.Client,
		"about_token": string(a.TokenID), "about_person": a.Person, "token_name": a.TokenName, "expires_on": "", "detail": a.Detail,
	} {
		i[name] = stringValue(value)
	}
	if a.TokenID != "" {
		i[attrTokenID], i["expires_on"] = stringValue(string(a.TokenID)), stringValue(a.ExpiresOn.String())
	}
	i[attrTTL] = numberValue(a.At.Add(auditRetention).Unix())
	return i
}

// AuditEntries implements [token.Trail]. The entries about one token are in an index, in which
// other organizations' tokens are, too: who asks for one of these finds nothing.
func (s *Store) AuditEntries(ctx context.Context, q token.AuditQuery) ([]token.Audit, error) {
	pk := "AUDIT#" + encoded(q.Organization)
	partition, value := attrPK, pk
	in := &dynamodb.QueryInput{TableName: &s.table, ScanIndexForward: aws.Bool(false)}
	builder := expression.NewBuilder()
	if q.Token == "" {
		in.ConsistentRead = aws.Bool(true)
	} else {
		partition, value = attrTokenID, string(q.Token)
		in.IndexName = aws.String(IndexAuditByToken)
		builder = builder.WithFilter(expression.Name(attrPK).Equal(expression.Value(pk)))
	}
	e, err := builder.WithKeyCondition(expression.Key(partition).Equal(expression.Value(value)).
		And(expression.Key(attrSK).Between(expression.Value(string(q.From)), expression.Value(string(q.To))))).Build()
	if err != nil {
		return nil, fmt.Errorf("building a query: %w", err)
	}
	in.KeyConditionExpression, in.FilterExpression = e.KeyCondition(), e.Filter()
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = e.Names(), e.Values()
	if q.After != "" {
		in.ExclusiveStartKey = key(pk, string(q.After))
		in.ExclusiveStartKey[partition] = stringValue(value)
	}
	var entries []token.Audit
	for len(entries) < q.Limit {
		in.Limit = aws.Int32(int32(q.Limit - len(entries))) //nolint:gosec // G115: the domain limits a page to hundreds
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("querying the audit trail: %w", err)
		}
		for _, i := range out.Items {
			a, err := decodeAudit(i)
			if err != nil {
				return nil, err
			}
			entries = append(entries, a)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			break
		}
	}
	return entries, nil
}

func decodeAudit(i item) (token.Audit, error) {
	at, err := time.Parse(time.RFC3339, text(i, "at"))
	if err != nil {
		return token.Audit{}, fmt.Errorf("decoding an audit entry: %w", err)
	}
	a := token.Audit{
		ID: token.ID(text(i, attrSK)), Organization: text(i, attrOrganization), At: at, Action: token.Action(text(i, "action")),
		Actor:   token.Actor{Kind: token.ActorKind(text(i, "actor_kind")), ID: text(i, "actor")},
		Address: text(i, "address"), Client: text(i, "client"), TokenID: token.ID(text(i, attrTokenID)),
		TokenName: text(i, "token_name"), Person: text(i, "about_person"), Detail: text(i, "detail"),
	}
	if a.TokenID != "" {
		if a.ExpiresOn, err = token.ParseDate(text(i, "expires_on")); err != nil {
			return token.Audit{}, fmt.Errorf("decoding an audit entry: %w", err)
		}
	}
	return a, nil
}
