package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Limits and defaults of the overlap of two secrets.
const (
	MinOverlapHours     = 1
	MaxOverlapHours     = 168
	DefaultOverlapHours = 24
)

// OldSecret says what becomes of the secret that a rotation replaces.
type OldSecret string

// What can become of it.
const (
	// OldOverlaps lets it work on until some hours after the new one's first use, and never
	// beyond its own expiry date or the new one's.
	OldOverlaps OldSecret = "overlap"
	// OldEnds ends it at once, for when it may have leaked.
	OldEnds OldSecret = "end-now"
)

// RotateRequest asks for a new secret of a token. At most one of ExpiresInDays and
// ExpiresOn is given; without either the new secret lives as long as a person last chose.
type RotateRequest struct {
	ExpiresInDays *int
	ExpiresOn     *string   // YYYY-MM-DD, UTC
	OldSecret     OldSecret // empty: OldOverlaps
	OverlapHours  *int      // nil: DefaultOverlapHours; only with OldOverlaps
	// Replace is the version of the rotation whose unused secret may be taken back.
	Replace *int
}

// Rotation is the last rotation of a token, as it is shown.
type Rotation struct {
	// Version is the generation of the secret that the rotation made.
	Version   int
	RotatedAt time.Time
	RotatedBy Actor
	OldHint   string
	// OldGeneration is that of the secret before.
	OldGeneration int
	OldExpiresAt  time.Time     // when the old secret ends at the latest: its own date, or the rotation that ended it
	Overlap       time.Duration // for which the old secret works after the new one's first use
	OldLifetime   int           // days that a person had chosen before
}

// OldEndsAt is when the secret before the last rotation ends, as the record knows it: until
// the new one was used, the latest that it can be.
func (t Token) OldEndsAt() time.Time {
	r := t.Rotation
	if r == nil {
		return time.Time{}
	}
	ends := []time.Time{r.OldExpiresAt}
	if r.Overlap != 0 {
		ends = append(ends, t.EndDate().Start())
		if first := t.Uses[r.Version].FirstAt; !first.IsZero() {
			ends = append(ends, first.Add(r.Overlap))
		}
	}
	return slices.MinFunc(ends, time.Time.Compare)
}

// RotationStore is what a [Rotator] needs of a store. Its reads are strongly consistent.
type RotationStore interface {
	Writer
	// Token returns a token's record, or [ErrNotFound].
	Token(ctx context.Context, id ID) (Token, error)
	// Credential returns the credential of a token's current secret, or [ErrNotFound].
	Credential(ctx context.Context, id ID) (Credential, error)
	// Previous returns that of the secret before a rotation, or [ErrNotFound].
	Previous(ctx context.Context, id ID) (Credential, error)
	// PeopleByID returns what is known of the people with these ids.
	PeopleByID(ctx context.Context, organization string, ids []string) (map[string]Person, error)
	// Rotate stores a change of a token's secrets with its audit entry, all or nothing. The
	// error is [ErrChanged] if the credential or the record is no longer as it was read,
	// [ErrLeft] if the owner or who asks was marked as having left, and [ErrBusy] if the
	// policy has changed. Uses that were marked since they were read are kept.
	Rotate(ctx context.Context, c SecretChange) error
}

// SecretChange is what a rotation, or taking one back, stores.
type SecretChange struct {
	Was     Credential // the current credential as it was read; the change is right while its use is the same
	Current Credential // in its place
	// Previous says what becomes of the secret before the current one.
	Previous PreviousChange
	Token    Token // the record from now on
	Seen     Uses  // what the record knew of uses when it was read
	NotifyOn Date  // next date on which there may be something to notify somebody of
	DeleteAt time.Time
	Policy   Policy // that it was checked against
	Audit    Audit
	By       Owner // whose quota says whether they have left, beside the token's owner's
}

// PreviousChange is what becomes of the secret before the current one.
type PreviousChange int

// What can become of it.
const (
	PreviousStays  PreviousChange = iota // as it is
	PreviousIsWas                        // it is the one that was current
	PreviousIsGone                       // there is none
)

// ErrChanged says that somebody else has changed the token since it was read.
var ErrChanged = errors.New("the token has changed")

// plan is a rotation whose request breaks no rule.
type plan struct {
	expiresOn Date
	overlap   time.Duration // 0: the old secret ends at once
	chosenOn  Date          // when a person last chose a lifetime
	lifetime  int           // the one that they chose
	asIssued  bool          // the token is shown as if it had had no other secret
	presented bool          // the current secret is in use, whether or not that was marked
}

// How many secrets of a token are recognised after they were replaced: the last ten, and
// those of the last 30 days as far as there is room.
const (
	leastRemembered = 10
	mostRemembered  = 40
	rememberedFor   = 30 * 24 * time.Hour
)

// remembered are the fingerprints to keep, oldest first.
func remembered(all []Fingerprint, now time.Time) []Fingerprint {
	from := max(0, len(all)-mostRemembered)
	for from < len(all)-leastRemembered && now.Sub(all[from].MadeAt) > rememberedFor {
		from++
	}
	return all[from:]
}

// validate works out a rotation from what was asked.
func (r RotateRequest) validate(now time.Time, lifetime, most int) (plan, error) {
	var fields []FieldError
	add := func(pointer, detail string) { fields = append(fields, FieldError{pointer, detail}) }
	days := min(max(lifetime, MinDays), most)
	if r.ExpiresInDays == nil && r.ExpiresOn == nil {
		r.ExpiresInDays = &days
	}
	v := plan{expiresOn: expiry(r.ExpiresInDays, r.ExpiresOn, DateOf(now), most, add)}
	v.lifetime = int(v.expiresOn - DateOf(now))
	hours := DefaultOverlapHours
	if r.OverlapHours != nil {
		hours = *r.OverlapHours
	}
	switch {
	case r.OldSecret != "" && r.OldSecret != OldOverlaps && r.OldSecret != OldEnds:
		add("/old_secret", "Must be overlap or end-now.")
	case r.OldSecret == OldEnds && r.OverlapHours != nil:
		add("/overlap_hours", "There is no overlap where the old secret ends now.")
	case hours < MinOverlapHours || hours > MaxOverlapHours:
		add("/overlap_hours", fmt.Sprintf("Must be between %d and %d hours.", MinOverlapHours, MaxOverlapHours))
	case r.OldSecret != OldEnds:
		v.overlap = time.Duration(hours) * time.Hour
	}
	if r.Replace != nil && *r.Replace < 1 {
		add("/replace", "Must be the version of the token's rotation.")
	}
	if len(fields) > 0 {
		return plan{}, Invalid(fields...)
	}
	return v, nil
}
