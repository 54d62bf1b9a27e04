// Package feedback hears from SES what became of notices after SES had accepted them.
// Mail that bounced for good marks its owner as out of reach and makes the notice due
// again, so that the reminder tells the organization's admins instead. Mail that bounced
// for the time being is sent to its owner again.
//
// Trust: who can put a bounce event on the bus can have an owner's notices go to the
// organization's admins, and nowhere else.
package feedback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/email"
	"latchkey/internal/token"
)

// Store traces e-mails back to owners and tokens.
type Store interface {
	Mail(ctx context.Context, messageID string) (token.SentMail, error)
	MarkUndeliverable(ctx context.Context, o token.Owner) error
	Token(ctx context.Context, id token.ID) (token.Token, error)
	Owners(ctx context.Context, organization string, ids []string) (map[string]token.Owner, error)
	Requeue(ctx context.Context, id token.ID, messageID string, days int, on token.Date) (bool, error)
}

// Handler takes SES's events from EventBridge.
type Handler struct {
	store Store
	now   func() time.Time
	log   *slog.Logger
}

// New refuses a half-built configuration.
func New(store Store, now func() time.Time, log *slog.Logger) (*Handler, error) {
	if store == nil || now == nil || log == nil {
		return nil, errors.New("feedback: store, clock and log are required")
	}
	return &Handler{store, now, log}, nil
}

// detail is the part of an SES event that matters here
// (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html).
type detail struct {
	EventType string `json:"eventType"`
	Mail      struct {
		MessageID string    `json:"messageId"`
		Timestamp time.Time `json:"timestamp"` // when it was sent
	} `json:"mail"`
	Bounce struct {
		Type       string      `json:"bounceType"`
		Recipients []recipient `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Recipients []recipient `json:"complainedRecipients"`
	} `json:"complaint"`
}

type recipient struct {
	Email string `json:"emailAddress"`
}

// kept is how long after its sending an e-mail is certainly recorded. Complaints come
// weeks later, when the record may be gone.
const kept = 24 * time.Hour

// retryFor is how many days past its date a notice is sent again after temporary bounces.
const retryFor = 7

// Result is what an event led to.
type Result struct {
	Undeliverable int `json:"undeliverable"` // people marked as out of reach
	Requeued      int `json:"requeued"`      // tokens whose notice is due again
}

// Handle takes one event. After a temporary bounce, for which SES has tried for hours,
// the address may still be good: its notice is due again, for [retryFor] at most. An
// e-mail that is not known (yet) is an error, so that Lambda tries again: the bounce may
// have overtaken the record of the sending.
func (h *Handler) Handle(ctx context.Context, e events.CloudWatchEvent) (Result, error) {
	var d detail
	if err := json.Unmarshal(e.Detail, &d); err != nil || d.Mail.MessageID == "" {
		return Result{}, errors.New("reading the event: not an SES event")
	}
	var gone []recipient
	bounced := d.EventType == "Bounce"
	temporary := bounced && d.Bounce.Type != "Permanent"
	switch {
	case bounced:
		gone = d.Bounce.Recipients
	case d.EventType == "Complaint":
		gone = d.Complaint.Recipients
	default:
		h.log.InfoContext(ctx, "feedback", "event", d.EventType, "message_id", d.Mail.MessageID)
		return Result{}, nil
	}
	mail, err := h.store.Mail(ctx, d.Mail.MessageID)
	if errors.Is(err, token.ErrNotFound) {
		if e.Time.Sub(d.Mail.Timestamp) > kept {
			h.log.InfoContext(ctx, "feedback", "event", d.EventType, "message_id", d.Mail.MessageID, "late", true)
			return Result{}, nil
		}
		return Result{}, fmt.Errorf("e-mail %s is not known", d.Mail.MessageID)
	}
	if err != nil {
		return Result{}, fmt.Errorf("finding e-mail %s: %w", d.Mail.MessageID, err)
	}
	var result Result
	var others []token.Owner
	for _, o := range mail.Recipients {
		switch {
		case !contains(gone, o.Email):
			others = append(others, o)
			continue
		case temporary:
			continue
		}
		if err := h.store.MarkUndeliverable(ctx, o); err != nil {
			return result, err
		}
		result.Undeliverable++
	}
	reached, err := h.anyReachable(ctx, others)
	if err != nil {
		return result, err
	}
	if bounced && len(others) < len(mail.Recipients) && !reached {
		for _, id := range mail.Tokens {
			requeued, err := h.requeue(ctx, id, mail.MessageID, temporary)
			if err != nil {
				return result, err
			}
			if requeued {
				result.Requeued++
			}
		}
	}
	h.log.InfoContext(ctx, "feedback", "event", d.EventType, "message_id", mail.MessageID,
		"undeliverable", result.Undeliverable, "requeued", result.Requeued)
	return result, nil
}

// anyReachable reports whether mail to any of the people, all of one organization, is
// not known to have bounced. SES may tell of each recipient in an event of its own, so
// the last one to bounce finds the others marked.
func (h *Handler) anyReachable(ctx context.Context, people []token.Owner) (bool, error) {
	if len(people) == 0 {
		return false, nil
	}
	ids := make([]string, 0, len(people))
	for _, o := range people {
		ids = append(ids, o.ID)
	}
	owners, err := h.store.Owners(ctx, people[0].Organization, ids)
	if err != nil {
		return false, fmt.Errorf("reading the other recipients: %w", err)
	}
	for _, id := range ids {
		if !owners[id].Undeliverable {
			return true, nil
		}
	}
	return false, nil
}

// requeue makes the notice that was in an e-mail due again. After a temporary bounce it
// does not go on for ever.
func (h *Handler) requeue(ctx context.Context, id token.ID, messageID string, temporary bool) (bool, error) {
	t, err := h.store.Token(ctx, id)
	if errors.Is(err, token.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading token %s: %w", id, err)
	}
	today := token.DateOf(h.now())
	for _, n := range t.Notices {
		if n.MessageID != messageID {
			continue
		}
		if temporary && today-(t.ExpiresOn-token.Date(n.DaysBefore)) >= retryFor {
			return false, nil
		}
		return h.store.Requeue(ctx, id, messageID, n.DaysBefore, today)
	}
	return false, nil
}

func contains(recipients []recipient, address string) bool {
	for _, r := range recipients {
		if strings.EqualFold(email.ASCII(r.Email), email.ASCII(address)) {
			return true
		}
	}
	return false
}
