package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Store reads tokens and revokes them. Its reads by id are strongly consistent.
type Store interface {
	People
	// Token returns a token's record, or [ErrNotFound].
	Token(ctx context.Context, id ID) (Token, error)
	// Tokens returns at most q.Limit tokens; fewer mean that there are no more.
	Tokens(ctx context.Context, q Query) ([]Token, error)
	// PeopleByID returns what is known of the people with these ids.
	PeopleByID(ctx context.Context, organization string, ids []string) (map[string]Person, error)
	// ClearUndeliverable has notices sent to a person's address again.
	ClearUndeliverable(ctx context.Context, organization, id string) error
	// Revoke ends a token for good: whatever the record says, no credential of it exists
	// afterwards. If the record said revoked already, it changes nothing else and returns
	// false. The error is [ErrNotFound] if the credential is of another organization, and
	// [ErrChanged] if it is of another generation than the one given.
	Revoke(ctx context.Context, r Revocation) (bool, error)
	// Credential returns the credential of a token's current secret, or [ErrNotFound].
	Credential(ctx context.Context, id ID) (Credential, error)
	// Previous returns that of the secret before a rotation, or [ErrNotFound].
	Previous(ctx context.Context, id ID) (Credential, error)
	// Quota returns what is counted of an owner; of one who never had a token, zero. It is a
	// strongly consistent read.
	Quota(ctx context.Context, organization string, o Owner) (Quota, error)
	// Leave marks a person as having left, so that they issue and rotate nothing and are no
	// admin, and returns since when they are: a mark that is there already stays.
	Leave(ctx context.Context, d Departure) (time.Time, error)
	// Return takes that mark away, if it is there.
	Return(ctx context.Context, d Departure) error
	// EndPrevious ends the secret before a rotation. The error is [ErrChanged] if it is not
	// what it was when it was read.
	EndPrevious(ctx context.Context, e EndedSecret) error
}

// Revocation ends a token.
type Revocation struct {
	Token  Token // with its revocation
	Audit  Audit
	Notice ID // of the notice to the token's owner; empty: nobody is notified
	// Generation is that of the secret that is to end; 0: whatever it is.
	Generation int
}

// ManagerConfig is what a [Manager] needs. All of it is required.
type ManagerConfig struct {
	Store  Store
	Fold   func(string) string // makes texts equal that people take for the same, for searching
	Now    func() time.Time
	Random io.Reader
}

// Manager shows and revokes tokens on behalf of people.
type Manager struct{ c ManagerConfig }

// NewManager refuses a half-built configuration.
func NewManager(c ManagerConfig) (*Manager, error) {
	if c.Store == nil || c.Fold == nil || c.Now == nil || c.Random == nil {
		return nil, errors.New("manager: store, folding, clock and source of random bytes are required")
	}
	return &Manager{c}, nil
}

// Shown is a token with the person who owns it, as far as they are known. Of a token that
// the organization owns, Person is zero.
type Shown struct {
	Token
	Person Person
}

// enter is the door of every management call: it records the address that notices go to,
// and that somebody who has lost the role is no admin. It lets everybody pass whom the
// sign-in names, since people may see and end what is their own; notices about that still go
// to those who have lost their role, but who never had one leaves no record. Who was marked as
// having left has no role from then on, whatever the sign-in says.
func enter(ctx context.Context, people People, p *Principal, now time.Time) (Person, error) {
	if !p.known() {
		return Person{}, errNoRole
	}
	known := p.person()
	if p.reachable() {
		keep := people.KeepPerson
		if p.Role == RoleNone {
			keep = people.KeepKnown
		}
		var err error
		if known, err = keep(ctx, known, now); err != nil {
			return Person{}, fmt.Errorf("keeping who a person is: %w", err)
		}
	} else {
		left, err := people.Demote(ctx, p.Organization, p.Subject, p.Role)
		if err != nil {
			return Person{}, fmt.Errorf("demoting a person: %w", err)
		}
		known.Left = left
	}
	if known.Left {
		p.Role, p.left = RoleNone, true
	}
	return known, nil
}

// Get returns one token. To a person who may not see it, it does not exist.
func (m *Manager) Get(ctx context.Context, p Principal, id string) (Shown, error) {
	if _, err := enter(ctx, m.c.Store, &p, m.c.Now().UTC()); err != nil {
		return Shown{}, err
	}
	t, err := m.visible(ctx, p, id)
	if err != nil {
		return Shown{}, err
	}
	return m.show(ctx, t)
}

