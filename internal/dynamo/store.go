package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"latchkey/internal/token"
)

// A call is tried this often, each time this long. The contexts of those who wait for
// several calls bound them together.
const (
	maxAttempts    = 4
	attemptTimeout = time.Second
)

// Pauses between tries are random, so that those who met do not meet again, up to a
// bound that doubles from minBackoff to maxBackoff. The SDK's own pauses have no such
// spread when their maximum is below a second.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 200 * time.Millisecond
)

func pause(try int) time.Duration {
	return rand.N(min(minBackoff<<min(try, 8), maxBackoff)) //nolint:gosec // G404: spreads load, guards nothing
}

// Store keeps tokens in one table. It is safe for concurrent use.
type Store struct {
	client *dynamodb.Client
	table  string
}

// New returns a store on a table.
func New(client *dynamodb.Client, table string) (*Store, error) {
	if client == nil || table == "" {
		return nil, errors.New("store: client and table name are required")
	}
	return &Store{client, table}, nil
}

// Open returns a store on a table, with region, credentials and endpoint as the AWS SDK
// finds them in the environment.
func Open(ctx context.Context, table string) (*Store, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	return New(NewClient(c), table)
}

// NewClient returns a client whose calls give up soon enough for the caller to still
// answer, and which tries again when two transactions met at one item.
func NewClient(c aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(c, func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts = maxAttempts
			s.Backoff = retry.BackoffDelayerFunc(func(try int, _ error) (time.Duration, error) { return pause(try), nil })
			s.Retryables = append(s.Retryables, retry.IsErrorRetryableFunc(isConflict))
		})
		o.Logger = logging.Nop{} // what goes wrong is in the errors; its own lines are not JSON
		if o.HTTPClient == nil {
			o.HTTPClient = awshttp.NewBuildableClient()
		}
		if c, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = c.WithTimeout(attemptTimeout)
		}
	})
}

// isConflict tells the SDK's retryer about transactions that lost a race. The SDK does
// not retry these by itself.
func isConflict(err error) aws.Ternary {
	if _, ok := errors.AsType[*types.TransactionConflictException](err); ok {
		return aws.TrueTernary
	}
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return aws.UnknownTernary
	}
	conflict := false
	for _, reason := range canceled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "None":
		case "TransactionConflict":
			conflict = true
		default:
			return aws.FalseTernary // another attempt would fail for this reason
		}
	}
	return aws.BoolTernary(conflict)
}

// conditionFailed reports whether the n-th write of a transaction, or a single write
// with n 0, failed its condition.
func conditionFailed(err error, n int) bool {
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return n == 0
	}
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	return ok && n < len(canceled.CancellationReasons) &&
		aws.ToString(canceled.CancellationReasons[n].Code) == "ConditionalCheckFailed"
}

// Secret implements [token.Lookup].
func (s *Store) Secret(ctx context.Context, id token.ID) (token.Token, token.Hash, error) {
	item, err := s.get(ctx, tokenKey(id))
	if err != nil {
		return token.Token{}, token.Hash{}, fmt.Errorf("reading token %s: %w", id, err)
	}
	if item == nil {
		return token.Token{}, token.Hash{}, token.ErrNotFound
	}
	return decodeToken(item)
}

// Token implements [token.Store].
func (s *Store) Token(ctx context.Context, id token.ID) (token.Token, error) {
	t, _, err := s.Secret(ctx, id)
	return t, err
}

