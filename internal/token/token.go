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
	Uses         Uses
	Rotation     *Rotation // the last one; nil: none, or it was taken back
	SelfRotation bool      // its holder may rotate it
	Fingerprints []Fingerprint
}

// Uses is what a record knows of the use of a token's secrets, by generation: of the current
// one and the one before, and under 0 of all earlier ones together. It is at most a day
// behind, and an hour during a rotation.
type Uses map[int]Use

// Last is the latest use.
func (u Uses) Last() Use {
	var last Use
	for _, use := range u {
		if use.LastAt.After(last.LastAt) {
			last = use
		}
	}
	return last
}

// rotated are the uses of a token that has another current secret from now on.
func (u Uses) rotated(current, old int) Uses {
	return Uses{0: u.Last(), old: u[old], current: u[current]}
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