// Revoke makes a token stop working from the next request on. Revoking it again changes
// nothing that is shown and is no error. A reason is cleaned, never refused. Of an owner who
// cannot be read when the token is revoked, only the ID is shown.
func (m *Manager) Revoke(ctx context.Context, p Principal, id, reason string) (Shown, error) {
	now := m.c.Now().UTC()
	if _, err := enter(ctx, m.c.Store, &p, now); err != nil {
		return Shown{}, err
	}
	t, err := m.visible(ctx, p, id)
	if err != nil {
		return Shown{}, err
	}
	t, changed, err := m.revoke(ctx, p, t, reason, now, true)
	if err != nil {
		return Shown{}, err
	}
	if !changed { // somebody else was faster: show what they did
		id := t.ID
		if t, err = m.c.Store.Token(ctx, id); err != nil {
			return Shown{}, fmt.Errorf("reading token %s again: %w", id, err)
		}
	}
	shown, err := m.show(ctx, t)
	if err != nil {
		return Shown{t, Person{Organization: t.Organization, ID: t.Owner.ID}}, nil //nolint:nilerr // an error would say that it was not revoked
	}
	return shown, nil
}

// revoke revokes a token that p may see, and returns it as it is then, unless it was revoked
// before. Its owner is notified, if notify says so and it is somebody else.
func (m *Manager) revoke(ctx context.Context, p Principal, t Token, reason string, now time.Time, notify bool) (Token, bool, error) {
	r := Revocation{Token: t}
	if t.RevokedAt.IsZero() {
		r.Token.RevokedAt, r.Token.RevokedBy = now.Truncate(time.Second), p.Subject
		r.Token.RevokeReason = tidy(reason, MaxReasonLength)
	}
	var err error
	if r.Audit, err = p.audit(t, ActionRevoked, now, m.c.Random); err != nil {
		return Token{}, false, err
	}
	r.Audit.Detail = r.Token.RevokeReason
	if notify && t.Owner.Type == OwnerPerson && t.Owner.ID != p.Subject {
		if r.Notice, err = NewID(now, m.c.Random); err != nil {
			return Token{}, false, err
		}
	}
	changed, err := m.c.Store.Revoke(ctx, r)
	if err != nil {
		return Token{}, false, fmt.Errorf("revoking token %s: %w", t.ID, err)
	}
	return r.Token, changed, nil
}

// ResumeNotices has notices sent to p's address again after mail to it did not arrive. It
// needs what issuing needs, but no role if there is such a mark: the person has tokens still.
func (m *Manager) ResumeNotices(ctx context.Context, p Principal) (Person, error) {
	now := m.c.Now().UTC()
	if refused := p.mayIssue(); refused != nil {
		known, err := enter(ctx, m.c.Store, &p, now)
		if err != nil {
			return Person{}, err
		}
		if !known.Undeliverable {
			return Person{}, refused
		}
	}
	if err := m.c.Store.ClearUndeliverable(ctx, p.Organization, p.Subject); err != nil {
		return Person{}, fmt.Errorf("clearing a person's mark: %w", err)
	}
	return enter(ctx, m.c.Store, &p, now)
}

func (m *Manager) visible(ctx context.Context, p Principal, raw string) (Token, error) {
	id, err := ParseID(raw)
	if err == nil {
		var t Token
		if t, err = m.c.Store.Token(ctx, id); err == nil && p.maySee(t.Organization, t.Owner) {
			return t, nil
		}
	}
	switch {
	case err != nil && CodeOf(err) != CodeNotFound:
		return Token{}, fmt.Errorf("reading a token: %w", err)
	case p.Role == RoleNone:
		return Token{}, errNoRole // whatever there is
	default:
		return Token{}, ErrNotFound
	}
}

func (m *Manager) show(ctx context.Context, t Token) (Shown, error) {
	shown, err := withPeople(ctx, m.c.Store, t.Organization, []Token{t})
	if err != nil {
		return Shown{}, err
	}
	return shown[0], nil
}

// peopleReader reads what is known of people.
type peopleReader interface {
	PeopleByID(ctx context.Context, organization string, ids []string) (map[string]Person, error)
}

func withPeople(ctx context.Context, store peopleReader, organization string, tokens []Token) ([]Shown, error) {
	var ids []string
	for _, t := range tokens {
		if t.Owner.Type == OwnerPerson {
			ids = append(ids, t.Owner.ID)
		}
	}
	slices.Sort(ids)
	people := map[string]Person{}
	if ids = slices.Compact(ids); len(ids) > 0 {
		var err error
		if people, err = store.PeopleByID(ctx, organization, ids); err != nil {
			return nil, fmt.Errorf("reading owners: %w", err)
		}
	}
	shown := make([]Shown, 0, len(tokens))
	for _, t := range tokens {
		s := Shown{Token: t}
		if t.Owner.Type == OwnerPerson {
			var ok bool
			if s.Person, ok = people[t.Owner.ID]; !ok {
				s.Person = Person{Organization: t.Organization, ID: t.Owner.ID}
			}
		}
		shown = append(shown, s)
	}
	return shown, nil
}
