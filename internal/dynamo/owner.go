package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// seenEvery is how stale the moment at which a person was last seen may become. Most
// calls then need one read and no write.
const seenEvery = 24 * time.Hour

// KeepOwner implements [token.Store] and [token.Writer]: it writes only what changed.
func (s *Store) KeepOwner(ctx context.Context, o token.Owner, now time.Time) error {
	kept, found, err := s.owner(ctx, o.Organization, o.ID)
	if err != nil {
		return err
	}
	if found && kept.Email == o.Email && kept.Admin == o.Admin && now.Sub(moment(kept.SeenAt)) < seenEvery {
		return nil
	}
	// The directory of admins first: if the second write fails, the next call repeats both.
	if o.Admin || kept.Admin {
		if err := s.keepPerson(ctx, adminKey(o.Organization, o.ID), person(o, now), now); err != nil {
			return fmt.Errorf("keeping an admin: %w", err)
		}
	}
	update := person(o, now).
		Set(expression.Name(attrActive), expression.Name(attrActive).IfNotExists(expression.Value(map[string]int64{})))
	if err := s.keepPerson(ctx, ownerKey(o.Organization, o.ID), update, now); err != nil {
		return fmt.Errorf("keeping an owner: %w", err)
	}
	return nil
}

// Demote implements [token.Demoter]. Admins reads the same record, so this is enough. It
// reads first: most people without a role have never had one.
func (s *Store) Demote(ctx context.Context, organization, id string) error {
	if kept, _, err := s.owner(ctx, organization, id); err != nil || !kept.Admin {
		return err
	}
	admin := expression.Name(attrAdmin)
	_, err := s.writeIf(ctx, admin.Equal(expression.Value(true)),
		ownerKey(organization, id), expression.Set(admin, expression.Value(false)))
	if err != nil {
		return fmt.Errorf("writing that an owner is no admin: %w", err)
	}
	return nil
}

func person(o token.Owner, now time.Time) expression.UpdateBuilder {
	return expression.Set(expression.Name(attrOrganization), expression.Value(o.Organization)).
		Set(expression.Name(attrOwner), expression.Value(o.ID)).
		Set(expression.Name(attrEmail), expression.Value(o.Email)).
		Set(expression.Name(attrAdmin), expression.Value(o.Admin)).
		Set(expression.Name(attrSeenAt), expression.Value(now.Unix()))
}

// keepPerson writes who a person is, unless a later call already did.
func (s *Store) keepPerson(
	ctx context.Context, k map[string]types.AttributeValue, u expression.UpdateBuilder, now time.Time,
) error {
	seen := expression.Name(attrSeenAt)
	_, err := s.writeIf(ctx, seen.AttributeNotExists().Or(seen.LessThanEqual(expression.Value(now.Unix()))), k, u)
	return err
}

// owner reads one owner with a strongly consistent read.
func (s *Store) owner(ctx context.Context, organization, id string) (ownerItem, bool, error) {
	item, err := s.get(ctx, ownerKey(organization, id))
	if err != nil {
		return ownerItem{}, false, fmt.Errorf("reading an owner: %w", err)
	}
	var o ownerItem
	if err := attributevalue.UnmarshalMap(item, &o); err != nil {
		return ownerItem{}, false, fmt.Errorf("decoding an owner: %w", err)
	}
	return o, item != nil, nil
}

// batchSize is the most items that one BatchGetItem reads.
const batchSize = 100

// Owners implements [token.Store].
func (s *Store) Owners(ctx context.Context, organization string, ids []string) (map[string]token.Owner, error) {
	owners := make(map[string]token.Owner, len(ids))
	keys := make([]map[string]types.AttributeValue, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, ownerKey(organization, id))
	}
	for len(keys) > 0 {
		batch := keys[:min(batchSize, len(keys))]
		keys = keys[len(batch):]
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: batch, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, fmt.Errorf("reading owners: %w", err)
		}
		for _, item := range out.Responses[s.table] {
			var o ownerItem
			if err := attributevalue.UnmarshalMap(item, &o); err != nil {
				return nil, fmt.Errorf("decoding an owner: %w", err)
			}
			owners[o.Owner] = o.owner()
		}
		keys = append(keys, out.UnprocessedKeys[s.table].Keys...)
	}
	return owners, nil
}
