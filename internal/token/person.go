package token

import "strings"

// Role is what a person may do in their organization.
type Role int

// The roles, from no right to most.
const (
	RoleNone    Role = iota
	RoleManager      // API Token Manager: issues tokens; sees and revokes their own
	RoleAdmin        // organization admin: also sees and revokes everyone's in the organization
)

// OwnerType says what kind of owner a token has.
type OwnerType string

// The types of owners.
const (
	OwnerPerson       OwnerType = "person"
	OwnerOrganization OwnerType = "organization"
)

// Owner is whose a token is: a person of its organization, or the organization itself.
type Owner struct {
	Type OwnerType
	ID   string // the person's subject; empty for the organization
}

// MaxSubjectLength is the longest subject that a person can have, in characters (OpenID
// Connect Core 1.0, section 2).
const MaxSubjectLength = 255

// IsSubject reports whether s can say who somebody is: printable ASCII characters.
func IsSubject(s string) bool {
	return s != "" && len(s) <= MaxSubjectLength && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// PersonOwner is the owner of a person's tokens.
func PersonOwner(subject string) Owner { return Owner{OwnerPerson, subject} }

// Person is what is known of somebody who signs in, as of the last time they did.
type Person struct {
	Organization string
	ID           string // the subject of their sign-in, unique at the issuer
	Email        string // verified; where their notices go
	Role         Role   // admins also get notices that cannot reach an owner
	// Undeliverable says that mail to Email does not arrive.
	Undeliverable bool
	// Left says that an admin has marked them as having left. They have no role then.
	Left bool
}

// Principal is the signed-in person who asks.
type Principal struct {
	Organization  string // the tenant, from a claim that the person cannot write
	Subject       string // who it is, unique at the issuer
	Email         string
	EmailVerified bool
	EmailUnusable bool // no mail can be sent to Email as it is written, whoever vouches for it
	Role          Role
	Address       string // IP address that the request came from, for the audit trail
	Client        string // what the client calls itself (User-Agent), for the audit trail

	left bool // was marked as having left
}

// known reports whether the sign-in says who this is, and of which organization.
func (p Principal) known() bool { return p.Organization != "" && p.Subject != "" }

// mayIssue is the check before a token is made or changed. Without a verified address no
// notice could reach its owner, or it could reach somebody else.
func (p Principal) mayIssue() error {
	switch {
	case p.left:
		return ErrLeft
	case !p.known() || p.Role == RoleNone:
		return errNoRole
	case p.Email == "":
		return errNoEmail
	case p.EmailUnusable:
		return errUnusableEmail
	case !p.EmailVerified:
		return errNotVerified
	}
	return nil
}

// CanIssue reports whether p may make tokens.
func (p Principal) CanIssue() bool { return p.mayIssue() == nil }

func (p Principal) reachable() bool { return p.EmailVerified && !p.EmailUnusable && p.Email != "" }

// maySee reports whether p may see and end what is of an organization and an owner. That
// needs a role or that it is one's own, and no verified address: whoever holds a leaked
// token must be able to end it. To anyone else it does not exist.
func (p Principal) maySee(organization string, o Owner) bool {
	return p.known() && organization == p.Organization && (p.Role == RoleAdmin || o == PersonOwner(p.Subject))
}

// person is the record that notices to p go by.
func (p Principal) person() Person {
	return Person{Organization: p.Organization, ID: p.Subject, Email: p.Email, Role: p.Role}
}

func (p Principal) actor() Actor { return Actor{Kind: ActorPerson, ID: p.Subject} }
