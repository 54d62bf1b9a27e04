package dynamo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// MaxWrites is how many items one Mark can change: as many as a transaction
// (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
const MaxWrites = 100

// noticeRetention is how long a notice of its own is kept after it was made.
const noticeRetention = 90 * 24 * time.Hour

// newRevokedNotice is the notice to an owner that somebody else has revoked their token.
func newRevokedNotice(r token.Revocation) item {
	return newNoticeItem(notice.Notice{
		ID: r.Notice, Kind: notice.Revoked, Organization: r.Token.Organization, Recipient: r.Token.Owner.ID,
		Tokens:    []notice.Subject{{ID: r.Token.ID, Kind: notice.Revoked, Date: token.DateOf(r.Token.RevokedAt)}},
		CreatedAt: r.Token.RevokedAt, Actor: r.Audit.Actor, Reason: r.Token.RevokeReason,
	})
}

// newNoticeItem is a notice as the table holds it, due at once.
func newNoticeItem(n notice.Notice) item {
	i := newItem(noticeKey(n.ID))
	i[attrNotice] = stringValue(string(n.ID))
	i[attrOrganization] = stringValue(n.Organization)
	i[attrOwner] = stringValue(n.Recipient)
	i[attrKind] = stringValue(string(n.Kind))
	if n.Instead {
		i[attrInstead] = &types.AttributeValueMemberBOOL{Value: true}
	}
	about := make([]types.AttributeValue, 0, len(n.Tokens))
	for _, subject := range n.Tokens {
		about = append(about, stringValue(string(subject.ID)+"#"+outcomeKey(subject.Kind, subject.Date)))
	}
	i[attrAbout] = &types.AttributeValueMemberL{Value: about}
	i["actor_kind"] = stringValue(string(n.Actor.Kind))
	i["actor"] = stringValue(n.Actor.ID)
	i["reason"] = stringValue(n.Reason)
	i[attrCreatedAt] = numberValue(n.CreatedAt.Unix())
	i[attrTTL] = numberValue(n.CreatedAt.Add(noticeRetention).Unix())
	i[attrDueShard] = dueShard(n.ID)
	i[attrDueKey] = stringValue(dateKey(token.DateOf(n.CreatedAt), n.ID))
	return i
}

func decodeNotice(i item) (notice.Notice, error) {
	n := notice.Notice{
		ID: token.ID(text(i, attrNotice)), Kind: notice.Kind(text(i, attrKind)), Organization: text(i, attrOrganization),
		Recipient: text(i, attrOwner), CreatedAt: momentOf(i, attrCreatedAt), Instead: flag(i, attrInstead),
		Actor: token.Actor{Kind: token.ActorKind(text(i, "actor_kind")), ID: text(i, "actor")}, Reason: text(i, "reason"),
	}
	about, ok := i[attrAbout].(*types.AttributeValueMemberL)
	if !ok {
		return notice.Notice{}, fmt.Errorf("decoding notice %s: it is about nothing", n.ID)
	}
	for _, v := range about.Value {
		s, _ := v.(*types.AttributeValueMemberS)
		if s == nil {
			return notice.Notice{}, fmt.Errorf("decoding what notice %s is about: it is no string", n.ID)
		}
		id, what, _ := strings.Cut(s.Value, "#")
		kind, date, err := parseOutcomeKey(what)
		if err != nil {
			return notice.Notice{}, fmt.Errorf("decoding what notice %s is about: %w", n.ID, err)
		}
		n.Tokens = append(n.Tokens, notice.Subject{ID: token.ID(id), Kind: kind, Date: date})
	}
	return n, nil
}

// Notice returns a notice, or [token.ErrNotFound].
func (s *Store) Notice(ctx context.Context, id token.ID) (notice.Notice, error) {
	i, err := s.get(ctx, noticeKey(id))
	if err != nil {
		return notice.Notice{}, fmt.Errorf("reading notice %s: %w", id, err)
	}
	if i == nil {
		return notice.Notice{}, token.ErrNotFound
	}
	return decodeNotice(i)
}

