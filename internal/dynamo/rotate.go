package dynamo

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Places of the writes in the transaction of a rotation. Who asks is looked at only if the
// token is somebody else's.
const (
	rotateCurrent = iota
	rotateRecord
	rotateQueue
	rotateQuota
	rotatePolicy
	rotateAudit
	rotateActor
)

// Rotate implements [token.RotationStore]. One transaction changes the credentials, the
// record, the token's entry in the queue, which loses its lease, and its entry in its
// owner's quota, and writes the audit entry.
func (s *Store) Rotate(ctx context.Context, c token.SecretChange) error {
	items, err := s.rotation(c)
	if err != nil {
		return err
	}
	if c.By != c.Token.Owner {
		left, err := s.hasNotLeft(c.Token.Organization, c.By)
		if err != nil {
			return err
		}
		items = append(items, left)
	}
	previous, err := s.changePrevious(c)
	if err != nil {
		return err
	}
	items = append(items, previous...)
	err = s.race(ctx, func() error { return s.transact(ctx, items...) })
	switch {
	case err == nil:
		return nil
	case conditionFailed(err, rotateCurrent), conditionFailed(err, rotateRecord), conditionFailed(err, rotateQueue),
		len(previous) > 0 && conditionFailed(err, len(items)-1):
		return token.ErrChanged
	case conditionFailed(err, rotatePolicy):
		return token.ErrBusy // the next try reads the new one
	case conditionFailed(err, rotateQuota), c.By != c.Token.Owner && conditionFailed(err, rotateActor):
		return token.ErrLeft
	default:
		return fmt.Errorf("writing a rotation of token %s: %w", c.Was.TokenID, err)
	}
}

// rotation are the writes of every change of secrets.
func (s *Store) rotation(c token.SecretChange) ([]types.TransactWriteItem, error) {
	current, err := s.putCurrent(c)
	if err != nil {
		return nil, err
	}
	record, err := s.updateRecord(c)
	if err != nil {
		return nil, err
	}
	id := c.Was.TokenID
	queue, err := s.update(queueKey(id),
		expression.Set(expression.Name(attrDueKey), expression.Value(dateKey(c.NotifyOn, id))).
			Set(expression.Name(attrDueShard), expression.Value(shardOf(id))).
			Set(expression.Name(attrTTL), expression.Value(c.DeleteAt.Unix())).
			Remove(expression.Name(attrLease)).Remove(expression.Name(attrFailingSince)),
		expression.Name(attrToken).AttributeExists().And(expression.Name(attrClosed).AttributeNotExists()))
	if err != nil {
		return nil, err
	}
	quota, err := s.update(quotaKey(c.Token.Organization, c.Token.Owner),
		expression.Set(activeToken(id), expression.Value(c.Current.ExpiresAt.Unix())),
		expression.Name(attrActive).AttributeExists().And(expression.Name(attrLeftAt).AttributeNotExists()))
	if err != nil {
		return nil, err
	}
	policy, err := s.policyIs(c.Token.Organization, c.Policy)
	if err != nil {
		return nil, err
	}
	return []types.TransactWriteItem{
		rotateCurrent: current, rotateRecord: record, rotateQueue: queue, rotateQuota: quota,
		rotatePolicy: policy, rotateAudit: s.putNew(newAuditItem(c.Audit)),
	}, nil
}

// putCurrent puts a credential in place of the one that was read. A mark of use changes no
// version: that nobody has used a secret is a condition of its own.
func (s *Store) putCurrent(c token.SecretChange) (types.TransactWriteItem, error) {
	asRead := expression.Name(attrVersion).Equal(expression.Value(c.Was.Version)).
		And(expression.Name(attrOrganization).Equal(expression.Value(c.Was.Organization)))
	return s.putIf(newCredentialItem(c.Current), asRead.And(usedAsRead(attrUse, c.Was.Generation, c.Was.Use)))
}

// usedAsRead is the condition that no use of a generation was marked since it was read.
func usedAsRead(name string, generation int, use token.Use) expression.ConditionBuilder {
	last := expression.Name(name + "." + strconv.Itoa(generation) + "." + attrLastAt)
	if use.LastAt.IsZero() {
		return last.AttributeNotExists()
	}
	return last.Equal(expression.Value(use.LastAt.Unix()))
}

// changePrevious is what becomes of the secret before. It changes with the current one, whose
// version guards both. An unused one is used from the first mark on, which changes no version.
func (s *Store) changePrevious(c token.SecretChange) ([]types.TransactWriteItem, error) {
	of := expression.Name(attrOrganization).Equal(expression.Value(c.Was.Organization))
	free := expression.Name(attrPK).AttributeNotExists().Or(of)
	switch c.Previous {
	case token.PreviousStays:
		return nil, nil
	case token.PreviousIsWas:
		was := c.Was
		was.Previous, was.Overlap = true, 0
		put, err := s.putIf(newCredentialItem(was), free)
		return []types.TransactWriteItem{put}, err
	default:
		if c.Current.Generation < c.Was.Generation { // it comes back
			free = of.And(usedAsRead(attrUse, c.Current.Generation, c.Current.Use))
		}
		gone, err := s.delete(previousKey(c.Was.TokenID), free)
		return []types.TransactWriteItem{gone}, err
	}
}

// updateRecord changes what is shown, unless the record says that the token was revoked. Of
// the uses it changes what begins and what ends: a mark of another may come in between.
func (s *Store) updateRecord(c token.SecretChange) (types.TransactWriteItem, error) {
	t := c.Token
	update := expression.Set(expression.Name(attrHint), expression.Value(t.Hint)).
		Set(expression.Name(attrExpiresAt), expression.Value(t.ExpiresAt().Unix())).
		Set(expression.Name(attrLiveKey), expression.Value(dateKey(t.EndDate(), t.ID))).
		Set(expression.Name(attrLifetime), expression.Value(t.LifetimeDays)).
		Set(expression.Name(attrTTL), expression.Value(c.DeleteAt.Unix())).
		Set(expression.Name(attrFingerprints), expression.Value(fingerprintsValue(t.Fingerprints)))
	if t.Rotation != nil {
		update = update.Set(expression.Name(attrRotation), expression.Value(rotationValue(*t.Rotation)))
	} else {
		update = update.Remove(expression.Name(attrRotation))
	}
	asRead := expression.Name(attrOrganization).Equal(expression.Value(t.Organization)).
		And(expression.Name(attrID).Equal(expression.Value(string(t.ID))), expression.Name(attrRevokedAt).AttributeNotExists())
	for generation, use := range t.Uses {
		if _, kept := c.Seen[generation]; !kept || generation == 0 {
			update = update.Set(seenOf(generation), expression.Value(useValue(use)))
		}
	}
	for generation, use := range c.Seen {
		if _, kept := t.Uses[generation]; kept {
			continue
		}
		update = update.Remove(seenOf(generation))
		asRead = asRead.And(usedAsRead(attrSeen, generation, use))
	}
	return s.update(tokenKey(t.ID), update, asRead)
}

// seenOf is a record's entry for the uses of a generation.
func seenOf(generation int) expression.NameBuilder {
	return expression.Name(attrSeen + "." + strconv.Itoa(generation))
}

// hasNotLeft is the condition that somebody was not marked as having left.
func (s *Store) hasNotLeft(organization string, o token.Owner) (types.TransactWriteItem, error) {
	return s.checkThat(quotaKey(organization, o), expression.Name(attrLeftAt).AttributeNotExists())
}
