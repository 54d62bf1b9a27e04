package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// RepeatedWithin is how long a request is recognised when it comes again.
const RepeatedWithin = 24 * time.Hour

// MaxIdempotencyKey is the longest key of a request, in characters.
const MaxIdempotencyKey = 255

// Idempotency tells a request that comes again, as after a lost answer, from another one.
type Idempotency struct {
	Key  string            // chosen by the client, for one request
	Body [sha256.Size]byte // SHA-256 of what was sent
}

// validate adds what is wrong with the key.
func (i *Idempotency) validate() error {
	if i == nil || IsSubject(i.Key) { // of the same characters and length
		return nil
	}
	return Invalid(FieldError{"Idempotency-Key", fmt.Sprintf("Must be 1 to %d printable ASCII characters.", MaxIdempotencyKey)})
}

// Request is a request of a person as a store recognises it.
type Request struct {
	Organization string
	Person       string
	Key          [sha256.Size]byte // SHA-256 of the client's key
}

// Answered is how a request was answered.
type Answered struct {
	Body [sha256.Size]byte // SHA-256 of the request
	ID   ID                // the token that it made
	At   time.Time
}

// ErrRepeated says that the same request has made a token meanwhile.
var ErrRepeated = errors.New("the request came a second time")

func (i *Idempotency) request(p Principal) Request {
	return Request{p.Organization, p.Subject, sha256.Sum256([]byte(i.Key))}
}

var errOtherBody = &Error{
	Code:   CodeKeyReused,
	Detail: "This Idempotency-Key was sent with another request. Choose a new key for each request.",
}

// issueAgain answers a request that came before: its answer was lost, and with it the
// secret. As long as nobody has used or changed the token, it gets another secret and the
// lost one is refused. Otherwise somebody has the secret, or has decided on the token.
func (r *Rotator) issueAgain(ctx context.Context, p Principal, id ID, moment time.Time) (Issued, error) {
	taken := &Error{
		Code:   CodeAnswered,
		Detail: fmt.Sprintf("This request has made token %s already, which was used, changed or ended since. Its secret cannot be had again: replace it, or make another token.", id),
	}
	for range changeTries {
		s, err := r.mayChange(ctx, p, string(id), moment)
		if CodeOf(err) == CodeEnded || CodeOf(err) == CodeNotFound {
			return Issued{}, taken
		}
		if err != nil {
			return Issued{}, err
		}
		c := s.current
		asIssued := s.record.Rotation == nil && c.Overlap == 0 && c.Version == c.Generation && c.Use.FirstAt.IsZero()
		if !asIssued {
			return Issued{}, taken
		}
		policy, err := r.c.Store.Policy(ctx, c.Organization)
		if err != nil {
			return Issued{}, fmt.Errorf("reading the policy: %w", err)
		}
		v := plan{expiresOn: DateOf(c.ExpiresAt), chosenOn: c.ChosenOn, lifetime: c.LifetimeDays, asIssued: true}
		issued, err := r.rotate(ctx, s, v, policy, p.actor(), moment, func(t Token) (Audit, error) {
			return p.audit(t, ActionRotated, moment, r.c.Random)
		})
		if !errors.Is(err, ErrChanged) {
			return issued, err
		}
	}
	return Issued{}, ErrBusy
}