// Tokens implements [token.Store]. It reads an index, which may lag behind a write by
// a moment.
func (s *Store) Tokens(ctx context.Context, q token.Query) ([]token.Token, error) {
	index, partition, value := IndexByOwner, attrOwnerKey, ownerOf(q.Organization, q.Owner)
	if q.Owner == "" {
		index, partition, value = IndexByOrganization, attrOrganization, q.Organization
	}
	e, err := expression.NewBuilder().WithKeyCondition(expression.Key(partition).Equal(expression.Value(value))).Build()
	if err != nil {
		return nil, fmt.Errorf("building a query: %w", err)
	}
	in := &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &index, ScanIndexForward: aws.Bool(false),
		KeyConditionExpression:   e.KeyCondition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}
	if q.After != "" {
		in.ExclusiveStartKey = tokenKey(q.After)
		in.ExclusiveStartKey[attrID] = stringValue(string(q.After))
		in.ExclusiveStartKey[partition] = stringValue(value)
	}
	var tokens []token.Token
	for len(tokens) < q.Limit {
		in.Limit = aws.Int32(int32(q.Limit - len(tokens))) //nolint:gosec // G115: the domain limits a page to hundreds
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("querying %s: %w", index, err)
		}
		for _, item := range out.Items {
			t, _, err := decodeToken(item)
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

// Issue implements [token.Writer].
func (s *Store) Issue(ctx context.Context, t token.NewToken) error {
	item, err := newTokenItem(t)
	if err != nil {
		return err
	}
	put, err := s.putNew(item)
	if err != nil {
		return err
	}
	record, err := s.record(t.Audit)
	if err != nil {
		return err
	}
	activate, err := s.activate(t)
	if err != nil {
		return err
	}
	for range maxAttempts { // the room that was made may be taken by others
		err := s.race(ctx, func() error { return s.transact(ctx, put, activate, record) })
		if err == nil {
			return nil
		}
		if !conditionFailed(err, 1) || conditionFailed(err, 0) {
			return fmt.Errorf("writing token %s: %w", t.ID, err)
		}
		// The owner has as many tokens as allowed. Some of them may have expired.
		if err := s.makeRoom(ctx, t); err != nil {
			return err
		}
	}
	return token.ErrBusy
}

// activate adds t to its owner's active tokens, unless they are as many as allowed.
func (s *Store) activate(t token.NewToken) (types.TransactWriteItem, error) {
	return s.update(ownerKey(t.Organization, t.Owner.ID),
		expression.Set(activeToken(t.ID), expression.Value(t.ExpiresAt().Unix())),
		expression.Name(attrActive).Size().LessThan(expression.Value(t.MaxActive)))
}

// makeRoom drops tokens that have expired from their owner's active ones. If none has,
// the error says that the limit is reached.
func (s *Store) makeRoom(ctx context.Context, t token.NewToken) error {
	owner, found, err := s.owner(ctx, t.Organization, t.Owner.ID)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("issuing for an owner that was not kept")
	}
	var update expression.UpdateBuilder
	live := 0
	for id, expires := range owner.Active {
		if expires > t.CreatedAt.Unix() {
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
	if live == len(owner.Active) {
		return nil // somebody else has made room
	}
	// An id expires once and is never used again, so this cannot drop a live one.
	if _, err := s.writeIf(ctx, expression.Name(attrActive).AttributeExists(), ownerKey(t.Organization, t.Owner.ID), update); err != nil {
		return fmt.Errorf("dropping expired tokens of an owner: %w", err)
	}
	return nil
}

// activeToken is a token's entry in its owner's count of active tokens.
func activeToken(id token.ID) expression.NameBuilder {
	return expression.Name(attrActive + "." + string(id))
}

// Revoke implements [token.Store]. It also takes the token out of the index "due", so
// that no notice is sent for it.
func (s *Store) Revoke(ctx context.Context, t token.Token, a token.Audit) (bool, error) {
	revoke, err := s.update(tokenKey(t.ID),
		expression.Set(expression.Name(attrRevokedAt), expression.Value(t.RevokedAt.Unix())).
			Set(expression.Name(attrRevokedBy), expression.Value(t.RevokedBy)).
			Set(expression.Name(attrRevokeReason), expression.Value(t.RevokeReason)).
			Remove(expression.Name(attrDueShard)),
		expression.Name(attrOrganization).Equal(expression.Value(t.Organization)).
			And(expression.Name(attrRevokedAt).AttributeNotExists()))
	if err != nil {
		return false, err
	}
	record, err := s.record(a)
	if err != nil {
		return false, err
	}
	deactivate, err := s.update(ownerKey(t.Organization, t.Owner),
		expression.Remove(activeToken(t.ID)), expression.Name(attrActive).AttributeExists())
	if err != nil {
		return false, err
	}
	err = s.race(ctx, func() error { return s.transact(ctx, revoke, record, deactivate) })
	if errors.Is(err, token.ErrBusy) || conditionFailed(err, 2) && !conditionFailed(err, 0) {
		// The owner's record is gone, or many write to it. Counting must not stand in the
		// way of revoking: what stays in the count leaves it when the token expires.
		err = s.race(ctx, func() error { return s.transact(ctx, revoke, record) })
	}
	if conditionFailed(err, 0) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("writing the revocation of %s: %w", t.ID, err)
	}
	return true, nil
}

// Used implements the authorizer's Recorder. It writes nothing if the use that is
// recorded is recent. The write names no other attribute than the keys and
// last_used_at, and the authorizer's role allows no other.
func (s *Store) Used(ctx context.Context, t token.Token, at time.Time) error {
	if at.Sub(t.LastUsedAt) < token.UseResolution {
		return nil
	}
	last := expression.Name(attrLastUsedAt)
	known := expression.Name(attrPK).AttributeExists()
	older := last.AttributeNotExists().Or(last.LessThan(expression.Value(at.Unix())))
	_, err := s.writeIf(ctx, known.And(older), tokenKey(t.ID), expression.Set(last, expression.Value(at.Unix())))
	if err != nil {
		return fmt.Errorf("recording the use of token %s: %w", t.ID, err)
	}
	return nil
}

// writeIf changes one item if a condition holds, and reports whether it did.
func (s *Store) writeIf(
	ctx context.Context, c expression.ConditionBuilder, k map[string]types.AttributeValue, u expression.UpdateBuilder,
) (bool, error) {
	e, err := expression.NewBuilder().WithUpdate(u).WithCondition(c).Build()
	if err != nil {
		return false, fmt.Errorf("building an update: %w", err)
	}
	_, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: k, UpdateExpression: e.Update(), ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	})
	if conditionFailed(err, 0) {
		return false, nil
	}
	return err == nil, err
}

