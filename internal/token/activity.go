package token

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ActivityRequest asks for a page of an organization's audit trail.
type ActivityRequest struct {
	Token  string   // id; empty: all
	Actor  string   // a person's subject or a token's id; empty: all
	Action []Action // empty: all
	From   string   // first day, YYYY-MM-DD, UTC; empty: all
	To     string   // last day; empty: all
	Limit  int      // 0: DefaultLimit
	Cursor string   // from the page before; empty: the first page
}

// Activity is a part of an audit trail, newest first.
type Activity struct {
	Entries []Audit
	People  map[string]Person // those of the entries who are known, by their subjects
	Cursor  string            // asks for the next page; empty: there is none
}

// AuditQuery is one page of one audit trail, newest first.
type AuditQuery struct {
	Organization string
	Token        ID // empty: about whatever
	From, To     ID // the first and the last entry that there may be
	After        ID // the last entry of the page before; empty: none
	Limit        int
}

// Trail reads audit trails.
type Trail interface {
	// AuditEntries returns at most q.Limit entries; fewer mean that there are no more. It may lag
	// behind by a moment for the entries about one token.
	AuditEntries(ctx context.Context, q AuditQuery) ([]Audit, error)
	PeopleByID(ctx context.Context, organization string, ids []string) (map[string]Person, error)
}

// Activity returns what happened in p's organization, to admins. With a filter a page may hold
// fewer entries than the limit and still not be the last.
func (m *Manager) Activity(ctx context.Context, p Principal, trail Trail, r ActivityRequest) (Activity, error) {
	if _, err := enter(ctx, m.c.Store, &p, m.c.Now().UTC()); err != nil {
		return Activity{}, err
	}
	if p.Role != RoleAdmin {
		return Activity{}, errActivityAdminOnly
	}
	q, err := r.query(p)
	if err != nil {
		return Activity{}, err
	}
	limit := q.Limit
	q.Limit++ // one more shows whether there is a next page
	if r.Actor != "" || len(r.Action) > 0 {
		q.Limit = MaxLimit // few may match: not a read for each
	}
	var page Activity
	more := true
	for read := 0; more && len(page.Entries) < limit && read < maxRead; read += q.Limit {
		batch, err := trail.AuditEntries(ctx, q)
		if err != nil {
			return Activity{}, fmt.Errorf("reading the audit trail: %w", err)
		}
		more = len(batch) == q.Limit
		for i, a := range batch {
			q.After = a.ID
			if r.matches(a) {
				page.Entries = append(page.Entries, a)
			}
			if len(page.Entries) == limit {
				more = more || i < len(batch)-1
				break
			}
		}
	}
	if more {
		page.Cursor = r.cursor(p, q.After)
	}
	if page.People, err = peopleOf(ctx, trail, p.Organization, page.Entries); err != nil {
		return Activity{}, err
	}
	return page, nil
}

func (r ActivityRequest) matches(a Audit) bool {
	return (r.Actor == "" || a.Actor.ID == r.Actor) && (len(r.Action) == 0 || slices.Contains(r.Action, a.Action))
}

// peopleOf are the people whom entries name, as they are known now.
func peopleOf(ctx context.Context, trail Trail, organization string, entries []Audit) (map[string]Person, error) {
	var ids []string
	for _, a := range entries {
		if a.Actor.Kind == ActorPerson {
			ids = append(ids, a.Actor.ID)
		}
		if a.Person != "" {
			ids = append(ids, a.Person)
		}
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return nil, nil
	}
	people, err := trail.PeopleByID(ctx, organization, ids)
	if err != nil {
		return nil, fmt.Errorf("reading who it was: %w", err)
	}
	return people, nil
}

// query checks r for p.
func (r ActivityRequest) query(p Principal) (AuditQuery, error) {
	q := AuditQuery{Organization: p.Organization, From: beforeAll, To: afterAll, Limit: r.Limit}
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	var wrong []FieldError
	say := func(name, detail string) { wrong = append(wrong, FieldError{name, detail}) }
	if q.Limit < 0 || q.Limit > MaxLimit {
		say("limit", fmt.Sprintf("Must be between 1 and %d.", MaxLimit))
	}
	if r.Token != "" {
		var err error
		if q.Token, err = ParseID(r.Token); err != nil {
			say("token", "Is no token's id.")
		}
	}
	if r.Actor != "" && !IsSubject(r.Actor) {
		say("actor", fmt.Sprintf("Must be 1 to %d printable ASCII characters.", MaxSubjectLength))
	}
	for _, a := range r.Action {
		if !slices.Contains(actions, a) {
			say("action", "Must be a list of "+joined(actions)+".")
			break
		}
	}
	from, to := -maxDate, maxDate
	for name, day := range map[string]struct {
		text string
		date *Date
	}{"from": {r.From, &from}, "to": {r.To, &to}} {
		if day.text == "" {
			continue
		}
		var err error
		if *day.date, err = ParseDate(day.text); err != nil {
			say(name, "Must be a date as YYYY-MM-DD.")
		}
	}
	if len(wrong) == 0 && from > to {
		say("to", "Must not be before from.")
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
		return AuditQuery{}, Invalid(wrong...)
	}
	// No id is of a time before 1970.
	if r.From != "" && from > 0 {
		q.From = edge(from.Start(), 0)
	}
	switch {
	case r.To != "" && to < 0:
		q.To = beforeAll
	case r.To != "":
		q.To = edge((to + 1).Start().Add(-time.Millisecond), 0xff)
	}
	if r.Cursor != "" {
		after, ok := r.parseCursor(p)
		if !ok {
			return AuditQuery{}, Invalid(FieldError{"cursor", "Is not a cursor of this list. Start again without it."})
		}
		q.After = after
	}
	return q, nil
}

// Ids begin with 0 to 7, and are longer than this.
const (
	beforeAll ID = "0"
	afterAll  ID = "8"
)

// edge is the first or the last id of a millisecond.
func edge(at time.Time, fill byte) ID {
	id, err := NewID(at, bytes.NewReader(bytes.Repeat([]byte{fill}, idLength)))
	if err != nil {
		panic(err) // there are bytes enough
	}
	return id
}

func joined(actions []Action) string {
	names := make([]string, 0, len(actions))
	for _, a := range actions {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// The cursor is like that of a list of tokens.
func (r ActivityRequest) cursor(p Principal, after ID) string {
	return base64.RawURLEncoding.EncodeToString(append(r.fingerprint(p), after...))
}

func (r ActivityRequest) parseCursor(p Principal) (ID, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(r.Cursor)
	if err != nil || len(b) != fingerprintLength+idLength || !slices.Equal(b[:fingerprintLength], r.fingerprint(p)) {
		return "", false
	}
	id, err := ParseID(string(b[fingerprintLength:]))
	return id, err == nil
}

func (r ActivityRequest) fingerprint(p Principal) []byte {
	wanted := slices.Clone(r.Action)
	slices.Sort(wanted)
	sum := sha256.Sum256([]byte(strings.Join([]string{
		"activity", p.Organization, p.Subject, r.Token, r.Actor, joined(wanted), r.From, r.To,
	}, "\x00")))
	return sum[:fingerprintLength:fingerprintLength]
}
