package token

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Query is one page of one index, newest first.
type Query struct {
	Organization string
	Owner        string // empty: everyone's in the organization
	After        ID     // the page begins after this token; empty: at the newest
	Limit        int
}

// Store reads tokens and revokes them. Its reads by id are strongly consistent.
type Store interface {
	Demoter
	// KeepOwner records the owner's current address.
	KeepOwner(ctx context.Context, o Owner, now time.Time) error
	// Token returns a token, or [ErrNotFound].
	Token(ctx context.Context, id ID) (Token, error)
	// Tokens returns at most q.Limit tokens; fewer mean that there are no more.
	Tokens(ctx context.Context, q Query) ([]Token, error)
	// Owners returns what is known of the owners with these ids.
	Owners(ctx context.Context, organization string, ids []string) (map[string]Owner, error)
	// Revoke sets t's revocation and stores the audit entry, both or neither. If the
	// token was revoked already, it changes nothing and returns false.
	Revoke(ctx context.Context, t Token, a Audit) (bool, error)
}

// ManagerConfig is what a [Manager] needs. All of it is required.
type ManagerConfig struct {
	Store  Store
	Now    func() time.Time
	Random io.Reader
}

// Manager shows and revokes tokens on behalf of people.
type Manager struct{ c ManagerConfig }

// NewManager refuses a half-built configuration.
func NewManager(c ManagerConfig) (*Manager, error) {
	if c.Store == nil || c.Now == nil || c.Random == nil {
		return nil, errors.New("manager: store, clock and source of random bytes are required")
	}
	return &Manager{c}, nil
}

// Owned is a token with its owner, as far as the owner is known.
type Owned struct {
	Token
	Owner Owner
}

// ListRequest asks for a page of tokens.
type ListRequest struct {
	Owner    string   // empty: the caller's own; "all": everyone's; else one person's subject
	Statuses []Status // empty: all
	Search   string   // part of the name, in any case; empty: all
	Limit    int      // 0: DefaultLimit
	Cursor   string   // from the page before; empty: the first page
}

// Page is a part of a list, newest first.
type Page struct {
	Tokens []Owned
	Cursor string // asks for the next page; empty: there is none
}

// begin checks that p may manage tokens and records the address notices go to.
func (m *Manager) begin(ctx context.Context, p Principal) (time.Time, error) {
	now := m.c.Now().UTC()
	if err := p.enter(ctx, m.c.Store); err != nil {
		return now, err
	}
	if err := m.c.Store.KeepOwner(ctx, p.owner(), now); err != nil {
		return now, fmt.Errorf("keeping the owner's address: %w", err)
	}
	return now, nil
}

// List returns a page of the tokens that p may see. With a filter a page may hold
// fewer tokens than the limit and still not be the last.
func (m *Manager) List(ctx context.Context, p Principal, r ListRequest) (Page, error) {
	now, err := m.begin(ctx, p)
	if err != nil {
		return Page{}, err
	}
	q, err := r.query(p)
	if err != nil {
		return Page{}, err
	}
	limit := r.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	q.Limit = limit + 1 // one more shows whether there is a next page
	search := strings.ToLower(strings.TrimSpace(r.Search))
	if search != "" || len(r.Statuses) > 0 {
		q.Limit = max(q.Limit, MaxLimit) // few may match: not a read for each
	}
	var found []Token
	more := true
	for read := 0; more && len(found) < limit && read < maxRead; read += q.Limit {
		batch, err := m.c.Store.Tokens(ctx, q)
		if err != nil {
			return Page{}, fmt.Errorf("listing tokens: %w", err)
		}
		more = len(batch) == q.Limit
		for i, t := range batch {
			q.After = t.ID
			if (len(r.Statuses) == 0 || slices.Contains(r.Statuses, t.Status(now))) &&
				strings.Contains(strings.ToLower(t.Name), search) {
				found = append(found, t)
			}
			if len(found) == limit {
				more = more || i < len(batch)-1
				break
			}
		}
	}
	page := Page{}
	if page.Tokens, err = m.withOwners(ctx, p.Organization, found); err != nil {
		return Page{}, err
	}
	if more {
		page.Cursor = r.cursor(p, q.After)
	}
	return page, nil
}

