package tokentest

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	case s.hasLeft(c.Token.Organization, c.Token.Owner.ID), s.hasLeft(c.Token.Organization, c.By.ID):
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

// RotationRefused implements [token.RefusalStore].
func (s *Store) RotationRefused(_ context.Context, r token.RefusedRotation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("RotationRefused"); err != nil {
		return err
	}
	for _, before := range s.refused {
		for id := range r.Recipients {
			if _, there := before.Recipients[id]; there {
				return nil
			}
		}
	}
	s.refused = append(s.refused, r)
	s.audits = append(s.audits, r.Audit)
	return nil
}

// Refused returns the refused rotations that people were notified of, oldest first.
func (s *Store) Refused() []token.RefusedRotation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// EndPrevious implements [token.Store].
func (s *Store) EndPrevious(_ context.Context, e token.EndedSecret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("EndPrevious"); err != nil {
		return err
	}
	id := e.Secret.TokenID
	kept, ok := s.previous[id]
	t := s.tokens[id]
	if !ok || kept.Generation != e.Secret.Generation || kept.Organization != e.Secret.Organization ||
		t.Rotation == nil || t.Rotation.OldGeneration != e.Secret.Generation {
		return token.ErrChanged
	}
	delete(s.previous, id)
	rotation := *t.Rotation
	rotation.OldExpiresAt = e.Audit.At
	t.Rotation = &rotation
	s.tokens[id] = t
	s.audits = append(s.audits, e.Audit)
	return nil
}
