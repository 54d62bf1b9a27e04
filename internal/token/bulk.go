package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxBulk is the most tokens that one request may name.
const MaxBulk = 100

// bulkWithin bounds a request about many tokens, so that it answers before whoever waits for
// the answer gives up: API Gateway does after 30 seconds.
const bulkWithin = 20 * time.Second

// BulkOutcome says what became of one of several tokens.
type BulkOutcome string

// The outcomes.
const (
	BulkRevoked  BulkOutcome = "revoked"
	BulkBefore   BulkOutcome = "already_revoked"
	BulkNotFound BulkOutcome = "not_found" // also: not this person's to see
	BulkFailed   BulkOutcome = "failed"    // the same request may succeed later
	BulkNotTried BulkOutcome = "not_tried" // there was no time left
)

// BulkResult is what became of one token.
type BulkResult struct {
	ID      string // as it was named
	Name    string // empty if it was not found, or not looked at
	Outcome BulkOutcome
}

// BulkRevocation names the tokens to revoke: by their ids, or as all that a person has.
type BulkRevocation struct {
	IDs    []string // at most MaxBulk
	Owner  *string  // a person's subject; nil: the tokens are named
	Reason string
}

// RevokeMany revokes several tokens, each by itself: one that fails keeps none of the others.
// What it says of a token is what [Manager.Revoke] would say. It can be repeated.
func (m *Manager) RevokeMany(ctx context.Context, p Principal, r BulkRevocation) ([]BulkResult, error) {
	now := m.c.Now().UTC()
	if _, err := enter(ctx, m.c.Store, &p, now); err != nil {
		return nil, err
	}
	ids, err := m.named(ctx, p, r, now)
	if err != nil {
		return nil, err
	}
	results := m.revokeEach(ctx, p, ids, r.Reason, now, true)
	found := func(r BulkResult) bool { return r.Outcome != BulkNotFound }
	if p.Role == RoleNone && !slices.ContainsFunc(results, found) {
		return nil, errNoRole // whatever there is
	}
	return results, nil
}

// named are the ids of the tokens that are meant, each once.
func (m *Manager) named(ctx context.Context, p Principal, r BulkRevocation, now time.Time) ([]string, error) {
	switch {
	case (r.Owner == nil) == (r.IDs == nil), r.Owner == nil && len(r.IDs) == 0:
		return nil, Invalid(FieldError{"/ids", "Name the tokens by ids, or their owner by owner."})
	case len(r.IDs) > MaxBulk:
		return nil, Invalid(FieldError{"/ids", "Must name at most " + strconv.Itoa(MaxBulk) + " tokens."})
	case r.Owner == nil:
		ids := []string{}
		for _, id := range r.IDs {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		return ids, nil
	case !IsSubject(*r.Owner):
		return nil, Invalid(FieldError{"/owner", "Is no person's id."})
	case *r.Owner != p.Subject && p.Role != RoleAdmin:
		return nil, errAdminOnly
	}
	return m.working(ctx, p.Organization, *r.Owner, now)
}

// working are the ids of a person's tokens that have not expired, those that expire first
// first. It goes by the quota, which an issue that has answered is in.
func (m *Manager) working(ctx context.Context, organization, person string, now time.Time) ([]string, error) {
	quota, err := m.c.Store.Quota(ctx, organization, PersonOwner(person))
	if err != nil {
		return nil, fmt.Errorf("reading a person's tokens: %w", err)
	}
	var ids []string
	for id, expires := range quota.Active {
		if expires.After(now) {
			ids = append(ids, string(id))
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		if c := quota.Active[ID(a)].Compare(quota.Active[ID(b)]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return ids, nil
}

// revokeEach revokes tokens one by one, as long as there is time.
func (m *Manager) revokeEach(ctx context.Context, p Principal, ids []string, reason string, begun time.Time, notify bool) []BulkResult {
	results := make([]BulkResult, 0, len(ids))
	for _, id := range ids {
		result := BulkResult{ID: id, Outcome: BulkNotTried}
		if now := m.c.Now().UTC(); now.Sub(begun) < bulkWithin && ctx.Err() == nil {
			result.Name, result.Outcome = m.revokeOne(ctx, p, id, reason, now, notify)
		}
		results = append(results, result)
	}
	return results
}

func (m *Manager) revokeOne(ctx context.Context, p Principal, id, reason string, now time.Time, notify bool) (string, BulkOutcome) {
	t, err := m.visible(ctx, p, id)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, errNoRole):
		return "", BulkNotFound
	case err != nil:
		return "", BulkFailed
	}
	_, changed, err := m.revoke(ctx, p, t, reason, now, notify)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", BulkNotFound
	case err != nil:
		return t.Name, BulkFailed
	case changed:
		return t.Name, BulkRevoked
	}
	return t.Name, BulkBefore
}
