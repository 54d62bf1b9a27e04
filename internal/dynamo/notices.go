package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// MaxMarks is how many tokens one Mark can take: each is two writes beside the mail's
// one, and a transaction has at most 100
// (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
const MaxMarks = 49

// Due returns a shard's entries with a notice date up to today, oldest first, at most
// limit. Its cost follows what is due, not how many tokens there are. An error comes with
// what could be read.
func (s *Store) Due(ctx context.Context, shard int, today token.Date, limit int) ([]token.DueNotice, error) {
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
	var due []token.DueNotice
	var unread error
	for pages.HasMorePages() && len(due) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("querying what is due: %w", err))
			break
		}
		for _, item := range page.Items {
			d, err := decodeDue(item)
			if err != nil {
				unread = errors.Join(unread, err)
				continue
			}
			due = append(due, d)
		}
	}
	return due[:min(limit, len(due))], unread
}

func decodeDue(item map[string]types.AttributeValue) (token.DueNotice, error) {
	var i struct {
		ID           string    `dynamodbav:"id"`
		Organization string    `dynamodbav:"org_id"`
		Owner        string    `dynamodbav:"owner_id"`
		DueKey       string    `dynamodbav:"due_key"`
		FailingSince int64     `dynamodbav:"failing_since"`
		Claim        claimItem `dynamodbav:"claim"`
	}
	if err := attributevalue.UnmarshalMap(item, &i); err != nil {
		return token.DueNotice{}, fmt.Errorf("decoding what is due: %w", err)
	}
	on, err := token.ParseDate(i.DueKey[:min(len(time.DateOnly), len(i.DueKey))])
	if err != nil {
		return token.DueNotice{}, fmt.Errorf("decoding when token %s is due: %w", i.ID, err)
	}
	d := token.DueNotice{
		ID: token.ID(i.ID), Organization: i.Organization, Owner: i.Owner, On: on, Failing: i.FailingSince != 0,
	}
	if i.Claim.Until != 0 {
		d.HeldUntil = moment(i.Claim.Until)
	}
	return d, nil
}

// claimItem is a claim as the table holds it.
type claimItem struct {
	Run   string `dynamodbav:"run"`
	Until int64  `dynamodbav:"until"`
}

// Claim reserves a due token for a run and returns it as it is now. It returns false
// if the token was revoked, which takes it out of the queue, has been told since, is gone,
// or is another run's. A run can claim what it has claimed already: when the first answer
// was lost, the SDK asks again.
func (s *Store) Claim(ctx context.Context, d token.DueNotice, c token.Claim, now time.Time) (token.Claimed, bool, error) {
	claim := expression.Name(attrClaim)
	e, err := expression.NewBuilder().
		WithUpdate(expression.Set(claim, expression.Value(claimItem{c.Run, c.Until.Unix()}))).
		WithCondition(expression.Name(attrDueKey).Equal(expression.Value(dueKey(d.On, d.ID))).
			And(expression.Name(attrDueShard).AttributeExists(),
				claim.AttributeNotExists().Or(ownedBy(c.Run), expression.Name(attrClaim+".until").LessThan(expression.Value(now.Unix()))))).
		Build()
	if err != nil {
		return token.Claimed{}, false, fmt.Errorf("building a claim: %w", err)
	}
	out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: tokenKey(d.ID), UpdateExpression: e.Update(), ConditionExpression: e.Condition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		ReturnValues: types.ReturnValueAllNew,
	})
	if conditionFailed(err, 0) {
		return token.Claimed{}, false, nil
	}
	if err != nil {
		return token.Claimed{}, false, fmt.Errorf("claiming token %s: %w", d.ID, err)
	}
	var i tokenItem
	if err := attributevalue.UnmarshalMap(out.Attributes, &i); err != nil {
		return token.Claimed{}, false, fmt.Errorf("decoding token %s: %w", d.ID, err)
	}
	claimed := token.Claimed{Token: i.token()}
	if i.FailingSince != 0 {
		claimed.FailingSince = moment(i.FailingSince)
	}
	return claimed, true, nil
}

