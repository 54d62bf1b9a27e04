package tokentest

import (
	"context"
	"fmt"
	"maps"
	"time"

	"latchkey/internal/token"
)

// Rotate implements [token.RotationStore].
func (s *Store) Rotate(_ context.Context, c token.SecretChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Rotate"); err != nil {
		return err
	}
	id := c.Was.TokenID
	now, ok := s.credentials[id]
	record, known := s.tokens[id]
	switch {
	case !ok || now.Version != c.Was.Version || now.Use != c.Was.Use:
		return token.ErrChanged
	case !known || record.Organization != c.Token.Organization || !record.RevokedAt.IsZero():
		return token.ErrChanged
	case s.policies[c.Token.Organization].Version != c.Policy.Version:
		return token.ErrBusy
	case s.quotas[personKey{c.Token.Organization, c.Token.Owner.ID}].left, s.quotas[personKey{c.Token.Organization, c.By.ID}].left:
		return token.ErrLeft
	case c.Current.Version != c.Was.Version+1:
		return fmt.Errorf("rotating token %s: version %d after %d", id, c.Current.Version, c.Was.Version)
	}
	switch c.Previous {
	case token.PreviousStays:
	case token.PreviousIsWas:
		was := now
		was.Previous, was.Overlap = true, 0
		s.previous[id] = was
	case token.PreviousIsGone:
		delete(s.previous, id)
	}
	after := c.Token
	after.Uses = maps.Clone(c.Token.Uses)
	for generation := range after.Uses {
		if use, kept := record.Uses[generation]; kept && generation != 0 {
			after.Uses[generation] = use
		}
	}
	s.credentials[id], s.tokens[id] = c.Current, after
	s.audits = append(s.audits, c.Audit)
	s.rotations = append(s.rotations, c)
	return nil
}

// Rotations returns the changes of secrets, oldest first.
func (s *Store) Rotations() []token.SecretChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]token.SecretChange(nil), s.rotations...)
}

// Used records the use of a secret, as the authorizer does.
func (s *Store) Used(_ context.Context, c token.Credential, at time.Time, from string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Used"); err != nil {
		return err
	}
	in := s.credentials
	if c.Previous {
		in = s.previous
	}
	kept, ok := in[c.TokenID]
	if !ok || kept.Generation != c.Generation || kept.Use.LastAt.After(at) {
		return nil
	}
	if kept.Use.FirstAt.IsZero() {
		kept.Use.FirstAt = at
	}
	kept.Use.LastAt, kept.Use.From = at, from
	in[c.TokenID] = kept
	t := s.tokens[c.TokenID]
	if _, there := t.Uses[c.Generation]; there {
		t.Uses = maps.Clone(t.Uses)
		t.Uses[c.Generation] = kept.Use
		s.tokens[c.TokenID] = t
	}
	return nil
}
