package token

import (
	"context"
	"fmt"
)

// Role is what a person may do in their organization.
type Role int

// The roles, from no right to most.
const (
	RoleNone    Role = iota
	RoleManager      // API Token Manager: issues tokens; sees and revokes their own
	RoleAdmin        // organization admin: also sees and revokes everyone's in the organization
)

// Principal is the signed-in person who asks.
type Principal struct {
	Organization  string // the tenant, from a claim that the person cannot write
	Subject       string // who it is, unique at the issuer
	Email         string // where notices go
	EmailVerified bool
	Role          Role
}

// Owner is where the notices of a person's tokens go, kept current at every call that
// the person makes.
type Owner struct {
	Organization string
	ID           string // the person's subject
	Email        string
	Admin        bool // an organization admin, who also hears of owners that cannot be reached
	// Undeliverable says that mail to Email bounced for good or was complained about.
	Undeliverable bool
}

// owner is the record that notices to p go by.
func (p Principal) owner() Owner {
	return Owner{Organization: p.Organization, ID: p.Subject, Email: p.Email, Admin: p.Role == RoleAdmin}
}

// mayManage is the check at the door of every management call. Without a verified
// address no notice could reach the person, or it could reach somebody else.
func (p Principal) mayManage() error {
	if p.Role == RoleNone || p.Organization == "" || p.Subject == "" {
		return errNoRole
	}
	if !p.EmailVerified || p.Email == "" {
		return errNoEmail
	}
	return nil
}

// Demoter forgets that a person was an organization admin.
type Demoter interface {
	// Demote does nothing if the person is not known as an admin.
	Demote(ctx context.Context, organization, id string) error
}

// enter is mayManage at the door: somebody who has lost their role is no longer told of
// other people's tokens.
func (p Principal) enter(ctx context.Context, d Demoter) error {
	err := p.mayManage()
	if p.Role == RoleNone && p.Organization != "" && p.Subject != "" {
		if demoteErr := d.Demote(ctx, p.Organization, p.Subject); demoteErr != nil {
			return fmt.Errorf("demoting a former admin: %w", demoteErr)
		}
	}
	return err
}

// maySee reports whether p may see and revoke t. To anyone else t does not exist.
func (p Principal) maySee(t Token) bool {
	return t.Organization == p.Organization && (p.Role == RoleAdmin || t.Owner == p.Subject)
}
