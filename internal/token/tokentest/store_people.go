package tokentest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"latchkey/internal/token"
)

// mark is an address that mail does not reach, and since when that is known.
type mark struct {
	email string
	at    time.Time
}

// undeliverableFor is how long a mark holds.
const undeliverableFor = 3 * 24 * time.Hour

// PutPerson stores a person as they are.
func (s *Store) PutPerson(p token.Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := personKey{p.Organization, p.ID}
	s.people[k] = p
	delete(s.marked, k)
	if p.Undeliverable {
		s.marked[k] = mark{email: p.Email}
	}
}

// KeepPerson implements [token.People].
func (s *Store) KeepPerson(_ context.Context, p token.Person, now time.Time) (token.Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("KeepPerson"); err != nil {
		return token.Person{}, err
	}
	k := personKey{p.Organization, p.ID}
	if m := s.marked[k]; !m.at.IsZero() && now.Sub(m.at) >= undeliverableFor {
		delete(s.marked, k)
	}
	p.Undeliverable = p.Email != "" && s.marked[k].email == p.Email
	if !now.Before(s.seen[k]) {
		s.people[k], s.seen[k] = p, now
	}
	p.Left = s.hasLeft(k.organization, k.id)
	return p, nil
}

// KeepKnown implements [token.People].
func (s *Store) KeepKnown(ctx context.Context, p token.Person, now time.Time) (token.Person, error) {
	s.mu.Lock()
	_, known := s.people[personKey{p.Organization, p.ID}]
	err := s.begin("KeepKnown")
	s.mu.Unlock()
	if err != nil || !known {
		return p, err
	}
	return s.KeepPerson(ctx, p, now)
}

// Demote implements [token.People].
func (s *Store) Demote(_ context.Context, organization, id string, to token.Role) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Demote"); err != nil {
		return false, err
	}
	if p, ok := s.people[personKey{organization, id}]; ok {
		p.Role = min(p.Role, to)
		s.people[personKey{organization, id}] = p
	}
	return s.hasLeft(organization, id), nil
}

// ClearUndeliverable implements [token.Store].
func (s *Store) ClearUndeliverable(_ context.Context, organization, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("ClearUndeliverable"); err != nil {
		return err
	}
	k := personKey{organization, id}
	delete(s.marked, k)
	if p, ok := s.people[k]; ok {
		p.Undeliverable = false
		s.people[k] = p
	}
	return nil
}

// MarkUndeliverable notes that mail to a person's address does not arrive, unless their
// address has changed since.
func (s *Store) MarkUndeliverable(_ context.Context, p token.Person, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := personKey{p.Organization, p.ID}
	if known, ok := s.people[k]; ok && known.Email == p.Email {
		known.Undeliverable = true
		s.people[k], s.marked[k] = known, mark{p.Email, at}
	}
	return nil
}

// PeopleByID implements [token.Store].
func (s *Store) PeopleByID(_ context.Context, organization string, ids []string) (map[string]token.Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("PeopleByID"); err != nil {
		return nil, err
	}
	found := map[string]token.Person{}
	for _, id := range ids {
		if p, ok := s.people[personKey{organization, id}]; ok {
			found[id] = s.asNow(personKey{organization, id}, p)
		}
	}
	return found, nil
}

// Admins implements [token.RefusalStore].
func (s *Store) Admins(
	_ context.Context, organization string, since time.Time, limit int, use func(token.Person) bool,
) ([]token.Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("Admins"); err != nil {
		return nil, err
	}
	var found []token.Person
	for k, p := range s.people {
		if k.organization == organization && s.asNow(k, p).Role == token.RoleAdmin && !s.seen[k].Before(since) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b token.Person) int {
		return cmp.Or(s.seen[personKey{organization, b.ID}].Compare(s.seen[personKey{organization, a.ID}]), cmp.Compare(a.ID, b.ID))
	})
	found = slices.DeleteFunc(found, func(p token.Person) bool { return !use(p) })
	return found[:min(limit, len(found))], nil
}
