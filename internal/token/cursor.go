package token

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// maxOwnerLength is the longest subject that a person can have. A longer filter would
// not fit a key of the store.
const maxOwnerLength = 128

// everyone is the owner filter for all tokens of an organization.
const everyone = "all"

// query checks r for p and turns it into the first read of a store.
func (r ListRequest) query(p Principal) (Query, error) {
	q := Query{Organization: p.Organization, Owner: p.Subject}
	switch {
	case r.Owner == "" || r.Owner == p.Subject:
	case p.Role != RoleAdmin:
		return Query{}, errAdminOnly
	case r.Owner == everyone:
		q.Owner = ""
	case len(r.Owner) > maxOwnerLength:
		return Query{}, Invalid(FieldError{"owner", fmt.Sprintf("Must be at most %d characters.", maxOwnerLength)})
	default:
		q.Owner = r.Owner
	}
	if r.Limit < 0 || r.Limit > MaxLimit {
		return Query{}, Invalid(FieldError{"limit", fmt.Sprintf("Must be between 1 and %d.", MaxLimit)})
	}
	for _, s := range r.Statuses {
		if s != StatusActive && s != StatusExpired && s != StatusRevoked {
			return Query{}, Invalid(FieldError{"status", "Must be a list of active, expired and revoked."})
		}
	}
	if _, problem := cleanText(r.Search, MaxNameLength); problem != "" {
		return Query{}, Invalid(FieldError{"q", problem})
	}
	if r.Cursor != "" {
		after, ok := r.parseCursor(p)
		if !ok {
			return Query{}, Invalid(FieldError{"cursor", "Is not a cursor of this list. Start again without it."})
		}
		q.After = after
	}
	return q, nil
}

// A cursor is the id of the last token read, after a fingerprint of who asked for
// what. It needs no signature: it only moves within the list that the caller's own
// request selects, so a forged one shows nothing new. The fingerprint makes a cursor
// that strayed into another list an error, not a wrong page.
const fingerprintLength = 8

func (r ListRequest) cursor(p Principal, after ID) string {
	return base64.RawURLEncoding.EncodeToString(append(r.fingerprint(p), after...))
}

func (r ListRequest) parseCursor(p Principal) (ID, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(r.Cursor)
	if err != nil || len(b) != fingerprintLength+idLength || !slices.Equal(b[:fingerprintLength], r.fingerprint(p)) {
		return "", false
	}
	id, err := ParseID(string(b[fingerprintLength:]))
	return id, err == nil
}

func (r ListRequest) fingerprint(p Principal) []byte {
	statuses := slices.Clone(r.Statuses)
	slices.Sort(statuses)
	sum := sha256.Sum256([]byte(strings.Join([]string{
		p.Organization, p.Subject, r.Owner, fmt.Sprint(statuses), r.Search,
	}, "\x00")))
	return sum[:fingerprintLength]
}