// Records returns the records of tokens, by a strongly consistent read; of those that are
// deleted there is none.
func (s *Store) Records(ctx context.Context, ids []token.ID) (map[token.ID]token.Token, error) {
	records := make(map[token.ID]token.Token, len(ids))
	keys := make([]item, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, tokenKey(id))
	}
	for len(keys) > 0 {
		batch := keys[:min(batchSize, len(keys))]
		keys = keys[len(batch):]
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: batch, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, fmt.Errorf("reading records: %w", err)
		}
		for _, i := range out.Responses[s.table] {
			t, err := decodeToken(i)
			if err != nil {
				return nil, err
			}
			records[t.ID] = t
		}
		keys = append(keys, out.UnprocessedKeys[s.table].Keys...)
	}
	return records, nil
}

// Mark records a change, all of it or nothing. A lease that is lost makes it fail, with a
// [notice.LostError]. If its answer is lost, the same call again within ten minutes finds
// out that it was recorded.
func (s *Store) Mark(ctx context.Context, c notice.Change) error {
	w, err := s.changes(c)
	if err != nil {
		return err
	}
	once, err := requestToken(c)
	if err != nil {
		return err
	}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: w.items, ClientRequestToken: &once}
	_, err = s.client.TransactWriteItems(ctx, in)
	if err == nil {
		return nil
	}
	var lost notice.LostError
	known := false
	for n := range w.items {
		if !conditionFailed(err, n) {
			continue
		}
		if w.entries[n] != nil {
			lost.Entries = append(lost.Entries, *w.entries[n])
		}
		if id := w.subjects[n]; id != "" {
			lost.Subjects = append(lost.Subjects, id)
		}
		known = known || w.mail[n]
	}
	switch {
	case len(lost.Entries)+len(lost.Subjects) > 0:
		return &lost
	case known && len(c.Marks) == 0: // the e-mail is recorded already
		return nil
	default:
		return fmt.Errorf("marking %d entries: %w", len(c.Marks), err)
	}
}

// writes are those of a transaction, and what each is of.
type writes struct {
	items    []types.TransactWriteItem
	entries  map[int]*notice.Ref
	subjects map[int]token.ID
	mail     map[int]bool
}

// changes are the writes of a change.
func (s *Store) changes(c notice.Change) (writes, error) {
	w := writes{entries: map[int]*notice.Ref{}, subjects: map[int]token.ID{}, mail: map[int]bool{}}
	for _, m := range c.Marks {
		marked, err := s.mark(c.Run, m)
		if err != nil {
			return writes{}, err
		}
		w.entries[len(w.items)] = &m.Ref
		w.items = append(w.items, marked)
		for _, subject := range m.Subjects {
			changed, err := s.markSubject(subject, m.Outcomes[0])
			if err != nil {
				return writes{}, err
			}
			w.subjects[len(w.items)] = subject.ID
			w.items = append(w.items, changed)
		}
		for _, a := range m.Audits {
			w.items = append(w.items, s.putNew(newAuditItem(a)))
		}
	}
	for _, n := range c.Notices {
		w.items = append(w.items, s.putNew(newNoticeItem(n)))
	}
	if c.Mail != nil {
		w.mail[len(w.items)] = true
		w.items = append(w.items, s.putNew(newMailItem(c.Mail.MessageID, *c.Mail)))
		if len(c.Mail.Entries) > len(c.Marks) { // others are to find it
			w.mail[len(w.items)] = true
			w.items = append(w.items, s.putNew(newMailItem(string(c.Mail.ID), *c.Mail)))
		}
	}
	return w, nil
}

