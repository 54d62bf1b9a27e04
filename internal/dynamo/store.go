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
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"latchkey/internal/awsenv"
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

// Store keeps all of it in one table. It is safe for concurrent use.
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

// Open returns a store on a table, with region, credentials and endpoint as Lambda has them
// in the environment.
func Open(table string) (*Store, error) {
	c, err := awsenv.Load("DYNAMODB")
	if err != nil {
		return nil, fmt.Errorf("reading the AWS settings: %w", err)
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

// writeIf changes one item if a condition holds, and reports whether it did.
func (s *Store) writeIf(
	ctx context.Context, c expression.ConditionBuilder, k item, u expression.UpdateBuilder,
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

// putNew writes an item unless there is one with its key.
func (s *Store) putNew(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: i,
		ConditionExpression: aws.String("attribute_not_exists(#pk)"), ExpressionAttributeNames: map[string]string{"#pk": attrPK},
	}}
}

// putIf writes an item as part of a transaction if a condition holds.
func (s *Store) putIf(i item, c expression.ConditionBuilder) (types.TransactWriteItem, error) {
	e, err := expression.NewBuilder().WithCondition(c).Build()
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("building a condition: %w", err)
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &s.table, Item: i, ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}}, nil
}

// checkThat is a condition on an item that a transaction does not change.
func (s *Store) checkThat(k item, c expression.ConditionBuilder) (types.TransactWriteItem, error) {
	e, err := expression.NewBuilder().WithCondition(c).Build()
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("building a condition: %w", err)
	}
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.table, Key: k, ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}}, nil
}

// update changes an item as part of a transaction.
func (s *Store) update(
	k item, u expression.UpdateBuilder, c expression.ConditionBuilder,
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

// delete deletes an item as part of a transaction.
func (s *Store) delete(k item, c expression.ConditionBuilder) (types.TransactWriteItem, error) {
	e, err := expression.NewBuilder().WithCondition(c).Build()
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("building a condition: %w", err)
	}
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.table, Key: k, ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}}, nil
}

// get reads one item with a strongly consistent read; nil if there is none.
func (s *Store) get(ctx context.Context, k item) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
