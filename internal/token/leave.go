package token

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Quota is what is counted of an owner, and what decides whether they may have another token.
type Quota struct {
	Active map[ID]time.Time // when each token expires; some may have expired
	LeftAt time.Time        // when the person was marked as having left; zero: they have not
}

// Departure marks a person as having left their organization, or as having returned.
type Departure struct {
	Organization string
	Person       string // subject
	At           time.Time
	Audit        Audit
}

// LeaveRequest says who has left. With DryRun nothing changes.
type LeaveRequest struct {
	Person string // subject
	Reason string // of the revocations
	DryRun bool
}

// Left is what a person's leaving changes, or would change.
type Left struct {
	Person Person
	LeftAt time.Time // zero: they have not left, which a dry run does not change
	// Tokens are those that would be revoked, those that expire first first: of a dry run.
	Tokens []Token
	// Results says what became of each token that worked; empty after a dry run.
	Results []BulkResult
}

// Complete reports whether none of the person's tokens works any more.
func (l Left) Complete() bool {
	for _, r := range l.Results {
		if r.Outcome != BulkRevoked && r.Outcome != BulkBefore {
			return false
		}
	}
	return true
}

// Leave marks a person as having left and then revokes their tokens. Who is marked issues and
// rotates nothing from then on, so that what is revoked afterwards is all there is. It can be
// repeated, and finishes what was left undone.
func (m *Manager) Leave(ctx context.Context, p Principal, r LeaveRequest) (Left, error) {
	now := m.c.Now().UTC()
	quota, person, err := m.leaver(ctx, p, r.Person, now)
	if err != nil {
		return Left{}, err
	}
	left := Left{Person: person, LeftAt: quota.LeftAt}
	if !r.DryRun && quota.LeftAt.IsZero() {
		audit, err := p.auditPerson(r.Person, ActionLeft, now, m.c.Random)
		if err != nil {
			return Left{}, err
		}
		audit.Detail = tidy(r.Reason, MaxReasonLength)
		if left.LeftAt, err = m.c.Store.Leave(ctx, Departure{p.Organization, r.Person, now.Truncate(time.Second), audit}); err != nil {
			return Left{}, fmt.Errorf("marking a person as having left: %w", err)
		}
	}
	ids, err := m.working(ctx, p.Organization, r.Person, now)
	if err != nil {
		return Left{}, err
	}
	if !r.DryRun {
		// Who has left is not written to.
		left.Results = m.revokeEach(ctx, p, ids, r.Reason, now, false)
		return left, nil
	}
	for _, id := range ids {
		t, err := m.c.Store.Token(ctx, ID(id))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Left{}, fmt.Errorf("reading a person's token: %w", err)
		}
		if err == nil {
			left.Tokens = append(left.Tokens, t)
		}
	}
	return left, nil
}

// Return takes the mark of having left from a person, who may have tokens again. What was
// revoked stays so. It is no error if they had not left.
func (m *Manager) Return(ctx context.Context, p Principal, person string) (Person, error) {
	now := m.c.Now().UTC()
	quota, known, err := m.leaver(ctx, p, person, now)
	if err != nil || quota.LeftAt.IsZero() {
		return known, err
	}
	audit, err := p.auditPerson(person, ActionReturned, now, m.c.Random)
	if err != nil {
		return Person{}, err
	}
	if err := m.c.Store.Return(ctx, Departure{p.Organization, person, now.Truncate(time.Second), audit}); err != nil {
		return Person{}, fmt.Errorf("marking a person as having returned: %w", err)
	}
	return known, nil
}

// leaver finds the person whom an admin names. One who was never seen, and has no tokens, does
// not exist: a mistyped id must not look like somebody who was stopped.
func (m *Manager) leaver(ctx context.Context, p Principal, person string, now time.Time) (Quota, Person, error) {
	if _, err := enter(ctx, m.c.Store, &p, now); err != nil {
		return Quota{}, Person{}, err
	}
	switch {
	case p.Role != RoleAdmin:
		return Quota{}, Person{}, errPeopleAdminOnly
	case !IsSubject(person):
		return Quota{}, Person{}, Invalid(FieldError{"/person", "Is no person's id."})
	case person == p.Subject:
		return Quota{}, Person{}, Invalid(FieldError{"/person", "Is your own id. Ask another admin."})
	}
	quota, err := m.c.Store.Quota(ctx, p.Organization, PersonOwner(person))
	if err != nil {
		return Quota{}, Person{}, fmt.Errorf("reading a person's tokens: %w", err)
	}
	people, err := m.c.Store.PeopleByID(ctx, p.Organization, []string{person})
	if err != nil {
		return Quota{}, Person{}, fmt.Errorf("reading a person: %w", err)
	}
	known, there := people[person]
	if !there {
		if quota.Active == nil {
			return Quota{}, Person{}, errNoSuchPerson
		}
		known = Person{Organization: p.Organization, ID: person}
	}
	return quota, known, nil
}
