package reminder

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"latchkey/internal/token"
)

const (
	// adminsSeenWithin is how recently an admin must have signed in to be written to.
	adminsSeenWithin = 90 * 24 * time.Hour
	// maxAdmins is how many admins one e-mail goes to.
	maxAdmins = 10
)

// recipients are whom an e-mail goes to.
type recipients struct {
	owner     token.Owner // whose tokens it is about
	people    []token.Owner
	forAdmins bool // people are admins, because the owner cannot be reached
}

// findRecipients finds the owner's current address or, if mail does not reach it, the
// organization's admins.
func findRecipients(ctx context.Context, r Reader, organization, owner string, now time.Time) (recipients, error) {
	owners, err := r.Owners(ctx, organization, []string{owner})
	if err != nil {
		return recipients{}, fmt.Errorf("reading the owner: %w", err)
	}
	o, ok := owners[owner]
	if !ok {
		o = token.Owner{Organization: organization, ID: owner}
	}
	if reachable(o) {
		return recipients{owner: o, people: []token.Owner{o}}, nil
	}
	return findAdmins(ctx, r, o, now)
}

// findAdmins finds whom to tell in place of an owner; perhaps nobody.
func findAdmins(ctx context.Context, r Reader, owner token.Owner, now time.Time) (recipients, error) {
	admins, err := r.Admins(ctx, owner.Organization, now.Add(-adminsSeenWithin))
	if err != nil {
		return recipients{}, fmt.Errorf("reading the admins: %w", err)
	}
	to := recipients{owner: owner, forAdmins: true}
	for _, a := range admins {
		known := slices.ContainsFunc(append(to.people, owner), func(o token.Owner) bool {
			return o.ID == a.ID || strings.EqualFold(o.Email, a.Email)
		})
		if reachable(a) && !known && len(to.people) < maxAdmins {
			to.people = append(to.people, a)
		}
	}
	return to, nil
}

// reachable reports whether mail can be expected to arrive. SES takes no address with
// other characters than ASCII before the @, and one such would turn away an e-mail to
// several admins as a whole.
func reachable(o token.Owner) bool {
	a, err := mail.ParseAddress(o.Email)
	if err != nil || a.Address != o.Email || o.Undeliverable {
		return false
	}
	local := o.Email[:strings.LastIndexByte(o.Email, '@')]
	return !strings.ContainsFunc(local, func(r rune) bool { return r > '~' })
}