// Mark records in one transaction what became of the tokens of one run's claims: all
// of it or nothing. A token that another run has claimed since makes it fail, with
// [token.ErrClaimLost] if it is the only one. If its answer is lost, the same call again
// within ten minutes finds out that it was recorded.
func (s *Store) Mark(ctx context.Context, run string, mail *token.SentMail, marks []token.Mark) error {
	items := make([]types.TransactWriteItem, 0, 2*len(marks)+1)
	for _, m := range marks {
		item, err := s.mark(run, m)
		if err != nil {
			return err
		}
		items = append(items, item)
		if m.Audit == nil {
			continue
		}
		if item, err = s.record(*m.Audit); err != nil {
			return err
		}
		items = append(items, item)
	}
	if mail != nil {
		item, err := s.keepMail(*mail)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	once := requestToken(run, mail, marks)
	in := &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: &once}
	_, err := s.client.TransactWriteItems(ctx, in)
	switch {
	case err == nil:
		return nil
	case conditionFailed(err, 0) && len(marks) == 0: // the e-mail is known already
		return nil
	case conditionFailed(err, 0) && len(marks) == 1:
		return fmt.Errorf("marking token %s: %w", marks[0].ID, token.ErrClaimLost)
	default:
		return fmt.Errorf("marking %d tokens: %w", len(marks), err)
	}
}

// requestToken names a call of Mark by its content. DynamoDB does what has the same name
// once, and remembers it for ten minutes
// (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
func requestToken(run string, mail *token.SentMail, marks []token.Mark) string {
	h := sha256.New()
	fmt.Fprintln(h, run)
	if mail != nil {
		fmt.Fprintln(h, mail.MessageID)
	}
	for _, m := range marks {
		fmt.Fprintln(h, m.ID, m.Notices, m.Next, m.HasNext, m.Audit != nil)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// mark writes what became of one token. It leaves due_shard alone unless there is
// nothing to come: if the token was revoked since the claim, it stays out of the queue.
func (s *Store) mark(run string, m token.Mark) (types.TransactWriteItem, error) {
	update := expression.Remove(expression.Name(attrClaim)).Remove(expression.Name(attrFailingSince))
	for _, n := range m.Notices {
		update = update.Set(expression.Name(attrNotices+"."+strconv.Itoa(n.DaysBefore)),
			expression.Value(noticeItem{SentAt: n.SentAt.Unix(), MessageID: n.MessageID}))
	}
	if m.HasNext {
		update = update.Set(expression.Name(attrDueKey), expression.Value(dueKey(m.Next, m.ID)))
	} else {
		update = update.Remove(expression.Name(attrDueShard)).Remove(expression.Name(attrDueKey))
	}
	return s.update(tokenKey(m.ID), update, ownedBy(run))
}

// Release gives a claim back, so that the next run need not wait for it to lapse, unless
// the failure says that it should.
func (s *Store) Release(ctx context.Context, id token.ID, run string, f token.Failure) error {
	var update expression.UpdateBuilder
	if f.RetryAt.IsZero() {
		update = update.Remove(expression.Name(attrClaim))
	} else {
		update = update.Set(expression.Name(attrClaim+".until"), expression.Value(f.RetryAt.Unix()))
	}
	if !f.Since.IsZero() {
		update = update.Set(expression.Name(attrFailingSince), expression.Value(f.Since.Unix()))
	}
	if _, err := s.writeIf(ctx, ownedBy(run), tokenKey(id), update); err != nil {
		return fmt.Errorf("releasing token %s: %w", id, err)
	}
	return nil
}

func ownedBy(run string) expression.ConditionBuilder {
	return expression.Name(attrClaim + ".run").Equal(expression.Value(run))
}

func (s *Store) keepMail(m token.SentMail) (types.TransactWriteItem, error) {
	i := mailItem{
		PK: "MAIL#" + m.MessageID, SK: sortMail, SentAt: m.At.Unix(), TTL: m.At.Add(mailRetention).Unix(),
	}
	for _, r := range m.Recipients {
		i.Recipients = append(i.Recipients, mailRecipient{r.Organization, r.ID, r.Email})
	}
	for _, id := range m.Tokens {
		i.Tokens = append(i.Tokens, string(id))
	}
	item, err := attributevalue.MarshalMap(i)
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("encoding a sent mail: %w", err)
	}
	return s.putNew(item)
}

// Admins returns the organization's admins who were seen since a moment.
func (s *Store) Admins(ctx context.Context, organization string, since time.Time) ([]token.Owner, error) {
	e, err := expression.NewBuilder().
		WithKeyCondition(expression.Key(attrPK).Equal(expression.Value("ORG#" + organization))).
		WithFilter(expression.Name(attrAdmin).Equal(expression.Value(true)).
			And(expression.Name(attrSeenAt).GreaterThanEqual(expression.Value(since.Unix())))).Build()
	if err != nil {
		return nil, fmt.Errorf("building a query: %w", err)
	}
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: e.KeyCondition(), FilterExpression: e.Filter(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	})
	var ids []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("querying admins: %w", err)
		}
		for _, item := range page.Items {
			var o ownerItem
			if err := attributevalue.UnmarshalMap(item, &o); err != nil {
				return nil, fmt.Errorf("decoding an admin: %w", err)
			}
			ids = append(ids, o.Owner)
		}
	}
	// Their own records say which addresses are current and can be reached.
	owners, err := s.Owners(ctx, organization, ids)
	if err != nil {
		return nil, err
	}
	var admins []token.Owner
	for _, id := range ids {
		if o, ok := owners[id]; ok && o.Admin {
			admins = append(admins, o)
		}
	}
	return admins, nil
}

