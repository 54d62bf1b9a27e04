package dynamo

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Token implements [token.Store].
func (s *Store) Token(ctx context.Context, id token.ID) (token.Token, error) {
	i, err := s.get(ctx, tokenKey(id))
	return decodeFound(i, err, id)
}

// LateToken implements [token.Lookup].
func (s *Store) LateToken(ctx context.Context, id token.ID) (token.Token, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: tokenKey(id)})
	if err != nil {
		return decodeFound(nil, err, id)
	}
	return decodeFound(out.Item, nil, id)
}

func decodeFound(i item, err error, id token.ID) (token.Token, error) {
	if err != nil {
		return token.Token{}, fmt.Errorf("reading token %s: %w", id, err)
	}
	if i == nil {
		return token.Token{}, token.ErrNotFound
	}
	t, err := decodeToken(i)
	t.ID = id // the key's: what is done to the token that was asked for is done to no other
	return t, err
}

// newTokenItem is a record as the table holds it, and as the list indexes do.
func newTokenItem(t token.NewToken) item {
	r := t.Token
	i := newItem(tokenKey(r.ID))
	putOwner(i, r.Organization, r.Owner)
	i[attrID] = stringValue(string(r.ID))
	i[attrOwnerKey] = stringValue(ownerKey(r.Organization, r.Owner))
	i[attrLiveOrg] = stringValue(r.Organization)
	i[attrLiveOwner] = i[attrOwnerKey]
	i[attrLiveKey] = stringValue(dateKey(r.EndDate(), r.ID))
	i[attrName] = stringValue(r.Name)
	i[attrHint] = stringValue(r.Hint)
	putScopes(i, r.Scopes)
	putEnd(i, r.EndsOn)
	i[attrCreatedAt] = numberValue(r.CreatedAt.Unix())
	i[attrCreatedBy] = stringValue(r.CreatedBy)
	i[attrLifetime] = numberValue(r.LifetimeDays)
	i[attrExpiresAt] = numberValue(r.ExpiresAt().Unix())
	i[attrTTL] = numberValue(t.DeleteAt.Unix())
	i[attrFingerprints] = fingerprintsValue(r.Fingerprints)
	i[attrSeen] = usesValue(r.Uses)
	putFlag(i, attrSelfRotation, r.SelfRotation)
	return i
}

// rotationValue is a record's last rotation.
func rotationValue(r token.Rotation) types.AttributeValue {
	return &types.AttributeValueMemberM{Value: item{
		"version": numberValue(r.Version), "rotated_at": numberValue(r.RotatedAt.Unix()),
		"by_kind": stringValue(string(r.RotatedBy.Kind)), "by": stringValue(r.RotatedBy.ID),
		"old_hint": stringValue(r.OldHint), attrOldGeneration: numberValue(r.OldGeneration),
		attrOldExpiresAt: numberValue(r.OldExpiresAt.Unix()), attrOverlap: numberValue(int64(r.Overlap / time.Second)),
		"old_lifetime": numberValue(r.OldLifetime),
	}}
}

func rotationOf(i item) *token.Rotation {
	m, ok := i[attrRotation].(*types.AttributeValueMemberM)
	if !ok {
		return nil
	}
	return &token.Rotation{
		Version: int(number(m.Value, "version")), RotatedAt: momentOf(m.Value, "rotated_at"),
		RotatedBy: token.Actor{Kind: token.ActorKind(text(m.Value, "by_kind")), ID: text(m.Value, "by")},
		OldHint:   text(m.Value, "old_hint"), OldGeneration: int(number(m.Value, attrOldGeneration)),
		OldExpiresAt: momentOf(m.Value, attrOldExpiresAt), Overlap: time.Duration(number(m.Value, attrOverlap)) * time.Second,
		OldLifetime: int(number(m.Value, "old_lifetime")),
	}
}

// A fingerprint is a string <generation>:<hex of the sum>:<epoch seconds>.
func fingerprintsValue(fingerprints []token.Fingerprint) types.AttributeValue {
	list := make([]types.AttributeValue, 0, len(fingerprints))
	for _, f := range fingerprints {
		list = append(list, stringValue(fmt.Sprintf("%d:%x:%d", f.Generation, f.Sum, f.MadeAt.Unix())))
	}
	return &types.AttributeValueMemberL{Value: list}
}

