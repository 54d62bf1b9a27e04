package token

import (
	"slices"
	"time"
)

// Credential is what decides on a secret. It exists only while a secret of its token is
// valid: revoking deletes it. Times are UTC in whole seconds; a zero time means that it has
// not happened.
type Credential struct {
	TokenID      ID
	Organization string
	Owner        Owner
	Hash         Hash
	Generation   int       // 1 for the secret that a token is issued with; each rotation adds one
	Version      int       // of what is stored; every change of it adds one
	ExpiresAt    time.Time // when the secret stops working
	EndsOn       Date      // when the token ends whatever its secrets' dates; 0: nobody has said so
	Scopes       []string  // nil: not limited; empty: none
	Use          Use
	// Overlap is how long the secret before this one works after this one's first use. 0:
	// there is none before it.
	Overlap time.Duration
	// Previous says that this is the secret before a rotation.
	Previous bool
}

// Use is when a secret let somebody in, at most [UseResolution] behind.
type Use struct{ FirstAt, LastAt time.Time }

// UseResolution is how far a use may lag behind: a busy token costs one write in this
// time, not one a request.
const UseResolution = time.Hour

// EndsAt is the instant from which the secret is refused.
func (c Credential) EndsAt() time.Time {
	if c.EndsOn != 0 && c.EndsOn.Start().Before(c.ExpiresAt) {
		return c.EndsOn.Start()
	}
	return c.ExpiresAt
}

// overlapping is the secret before a rotation as it may be used beside the current one: with
// the rights of the current one, until the overlap after the current one's first use is
// over, and never beyond its own date or the current one's.
func (c Credential) overlapping(previous Credential) Credential {
	old := c
	old.Previous, old.Overlap = true, 0
	old.Hash, old.Generation, old.Use = previous.Hash, previous.Generation, previous.Use
	ends := []time.Time{c.EndsAt(), previous.ExpiresAt}
	if !c.Use.FirstAt.IsZero() {
		ends = append(ends, c.Use.FirstAt.Add(c.Overlap))
	}
	old.ExpiresAt = slices.MinFunc(ends, time.Time.Compare)
	return old
}

// FingerprintLength is how many bytes of a secret's SHA-256 recognise it.
const FingerprintLength = 8

// Fingerprint recognises a secret that a token had. It tells logs and notices which secret
// was presented and decides nothing.
type Fingerprint struct {
	Generation int
	Sum        [FingerprintLength]byte
	MadeAt     time.Time
}

// Fingerprint is the beginning of the hash.
func (h Hash) Fingerprint() [FingerprintLength]byte {
	return [FingerprintLength]byte(h[:FingerprintLength])
}
