package feedback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/feedback"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

const messageID = "0107018e-example-000000"

var now = time.Date(2026, time.December, 9, 0, 5, 7, 0, time.UTC)

// end is the end date of the tokens.
var end = token.DateOf(now) + 15

// store knows one e-mail and what it was about, and keeps what is asked of it.
type store struct {
	mail     notice.SentMail
	tokens   map[token.ID]token.Token
	outcomes map[token.ID][]notice.Outcome // of tokens and of a notice
	fail     map[string]error

	undeliverable []string
	requeued      []string
}

func (s *store) Mail(_ context.Context, id string) (notice.SentMail, error) {
	if err := s.fail["Mail"]; err != nil {
		return notice.SentMail{}, err
	}
	if id != s.mail.MessageID {
		return notice.SentMail{}, token.ErrNotFound
	}
	return s.mail, nil
}

func (s *store) MarkUndeliverable(_ context.Context, p token.Person, at time.Time) error {
	if err := s.fail["MarkUndeliverable"]; err != nil {
		return err
	}
	s.undeliverable = append(s.undeliverable, fmt.Sprintf("%s/%s %s %s", p.Organization, p.ID, p.Email, at.Format(time.TimeOnly)))
	return nil
}

func (s *store) Token(_ context.Context, id token.ID) (token.Token, error) {
	if err := s.fail["Token"]; err != nil {
		return token.Token{}, err
	}
	t, ok := s.tokens[id]
	if !ok {
		return token.Token{}, token.ErrNotFound
	}
	return t, nil
}

func (s *store) Outcomes(_ context.Context, id token.ID) ([]notice.Outcome, error) {
	return s.outcomes[id], s.fail["Outcomes"]
}

func (s *store) Outcome(_ context.Context, id token.ID) (notice.Outcome, error) {
	if err := s.fail["Outcome"]; err != nil {
		return notice.Outcome{}, err
	}
	if len(s.outcomes[id]) == 0 {
		return notice.Outcome{}, token.ErrNotFound
	}
	return s.outcomes[id][0], nil
}

func (s *store) Bounce(_ context.Context, r notice.Ref, o notice.Outcome, on token.Date, retryAt time.Time) (bool, error) {
	if err := s.fail["Bounce"]; err != nil {
		return false, err
	}
	s.requeued = append(s.requeued, fmt.Sprintf("%s %s@%s #%d final %v on %s after %s",
		r, o.Kind, o.Date, o.Bounces.Count, o.Bounces.Final, on, retryAt.Sub(now)))
	return o.State == notice.Sent, nil
}

// newStore has an e-mail to bob about a notice and four tokens: one that was due 15 days
// before, one that was sent another since, one that has another end by now, and one that is
// gone.
func newStore() *store {
	outcome := func(id string) []notice.Outcome {
		return []notice.Outcome{
			{Kind: notice.Expires(30), Date: end, State: notice.Sent, MessageID: "earlier"},
			{Kind: notice.Expires(15), Date: end, State: notice.Sent, MessageID: id},
		}
	}
	return &store{
		mail: notice.SentMail{
			MessageID: messageID, Organization: "acme", Recipient: "bob", Address: "bob@acme.example",
			Entries: []notice.Ref{{ID: "T1"}, {ID: "T2"}, {ID: "T3"}, {ID: "T4"}, {ID: "N1", Notice: true}, {ID: "N2", Notice: true}},
		},
		tokens: map[token.ID]token.Token{"T1": {ID: "T1", ExpiresOn: end}, "T2": {ID: "T2", ExpiresOn: end}, "T3": {ID: "T3", ExpiresOn: end + 9}},
		outcomes: map[token.ID][]notice.Outcome{
			"T1": outcome(messageID), "T2": outcome("another"), "T3": outcome(messageID),
			"N1": {{Kind: notice.Revoked, Date: 1, State: notice.Sent, MessageID: messageID}},
			"N2": {{Kind: notice.Revoked, Date: 1, State: notice.Sent, MessageID: "another"}},
		},
		fail: map[string]error{},
	}
}