// requestToken names a change by its content. DynamoDB does what has the same name once, and
// remembers it for ten minutes
// (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
func requestToken(c notice.Change) (string, error) {
	content, err := json.Marshal(c) //nolint:musttag // a name made of the content: nobody reads it back
	if err != nil {
		return "", fmt.Errorf("naming a change: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16]), nil
}

// mark writes what became of one entry. One whose lease was removed, since it was revoked or
// got another date, fails it.
func (s *Store) mark(run string, m notice.Mark) (types.TransactWriteItem, error) {
	update := expression.Remove(expression.Name(attrLease)).Remove(expression.Name(attrFailingSince))
	for _, o := range m.Outcomes {
		if m.Notice {
			update = update.Set(expression.Name(attrOutcome), expression.Value(newOutcomeItem(o)))
		} else {
			update = update.Set(expression.Name(outcomeName(o.Kind, o.Date)), expression.Value(newOutcomeItem(o)))
		}
	}
	for _, o := range m.Forget {
		update = update.Remove(expression.Name(outcomeName(o.Kind, o.Date)))
	}
	if m.HasNext {
		update = update.Set(expression.Name(attrDueKey), expression.Value(dateKey(m.Next, m.ID)))
	} else {
		update = update.Remove(expression.Name(attrDueShard)).Remove(expression.Name(attrDueKey))
	}
	return s.update(entryKey(m.Ref), update, leasedBy(run))
}

// markSubject writes what became of a notice of its own to the entry of a token that it is
// about: what became of it, or that one admin fewer is notified in the owner's place.
func (s *Store) markSubject(subject notice.Subject, o notice.Outcome) (types.TransactWriteItem, error) {
	name := outcomeName(subject.Kind, subject.Date)
	if o.Kind.Happened() {
		return s.update(queueKey(subject.ID), expression.Set(expression.Name(name), expression.Value(newOutcomeItem(o))),
			expression.Name(attrToken).AttributeExists())
	}
	admins := expression.Name(name + ".admins")
	return s.update(queueKey(subject.ID), expression.Set(admins, admins.Minus(expression.Value(1))),
		admins.GreaterThan(expression.Value(0)))
}

// Outcomes returns what became of a token's notices, oldest first; what is covered by
// another one is among them.
func (s *Store) Outcomes(ctx context.Context, id token.ID) ([]notice.Outcome, error) {
	i, err := s.get(ctx, queueKey(id))
	if err != nil {
		return nil, fmt.Errorf("reading the notices of token %s: %w", id, err)
	}
	return decodeOutcomes(i)
}

// Bounce makes an entry due again on a date, because the e-mail about a notice came back,
// and keeps that it did. No run sends it before retryAt. It returns false and changes
// nothing if that e-mail is not the last one about it, if the entry is leased, or the token
// was revoked.
func (s *Store) Bounce(ctx context.Context, r notice.Ref, o notice.Outcome, on token.Date, retryAt time.Time) (bool, error) {
	name := attrOutcome
	if !r.Notice {
		name = outcomeName(o.Kind, o.Date)
	}
	bounced := o
	bounced.State = notice.Bounced
	requeued, err := s.writeIf(ctx,
		expression.Name(name+".message_id").Equal(expression.Value(o.MessageID)).And(
			expression.Name(name+".state").Equal(expression.Value(string(notice.Sent))),
			expression.Name(attrLease).AttributeNotExists(), expression.Name(attrClosed).AttributeNotExists()),
		entryKey(r),
		expression.Set(expression.Name(attrDueShard), expression.Value(shardOf(r.ID))).
			Set(expression.Name(attrDueKey), expression.Value(dateKey(on, r.ID))).
			Set(expression.Name(name), expression.Value(newOutcomeItem(bounced))).
			Set(expression.Name(attrLease), expression.Value(leaseItem{Run: "bounced", Until: retryAt.Unix()})))
	if err != nil {
		return false, fmt.Errorf("requeueing %s: %w", r, err)
	}
	return requeued, nil
}

// Outcome returns what became of a notice of its own, or [token.ErrNotFound].
func (s *Store) Outcome(ctx context.Context, id token.ID) (notice.Outcome, error) {
	i, err := s.get(ctx, noticeKey(id))
	if err != nil {
		return notice.Outcome{}, fmt.Errorf("reading notice %s: %w", id, err)
	}
	kept, ok := i[attrOutcome].(*types.AttributeValueMemberM)
	if !ok {
		return notice.Outcome{}, token.ErrNotFound
	}
	return decodeOutcome(notice.Kind(text(i, attrKind)), token.DateOf(momentOf(i, attrCreatedAt)), kept.Value), nil
}

// outcomeItem is kept under <kind>@<date>.
type outcomeItem struct {
	At        int64        `dynamodbav:"at"`
	State     string       `dynamodbav:"state"`
	MessageID string       `dynamodbav:"message_id,omitempty"`
	Bounces   *bouncesItem `dynamodbav:"bounces,omitempty"`
	Admins    *int         `dynamodbav:"admins,omitempty"`
}

type bouncesItem struct {
	Count int   `dynamodbav:"count"`
	Since int64 `dynamodbav:"since"`
	Final bool  `dynamodbav:"final"`
}

func newOutcomeItem(o notice.Outcome) outcomeItem {
	i := outcomeItem{At: o.At.Unix(), State: string(o.State), MessageID: o.MessageID}
	if o.Bounces.Count > 0 {
		i.Bounces = &bouncesItem{o.Bounces.Count, o.Bounces.Since.Unix(), o.Bounces.Final}
	}
	if o.State == notice.Delegated {
		i.Admins = &o.Admins
	}
	return i
}

func outcomeKey(k notice.Kind, date token.Date) string { return string(k) + "@" + date.String() }

func parseOutcomeKey(s string) (notice.Kind, token.Date, error) {
	kind, day, _ := strings.Cut(s, "@")
	date, err := token.ParseDate(day)
	if err != nil {
		return "", 0, fmt.Errorf("decoding which notice %q is: %w", s, err)
	}
	return notice.Kind(kind), date, nil
}

// outcomeName names an outcome in an expression. Its key has hyphens and no dots, so it is
// one element of a path.
func outcomeName(k notice.Kind, date token.Date) string {
	return attrOutcomes + "." + outcomeKey(k, date)
}

// decodeOutcomes reads what became of a token's notices, oldest first.
func decodeOutcomes(i item) ([]notice.Outcome, error) {
	kept, ok := i[attrOutcomes].(*types.AttributeValueMemberM)
	if !ok {
		return nil, nil
	}
	var found []notice.Outcome
	for k, v := range kept.Value {
		kind, date, err := parseOutcomeKey(k)
		m, ok := v.(*types.AttributeValueMemberM)
		if err != nil || !ok {
			return nil, fmt.Errorf("decoding what became of the notice %q", k)
		}
		found = append(found, decodeOutcome(kind, date, m.Value))
	}
	slices.SortFunc(found, func(a, b notice.Outcome) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(outcomeKey(a.Kind, a.Date), outcomeKey(b.Kind, b.Date)))
	})
	return found, nil
}

func decodeOutcome(k notice.Kind, date token.Date, i item) notice.Outcome {
	o := notice.Outcome{
		Kind: k, Date: date, At: momentOf(i, "at"), State: notice.State(text(i, "state")), MessageID: text(i, "message_id"),
		Admins: int(number(i, "admins")), Bounces: bouncesOf(item{attrOutcome: &types.AttributeValueMemberM{Value: i}}),
	}
	if o.State == notice.Delegated && o.Admins == 0 {
		o.State = notice.Abandoned // none of them could be notified
	}
	return o
}

// bouncesOf are the bounces of a notice of its own.
func bouncesOf(i item) notice.Bounces {
	o, ok := i[attrOutcome].(*types.AttributeValueMemberM)
	if !ok {
		return notice.Bounces{}
	}
	b, ok := o.Value["bounces"].(*types.AttributeValueMemberM)
	if !ok {
		return notice.Bounces{}
	}
	return notice.Bounces{Count: int(number(b.Value, "count")), Since: momentOf(b.Value, "since"), Final: flag(b.Value, "final")}
}
