package token

import (
	"net/netip"
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
	// ChosenOn is when a person last chose how long a secret lives, and LifetimeDays the
	// days that they chose: they bound what the token may do by itself.
	ChosenOn     Date
	LifetimeDays int
	SelfRotation bool // its holder may rotate it
	Use          Use
	// Overlap is how long the secret before this one works after this one's first use. 0:
	// there is none before it.
	Overlap time.Duration
	// Previous says that this is the secret before a rotation.
	Previous bool
}

// Use is when a secret let somebody in, at most [UseResolution] behind.
type Use struct {
	FirstAt, LastAt time.Time
	// From is the network that the last use came from, in CIDR notation; empty: not known.
	From string
}

// Network is the network of an IP address that is kept of a use, and no more of it: the
// first 24 bits of IPv4, the first 48 of IPv6. It is empty for what is no address.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	bits := 24
	if a = a.Unmap(); a.Is6() {
		bits = 48
	}
	network, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}

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

// InRotation reports whether the secret before this one may work at a moment.
func (c Credential) InRotation(now time.Time) bool {
	return c.Overlap != 0 && (c.Use.FirstAt.IsZero() || now.Before(c.Use.FirstAt.Add(c.Overlap)))
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
