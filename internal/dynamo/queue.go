package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// newQueueItem is a token's entry in the queue. It stays as long as the record and is in
// the index "due" while there is a notice to come.
func newQueueItem(t token.NewToken) item {
	r := t.Token
	i := newItem(queueKey(r.ID))
	putOwner(i, r.Organization, r.Owner)
	i[attrToken] = stringValue(string(r.ID))
	i[attrOutcomes] = &types.AttributeValueMemberM{Value: item{}}
	i[attrTTL] = numberValue(t.DeleteAt.Unix())
	i[attrDueShard] = dueShard(r.ID)
	i[attrDueKey] = stringValue(dateKey(t.NotifyOn, r.ID))
	return i
}

// dequeue takes a token out of the queue for good, from whoever has leased it.
func (s *Store) dequeue(id token.ID) (types.TransactWriteItem, error) {
	return s.update(queueKey(id),
		expression.Set(expression.Name(attrClosed), expression.Value(true)).
			Remove(expression.Name(attrDueShard)).Remove(expression.Name(attrDueKey)).Remove(expression.Name(attrLease)),
		expression.Name(attrToken).AttributeExists())
}

// Due returns a shard's entries with a date up to today, oldest first, at most limit. Its
// cost follows what is due, not how many tokens there are. An error comes with what could
// be read.
func (s *Store) Due(ctx context.Context, shard int, today token.Date, limit int) ([]notice.Due, error) {
	e, err := expression.NewBuilder().WithKeyCondition(
		expression.Key(attrDueShard).Equal(expression.Value(shard)).
			And(expression.Key(attrDueKey).LessThan(expression.Value((today + 1).String())))).Build()
	if err != nil {
		return nil, fmt.Errorf("building a query: %w", err)
	}
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: aws.String(IndexDue),
		KeyConditionExpression:   e.KeyCondition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	})
	var due []notice.Due
	var unread error
	for pages.HasMorePages() && len(due) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("querying what is due: %w", err))
			break
		}
		for _, i := range page.Items {
			d, err := decodeDue(i)
			if err != nil {
				unread = errors.Join(unread, err)
				continue
			}
			due = append(due, d)
		}
	}
	return due[:min(limit, len(due))], unread
}

func decodeDue(i item) (notice.Due, error) {
	d := notice.Due{
		Ref: notice.Ref{ID: token.ID(text(i, attrToken))}, Organization: text(i, attrOrganization), Recipient: text(i, attrOwner),
		Kind: notice.Kind(text(i, attrKind)), Failing: number(i, attrFailingSince) != 0,
	}
	if id := text(i, attrNotice); id != "" {
		d.Ref = notice.Ref{ID: token.ID(id), Notice: true}
	}
	k := text(i, attrDueKey)
	on, err := token.ParseDate(k[:min(len(time.DateOnly), len(k))])
	if err != nil || d.ID == "" {
		return notice.Due{}, fmt.Errorf("decoding when %s is due: %w", d.Ref, err)
	}
	d.On = on
	d.HeldUntil = leaseOf(i).Until
	return d, nil
}

func entryKey(r notice.Ref) item {
	if r.Notice {
		return noticeKey(r.ID)
	}
	return queueKey(r.ID)
}

// leaseItem is a lease as the table holds it.
type leaseItem struct {
	Run   string `dynamodbav:"run"`
	Until int64  `dynamodbav:"until"`
	Mail  string `dynamodbav:"mail"`
}

// leaseOf is an entry's lease; zero if it has none.
func leaseOf(i item) notice.Lease {
	lease, ok := i[attrLease].(*types.AttributeValueMemberM)
	if !ok {
		return notice.Lease{}
	}
	return notice.Lease{Run: text(lease.Value, "run"), Until: momentOf(lease.Value, "until"), Mail: token.ID(text(lease.Value, "mail"))}
}

// Lease holds an entry for a run and returns it as it was. It returns false if nothing is
// due any more, as when the token was revoked, if it is gone, or another run's. A run can
// lease what it has leased already: when the first answer was lost, the SDK asks again.
func (s *Store) Lease(ctx context.Context, d notice.Due, l notice.Lease, now time.Time) (notice.Leased, bool, error) {
	lease := expression.Name(attrLease)
	e, err := expression.NewBuilder().
		WithUpdate(expression.Set(lease, expression.Value(leaseItem{l.Run, l.Until.Unix(), string(l.Mail)}))).
		WithCondition(expression.Name(attrDueKey).Equal(expression.Value(dateKey(d.On, d.ID))).
			And(lease.AttributeNotExists().Or(leasedBy(l.Run), expression.Name(attrLease+".until").LessThan(expression.Value(now.Unix()))))).
		Build()
	if err != nil {
		return notice.Leased{}, false, fmt.Errorf("building a lease: %w", err)
	}
	out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: entryKey(d.Ref), UpdateExpression: e.Update(), ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		ReturnValues: types.ReturnValueAllOld,
	})
	if conditionFailed(err, 0) {
		return notice.Leased{}, false, nil
	}
	if err != nil {
		return notice.Leased{}, false, fmt.Errorf("leasing %s: %w", d.Ref, err)
	}
	i := out.Attributes
	leased := notice.Leased{Due: d, FailingSince: momentOf(i, attrFailingSince)}
	if before := leaseOf(i); before.Run != l.Run {
		leased.Before = before.Mail
	}
	if d.Notice {
		leased.Bounces = bouncesOf(i)
		leased.Notice, err = decodeNotice(i)
	} else {
		leased.Outcomes, err = decodeOutcomes(i)
	}
	return leased, err == nil, err
}

// Release gives a lease back, so that the next run need not wait for it to lapse, unless
// the failure says that it should.
func (s *Store) Release(ctx context.Context, r notice.Ref, run string, f notice.Failure) error {
	var update expression.UpdateBuilder
	if f.RetryAt.IsZero() {
		update = update.Remove(expression.Name(attrLease))
	} else {
		update = update.Set(expression.Name(attrLease+".until"), expression.Value(f.RetryAt.Unix()))
	}
	if !f.Since.IsZero() {
		update = update.Set(expression.Name(attrFailingSince), expression.Value(f.Since.Unix()))
	}
	if _, err := s.writeIf(ctx, leasedBy(run), entryKey(r), update); err != nil {
		return fmt.Errorf("releasing %s: %w", r, err)
	}
	return nil
}

func leasedBy(run string) expression.ConditionBuilder {
	return expression.Name(attrLease + ".run").Equal(expression.Value(run))
}