// raceTries is how often a transaction is tried that loses to others, beside the SDK's own
// tries.
const raceTries = 6

// race does f until it does not lose to another transaction at the same item. Where it
// always does, the error is [token.ErrBusy].
func (s *Store) race(ctx context.Context, f func() error) error {
	for try := range raceTries {
		if err := f(); isConflict(err) != aws.TrueTernary {
			return err
		}
		select {
		case <-time.After(pause(try)):
		case <-ctx.Done():
			return token.ErrBusy
		}
	}
	return token.ErrBusy
}

func (s *Store) transact(ctx context.Context, items ...types.TransactWriteItem) error {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
	return err
}

// record writes an audit entry.
func (s *Store) record(a token.Audit) (types.TransactWriteItem, error) {
	item, err := newAuditItem(a)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	return s.putNew(item)
}

// putNew writes an item unless there is one with its key.
func (s *Store) putNew(item map[string]types.AttributeValue) (types.TransactWriteItem, error) {
	e, err := expression.NewBuilder().WithCondition(expression.Name(attrPK).AttributeNotExists()).Build()
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("building a condition: %w", err)
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: item,
		ConditionExpression: e.Condition(), ExpressionAttributeNames: e.Names(),
	}}, nil
}

// update changes an item as part of a transaction.
func (s *Store) update(
	k map[string]types.AttributeValue, u expression.UpdateBuilder, c expression.ConditionBuilder,
) (types.TransactWriteItem, error) {
	e, err := expression.NewBuilder().WithUpdate(u).WithCondition(c).Build()
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("building an update: %w", err)
	}
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &s.table, Key: k, UpdateExpression: e.Update(), ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}}, nil
}

// get reads one item with a strongly consistent read; nil if there is none.
func (s *Store) get(ctx context.Context, k map[string]types.AttributeValue) (map[string]types.AttributeValue, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