func fingerprintsOf(i item) ([]token.Fingerprint, error) {
	list, ok := i[attrFingerprints].(*types.AttributeValueMemberL)
	if !ok {
		return nil, nil
	}
	var found []token.Fingerprint
	for _, v := range list.Value {
		s, _ := v.(*types.AttributeValueMemberS)
		if s == nil {
			return nil, fmt.Errorf("decoding a fingerprint: it is no string")
		}
		parts := strings.Split(s.Value, ":")
		if len(parts) != 3 {
			return nil, fmt.Errorf("decoding a fingerprint: %d parts", len(parts))
		}
		generation, err := strconv.Atoi(parts[0])
		if err != nil {
			return nil, fmt.Errorf("decoding a fingerprint: %w", err)
		}
		sum, err := hex.DecodeString(parts[1])
		if err != nil || len(sum) != token.FingerprintLength {
			return nil, fmt.Errorf("decoding a fingerprint: a sum of %d bytes", len(sum))
		}
		made, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("decoding a fingerprint: %w", err)
		}
		found = append(found, token.Fingerprint{Generation: generation, Sum: [token.FingerprintLength]byte(sum), MadeAt: moment(made)})
	}
	return found, nil
}

func decodeToken(i item) (token.Token, error) {
	fingerprints, err := fingerprintsOf(i)
	if err != nil {
		return token.Token{}, err
	}
	uses, err := usesOf(i)
	if err != nil {
		return token.Token{}, err
	}
	return token.Token{
		ID: token.ID(text(i, attrID)), Organization: text(i, attrOrganization), Owner: ownerOf(i),
		Name: text(i, attrName), Hint: text(i, attrHint), Scopes: scopesOf(i),
		CreatedAt: momentOf(i, attrCreatedAt), CreatedBy: text(i, attrCreatedBy), LifetimeDays: int(number(i, attrLifetime)),
		ExpiresOn: token.DateOf(moment(number(i, attrExpiresAt))), EndsOn: token.Date(number(i, attrEndsOn)),
		RevokedAt: momentOf(i, attrRevokedAt), RevokedBy: text(i, attrRevokedBy), RevokeReason: text(i, attrRevokeReason),
		Uses: uses, Rotation: rotationOf(i), SelfRotation: flag(i, attrSelfRotation), Fingerprints: fingerprints,
	}, nil
}

// index says where a query reads: the index, its partition key and sort key, and the value
// of the former.
func index(q token.Query) (name, partition, sort, value string) {
	switch {
	case q.Living != 0 && q.Owner == nil:
		return IndexLiveOrganization, attrLiveOrg, attrLiveKey, q.Organization
	case q.Living != 0:
		return IndexLiveOwner, attrLiveOwner, attrLiveKey, ownerKey(q.Organization, *q.Owner)
	case q.Owner == nil:
		return IndexByOrganization, attrOrganization, attrID, q.Organization
	default:
		return IndexByOwner, attrOwnerKey, attrID, ownerKey(q.Organization, *q.Owner)
	}
}

// afterAll sorts behind every date that YYYY-MM-DD can write.
const afterAll = ":"

// within takes a position outside q's dates for the end of them that it lies behind, and
// reports whether there can be a token after it. DynamoDB refuses a start outside a query's
// range, and a position is outside once the day on which its page was read is over.
func within(q token.Query) (token.Query, bool) {
	if q.Before != 0 && q.Before <= q.Living {
		return q, false
	}
	early := q.After.End < q.Living
	late := q.Before != 0 && q.After.End >= q.Before
	switch {
	case q.After.ID == "" || !early && !late:
		return q, true
	case early == q.Descending:
		return q, false
	default:
		q.After = token.Position{}
		return q, true
	}
}

// Tokens implements [token.Store]. It reads an index, which may lag behind a write by
// a moment.
func (s *Store) Tokens(ctx context.Context, q token.Query) ([]token.Token, error) {
	if q.Living != 0 {
		var found bool
		if q, found = within(q); !found {
			return nil, nil
		}
	}
	name, partition, sort, value := index(q)
	keys := expression.Key(partition).Equal(expression.Value(value))
	if q.Living != 0 {
		until := afterAll
		if q.Before != 0 {
			until = q.Before.String()
		}
		keys = keys.And(expression.Key(sort).Between(expression.Value(q.Living.String()), expression.Value(until)))
	}
	e, err := expression.NewBuilder().WithKeyCondition(keys).Build()
	if err != nil {
		return nil, fmt.Errorf("building a query: %w", err)
	}
	in := &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &name, ScanIndexForward: aws.Bool(!q.Descending),
		KeyConditionExpression:   e.KeyCondition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}
	if q.After.ID != "" {
		in.ExclusiveStartKey = tokenKey(q.After.ID)
		in.ExclusiveStartKey[partition] = stringValue(value)
		in.ExclusiveStartKey[sort] = stringValue(string(q.After.ID))
		if q.Living != 0 {
			in.ExclusiveStartKey[sort] = stringValue(dateKey(q.After.End, q.After.ID))
		}
	}
	var tokens []token.Token
	for len(tokens) < q.Limit {
		in.Limit = aws.Int32(int32(q.Limit - len(tokens))) //nolint:gosec // G115: the domain limits a page to hundreds
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("querying %s: %w", name, err)
		}
		for _, i := range out.Items {
			t, err := decodeToken(i)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, t)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			break
		}
	}
	return tokens, nil
}