// Mail returns a sent e-mail by the id that SES gave it, or [token.ErrNotFound].
func (s *Store) Mail(ctx context.Context, messageID string) (token.SentMail, error) {
	item, err := s.get(ctx, mailKey(messageID))
	if err != nil {
		return token.SentMail{}, fmt.Errorf("reading a sent mail: %w", err)
	}
	if item == nil {
		return token.SentMail{}, token.ErrNotFound
	}
	var i mailItem
	if err := attributevalue.UnmarshalMap(item, &i); err != nil {
		return token.SentMail{}, fmt.Errorf("decoding a sent mail: %w", err)
	}
	m := token.SentMail{MessageID: messageID, At: moment(i.SentAt)}
	for _, r := range i.Recipients {
		m.Recipients = append(m.Recipients, token.Owner{Organization: r.Organization, ID: r.Owner, Email: r.Email})
	}
	for _, id := range i.Tokens {
		m.Tokens = append(m.Tokens, token.ID(id))
	}
	return m, nil
}

// MarkUndeliverable notes that mail to an owner's address does not arrive, unless
// their address has changed since.
func (s *Store) MarkUndeliverable(ctx context.Context, o token.Owner) error {
	_, err := s.writeIf(ctx, expression.Name(attrEmail).Equal(expression.Value(o.Email)), ownerKey(o.Organization, o.ID),
		expression.Set(expression.Name(attrUndeliverable), expression.Value(o.Email)))
	if err != nil {
		return fmt.Errorf("marking an owner undeliverable: %w", err)
	}
	return nil
}

// Requeue makes a token due again on a date, because the notice that was sent did not
// arrive, and takes back that it was. A revoked token, and one that is claimed, stays as
// it is; false says so.
func (s *Store) Requeue(ctx context.Context, id token.ID, messageID string, days int, on token.Date) (bool, error) {
	notice := attrNotices + "." + strconv.Itoa(days)
	requeued, err := s.writeIf(ctx,
		expression.Name(notice+".message_id").Equal(expression.Value(messageID)).And(expression.Name(attrRevokedAt).AttributeNotExists(), expression.Name(attrClaim).AttributeNotExists()),
		tokenKey(id),
		expression.Set(expression.Name(attrDueShard), expression.Value(shardOf(id))).
			Set(expression.Name(attrDueKey), expression.Value(dueKey(on, id))).
			Remove(expression.Name(notice)))
	if err != nil {
		return false, fmt.Errorf("requeueing token %s: %w", id, err)
	}
	return requeued, nil
}