// handle has an event of testdata handled, after its detail was changed.
func handle(t *testing.T, s *store, name string, change func(detail map[string]any)) (feedback.Result, string, error) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var e events.CloudWatchEvent
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		var detail map[string]any
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		change(detail)
		if e.Detail, err = json.Marshal(detail); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	h, err := feedback.New(s, func() time.Time { return now }, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	result, err := h.Handle(t.Context(), e)
	if strings.Contains(log.String(), "@") || err != nil && strings.Contains(err.Error(), "@") {
		t.Errorf("an address shows: log %s, error %v", log.String(), err)
	}
	return result, log.String(), err
}

func TestNewRefusesHalfAConfiguration(t *testing.T) {
	clock, log := time.Now, slog.New(slog.DiscardHandler)
	for name, build := range map[string]func() (*feedback.Handler, error){
		"no store": func() (*feedback.Handler, error) { return feedback.New(nil, clock, log) },
		"no clock": func() (*feedback.Handler, error) { return feedback.New(newStore(), nil, log) },
		"no log":   func() (*feedback.Handler, error) { return feedback.New(newStore(), clock, nil) },
	} {
		if h, err := build(); err == nil || h != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestHandle(t *testing.T) {
	// both is what is requeued: the token's notice and the other one.
	both := func(count int, final bool, after string) []string {
		what := fmt.Sprintf(" #%d final %v on 2026-12-09 after %s", count, final, after)
		return []string{"TOKEN#T1 expires-15@2026-12-24" + what, "NOTICE#N1 revoked@1970-01-02" + what}
	}
	gone := []string{"acme/bob bob@acme.example 00:05:07"}
	bounce := func(kind, subType, status string) func(map[string]any) {
		return func(d map[string]any) {
			d["bounce"] = map[string]any{"bounceType": kind, "bounceSubType": subType, "bouncedRecipients": []any{
				map[string]any{"emailAddress": "elsewhere@forward.example", "status": status},
			}}
		}
	}
	complaint := func(kind string) func(map[string]any) {
		return func(d map[string]any) {
			d["complaint"] = map[string]any{"complaintFeedbackType": kind, "complainedRecipients": []any{
				map[string]any{"emailAddress": "eve@acme.example"}, map[string]any{"emailAddress": "bob@acme.example"},
			}}
		}
	}
	for _, test := range []struct {
		name          string
		event         string
		change        func(map[string]any)
		undeliverable []string
		requeued      []string
	}{
		{"a bounce for good", "bounce", nil, gone, both(1, false, "0s")},
		// The message id is exact, whatever address SES names.
		{"a bounce at a forwarding target", "bounce", bounce("Permanent", "General", "5.1.1"), gone, both(1, false, "0s")},
		{"a bounce of nobody", "bounce", func(d map[string]any) { d["bounce"] = map[string]any{"bounceType": "Permanent"} }, gone, both(1, false, "0s")},
		{"a suppressed address", "bounce", bounce("Permanent", "OnAccountSuppressionList", ""), gone, both(1, false, "0s")},
		{"an automatic reply", "bounce", bounce("Transient", "General", ""), nil, both(1, false, "1h0m0s")},
		{"a full mailbox", "bounce", bounce("Transient", "MailboxFull", "4.2.2"), nil, both(1, false, "1h0m0s")},
		{"a bounce of an unknown kind", "bounce", bounce("Undetermined", "Undetermined", ""), nil, both(1, false, "1h0m0s")},
		// What cannot get better by sending the same again.
		{"refused content", "bounce", bounce("Transient", "ContentRejected", ""), nil, both(1, true, "0s")},
		{"too large", "bounce", bounce("Transient", "MessageTooLarge", ""), nil, both(1, true, "0s")},
		{"refused for good", "bounce", bounce("Transient", "General", "5.7.1"), nil, both(1, true, "0s")},
		{"malware, found late", "reject", nil, nil, both(1, true, "0s")},
		// The notice was read; only the next ones must go elsewhere.
		{"a complaint", "complaint", nil, gone, nil},
		{"a complaint of one of several", "complaint", complaint("abuse"), gone, nil},
		{"a complaint of an unknown kind", "complaint", complaint(""), gone, nil},
		{"it is no spam", "complaint", complaint("not-spam"), nil, nil},
		{"a signature does not match", "complaint", complaint("auth-failure"), nil, nil},
		{"a program found a virus", "complaint", complaint("virus"), nil, nil},
		{"a delivery", "delivery", nil, nil, nil},
		{"an event of a later day", "delivery", func(d map[string]any) { d["eventType"] = "Brand New" }, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore()
			result, log, err := handle(t, s, test.event, test.change)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.undeliverable, test.undeliverable) || !slices.Equal(s.requeued, test.requeued) {
				t.Errorf("undeliverable %q, requeued %q; want %q, %q", s.undeliverable, s.requeued, test.undeliverable, test.requeued)
			}
			if want := (feedback.Result{Undeliverable: len(test.undeliverable), Requeued: len(test.requeued)}); result != want {
				t.Errorf("result %+v, want %+v", result, want)
			}
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, messageID) {
				t.Errorf("log %q, want one line that names the e-mail", log)
			}
		})
	}
}

