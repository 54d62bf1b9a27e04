package tokentest

import (
	"context"
	"slices"

	"latchkey/internal/token"
)

// AuditEntries implements [token.Trail].
func (s *Store) AuditEntries(_ context.Context, q token.AuditQuery) ([]token.Audit, error) {
	s.mu.Lock()
	err := s.begin("AuditEntries")
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(s.Trail(q.Organization), func(a token.Audit) bool {
		return q.Token != "" && a.TokenID != q.Token || a.ID < q.From || a.ID > q.To || q.After != "" && a.ID >= q.After
	})
	slices.Reverse(found)
	return found[:min(q.Limit, len(found))], nil
}
