package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Quota implements [token.Store].
func (s *Store) Quota(ctx context.Context, organization string, o token.Owner) (token.Quota, error) {
	i, err := s.get(ctx, quotaKey(organization, o))
	if err != nil {
		return token.Quota{}, fmt.Errorf("reading a quota: %w", err)
	}
	if i == nil {
		return token.Quota{}, nil
	}
	q := token.Quota{Active: map[token.ID]time.Time{}, LeftAt: momentOf(i, attrLeftAt)}
	if active, ok := i[attrActive].(*types.AttributeValueMemberM); ok {
		for id := range active.Value {
			q.Active[token.ID(id)] = momentOf(active.Value, id)
		}
	}
	return q, nil
}

// Leave implements [token.Store]. The mark in the quota is a condition of every issue and
// rotation; that on the person keeps them from being an admin, whatever they sign in as.
func (s *Store) Leave(ctx context.Context, d token.Departure) (time.Time, error) {
	owner := token.PersonOwner(d.Person)
	for range maxAttempts {
		q, err := s.Quota(ctx, d.Organization, owner)
		if err != nil {
			return time.Time{}, err
		}
		if !q.LeftAt.IsZero() {
			return q.LeftAt, nil
		}
		if q.Active == nil {
			if err := s.newQuota(ctx, d.Organization, owner); err != nil {
				return time.Time{}, err
			}
			continue
		}
		left := expression.Name(attrLeftAt)
		changed, err := s.markPerson(ctx, d, expression.Set(left, expression.Value(d.At.Unix())),
			expression.Name(attrActive).AttributeExists().And(left.AttributeNotExists()))
		if err != nil {
			return time.Time{}, err
		}
		if changed {
			return d.At, nil
		}
	}
	return time.Time{}, token.ErrBusy
}

// Return implements [token.Store].
func (s *Store) Return(ctx context.Context, d token.Departure) error {
	left := expression.Name(attrLeftAt)
	_, err := s.markPerson(ctx, d, expression.Remove(left), left.AttributeExists())
	return err
}

// markPerson changes whether a person has left, in their quota and where they are known, and writes
// the audit entry. It changes nothing unless the quota is as expected, and says so.
func (s *Store) markPerson(
	ctx context.Context, d token.Departure, update expression.UpdateBuilder, expected expression.ConditionBuilder,
) (bool, error) {
	quota, err := s.update(quotaKey(d.Organization, token.PersonOwner(d.Person)), update, expected)
	if err != nil {
		return false, err
	}
	items := []types.TransactWriteItem{quota, s.putNew(newAuditItem(d.Audit))}
	k := personKey(d.Organization, d.Person)
	known, err := s.get(ctx, k)
	if err != nil {
		return false, fmt.Errorf("reading a person: %w", err)
	}
	if known != nil {
		person, err := s.update(k, update, expression.Name(attrSeenAt).AttributeExists())
		if err != nil {
			return false, err
		}
		items = append(items, person)
	}
	err = s.race(ctx, func() error { return s.transact(ctx, items...) })
	if conditionFailed(err, 0) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("writing whether a person has left: %w", err)
	}
	return true, nil
}
