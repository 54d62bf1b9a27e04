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
	"latchkey/internal/token"
)

const messageID = "0107018e-example-000000"

var (
	now   = time.Date(2026, time.December, 9, 0, 5, 7, 0, time.UTC)
	bob   = token.Owner{Organization: "acme", ID: "bob", Email: "bob@acme.example"}
	alice = token.Owner{Organization: "acme", ID: "alice", Email: "alice@acme.example"}
)

// store knows one e-mail and the tokens in it, and keeps what it is told to do.
type store struct {
	mail   token.SentMail
	tokens map[token.ID]token.Token
	fail   map[string]error

	undeliverable []string
	requeued      []string
}

func (s *store) Mail(_ context.Context, id string) (token.SentMail, error) {
	if err := s.fail["Mail"]; err != nil {
		return token.SentMail{}, err
	}
	if id != s.mail.MessageID {
		return token.SentMail{}, token.ErrNotFound
	}
	return s.mail, nil
}

func (s *store) MarkUndeliverable(_ context.Context, o token.Owner) error {
	if err := s.fail["MarkUndeliverable"]; err != nil {
		return err
	}
	s.undeliverable = append(s.undeliverable, o.Organization+"/"+o.ID)
	return nil
}

func (s *store) Owners(_ context.Context, organization string, ids []string) (map[string]token.Owner, error) {
	if err := s.fail["Owners"]; err != nil {
		return nil, err
	}
	owners := map[string]token.Owner{}
	for _, id := range ids {
		owners[id] = token.Owner{
			Organization: organization, ID: id, Undeliverable: slices.Contains(s.undeliverable, organization+"/"+id),
		}
	}
	return owners, nil
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

func (s *store) Requeue(_ context.Context, id token.ID, message string, days int, on token.Date) (bool, error) {
	if err := s.fail["Requeue"]; err != nil {
		return false, err
	}
	s.requeued = append(s.requeued, fmt.Sprintf("%s: %s, %d days, on %s", id, message, days, on))
	return !s.tokens[id].RevokedAt.Equal(now), nil
}

// newStore has an e-mail to some people about three tokens: one that was told of 15
// days before, one that was told of something else since, and one that is gone.
func newStore(to ...token.Owner) *store {
	notice := func(id string) []token.Notice { return []token.Notice{{DaysBefore: 15, MessageID: id}} }
	return &store{
		mail: token.SentMail{MessageID: messageID, Recipients: to, Tokens: []token.ID{"T1", "T2", "T3"}},
		tokens: map[token.ID]token.Token{
			"T1": {ID: "T1", ExpiresOn: token.DateOf(now) + 15, Notices: append([]token.Notice{{DaysBefore: 30, MessageID: "earlier"}}, notice(messageID)...)},
			"T2": {ID: "T2", Notices: notice("another")},
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
	recipients := func(kind, list string, addresses ...string) func(map[string]any) {
		return func(d map[string]any) {
			var all []any
			for _, a := range addresses {
				all = append(all, map[string]any{"emailAddress": a})
			}
			d[kind] = map[string]any{"bounceType": "Permanent", list: all}
		}
	}
	requeued := []string{"T1: " + messageID + ", 15 days, on 2026-12-09"}
	for _, test := range []struct {
		name          string
		event         string
		change        func(map[string]any)
		to            []token.Owner
		undeliverable []string
		requeued      []string
	}{
		{"a bounce for good", "bounce", nil, []token.Owner{bob}, []string{"acme/bob"}, requeued},
		{
			"a bounce that spells the address otherwise", "bounce",
			recipients("bounce", "bouncedRecipients", "BOB@Acme.Example"),
			[]token.Owner{bob},
			[]string{"acme/bob"},
			requeued,
		},
		{
			"a bounce of one of two: the other has it", "bounce", nil,
			[]token.Owner{bob, alice},
			[]string{"acme/bob"},
			nil,
		},
		{
			"a bounce of both", "bounce", recipients("bounce", "bouncedRecipients", alice.Email, bob.Email),
			[]token.Owner{bob, alice},
			[]string{"acme/bob", "acme/alice"},
			requeued,
		},
		{
			"a bounce of somebody else", "bounce", recipients("bounce", "bouncedRecipients", "eve@evil.example"),
			[]token.Owner{bob},
			nil, nil,
		},
		{"a bounce of nobody", "bounce", recipients("bounce", "bouncedRecipients"), []token.Owner{bob}, nil, nil},
		{
			"a temporary bounce", "bounce",
			func(d map[string]any) {
				d["bounce"] = map[string]any{"bounceType": "Transient", "bouncedRecipients": []any{map[string]any{"emailAddress": bob.Email}}}
			},
			[]token.Owner{bob},
			nil, requeued,
		},
		{
			"a temporary bounce of one of two: the other has it", "bounce",
			func(d map[string]any) {
				d["bounce"] = map[string]any{"bounceType": "Transient", "bouncedRecipients": []any{map[string]any{"emailAddress": bob.Email}}}
			},
			[]token.Owner{bob, alice},
			nil, nil,
		},
		{
			"a bounce of an unknown kind", "bounce",
			func(d map[string]any) {
				d["bounce"] = map[string]any{"bounceType": "Undetermined", "bouncedRecipients": []any{map[string]any{"emailAddress": bob.Email}}}
			},
			[]token.Owner{bob},
			nil, requeued,
		},
		// The notice was read; only the next ones must go elsewhere.
		{"a complaint", "complaint", nil, []token.Owner{bob}, []string{"acme/bob"}, nil},
		{"a delivery", "delivery", nil, []token.Owner{bob}, nil, nil},
		{"an event of a later day", "delivery", func(d map[string]any) { d["eventType"] = "Brand New" }, []token.Owner{bob}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore(test.to...)
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

// A mailbox that is full for ever must not get a notice every day for ever.
func TestTemporaryBouncesEnd(t *testing.T) {
	for days, want := range map[token.Date]int{6: 1, 7: 0} {
		s := newStore(bob)
		told := s.tokens["T1"]
		told.ExpiresOn -= days
		s.tokens["T1"] = told
		result, _, err := handle(t, s, "bounce", func(d map[string]any) {
			d["bounce"] = map[string]any{"bounceType": "Transient", "bouncedRecipients": []any{map[string]any{"emailAddress": bob.Email}}}
		})
		if err != nil || result != (feedback.Result{Requeued: want}) {
			t.Errorf("%d days after its date: %+v, %v", days, result, err)
		}
	}
}

// A token that is no longer due, because it was revoked say, is not counted.
func TestRequeueThatChangesNothing(t *testing.T) {
	s := newStore(bob)
	revoked := s.tokens["T1"]
	revoked.RevokedAt = now
	s.tokens["T1"] = revoked
	result, _, err := handle(t, s, "bounce", nil)
	if err != nil || result != (feedback.Result{Undeliverable: 1}) || len(s.requeued) != 1 {
		t.Errorf("result %+v, requeued %q, error %v", result, s.requeued, err)
	}
}

// Lambda calls again after an error: so an e-mail of which nothing is known yet is one.
func TestHandleFails(t *testing.T) {
	broken := errors.New("the table is on fire")
	for _, method := range []string{"Mail", "MarkUndeliverable", "Token", "Requeue"} {
		s := newStore(bob)
		s.fail[method] = broken
		if _, _, err := handle(t, s, "bounce", nil); !errors.Is(err, broken) {
			t.Errorf("%s fails: error %v", method, err)
		}
		delete(s.fail, method)
		if result, _, err := handle(t, s, "bounce", nil); err != nil || result.Requeued != 1 {
			t.Errorf("%s works again: %+v, error %v", method, result, err)
		}
	}
	s := newStore(bob)
	s.mail.MessageID = "another"
	if _, _, err := handle(t, s, "bounce", nil); err == nil || !strings.Contains(err.Error(), messageID+" is not known") {
		t.Errorf("an unknown e-mail: error %v", err)
	}
}

func TestHandleRefusesGarbage(t *testing.T) {
	h, err := feedback.New(newStore(bob), time.Now, slog.New(slog.DiscardHandler))
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
	told := time.Date(2026, time.December, 8, 0, 5, 7, 0, time.UTC) // the event's time
	for sent, late := range map[time.Time]bool{told.Add(-time.Minute): false, told.Add(-40 * 24 * time.Hour): true} {
		_, _, err := handle(t, newStore(bob), "bounce", func(d map[string]any) {
			d["mail"] = map[string]any{"messageId": "another", "timestamp": sent.Format(time.RFC3339)}
		})
		if (err == nil) != late {
			t.Errorf("sent %s: %v", sent, err)
		}
	}
}

func TestDomainsAreTheSameInAnySpelling(t *testing.T) {
	s := newStore(token.Owner{Organization: "acme", ID: "bob", Email: "bob@bücher.example"})
	result, _, err := handle(t, s, "bounce", func(d map[string]any) {
		d["bounce"] = map[string]any{
			"bounceType": "Permanent", "bouncedRecipients": []any{map[string]any{"emailAddress": "bob@xn--bcher-kva.example"}},
		}
	})
	if err != nil || result.Undeliverable != 1 {
		t.Errorf("%+v, %v", result, err)
	}
}

// SES may tell of each recipient in an event of its own.
func TestTheLastOfSeveralBouncesMakesTheNoticeDueAgain(t *testing.T) {
	s := newStore(bob, alice)
	bounce := func(address string) feedback.Result {
		t.Helper()
		result, _, err := handle(t, s, "bounce", func(d map[string]any) {
			d["bounce"] = map[string]any{
				"bounceType": "Permanent", "bouncedRecipients": []any{map[string]any{"emailAddress": address}},
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if got := bounce(bob.Email); got != (feedback.Result{Undeliverable: 1}) {
		t.Errorf("after the first of two: %+v", got)
	}
	if got := bounce(alice.Email); got != (feedback.Result{Undeliverable: 1, Requeued: 1}) {
		t.Errorf("after both: %+v", got)
	}
	fresh := newStore(bob, alice)
	fresh.fail["Owners"] = errors.New("out of reach")
	if _, _, err := handle(t, fresh, "bounce", nil); err == nil {
		t.Error("what could not be found out was taken for an answer")
	}
}
