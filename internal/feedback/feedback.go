// Package feedback hears from SES what became of notices after SES had accepted them.
// Mail that bounced for good marks its recipient as out of reach and makes the notice due
// again, so that the reminder notifies the organization's admins instead. Mail that bounced
// for the time being is due again after a pause.
//
// An e-mail has one recipient, so what came back is theirs, by the id of the message. The
// addresses in SES's event say nothing: they can be a forwarding target's, or spelled
// otherwise.
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
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// Store traces e-mails back to people and notices.
type Store interface {
	// Mail returns a sent e-mail by SES's id, or [token.ErrNotFound].
	Mail(ctx context.Context, messageID string) (notice.SentMail, error)
	MarkUndeliverable(ctx context.Context, p token.Person, at time.Time) error
	Token(ctx context.Context, id token.ID) (token.Token, error)
	// Outcomes returns what became of notices about a token, Outcome what became of another
	// notice, or [token.ErrNotFound].
	Outcomes(ctx context.Context, id token.ID) ([]notice.Outcome, error)
	Outcome(ctx context.Context, id token.ID) (notice.Outcome, error)
	// Bounce makes an entry due again on a date and from a moment on, with what is known of
	// its bounces. It returns false if the e-mail is not the last one about the notice.
	Bounce(ctx context.Context, r notice.Ref, o notice.Outcome, on token.Date, retryAt time.Time) (bool, error)
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
		Type       string `json:"bounceType"`
		SubType    string `json:"bounceSubType"`
		Recipients []struct {
			Status string `json:"status"` // RFC 3463; often absent
		} `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Type string `json:"complaintFeedbackType"` // RFC 5965; often absent
	} `json:"complaint"`
}

// verdict is what an event means for an e-mail.
type verdict struct {
	gone     bool // mail to the recipient's address does not arrive, or is not wanted
	bounced  bool // nor did this one
	hopeless bool // the same e-mail to the same address will bounce again
}

// noComplaint are reports of which it is certain that no person complained: that it was
// marked as wanted, that signatures do not match, and that a program found a virus.
var noComplaint = []string{"not-spam", "auth-failure", "virus"}

// unacceptable are temporary bounces, as SES has it, of what will never be taken.
var unacceptable = []string{"ContentRejected", "MessageTooLarge", "AttachmentRejected"}

// verdict reads an event. A complaint is the recipient's, since there is no other: with
// several, SES lists all of the domain's as possible complainants.
func (d detail) verdict() verdict {
	switch d.EventType {
	case "Bounce":
		final := slices.Contains(unacceptable, d.Bounce.SubType)
		for _, r := range d.Bounce.Recipients {
			final = final || strings.HasPrefix(r.Status, "5.")
		}
		permanent := d.Bounce.Type == "Permanent"
		return verdict{gone: permanent, bounced: true, hopeless: final && !permanent}
	case "Reject": // SES found malware after it had accepted the e-mail
		return verdict{bounced: true, hopeless: true}
	case "Complaint":
		return verdict{gone: !slices.Contains(noComplaint, d.Complaint.Type)}
	default:
		return verdict{}
	}
}

// kept is how long after its sending an e-mail is certainly recorded. Complaints come
// weeks later, when the record may be gone.
const kept = 24 * time.Hour

// Result is what an event led to.
type Result struct {
	Undeliverable int `json:"undeliverable"` // people marked as out of reach
	Requeued      int `json:"requeued"`      // notices that are due again
}

// Handle takes one event. An e-mail that is not known (yet) is an error, so that Lambda
// tries again: the bounce may have overtaken the record of the sending.
func (h *Handler) Handle(ctx context.Context, e events.CloudWatchEvent) (Result, error) {
	var d detail
	if err := json.Unmarshal(e.Detail, &d); err != nil || d.Mail.MessageID == "" {
		return Result{}, errors.New("reading the event: not an SES event")
	}
	fields := []any{"event", d.EventType, "message_id", d.Mail.MessageID}
	v := d.verdict()
	if v == (verdict{}) {
		h.log.InfoContext(ctx, "feedback", fields...)
		return Result{}, nil
	}
	mail, err := h.store.Mail(ctx, d.Mail.MessageID)
	if errors.Is(err, token.ErrNotFound) {
		if e.Time.Sub(d.Mail.Timestamp) > kept {
			h.log.InfoContext(ctx, "feedback", append(fields, "late", true)...)
			return Result{}, nil
		}
		return Result{}, fmt.Errorf("e-mail %s is not known", d.Mail.MessageID)
	}
	if err != nil {
		return Result{}, fmt.Errorf("finding e-mail %s: %w", d.Mail.MessageID, err)
	}
	var result Result
	if v.gone {
		p := token.Person{Organization: mail.Organization, ID: mail.Recipient, Email: mail.Address}
		if err := h.store.MarkUndeliverable(ctx, p, h.now()); err != nil {
			return result, err
		}
		result.Undeliverable++
	}
	if v.bounced {
		for _, r := range mail.Entries {
			requeued, err := h.requeue(ctx, r, mail.MessageID, v)
			if err != nil {
				return result, err
			}
			if requeued {
				result.Requeued++
			}
		}
	}
	h.log.InfoContext(ctx, "feedback", append(fields, "type", d.Bounce.Type, "subtype", d.Bounce.SubType,
		"undeliverable", result.Undeliverable, "requeued", result.Requeued)...)
	return result, nil
}

// requeue makes a notice that was in an e-mail due again: to the same address after a
// pause, or at once where somebody else, or a new address, gets it.
func (h *Handler) requeue(ctx context.Context, r notice.Ref, messageID string, v verdict) (bool, error) {
	o, err := h.outcome(ctx, r, messageID)
	if errors.Is(err, token.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("finding the notice of %s: %w", r, err)
	}
	now := h.now()
	var retryAt time.Time
	o.Bounces, retryAt = o.Bounces.Again(now, v.hopeless)
	if v.gone {
		retryAt = now
	}
	requeued, err := h.store.Bounce(ctx, r, o, token.DateOf(now), retryAt)
	if err != nil {
		return false, fmt.Errorf("requeueing %s: %w", r, err)
	}
	return requeued, nil
}

// outcome finds what an e-mail said about an entry, or [token.ErrNotFound] if nothing
// more is to be said of it: the token was revoked, or has another date by now.
func (h *Handler) outcome(ctx context.Context, r notice.Ref, messageID string) (notice.Outcome, error) {
	if r.Notice {
		o, err := h.store.Outcome(ctx, r.ID)
		if err == nil && o.MessageID != messageID {
			err = token.ErrNotFound
		}
		return o, err
	}
	t, err := h.store.Token(ctx, r.ID)
	if err != nil {
		return notice.Outcome{}, err
	}
	outcomes, err := h.store.Outcomes(ctx, r.ID)
	if err != nil {
		return notice.Outcome{}, err
	}
	for _, o := range outcomes {
		if o.MessageID == messageID && o.StillSo(t) {
			return o, nil
		}
	}
	return notice.Outcome{}, token.ErrNotFound
}
