package tokentest

import (
	"context"
	"testing"
	"time"

	"latchkey/internal/token"
)

// Quota implements [token.Store].
func (s *Store) Quota(_ context.Context, organization string, o token.Owner) (token.Quota, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Quota"); err != nil {
		return token.Quota{}, err
	}
	kept, there := s.quotas[personKey{organization, o.ID}]
	if !there {
		return token.Quota{}, nil
	}
	q := token.Quota{Active: map[token.ID]time.Time{}, LeftAt: kept.left}
	for id, t := range s.tokens {
		if t.Organization == organization && t.Owner == o && t.RevokedAt.IsZero() {
			q.Active[id] = t.ExpiresAt()
		}
	}
	return q, nil
}

// Leave implements [token.Store].
func (s *Store) Leave(_ context.Context, d token.Departure) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Leave"); err != nil {
		return time.Time{}, err
	}
	k := personKey{d.Organization, d.Person}
	q := s.quotas[k]
	if q.left.IsZero() {
		q.left = d.At
		s.quotas[k] = q
		s.audits = append(s.audits, d.Audit)
	}
	return q.left, nil
}

// Return implements [token.Store].
func (s *Store) Return(_ context.Context, d token.Departure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Return"); err != nil {
		return err
	}
	k := personKey{d.Organization, d.Person}
	if q := s.quotas[k]; !q.left.IsZero() {
		q.left = time.Time{}
		s.quotas[k] = q
		s.audits = append(s.audits, d.Audit)
	}
	return nil
}

func (s *Store) hasLeft(organization, id string) bool {
	return !s.quotas[personKey{organization, id}].left.IsZero()
}

// asNow is a person as they are known, without a role if they have left.
func (s *Store) asNow(k personKey, p token.Person) token.Person {
	if s.hasLeft(k.organization, k.id) {
		p.Role, p.Left = token.RoleNone, true
	}
	return p
}

// NewDeparture is that somebody leaves, or returns, at a moment, as alice says.
func NewDeparture(tb testing.TB, person string, action token.Action, at time.Time) token.Departure {
	tb.Helper()
	id, at := newID(tb, at), at.Truncate(time.Second)
	return token.Departure{Organization: "acme", Person: person, At: at, Audit: token.Audit{
		ID: id, Organization: "acme", At: at, Action: action, Person: person,
		Actor: token.Actor{Kind: token.ActorPerson, ID: "alice"},
	}}
}

// MustLeave marks somebody of acme as having left.
func MustLeave(tb testing.TB, s token.Store, person string) {
	tb.Helper()
	if _, err := s.Leave(tb.Context(), NewDeparture(tb, person, token.ActionLeft, Noon)); err != nil {
		tb.Fatal(err)
	}
}