// Get returns one token. To a person who may not see it, it does not exist.
func (m *Manager) Get(ctx context.Context, p Principal, id string) (Owned, error) {
	if _, err := m.begin(ctx, p); err != nil {
		return Owned{}, err
	}
	t, err := m.visible(ctx, p, id)
	if err != nil {
		return Owned{}, err
	}
	return m.withOwner(ctx, t)
}

// Revoke makes a token stop working from the next request on. Revoking it again
// changes nothing and is no error.
func (m *Manager) Revoke(ctx context.Context, p Principal, id, reason string) (Owned, error) {
	now, err := m.begin(ctx, p)
	if err != nil {
		return Owned{}, err
	}
	reason, problem := cleanText(reason, MaxReasonLength)
	if problem != "" {
		return Owned{}, Invalid(FieldError{"/reason", problem})
	}
	t, err := m.visible(ctx, p, id)
	if err != nil {
		return Owned{}, err
	}
	if t.RevokedAt.IsZero() {
		if t, err = m.revoke(ctx, p, t, now, reason); err != nil {
			return Owned{}, err
		}
	}
	return m.withOwner(ctx, t)
}

func (m *Manager) revoke(ctx context.Context, p Principal, t Token, now time.Time, reason string) (Token, error) {
	auditID, err := NewID(now, m.c.Random)
	if err != nil {
		return Token{}, err
	}
	now = now.Truncate(time.Second)
	t.RevokedAt, t.RevokedBy, t.RevokeReason = now, p.Subject, reason
	changed, err := m.c.Store.Revoke(ctx, t, Audit{
		ID: auditID, Organization: t.Organization, At: now, Action: ActionRevoked,
		Actor: p.Subject, TokenID: t.ID, TokenName: t.Name, ExpiresOn: t.ExpiresOn, Detail: reason,
	})
	if err != nil {
		return Token{}, fmt.Errorf("revoking token %s: %w", t.ID, err)
	}
	if !changed {
		// Somebody else was faster: show what they did.
		if t, err = m.c.Store.Token(ctx, t.ID); err != nil {
			return Token{}, fmt.Errorf("reading token %s again: %w", t.ID, err)
		}
	}
	return t, nil
}

func (m *Manager) visible(ctx context.Context, p Principal, raw string) (Token, error) {
	id, err := ParseID(raw)
	if err != nil {
		return Token{}, err
	}
	t, err := m.c.Store.Token(ctx, id)
	if err != nil {
		return Token{}, fmt.Errorf("reading token %s: %w", id, err)
	}
	if !p.maySee(t) {
		return Token{}, ErrNotFound
	}
	return t, nil
}

func (m *Manager) withOwner(ctx context.Context, t Token) (Owned, error) {
	owned, err := m.withOwners(ctx, t.Organization, []Token{t})
	if err != nil {
		return Owned{}, err
	}
	return owned[0], nil
}

func (m *Manager) withOwners(ctx context.Context, organization string, tokens []Token) ([]Owned, error) {
	ids := make([]string, 0, len(tokens))
	for _, t := range tokens {
		ids = append(ids, t.Owner)
	}
	slices.Sort(ids)
	owners := map[string]Owner{}
	if ids = slices.Compact(ids); len(ids) > 0 {
		var err error
		if owners, err = m.c.Store.Owners(ctx, organization, ids); err != nil {
			return nil, fmt.Errorf("reading owners: %w", err)
		}
	}
	owned := make([]Owned, 0, len(tokens))
	for _, t := range tokens {
		o, ok := owners[t.Owner]
		if !ok {
			o = Owner{Organization: t.Organization, ID: t.Owner}
		}
		owned = append(owned, Owned{t, o})
	}
	return owned, nil
}
