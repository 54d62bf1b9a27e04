package notice

import (
	"strconv"
	"strings"
	"time"

	"latchkey/internal/token"
)

// Kind is what a notice is about: a word such as expires-15.
type Kind string

// Revoked notifies an owner that somebody else has revoked their token.
const Revoked Kind = "revoked"

// Kinds of notices about a rotation.
const (
	// OldUsed is that the old secret of a token was used after the new one, and ends within
	// a day.
	OldUsed Kind = "old-used"
	// Renewed is that a token has replaced its own secret, once a day.
	Renewed Kind = "renewed"
	// RotationRefused notifies owner and admins that two have the same secret of a token.
	RotationRefused Kind = "rotation-refused"
	// RetiredUsed is that a secret was used which the token no longer has, once a day.
	RetiredUsed Kind = "retired-used"
)

const (
	expires = "expires-"
	unused  = "unused-"
)

// Expires is the notice so many days before a token's expiry date; 0 is the one on the
// date itself, which says that the token has expired.
func Expires(days int) Kind { return Kind(expires + strconv.Itoa(days)) }

// Days is the number of days of an expiry notice, and false for any other kind.
func (k Kind) Days() (int, bool) {
	digits, ok := strings.CutPrefix(string(k), expires)
	if !ok {
		return 0, false
	}
	days, err := strconv.Atoi(digits)
	return days, err == nil && Expires(days) == k
}

// Unused is the notice so many days before the old secret of a token ends while its new one
// was not used; 0 is the one on the date itself, on which the old one has ended.
func Unused(days int) Kind { return Kind(unused + strconv.Itoa(days)) }

// Topic is what a kind is about, whatever its days.
func (k Kind) Topic() Topic {
	switch {
	case strings.HasPrefix(string(k), expires):
		return Ends
	case strings.HasPrefix(string(k), unused):
		return NotUsed
	default:
		return Topic(k)
	}
}

// Topic is a kind, or one for those that differ in their days alone.
type Topic string

// The topics that are no kinds.
const (
	Ends    Topic = "expires"
	NotUsed Topic = "unused"
)

// Happened reports whether the kind is about something that has happened, rather than about
// a date to come: nothing that follows makes it untrue.
func (k Kind) Happened() bool { return k == Revoked || k == RotationRefused || k == RetiredUsed }

// State is what has become of a notice.
type State string

// The states of a notice that is not pending any more, or is pending again.
const (
	Sent      State = "sent"      // SES accepted it
	Covered   State = "covered"   // a later one was sent in its place
	Delegated State = "delegated" // admins are notified in the owner's place
	Abandoned State = "abandoned" // nobody could be notified, and it will not be tried again
	Bounced   State = "bounced"   // SES accepted it, and it came back: it is pending again
)

// Outcome is what has become of one notice about a token. It is kept under its kind and
// the date that it was about, so that a token that gets another date gets its notices anew.
type Outcome struct {
	Kind      Kind
	Date      token.Date // the token's end date at that time; of other kinds, when it happened
	At        time.Time
	State     State
	MessageID string  // what SES called the e-mail; empty if there was none
	Bounces   Bounces // of the e-mails about it so far
	Admins    int     // of a delegated one: how many are, or may yet be, notified
}

// Bounces is how often the e-mails about a notice have come back. The zero value: never.
type Bounces struct {
	Count int
	Since time.Time // of the first one
	// Final says that the same e-mail to the same address will come back again.
	Final bool
}

// patience is how long a notice is sent to an address from which it comes back for the time
// being, before somebody else is notified.
const patience = 24 * time.Hour

// Hopeless reports whether the notice is not to be sent to the same address again.
func (b Bounces) Hopeless(now time.Time) bool {
	return b.Final || b.Count > 0 && now.Sub(b.Since) >= patience
}

// firstPause is how long after its first bounce a notice is sent again. Each further pause
// is three times as long: an automatic reply, which SES reports like a full mailbox, makes
// three more copies and no more.
const firstPause = time.Hour

// Again is what is known after one more bounce, and from when on there is something to do
// about it.
func (b Bounces) Again(now time.Time, final bool) (Bounces, time.Time) {
	if b.Count == 0 {
		b.Since = now
	}
	pause := firstPause
	for range min(b.Count, 10) {
		pause *= 3
	}
	b.Count++
	b.Final = b.Final || final
	if b.Hopeless(now) {
		return b, now
	}
	retryAt := now.Add(pause)
	if end := b.Since.Add(patience); end.Before(retryAt) {
		retryAt = end
	}
	return b, retryAt
}

// Settles reports whether there is nothing more to do about a notice.
func (o Outcome) Settles() bool { return o.State != Bounced }

// StillSo reports whether what a notice was about is so as far as a token's dates go.
func (o Outcome) StillSo(t token.Token) bool {
	switch {
	case !t.RevokedAt.IsZero():
		return false
	case o.Kind.Topic() == Ends:
		return o.Date == t.EndDate()
	case o.Kind.Topic() == NotUsed, o.Kind == OldUsed:
		return t.Rotation != nil && o.Date == token.DateOf(t.OldEndsAt())
	default:
		return true
	}
}
