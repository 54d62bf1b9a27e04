package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Places of the writes in the transaction of a revocation.
const (
	revokeCurrent = 0
	revokeRecord  = 2
	revokeQueue   = 3
	revokeQuota   = 4
)

// Revoke implements [token.Store]. One transaction deletes the credentials, marks the
// record, takes the token out of the queue and off its owner's quota, and writes the audit
// entry and the notice. Neither the queue nor the quota can stand in the way. What the
// record says does not decide whether the credentials are deleted.
func (s *Store) Revoke(ctx context.Context, r token.Revocation) (bool, error) {
	id := r.Token.ID
	for range raceTries { // another change of the credential may come in between
		c, err := s.Credential(ctx, id)
		living := err == nil
		if err != nil && !errors.Is(err, token.ErrNotFound) {
			return false, err
		}
		if living && c.Organization != r.Token.Organization {
			return false, token.ErrNotFound
		}
		changed, err := s.revoke(ctx, r, c, living)
		if conditionFailed(err, revokeCurrent) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("writing the revocation of %s: %w", id, err)
		}
		return changed, nil
	}
	return false, token.ErrBusy
}

// revoke does it for a credential as it was read.
func (s *Store) revoke(ctx context.Context, r token.Revocation, c token.Credential, living bool) (bool, error) {
	id := r.Token.ID
	deletes := []types.TransactWriteItem{s.deleteCredential(currentKey(id), c, living), s.deletePrevious(id)}
	record, err := s.markRevoked(r, c)
	if err != nil {
		return false, err
	}
	queue, err := s.dequeue(id)
	if err != nil {
		return false, err
	}
	quota, err := s.update(quotaKey(r.Token.Organization, r.Token.Owner),
		expression.Remove(activeToken(id)), expression.Name(attrActive).AttributeExists())
	if err != nil {
		return false, err
	}
	always := []types.TransactWriteItem{s.putNew(newAuditItem(r.Audit))}
	if r.Notice != "" {
		always = append(always, s.putNew(newRevokedNotice(r)))
	}
	all := slices.Concat(deletes, []types.TransactWriteItem{record, queue, quota}, always)
	err = s.race(ctx, func() error { return s.transact(ctx, all...) })
	if errors.Is(err, token.ErrBusy) || (conditionFailed(err, revokeQueue) || conditionFailed(err, revokeQuota)) &&
		!conditionFailed(err, revokeCurrent) && !conditionFailed(err, revokeRecord) {
		// What stays in the quota leaves it when the token expires; of what stays in the queue
		// the reminder finds that it was revoked.
		all = slices.Concat(deletes, []types.TransactWriteItem{record}, always)
		err = s.race(ctx, func() error { return s.transact(ctx, all...) })
	}
	if conditionFailed(err, revokeRecord) && !conditionFailed(err, revokeCurrent) {
		// It was revoked before. No credential is left, even if one had come back.
		return false, s.race(ctx, func() error { return s.transact(ctx, deletes...) })
	}
	return err == nil, err
}

// deleteCredential deletes what was read, or nothing if there was nothing.
func (s *Store) deleteCredential(k item, c token.Credential, living bool) types.TransactWriteItem {
	d := &types.Delete{TableName: &s.table, Key: k}
	if living {
		d.ConditionExpression = aws.String("#version = :version")
		d.ExpressionAttributeNames = map[string]string{"#version": attrVersion}
		d.ExpressionAttributeValues = item{":version": &types.AttributeValueMemberN{Value: strconv.Itoa(c.Version)}}
	} else {
		d.ConditionExpression = aws.String("attribute_not_exists(#pk)")
		d.ExpressionAttributeNames = map[string]string{"#pk": attrPK}
	}
	return types.TransactWriteItem{Delete: d}
}

// deletePrevious has no condition on what it deletes: whatever is there goes.
func (s *Store) deletePrevious(id token.ID) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &s.table, Key: previousKey(id)}}
}

// markRevoked changes the record, unless it says revoked already. It keeps the last use,
// which goes with the credential.
func (s *Store) markRevoked(r token.Revocation, c token.Credential) (types.TransactWriteItem, error) {
	update := expression.Set(expression.Name(attrRevokedAt), expression.Value(r.Token.RevokedAt.Unix())).
		Set(expression.Name(attrRevokedBy), expression.Value(r.Token.RevokedBy)).
		Set(expression.Name(attrRevokeReason), expression.Value(r.Token.RevokeReason)).
		Remove(expression.Name(attrLiveOrg)).Remove(expression.Name(attrLiveOwner))
	if c.Use.LastAt.After(r.Token.LastUsedAt) {
		update = update.Set(expression.Name(attrSeen), expression.Value(c.Use.LastAt.Unix()))
	}
	return s.update(tokenKey(r.Token.ID), update,
		expression.Name(attrOrganization).Equal(expression.Value(r.Token.Organization)).
			And(expression.Name(attrRevokedAt).AttributeNotExists()))
}
