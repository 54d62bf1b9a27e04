package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// RotationRefused implements [token.RefusalStore].
func (s *Store) RotationRefused(ctx context.Context, r token.RefusedRotation) error {
	items := []types.TransactWriteItem{s.putNew(newAuditItem(r.Audit))}
	for id, recipient := range r.Recipients {
		items = append(items, s.putNew(newNoticeItem(notice.Notice{
			ID: id, Kind: notice.RotationRefused, Organization: r.Token.Organization, Recipient: recipient,
			Tokens:    []notice.Subject{{ID: r.Token.ID, Kind: notice.RotationRefused, Date: token.DateOf(r.Audit.At)}},
			CreatedAt: r.Audit.At, Actor: r.Audit.Actor,
		})))
	}
	err := s.race(ctx, func() error { return s.transact(ctx, items...) })
	for n := range items[1:] {
		if conditionFailed(err, n+1) {
			return nil // they were notified today
		}
	}
	if err != nil {
		return fmt.Errorf("writing a refused rotation of token %s: %w", r.Token.ID, err)
	}
	return nil
}

// RetiredUsed implements the authorizer's Recorder. The notice has the same id all day, so
// that there is one.
func (s *Store) RetiredUsed(ctx context.Context, r *token.RefusedError, at time.Time, from string) error {
	id, err := notice.RetiredUsedID(r.TokenID, r.Owner.ID, token.DateOf(at))
	if err != nil {
		return fmt.Errorf("naming a notice: %w", err)
	}
	err = s.transact(ctx, s.putNew(newNoticeItem(notice.Notice{
		ID: id, Kind: notice.RetiredUsed, Organization: r.Organization, Recipient: r.Owner.ID,
		Tokens:    []notice.Subject{{ID: r.TokenID, Kind: notice.RetiredUsed, Date: token.DateOf(at)}},
		CreatedAt: at.UTC().Truncate(time.Second), Actor: token.Actor{Kind: token.ActorToken, ID: string(r.TokenID)}, Reason: from,
	})))
	if err != nil && !conditionFailed(err, 0) {
		return fmt.Errorf("notifying of a replaced secret of token %s: %w", r.TokenID, err)
	}
	return nil
}

// EndPrevious implements [token.Store]. One transaction deletes the credential, says so in
// the record, takes the lease off the token's entry in the queue, which may be about it, and
// writes the audit entry.
func (s *Store) EndPrevious(ctx context.Context, e token.EndedSecret) error {
	id, generation := e.Secret.TokenID, expression.Value(e.Secret.Generation)
	gone, err := s.delete(previousKey(id), expression.Name(attrGeneration).Equal(generation).
		And(expression.Name(attrOrganization).Equal(expression.Value(e.Secret.Organization))))
	if err != nil {
		return err
	}
	record, err := s.update(tokenKey(id),
		expression.Set(expression.Name(attrRotation+"."+attrOldExpiresAt), expression.Value(e.Audit.At.Unix())),
		expression.Name(attrRotation+"."+attrOldGeneration).Equal(generation).
			And(expression.Name(attrOrganization).Equal(expression.Value(e.Secret.Organization))))
	if err != nil {
		return err
	}
	queue, err := s.update(queueKey(id),
		expression.Remove(expression.Name(attrLease)).Remove(expression.Name(attrFailingSince)), expression.Name(attrToken).AttributeExists())
	if err != nil {
		return err
	}
	items := []types.TransactWriteItem{gone, record, queue, s.putNew(newAuditItem(e.Audit))}
	err = s.race(ctx, func() error { return s.transact(ctx, items...) })
	for n := range items[:3] {
		if conditionFailed(err, n) {
			return token.ErrChanged
		}
	}
	if err != nil {
		return fmt.Errorf("ending the previous secret of token %s: %w", id, err)
	}
	return nil
}
