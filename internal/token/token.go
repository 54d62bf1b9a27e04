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

// Token is the record of a token: what is shown of it, and what notices are about. What
// decides on its secrets is a [Credential]. Times are UTC in whole seconds; a zero time
// means that it has not happened.
type Token struct {
	ID           ID
	Organization string
	Owner        Owner
	Name         string
	Hint         string
	Scopes       []string // nil: not limited; empty: none
	CreatedAt    time.Time
	CreatedBy    string // subject of the person who issued it
	LifetimeDays int    // that a person last chose for its secret
	ExpiresOn    Date   // it stops working at the first instant of this date
	EndsOn       Date   // it ends on this date if that is earlier; 0: nobody has said so
	RevokedAt    time.Time
	RevokedBy    string // subject of the person who revoked it
	RevokeReason string
	LastUsedAt   time.Time // when it last let somebody in, at most a day behind
	Fingerprints []Fingerprint
}

// EndDate is the date at whose first instant the token stops working.
func (t Token) EndDate() Date {
	if t.EndsOn != 0 {
		return min(t.EndsOn, t.ExpiresOn)
	}
	return t.ExpiresOn
}

// ExpiresAt is the instant at which the token's secret expires.
func (t Token) ExpiresAt() time.Time { return t.ExpiresOn.Start() }

// Status derives the status at a moment. A revoked token stays Revoked past its expiry.
func (t Token) Status(now time.Time) Status {
	switch {
	case !t.RevokedAt.IsZero():
		return StatusRevoked
	case !now.Before(t.EndDate().Start()):
		return StatusExpired
	default:
		return StatusActive
	}
}

// recognises reports whether a hash is of a secret that the token has or had.
func (t Token) recognises(h Hash) bool {
	for _, f := range t.Fingerprints {
		if f.Sum == h.Fingerprint() {
			return true
		}
	}
	return false
}
