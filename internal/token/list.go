package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Page sizes of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 100
	// maxRead bounds what one call reads while it looks for matches of a filter.
	maxRead = 1000
)

// everyone is the owner filter for all tokens of an organization.
const everyone = "all"

// Sort is the order of a list.
type Sort string

// The orders. By expiry there are only active tokens.
const (
	SortNewest  Sort = "-created"
	SortOldest  Sort = "created"
	SortSoonest Sort = "expires"
	SortLatest  Sort = "-expires"
)

// ListRequest asks for a page of tokens.
type ListRequest struct {
	Owner         string   // empty: the caller's own; "all": everyone's; else one person's subject
	Statuses      []Status // empty: all
	Search        string   // words, each a part of the name, the hint, the id or the owner's address; empty: all
	Sort          Sort     // empty: SortSoonest for active tokens alone, else SortNewest
	ExpiresBefore string   // YYYY-MM-DD, UTC; for active tokens alone; empty: all
	Limit         int      // 0: DefaultLimit
	Cursor        string   // from the page before; empty: the first page
}

// Page is a part of a list.
type Page struct {
	Tokens []Shown
	Cursor string // asks for the next page; empty: there is none
	Person Person // who asked
}

// Query is one page of one list.
type Query struct {
	Organization string
	Owner        *Owner // nil: everyone's in the organization
	// Living selects, and puts in the order of their end dates, the tokens that are not
	// revoked and end on Living or later. 0: all tokens, in the order of their creation.
	Living     Date
	Before     Date // with Living: those that end before this date; 0: all
	Descending bool // latest first
	After      Position
	Limit      int
}

// Position is the last token of a page; the next one begins after it. Its zero value is
// before the first token.
type Position struct {
	ID  ID
	End Date // its end date
}

// List returns a page of the tokens that p may see. With a filter a page may hold
// fewer tokens than the limit and still not be the last.
func (m *Manager) List(ctx context.Context, p Principal, r ListRequest) (Page, error) {
	now := m.c.Now().UTC()
	var page Page
	var err error
	if page.Person, err = enter(ctx, m.c.Store, &p, now); err != nil {
		return Page{}, err
	}
	q, err := r.query(p, now)
	if err != nil {
		return Page{}, err
	}
	words := strings.Fields(m.c.Fold(r.Search))
	limit := r.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	q.Limit = limit + 1 // one more shows whether there is a next page
	if len(words) > 0 || len(r.Statuses) > 0 && q.Living == 0 {
		q.Limit = max(q.Limit, MaxLimit) // few may match: not a read for each
	}
	more := true
	for read := 0; more && len(page.Tokens) < limit && read < maxRead; read += q.Limit {
		batch, err := m.c.Store.Tokens(ctx, q)
		if err != nil {
			return Page{}, fmt.Errorf("listing tokens: %w", err)
		}
		more = len(batch) == q.Limit
		shown, err := withPeople(ctx, m.c.Store, p.Organization, batch)
		if err != nil {
			return Page{}, err
		}
		for i, t := range shown {
			q.After = Position{t.ID, t.EndDate()}
			if (len(r.Statuses) == 0 || slices.Contains(r.Statuses, t.Status(now))) && m.matches(t, words) {
				page.Tokens = append(page.Tokens, t)
			}
			if len(page.Tokens) == limit {
				more = more || i < len(shown)-1
				break
			}
		}
	}
	if more {
		page.Cursor = r.cursor(p, q.After)
	}
	if p.Role == RoleNone && len(page.Tokens) == 0 && !more {
		return Page{}, m.nothingOf(ctx, q)
	}
	return page, nil
}

// nothingOf is the error for somebody without a role who was shown no token: none if the
// person has tokens that a filter left out.
func (m *Manager) nothingOf(ctx context.Context, q Query) error {
	own, err := m.c.Store.Tokens(ctx, Query{Organization: q.Organization, Owner: q.Owner, Descending: true, Limit: 1})
	switch {
	case err != nil:
		return fmt.Errorf("listing tokens: %w", err)
	case len(own) == 0:
		return errNoRole
	}
	return nil
}

