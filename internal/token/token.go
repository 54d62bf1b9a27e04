package token

import "time"

// Status is what has become of a token. It is derived, never stored.
type Status string

// The statuses.
const (
	StatusActive  Status = "active"
	StatusExpired Status = "expired"
	StatusRevoked Status = "revoked"
)

// Token is the record of a secret. Times are UTC in whole seconds; a zero time means
// that it has not happened.
type Token struct {
	ID           ID
	Organization string
	Owner        string // subject of the person who issued it
	Name         string
	Hint         string
	Scopes       []string
	CreatedAt    time.Time
	ExpiresOn    Date // it stops working at the first instant of this date
	RevokedAt    time.Time
	RevokedBy    string // subject of the person who revoked it
	RevokeReason string
	LastUsedAt   time.Time // when it last let somebody in, at most UseResolution behind
	// Notices are what the owner was told of its expiry, widest first.
	Notices []Notice
}

// UseResolution is how far LastUsedAt may lag behind: a busy token costs one write in
// this time, not one a request.
const UseResolution = time.Hour

// Notice is one notice that was sent, or covered by a tighter one sent in its place.
type Notice struct {
	DaysBefore int // which one: days before the expiry date, 0 on it
	SentAt     time.Time
	MessageID  string // what SES called the e-mail; empty if covered
}

// ExpiresAt is the instant at which the token stops working.
func (t Token) ExpiresAt() time.Time { return t.ExpiresOn.Start() }

// Status derives the status at a moment. A revoked token stays Revoked past its expiry.
func (t Token) Status(now time.Time) Status {
	switch {
	case !t.RevokedAt.IsZero():
		return StatusRevoked
	case !now.Before(t.ExpiresAt()):
		return StatusExpired
	default:
		return StatusActive
	}
}

// Action names what happened to a token, in the audit trail and in events.
type Action string

// The actions.
const (
	ActionIssued   Action = "token.issued"
	ActionRevoked  Action = "token.revoked"
	ActionExpiring Action = "token.expiring"
	ActionExpired  Action = "token.expired"
)

// Audit is one entry of the audit trail, written in the same transaction as the change
// that it records.
type Audit struct {
	ID           ID
	Organization string
	At           time.Time
	Action       Action
	Actor        string // subject of the person, or [Service]
	TokenID      ID
	TokenName    string
	ExpiresOn    Date
	Detail       string // the reason given, if any
}

// Service is the actor of what Latchkey does by itself.
const Service = "latchkey"
