package tokentest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"latchkey/internal/token"
)

// Store keeps tokens in memory. It honours the contracts of [token.Writer],
// [token.Store] and [token.Lookup] and is safe for concurrent use.
type Store struct {
	mu          sync.Mutex
	tokens      map[token.ID]token.Token
	credentials map[token.ID]token.Credential
	previous    map[token.ID]token.Credential
	quotas      map[personKey]quota
	people      map[personKey]token.Person
	policies    map[string]token.Policy
	issued      map[token.ID]token.NewToken
	audits      []token.Audit
	notices     []token.Revocation
	calls       []string
	fail        map[string]error
	after       map[string]func()
	requests    map[token.Request]token.Answered
	marked      map[personKey]mark
	rotations   []token.SecretChange
	refused     []token.RefusedRotation
	seen        map[personKey]time.Time
}

type personKey struct{ organization, id string }

// quota is what an owner has made.
type quota struct {
	day    token.Date
	issued int
	left   time.Time
}

var (
	_ token.Writer = (*Store)(nil)
	_ token.Store  = (*Store)(nil)
	_ token.Lookup = (*Store)(nil)

	_ token.RotationStore = (*Store)(nil)
	_ token.RefusalStore  = (*Store)(nil)
)

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		tokens: map[token.ID]token.Token{}, credentials: map[token.ID]token.Credential{}, previous: map[token.ID]token.Credential{},
		quotas: map[personKey]quota{}, people: map[personKey]token.Person{}, policies: map[string]token.Policy{},
		issued: map[token.ID]token.NewToken{}, fail: map[string]error{}, marked: map[personKey]mark{},
		requests: map[token.Request]token.Answered{},
		seen:     map[personKey]time.Time{}, after: map[string]func(){},
	}
}

// Fail makes every later call of a method fail with err, or succeed again if it is nil.
func (s *Store) Fail(method string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[method] = err
}

// After has f run after the next call of a method that reads a token, outside the lock: what
// f changes happens between the caller's read and its next step.
func (s *Store) After(method string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after[method] = f
}

// done runs what was to run after a call of a method.
func (s *Store) done(method string) {
	s.mu.Lock()
	f := s.after[method]
	delete(s.after, method)
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

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

// Notices returns the revocations that an owner is notified of, oldest first.
func (s *Store) Notices() []token.Revocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notices)
}

// Trail returns an organization's audit entries in the order of their ids.
func (s *Store) Trail(organization string) []token.Audit {
	entries := slices.DeleteFunc(s.Audits(), func(a token.Audit) bool { return a.Organization != organization })
	slices.SortFunc(entries, func(a, b token.Audit) int { return cmp.Compare(a.ID, b.ID) })
	return entries
}

// Recipient returns the person whom a notice goes to, and whether there is such a notice.
func (s *Store) Recipient(notice token.ID) (string, bool) {
	for _, r := range s.Notices() {
		if r.Notice == notice {
			return r.Token.Owner.ID, true
		}
	}
	for _, r := range s.Refused() {
		if recipient, there := r.Recipients[notice]; there {
			return recipient, true
		}
	}
	return "", false
}

// Issued returns a token as it was issued, and whether it was.
func (s *Store) Issued(id token.ID) (token.NewToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.issued[id]
	return t, ok
}

// Stored returns the record of a token, and whether there is one.
func (s *Store) Stored(id token.ID) (token.Token, bool) {
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

// Put stores a record as it is.
func (s *Store) Put(t token.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.ID] = t
}

// PutCredential stores a credential as it is.
func (s *Store) PutCredential(c token.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Previous {
		s.previous[c.TokenID] = c
		return
	}
	s.credentials[c.TokenID] = c
}

// PutPolicy stores the policy of an organization.
func (s *Store) PutPolicy(organization string, p token.Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policies[organization] = p
}

func (s *Store) begin(method string) error {
	s.calls = append(s.calls, method)
	return s.fail[method]
}

// Policy implements [token.Writer].
func (s *Store) Policy(_ context.Context, organization string) (token.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policies[organization], s.begin("Policy")
}

// Issue implements [token.Writer].
func (s *Store) Issue(_ context.Context, t token.NewToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Issue"); err != nil {
		return err
	}
	if t.Request != nil {
		if a, there := s.requests[*t.Request]; there && t.Token.CreatedAt.Before(a.At.Add(token.RepeatedWithin)) {
			return token.ErrRepeated
		}
	}
	active := 0
	for _, other := range s.tokens {
		if other.Organization == t.Token.Organization && other.Owner == t.Token.Owner &&
			other.Status(t.Token.CreatedAt) == token.StatusActive {
			active++
		}
	}
	k := personKey{t.Token.Organization, t.Token.Owner.ID}
	q := s.quotas[k]
	if today := token.DateOf(t.Token.CreatedAt); today > q.day { // it may be a clock that is behind
		q.day, q.issued = today, 0
	}
	switch {
	case !q.left.IsZero():
		return token.ErrLeft
	case q.issued >= t.MaxDaily:
		return &token.Error{
			Code: token.CodeDailyLimit, Detail: "You have made as many tokens today as allowed.",
			RetryAfter: (q.day + 1).Start().Sub(t.Token.CreatedAt),
		}
	case active >= t.MaxActive:
		return &token.Error{Code: token.CodeLimitReached, Detail: "You have as many active tokens as allowed."}
	case s.policies[t.Token.Organization].Version != t.Policy.Version:
		return token.ErrBusy
	}
	if _, there := s.tokens[t.Token.ID]; there {
		return fmt.Errorf("writing token %s: there is one", t.Token.ID)
	}
	if t.Request != nil {
		s.requests[*t.Request] = token.Answered{Body: t.Body, ID: t.Token.ID, At: t.Token.CreatedAt}
	}
	q.issued++
	s.quotas[k] = q
	s.issued[t.Token.ID] = t
	s.tokens[t.Token.ID] = t.Token
	s.credentials[t.Token.ID] = t.Credential
	s.audits = append(s.audits, t.Audit)
	return nil
}

