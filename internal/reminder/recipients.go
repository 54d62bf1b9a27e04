package reminder

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/internal/email"
	"latchkey/internal/token"
)

// maxAdmins is how many admins are notified in an owner's place.
const maxAdmins = 10

// admins finds an organization's admins once for a run.
type admins struct {
	mu    sync.Mutex
	known map[string]*found
}

// found is one organization's admins, when they are found.
type found struct {
	once   sync.Once
	people []token.Person
	err    error
}

// of are the admins of an organization who can be notified, one more than is needed: the
// owner may be one of them.
func (a *admins) of(ctx context.Context, r Reader, organization string, since time.Time) ([]token.Person, error) {
	a.mu.Lock()
	f := a.known[organization]
	if f == nil {
		f = &found{}
		a.known[organization] = f
	}
	a.mu.Unlock()
	f.once.Do(func() {
		// Somebody whom the search did not reach must not look like nobody, should it panic.
		f.err = fmt.Errorf("finding the admins ended half-way")
		f.people, f.err = findAdmins(ctx, r, organization, since)
	})
	return f.people, f.err
}

func findAdmins(ctx context.Context, r Reader, organization string, since time.Time) ([]token.Person, error) {
	var addresses []string
	found, err := r.Admins(ctx, organization, since, maxAdmins+1, func(p token.Person) bool {
		address := strings.ToLower(p.Email) // one person can have several accounts
		if !reachable(p) || slices.Contains(addresses, address) {
			return false
		}
		addresses = append(addresses, address)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("finding the admins: %w", err)
	}
	return found, nil
}

// inPlaceOf are the admins to notify in an owner's place.
func inPlaceOf(owner token.Person, admins []token.Person) []token.Person {
	others := slices.DeleteFunc(slices.Clone(admins), func(a token.Person) bool {
		return a.ID == owner.ID || strings.EqualFold(a.Email, owner.Email)
	})
	return others[:min(maxAdmins, len(others))]
}

// person is what is known of somebody.
func person(ctx context.Context, r Reader, organization, id string) (token.Person, error) {
	people, err := r.PeopleByID(ctx, organization, []string{id})
	if err != nil {
		return token.Person{}, fmt.Errorf("reading a person: %w", err)
	}
	return known(people, organization, id), nil
}

func known(people map[string]token.Person, organization, id string) token.Person {
	if p, ok := people[id]; ok {
		return p
	}
	return token.Person{Organization: organization, ID: id}
}

// reachable reports whether mail can be expected to arrive.
func reachable(p token.Person) bool { return email.Deliverable(p.Email) && !p.Undeliverable }
