package dynamo_test

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// send leases what is due, and marks it as sent or gives it back, as a run of the reminder
// does.
func (r *race) send(ctx context.Context, k *raced) {
	if mathrand.N(4) == 0 {
		r.sendNotice(ctx)
		return
	}
	before := r.know(k)
	rotations := before.rotations
	d := notice.Due{Ref: notice.Ref{ID: k.Token.ID}, On: k.NotifyOn}
	run := string(newID(r.t, r.now))
	_, ok, err := r.Lease(ctx, d, r.lease(run), r.now)
	if err != nil {
		r.t.Errorf("leasing: %v", err)
	}
	if err != nil || !ok {
		return
	}
	r.note(func() {
		if k.holder != "" && k.leasedAt == k.rotations && k.rotating == 0 { // a rotation removes the lease
			r.t.Errorf("%s is leased by two runs", k.Token.ID)
		}
		k.holder, k.leasedAt = run, rotations
	})
	if before.ended() {
		r.t.Errorf("%s was leased: %s", k.Token.ID, &before)
	}
	time.Sleep(mathrand.N(raceDelay))
	r.note(func() {
		if k.holder == run {
			k.holder = ""
		}
	}) // from here on it may be another's
	if mathrand.N(3) == 0 {
		if err := r.Release(ctx, d.Ref, run, notice.Failure{}); err != nil {
			r.t.Errorf("releasing: %v", err)
		}
		r.did("released")
		return
	}
	before = r.know(k)
	o := notice.Outcome{Kind: notice.Expires(15), Date: k.Token.ExpiresOn, At: r.now, State: notice.Sent, MessageID: run}
	err = r.Mark(ctx, notice.Change{
		Run:   run,
		Mail:  &notice.SentMail{ID: token.ID(run), MessageID: run, At: r.now, Organization: "acme", Recipient: "bob", Entries: []notice.Ref{d.Ref}},
		Marks: []notice.Mark{{Ref: d.Ref, Outcomes: []notice.Outcome{o}, Next: k.NotifyOn, HasNext: true}},
	})
	after := r.know(k)
	switch {
	case err == nil && before.ended():
		r.t.Errorf("a notice about %s was marked: %s", k.Token.ID, &before)
	case err == nil:
		r.note(func() { k.outcome = &o })
		r.did("sent")
	case !errors.Is(err, notice.ErrLeaseLost):
		r.t.Errorf("marking: %v", err)
	case !after.ending && !after.expiring && after.rotations == rotations && before.rotating == 0:
		r.t.Errorf("the lease of %s was lost to nobody", k.Token.ID)
	default:
		r.did("lease removed")
	}
}

func (r *race) lease(run string) notice.Lease {
	return notice.Lease{Run: run, Until: r.now.Add(time.Minute), Mail: token.ID(run)}
}

// sendNotice does the same with the notice of a revocation, whose mark also writes to the
// revoked token's entry.
func (r *race) sendNotice(ctx context.Context) {
	due, err := r.Due(ctx, mathrand.N(dynamo.Shards), r.tomorrow(), 100)
	if err != nil {
		r.t.Errorf("reading what is due: %v", err)
	}
	for _, d := range due {
		if !d.Notice {
			continue
		}
		run := string(newID(r.t, r.now))
		leased, ok, err := r.Lease(ctx, d, r.lease(run), r.now)
		if err != nil {
			r.t.Errorf("leasing a notice: %v", err)
		}
		if err != nil || !ok {
			continue
		}
		o := notice.Outcome{Kind: d.Kind, Date: token.DateOf(r.now), At: r.now, State: notice.Sent, MessageID: run}
		change := notice.Change{Run: run, Marks: []notice.Mark{{Ref: d.Ref, Outcomes: []notice.Outcome{o}, Subjects: leased.Notice.Tokens}}}
		err = r.Mark(ctx, change)
		if lost, ok := errors.AsType[*notice.LostError](err); ok && len(lost.Entries) == 0 { // the token is gone
			change.Marks[0].Subjects = nil
			err = r.Mark(ctx, change)
		}
		if err != nil {
			r.t.Errorf("marking a notice: %v", err)
		}
		r.did("sent about a revocation")
		return
	}
}

// bounce tells of an e-mail that came back, sometimes of one that is not the last.
func (r *race) bounce(ctx context.Context, k *raced) {
	before := r.know(k)
	if before.outcome == nil {
		return
	}
	o, stale := *before.outcome, mathrand.N(3) == 0
	if stale {
		o.MessageID = "another"
	}
	ok, err := r.Bounce(ctx, notice.Ref{ID: k.Token.ID}, o, k.NotifyOn, r.now.Add(-time.Second))
	after := r.know(k)
	switch {
	case err != nil:
		r.t.Errorf("bouncing: %v", err)
	case !ok:
	case stale:
		r.t.Errorf("%s is sent again because of an older e-mail", k.Token.ID)
	case before.ended():
		r.t.Errorf("%s is sent again: %s", k.Token.ID, &before)
	case before.holder != "" && before.holder == after.holder:
		r.t.Errorf("a bounce took the lease of %s", k.Token.ID)
	default:
		r.did("bounced")
	}
}

// falsify makes the record another organization's for a while, as who can write records
// could.
func (r *race) falsify(ctx context.Context, k *raced) {
	mine := false
	r.note(func() {
		if k.falsifiable && !k.falsified {
			k.falsified, mine = true, true
		}
	})
	if !mine {
		return
	}
	for _, of := range [][2]string{{"globex", "dave"}, {"acme", "bob"}} {
		_, err := r.direct.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &r.name, Key: key("TOKEN#"+string(k.Token.ID), "TOKEN"),
			UpdateExpression: aws.String("SET org_id = :org, owner_id = :owner"), ConditionExpression: aws.String("attribute_exists(id)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":org": textValue(of[0]), ":owner": textValue(of[1])},
		})
		if _, gone := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && !gone {
			r.t.Error(err)
		}
		time.Sleep(mathrand.N(12 * raceDelay))
	}
	r.note(func() { k.falsified = false })
	r.did("falsified")
}

// expire deletes a token's items in any order and with pauses, as time to live does.
func (r *race) expire(ctx context.Context, k *raced) {
	mine := false
	r.note(func() {
		if !k.expiring && !k.falsified && k.reissues == 0 {
			k.expiring, mine = true, true
		}
	})
	if !mine {
		return
	}
	keys := itemKeys(k.Token.ID)
	mathrand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	// A rotation in between can write the previous one anew, as long as there is a current one.
	keys = append(keys, key("SECRET#"+string(k.Token.ID), "PREVIOUS"))
	for _, item := range keys {
		if _, err := r.direct.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &r.name, Key: item}); err != nil {
			r.t.Error(err)
		}
		time.Sleep(mathrand.N(raceDelay))
	}
	r.note(func() { k.expired = true })
	r.did("expired")
}

// itemKeys are those of all items of a token.
func itemKeys(id token.ID) []map[string]types.AttributeValue {
	return []map[string]types.AttributeValue{
		key("SECRET#"+string(id), "CURRENT"), key("SECRET#"+string(id), "PREVIOUS"),
		key("TOKEN#"+string(id), "TOKEN"), key("TOKEN#"+string(id), "QUEUE"),
	}
}

func textValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numberValue(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

func numberOf(item map[string]types.AttributeValue, name string) int {
	n, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	v, _ := strconv.Atoi(n.Value)
	return v
}
