package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Places of the writes in the transaction of a revocation.
const (
	revokeCurrent  = 0
	revokePrevious = 1
	revokeRecord   = 2
	revokeQueue    = 3
	revokeQuota    = 4
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
		if living {
			if c.Organization != r.Token.Organization {
				return false, token.ErrNotFound
			}
			if r.Generation != 0 && c.Generation != r.Generation {
				return false, token.ErrChanged
			}
			// Whose quota it is counted in, and who is notified, whatever the record says.
			r.Token.Owner = c.Owner
		}
		changed, err := s.revoke(ctx, r, c, living)
		switch {
		case err == nil:
			return changed, nil
		case conditionFailed(err, revokeCurrent):
		case conditionFailed(err, revokePrevious):
			return false, token.ErrNotFound // it is of another organization
		default:
			return false, fmt.Errorf("writing the revocation of %s: %w", id, err)
		}
	}
	return false, token.ErrBusy
}

// revoke does it for a credential as it was read.
func (s *Store) revoke(ctx context.Context, r token.Revocation, c token.Credential, living bool) (bool, error) {
	id := r.Token.ID
	deletes, err := s.deleteCredentials(r, c, living)
	if err != nil {
		return false, err
	}
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
	if r.Notice != "" && r.Token.Owner.Type == token.OwnerPerson {
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
	if !conditionFailed(err, revokeRecord) || conditionFailed(err, revokeCurrent) || conditionFailed(err, revokePrevious) {
		return err == nil, err
	}
	kept, err := s.Token(ctx, id)
	if err == nil && kept.Organization == r.Token.Organization && kept.RevokedAt.IsZero() && !maps.Equal(kept.Uses, r.Token.Uses) {
		r.Token.Uses = kept.Uses // it was used meanwhile, or rotated
		return s.revoke(ctx, r, c, living)
	}
	// It was revoked before. No credential is left, even if one had come back.
	return false, s.race(ctx, func() error { return s.transact(ctx, deletes...) })
}

// deleteCredentials deletes what was read of a token, and the secret before it, if there is
// one; neither if it is of another organization.
func (s *Store) deleteCredentials(r token.Revocation, c token.Credential, living bool) ([]types.TransactWriteItem, error) {
	gone := expression.Name(attrPK).AttributeNotExists()
	same := expression.Name(attrOrganization).Equal(expression.Value(r.Token.Organization))
	asRead := gone
	if living {
		asRead = gone.Or(same.And(expression.Name(attrVersion).Equal(expression.Value(c.Version))))
	}
	current, err := s.delete(currentKey(r.Token.ID), asRead)
	if err != nil {
		return nil, err
	}
	previous, err := s.delete(previousKey(r.Token.ID), gone.Or(same))
	return []types.TransactWriteItem{current, previous}, err
}

// markRevoked changes the record, unless it says revoked already. It keeps the last use,
// which goes with the credential, unless the record knows of a later one.
func (s *Store) markRevoked(r token.Revocation, c token.Credential) (types.TransactWriteItem, error) {
	update := expression.Set(expression.Name(attrRevokedAt), expression.Value(r.Token.RevokedAt.Unix())).
		Set(expression.Name(attrRevokedBy), expression.Value(r.Token.RevokedBy)).
		Set(expression.Name(attrRevokeReason), expression.Value(r.Token.RevokeReason)).
		Remove(expression.Name(attrLiveOrg)).Remove(expression.Name(attrLiveOwner))
	living := expression.Name(attrOrganization).Equal(expression.Value(r.Token.Organization)).
		And(expression.Name(attrRevokedAt).AttributeNotExists())
	if known, there := r.Token.Uses[c.Generation]; there && c.Use.LastAt.After(known.LastAt) {
		entry := attrSeen + "." + strconv.Itoa(c.Generation)
		seen, last := expression.Name(entry+"."+attrLastAt), expression.Value(c.Use.LastAt.Unix())
		update = update.Set(seen, last).Set(expression.Name(entry+"."+attrFrom), expression.Value(c.Use.From)).
			Set(expression.Name(entry+"."+attrFirstAt), expression.Value(c.Use.FirstAt.Unix()))
		living = living.And(expression.Name(entry).AttributeExists(), seen.AttributeNotExists().Or(seen.LessThan(last)))
	}
	return s.update(tokenKey(r.Token.ID), update, living)
}