// matches reports whether each word is part of what a token is found by.
func (m *Manager) matches(t Shown, words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := m.c.Fold(strings.Join([]string{t.Name, t.Hint, string(t.ID), t.Person.Email}, "\n"))
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// query checks r for p and turns it into the first read of a store.
func (r ListRequest) query(p Principal, now time.Time) (Query, error) {
	own := PersonOwner(p.Subject)
	q := Query{Organization: p.Organization, Owner: &own, Descending: true}
	switch {
	case r.Owner == "" || r.Owner == p.Subject:
	case p.Role != RoleAdmin:
		return Query{}, errAdminOnly
	case r.Owner == everyone:
		q.Owner = nil
	case !IsSubject(r.Owner):
		return Query{}, Invalid(FieldError{"owner", fmt.Sprintf("Must be 1 to %d printable ASCII characters.", MaxSubjectLength)})
	default:
		of := PersonOwner(r.Owner)
		q.Owner = &of
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
	if err := r.order(&q, now); err != nil {
		return Query{}, err
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

// order sets which index q reads, and in which direction.
func (r ListRequest) order(q *Query, now time.Time) error {
	active := len(r.Statuses) > 0 && !slices.ContainsFunc(r.Statuses, func(s Status) bool { return s != StatusActive })
	sort := r.Sort
	if sort == "" {
		sort = SortNewest
		if active {
			sort = SortSoonest
		}
	}
	if sort != SortNewest && sort != SortOldest && sort != SortSoonest && sort != SortLatest {
		return Invalid(FieldError{"sort", "Must be created, -created, expires or -expires."})
	}
	byEnd := sort == SortSoonest || sort == SortLatest
	if byEnd && !active {
		return Invalid(FieldError{"sort", "Only active tokens are in the order of their expiry: add status=active."})
	}
	q.Descending = sort == SortNewest || sort == SortLatest
	if byEnd {
		q.Living = DateOf(now) + 1
	}
	if r.ExpiresBefore == "" {
		return nil
	}
	before, err := ParseDate(r.ExpiresBefore)
	switch {
	case err != nil:
		return Invalid(FieldError{"expires_before", "Must be a date as YYYY-MM-DD."})
	case !byEnd:
		return Invalid(FieldError{"expires_before", "Only active tokens in the order of their expiry can be asked for by it: add status=active."})
	}
	q.Before = before
	return nil
}

// A cursor is the position of the last token read, after a fingerprint of who asked for
// what. It needs no signature: it only moves within the list that the caller's own
// request selects, so a forged one shows nothing new. The fingerprint makes a cursor
// that strayed into another list an error, not a wrong page.
const (
	fingerprintLength = 8
	dateLength        = 4
	cursorLength      = fingerprintLength + dateLength + idLength
)

func (r ListRequest) cursor(p Principal, after Position) string {
	b := binary.BigEndian.AppendUint32(r.fingerprint(p), uint32(after.End)) //nolint:gosec // G115: a date of this century
	return base64.RawURLEncoding.EncodeToString(append(b, after.ID...))
}

func (r ListRequest) parseCursor(p Principal) (Position, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(r.Cursor)
	if err != nil || len(b) != cursorLength || !slices.Equal(b[:fingerprintLength], r.fingerprint(p)) {
		return Position{}, false
	}
	end := Date(binary.BigEndian.Uint32(b[fingerprintLength:]))
	id, err := ParseID(string(b[fingerprintLength+dateLength:]))
	return Position{id, end}, err == nil && end <= maxDate
}

// maxDate is the last date that YYYY-MM-DD can write.
const maxDate Date = 2932896 // 9999-12-31

func (r ListRequest) fingerprint(p Principal) []byte {
	statuses := slices.Clone(r.Statuses)
	slices.Sort(statuses)
	sum := sha256.Sum256([]byte(strings.Join([]string{
		p.Organization, p.Subject, r.Owner, fmt.Sprint(statuses), r.Search, string(r.Sort), r.ExpiresBefore,
	}, "\x00")))
	return sum[:fingerprintLength:fingerprintLength]
}