// Answered implements [token.Writer].
func (s *Store) Answered(_ context.Context, r token.Request, now time.Time) (token.Answered, bool, error) {
	defer s.done("Answered")
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Answered"); err != nil {
		return token.Answered{}, false, err
	}
	a, found := s.requests[r]
	if !found || !now.Before(a.At.Add(token.RepeatedWithin)) {
		return token.Answered{}, false, nil
	}
	return a, true, nil
}

// Token implements [token.Store].
func (s *Store) Token(_ context.Context, id token.ID) (token.Token, error) {
	defer s.done("Token")
	return s.token("Token", id)
}

// LateToken implements [token.Lookup].
func (s *Store) LateToken(_ context.Context, id token.ID) (token.Token, error) {
	return s.token("LateToken", id)
}

func (s *Store) token(method string, id token.ID) (token.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[id]
	if err := s.begin(method); err != nil {
		return token.Token{}, err
	}
	if !ok {
		return token.Token{}, token.ErrNotFound
	}
	return t, nil
}

// Credential implements [token.Lookup].
func (s *Store) Credential(_ context.Context, id token.ID) (token.Credential, error) {
	defer s.done("Credential")
	return s.credential("Credential", s.credentials, id)
}

// Previous implements [token.Lookup].
func (s *Store) Previous(_ context.Context, id token.ID) (token.Credential, error) {
	defer s.done("Previous")
	return s.credential("Previous", s.previous, id)
}

func (s *Store) credential(method string, in map[token.ID]token.Credential, id token.ID) (token.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(method); err != nil {
		return token.Credential{}, err
	}
	c, ok := in[id]
	if !ok {
		return token.Credential{}, token.ErrNotFound
	}
	return c, nil
}

// Tokens implements [token.Store].
func (s *Store) Tokens(_ context.Context, q token.Query) ([]token.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Tokens"); err != nil {
		return nil, err
	}
	order := func(a, b token.Position) int {
		c := cmp.Compare(a.ID, b.ID)
		if q.Living != 0 {
			c = cmp.Or(cmp.Compare(a.End, b.End), c)
		}
		if q.Descending {
			return -c
		}
		return c
	}
	var found []token.Token
	for _, t := range s.tokens {
		end := t.EndDate()
		switch {
		case t.Organization != q.Organization || q.Owner != nil && t.Owner != *q.Owner:
		case q.Living != 0 && (!t.RevokedAt.IsZero() || end < q.Living || q.Before != 0 && end >= q.Before):
		case q.After.ID != "" && order(token.Position{ID: t.ID, End: end}, q.After) <= 0:
		default:
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b token.Token) int {
		return order(token.Position{ID: a.ID, End: a.EndDate()}, token.Position{ID: b.ID, End: b.EndDate()})
	})
	return found[:min(q.Limit, len(found))], nil
}

// Revoke implements [token.Store].
func (s *Store) Revoke(_ context.Context, r token.Revocation) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Revoke"); err != nil {
		return false, err
	}
	id := r.Token.ID
	c, living := s.credentials[id]
	previous, overlapping := s.previous[id]
	if living && r.Generation != 0 && c.Generation != r.Generation {
		return false, token.ErrChanged
	}
	if living && c.Organization != r.Token.Organization || overlapping && previous.Organization != r.Token.Organization {
		return false, token.ErrNotFound
	}
	if living {
		r.Token.Owner = c.Owner // whatever the record says
	}
	delete(s.credentials, id)
	delete(s.previous, id)
	stored, ok := s.tokens[id]
	if !ok || !stored.RevokedAt.IsZero() || stored.Organization != r.Token.Organization {
		return false, nil
	}
	stored.RevokedAt, stored.RevokedBy, stored.RevokeReason = r.Token.RevokedAt, r.Token.RevokedBy, r.Token.RevokeReason
	if living && c.Use.LastAt.After(stored.Uses[c.Generation].LastAt) {
		stored.Uses = maps.Clone(stored.Uses)
		stored.Uses[c.Generation] = c.Use
	}
	s.tokens[id] = stored
	s.audits = append(s.audits, r.Audit)
	if r.Notice != "" && r.Token.Owner.Type == token.OwnerPerson {
		s.notices = append(s.notices, r)
	}
	return true, nil
}