func TestResultAsJSON(t *testing.T) {
	b, err := json.Marshal(feedback.Result{Undeliverable: 1, Requeued: 2})
	if err != nil || string(b) != `{"undeliverable":1,"requeued":2}` {
		t.Errorf("%s, error %v", b, err)
	}
}

// A token that is no longer due, because it was revoked say, is not counted.
func TestRequeueThatChangesNothing(t *testing.T) {
	s := newStore()
	revoked := s.tokens["T1"]
	revoked.RevokedAt = now
	s.tokens["T1"] = revoked
	s.outcomes["N1"][0].State = notice.Bounced // by the same event, which comes at least once
	result, _, err := handle(t, s, "bounce", nil)
	if err != nil || result != (feedback.Result{Undeliverable: 1}) || len(s.requeued) != 1 {
		t.Errorf("result %+v, requeued %q, error %v", result, s.requeued, err)
	}
}

// Lambda calls again after an error: so an e-mail of which nothing is known yet is one.
func TestHandleFails(t *testing.T) {
	broken := errors.New("the table is on fire")
	for _, method := range []string{"Mail", "MarkUndeliverable", "Token", "Outcomes", "Outcome", "Bounce"} {
		s := newStore()
		s.fail[method] = broken
		if _, _, err := handle(t, s, "bounce", nil); !errors.Is(err, broken) {
			t.Errorf("%s fails: error %v", method, err)
		}
		delete(s.fail, method)
		if result, _, err := handle(t, s, "bounce", nil); err != nil || result.Requeued != 2 {
			t.Errorf("%s works again: %+v, error %v", method, result, err)
		}
	}
	s := newStore()
	s.mail.MessageID = "another"
	if _, _, err := handle(t, s, "bounce", nil); err == nil || !strings.Contains(err.Error(), messageID+" is not known") {
		t.Errorf("an unknown e-mail: error %v", err)
	}
}

func TestHandleRefusesGarbage(t *testing.T) {
	h, err := feedback.New(newStore(), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, detail := range []string{
		"", "null", "{}", "[]", `"Bounce"`, "{", `{"eventType":"Bounce"}`, `{"eventType":"Bounce","mail":{}}`, `{"mail":{"messageId":7}}`,
	} {
		if result, err := h.Handle(t.Context(), events.CloudWatchEvent{Detail: json.RawMessage(detail)}); err == nil || result != (feedback.Result{}) {
			t.Errorf("%s: result %+v, error %v", detail, result, err)
		}
	}
}

// A complaint can come when the record of the e-mail is gone; a bounce that overtook the
// record is to be tried again.
func TestUnknownMailIsAnErrorOnlyWhileItMayYetBeRecorded(t *testing.T) {
	heard := time.Date(2026, time.December, 8, 0, 5, 7, 0, time.UTC) // the event's time
	for sent, late := range map[time.Time]bool{heard.Add(-time.Minute): false, heard.Add(-40 * 24 * time.Hour): true} {
		_, _, err := handle(t, newStore(), "bounce", func(d map[string]any) {
			d["mail"] = map[string]any{"messageId": "another", "timestamp": sent.Format(time.RFC3339)}
		})
		if (err == nil) != late {
			t.Errorf("sent %s: %v", sent, err)
		}
	}
}
