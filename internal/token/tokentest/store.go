package tokentest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"latchkey/internal/token"
)

// Store keeps tokens in memory. It honours the contracts of [token.Writer],
// [token.Store] and [token.Lookup] and is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	tokens  map[token.ID]token.NewToken
	owners  map[ownerKey]token.Owner
	audits  []token.Audit
	calls   []string
	fail    map[string]error
	onToken func(token.ID)
}

type ownerKey struct{ organization, id string }

var (
	_ token.Writer = (*Store)(nil)
	_ token.Store  = (*Store)(nil)
	_ token.Lookup = (*Store)(nil)
)

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		tokens: map[token.ID]token.NewToken{}, owners: map[ownerKey]token.Owner{}, fail: map[string]error{},
	}
}

// Fail makes every later call of a method fail with err, or succeed again if it is nil.
func (s *Store) Fail(method string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[method] = err
}

// OnToken has f run after each Token call, outside the lock: what f changes happens
// between the caller's read and its next step.
func (s *Store) OnToken(f func(token.ID)) { s.onToken = f }

// Calls names the methods that were called, in order.
func (s *Store) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Audits returns the audit trail, oldest first.
func (s *Store) Audits() []token.Audit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.audits)
}

// Issued returns a token as it was stored, and whether there is one.
func (s *Store) Issued(id token.ID) (token.NewToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[id]
	return t, ok
}

// Len is how many tokens there are.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens)
}

// Put stores a token as it is.
func (s *Store) Put(t token.NewToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.ID] = t
}

func (s *Store) begin(method string) error {
	s.calls = append(s.calls, method)
	return s.fail[method]
}

// KeepOwner implements [token.Writer] and [token.Store].
func (s *Store) KeepOwner(_ context.Context, o token.Owner, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("KeepOwner"); err != nil {
		return err
	}
	s.owners[ownerKey{o.Organization, o.ID}] = o
	return nil
}

// Demote implements [token.Demoter].
func (s *Store) Demote(_ context.Context, organization, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Demote"); err != nil {
		return err
	}
	if o, ok := s.owners[ownerKey{organization, id}]; ok {
		o.Admin = false
		s.owners[ownerKey{organization, id}] = o
	}
	return nil
}

// Issue implements [token.Writer].
func (s *Store) Issue(_ context.Context, t token.NewToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Issue"); err != nil {
		return err
	}
	active := 0
	for _, other := range s.tokens {
		if other.Organization == t.Organization && other.Token.Owner == t.Token.Owner &&
			other.Status(t.CreatedAt) == token.StatusActive {
			active++
		}
	}
	if active >= t.MaxActive {
		return &token.Error{Code: token.CodeLimitReached, Detail: "You have as many active tokens as allowed."}
	}
	s.tokens[t.ID] = t
	s.audits = append(s.audits, t.Audit)
	return nil
}

// Token implements [token.Store].
func (s *Store) Token(_ context.Context, id token.ID) (token.Token, error) {
	s.mu.Lock()
	err := s.begin("Token")
	t, ok := s.tokens[id]
	s.mu.Unlock()
	if s.onToken != nil {
		s.onToken(id)
	}
	switch {
	case err != nil:
		return token.Token{}, err
	case !ok:
		return token.Token{}, token.ErrNotFound
	}
	return t.Token, nil
}

// Secret implements [token.Lookup].
func (s *Store) Secret(_ context.Context, id token.ID) (token.Token, token.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Secret"); err != nil {
		return token.Token{}, token.Hash{}, err
	}
	t, ok := s.tokens[id]
	if !ok {
		return token.Token{}, token.Hash{}, token.ErrNotFound
	}
	return t.Token, t.Hash, nil
}

// Tokens implements [token.Store].
func (s *Store) Tokens(_ context.Context, q token.Query) ([]token.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Tokens"); err != nil {
		return nil, err
	}
	var found []token.Token
	for _, t := range s.tokens {
		if t.Organization == q.Organization && (q.Owner == "" || t.Token.Owner == q.Owner) &&
			(q.After == "" || t.ID < q.After) {
			found = append(found, t.Token)
		}
	}
	slices.SortFunc(found, func(a, b token.Token) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(q.Limit, len(found))], nil
}

// Owners implements [token.Store].
func (s *Store) Owners(_ context.Context, organization string, ids []string) (map[string]token.Owner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Owners"); err != nil {
		return nil, err
	}
	found := map[string]token.Owner{}
	for _, id := range ids {
		if o, ok := s.owners[ownerKey{organization, id}]; ok {
			found[id] = o
		}
	}
	return found, nil
}

// Revoke implements [token.Store].
func (s *Store) Revoke(_ context.Context, t token.Token, a token.Audit) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Revoke"); err != nil {
		return false, err
	}
	stored, ok := s.tokens[t.ID]
	if !ok || !stored.RevokedAt.IsZero() {
		return false, nil
	}
	stored.RevokedAt, stored.RevokedBy, stored.RevokeReason = t.RevokedAt, t.RevokedBy, t.RevokeReason
	s.tokens[t.ID] = stored
	s.audits = append(s.audits, a)
	return true, nil
}
