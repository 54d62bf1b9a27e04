package reminder_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dev/local"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail/sample"
	"latchkey/internal/token"
)

// audited are the entries of the audit trail about a token: action and detail.
func (s *site) audited(id token.ID) [][2]string {
	s.t.Helper()
	out, err := local.NewDynamoDBClient(dynamoDB).Query(s.t.Context(), &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: new("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "AUDIT#" + base64.RawURLEncoding.EncodeToString([]byte(s.org))}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	text := func(v types.AttributeValue) string {
		if v, ok := v.(*types.AttributeValueMemberS); ok {
			return v.Value
		}
		return ""
	}
	var entries [][2]string
	for _, item := range out.Items {
		if text(item["token_id"]) == string(id) {
			entries = append(entries, [2]string{text(item["action"]), text(item["detail"])})
		}
	}
	return entries
}

// Every notice is an entry of the audit trail, from which events are made; so is one that
// no e-mail could bring.
func TestEveryNoticeIsAnEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	s.run()
	s.run()
	s.pass(8 * day)
	s.run()
	s.unreachable("bob")
	s.pass(7 * day)
	s.run()
	s.pass(day + time.Minute) // somebody might have turned up
	s.run()
	want := [][2]string{
		{"token.issued", ""}, {"token.expiring", ""}, {"token.expiring", ""}, {"token.expired", "nobody could be notified by e-mail"},
	}
	got := s.audited(k.ID)
	if len(got) != len(want) {
		t.Fatalf("entries %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("entry %d is %q, want %q", i, got[i], want[i])
		}
	}
}

func TestNewRefusesAHalfBuiltReminder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	whole := reminder.Config{
		Queue: s.store, Mailer: s.mailer, Composer: newComposer(t, sample.Style), Schedule: schedule, Shards: 1, MaxWrites: 14,
		AdminsSeenWithin: day,
		Now:              time.Now, NewID: func(time.Time) (token.ID, error) { return "", nil }, Log: logger(s.log),
	}
	if _, err := reminder.New(whole); err != nil {
		t.Errorf("a whole one: %v", err)
	}
	for what, change := range map[string]func(*reminder.Config){
		"queue":    func(c *reminder.Config) { c.Queue = nil },
		"mailer":   func(c *reminder.Config) { c.Mailer = nil },
		"composer": func(c *reminder.Config) { c.Composer = nil },
		"schedule": func(c *reminder.Config) { c.Schedule = nil },
		"shards":   func(c *reminder.Config) { c.Shards = 0 },
		"writes":   func(c *reminder.Config) { c.MaxWrites = 13 },
		"admins":   func(c *reminder.Config) { c.AdminsSeenWithin = 0 },
		"clock":    func(c *reminder.Config) { c.Now = nil },
		"ids":      func(c *reminder.Config) { c.NewID = nil },
		"log":      func(c *reminder.Config) { c.Log = nil },
	} {
		c := whole
		change(&c)
		if _, err := reminder.New(c); err == nil {
			t.Errorf("a reminder without %s was made", what)
		}
	}
}
