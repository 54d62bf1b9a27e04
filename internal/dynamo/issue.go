package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Places of the writes in the transaction of an issue.
const (
	issueQuota   = 3
	issuePolicy  = 5
	issueRequest = 6
)

// Issue implements [token.Writer]. One transaction writes the credential, the record, its
// entry in the queue and the audit entry, and counts the token in its owner's quota, on the
// condition that there is room, that the owner has not left, and that the organization's
// policy is the one that the token was checked against.
func (s *Store) Issue(ctx context.Context, t token.NewToken) error {
	quota := quotaKey(t.Token.Organization, t.Token.Owner)
	for range maxAttempts { // the room that was made may be taken by others
		q, err := s.get(ctx, quota)
		if err != nil {
			return fmt.Errorf("reading a quota: %w", err)
		}
		if q == nil {
			if err := s.newQuota(ctx, t.Token.Organization, t.Token.Owner); err != nil {
				return err
			}
			continue
		}
		if err := s.makeRoom(ctx, t, q); err != nil {
			return err
		}
		count, err := s.count(t, q)
		if err != nil {
			return err
		}
		policy, err := s.policyIs(t.Token.Organization, t.Policy)
		if err != nil {
			return err
		}
		items := []types.TransactWriteItem{
			s.putNew(newCredentialItem(t.Credential)), s.putNew(newTokenItem(t)), s.putNew(newQueueItem(t)),
			issueQuota: count, s.putNew(newAuditItem(t.Audit)), issuePolicy: policy,
		}
		if t.Request != nil {
			request, err := s.putRequest(t)
			if err != nil {
				return err
			}
			items = append(items, request)
		}
		err = s.race(ctx, func() error { return s.transact(ctx, items...) })
		switch {
		case err == nil:
			return nil
		case conditionFailed(err, issueRequest):
			return token.ErrRepeated
		case conditionFailed(err, issuePolicy):
			return token.ErrBusy // the next try reads the new one
		case !conditionFailed(err, issueQuota):
			return fmt.Errorf("writing token %s: %w", t.Token.ID, err)
		}
	}
	return token.ErrBusy
}

// newQuota makes the quota of an owner who has none.
func (s *Store) newQuota(ctx context.Context, organization string, o token.Owner) error {
	i := newItem(quotaKey(organization, o))
	putOwner(i, organization, o)
	i[attrActive] = &types.AttributeValueMemberM{Value: item{}}
	err := s.race(ctx, func() error { return s.transact(ctx, s.putNew(i)) })
	if err != nil && !conditionFailed(err, 0) {
		return fmt.Errorf("making a quota: %w", err)
	}
	return nil
}

// count adds t to its owner's quota as it was read: to the active tokens, and to those that
// were issued on this day.
func (s *Store) count(t token.NewToken, quota item) (types.TransactWriteItem, error) {
	active, day, issued := expression.Name(attrActive), expression.Name(attrDay), expression.Name(attrIssued)
	on := countedOn(t, quota)
	today := expression.Value(int(on))
	update := expression.Set(activeToken(t.Token.ID), expression.Value(t.Token.ExpiresAt().Unix()))
	room := expression.Name(attrLeftAt).AttributeNotExists().And(active.Size().LessThan(expression.Value(t.MaxActive)))
	if token.Date(number(quota, attrDay)) == on {
		update = update.Add(issued, expression.Value(1))
		room = room.And(day.Equal(today), issued.LessThan(expression.Value(t.MaxDaily)))
	} else {
		update = update.Set(day, today).Set(issued, expression.Value(1))
		room = room.And(day.AttributeNotExists().Or(day.LessThan(today)))
	}
	return s.update(quotaKey(t.Token.Organization, t.Token.Owner), update, room)
}

// countedOn is the day that t is counted on: today, or the next day if a clock that is ahead
// has begun to count on that.
func countedOn(t token.NewToken, quota item) token.Date {
	return max(token.DateOf(t.Token.CreatedAt), token.Date(number(quota, attrDay)))
}

// makeRoom says why an owner may not have another token, if so. If the quota is full of
// tokens that have expired, it drops these.
func (s *Store) makeRoom(ctx context.Context, t token.NewToken, quota item) error {
	today := countedOn(t, quota)
	if _, left := quota[attrLeftAt]; left {
		return token.ErrLeft
	}
	if token.Date(number(quota, attrDay)) == today && number(quota, attrIssued) >= int64(t.MaxDaily) {
		return &token.Error{
			Code:       token.CodeDailyLimit,
			Detail:     fmt.Sprintf("You have made %d tokens today, as many as allowed. Make the next one tomorrow, from 00:00 UTC.", t.MaxDaily),
			RetryAfter: (today + 1).Start().Sub(t.Token.CreatedAt),
		}
	}
	active, ok := quota[attrActive].(*types.AttributeValueMemberM)
	if !ok {
		return errors.New("reading a quota: it is not whole")
	}
	if len(active.Value) < t.MaxActive {
		return nil
	}
	var update expression.UpdateBuilder
	live := 0
	for id := range active.Value {
		if number(active.Value, id) > t.Token.CreatedAt.Unix() {
			live++
			continue
		}
		update = update.Remove(activeToken(token.ID(id)))
	}
	if live >= t.MaxActive {
		return &token.Error{
			Code:   token.CodeLimitReached,
			Detail: fmt.Sprintf("You have %d active tokens, as many as allowed. Revoke one that is no longer needed first.", live),
		}
	}
	// An id expires once and is never used again, so this cannot drop a live one.
	_, err := s.writeIf(ctx, expression.Name(attrActive).AttributeExists(), quotaKey(t.Token.Organization, t.Token.Owner), update)
	if err != nil {
		return fmt.Errorf("dropping expired tokens from a quota: %w", err)
	}
	return nil
}

// activeToken is a token's entry in its owner's quota.
func activeToken(id token.ID) expression.NameBuilder {
	return expression.Name(attrActive + "." + string(id))
}

// Policy implements [token.Writer].
func (s *Store) Policy(ctx context.Context, organization string) (token.Policy, error) {
	i, err := s.get(ctx, policyKey(organization))
	if err != nil {
		return token.Policy{}, fmt.Errorf("reading a policy: %w", err)
	}
	// Only a written yes or nothing at all allows what a policy can forbid.
	_, said := i[attrSelfRotation]
	return token.Policy{
		Version: int(number(i, attrVersion)), MaxDays: int(number(i, attrMaxDays)),
		NoSelfRotation: said && !flag(i, attrSelfRotation),
	}, nil
}

// policyIs is the condition that the policy has not changed since it was read.
func (s *Store) policyIs(organization string, p token.Policy) (types.TransactWriteItem, error) {
	same := expression.Name(attrPK).AttributeNotExists()
	if p.Version != 0 {
		same = expression.Name(attrVersion).Equal(expression.Value(p.Version))
	}
	return s.checkThat(policyKey(organization), same)
}
