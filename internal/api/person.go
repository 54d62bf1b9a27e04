package api

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/token"
)

// The names by which roles appear in a person's claims.
const (
	roleAdmin   = "org-admin"
	roleManager = "api-token-manager"
)

// maxEmail is the longest address that SMTP can carry (RFC 5321, section 4.5.3.1.3).
const maxEmail = 254

// Claims names the claims that a person's rights are read from.
type Claims struct {
	Organization string
	Roles        string
	Email        string
	// TrustEmail accepts an address where the issuer says nothing of its verification.
	TrustEmail bool
	// Use is which of a person's tokens counts where the issuer says in token_use what
	// a token is: "id" or "access". The gateway takes both.
	Use string
}

// NewClaims refuses empty names: a claim that is not there would then be one that is.
func NewClaims(c Claims) (Claims, error) {
	if c.Organization == "" || c.Roles == "" || c.Email == "" {
		return Claims{}, errors.New("claims: the names for organization, roles and e-mail are required")
	}
	if c.Use != "id" && c.Use != "access" {
		return Claims{}, fmt.Errorf("claims: token use %q: want id or access", c.Use)
	}
	return c, nil
}

// identifier keeps what becomes part of a key apart from the keys' separator, and
// from the brackets and spaces with which API Gateway writes lists.
var identifier = regexp.MustCompile(`^[A-Za-z0-9_.:@|+=/-]{1,128}$`)

// principal reads who asks from the claims that API Gateway's JWT authorizer checked.
// It fails closed when they are not there.
func (c Claims) principal(r events.APIGatewayV2HTTPRequest) (token.Principal, error) {
	authorizer := r.RequestContext.Authorizer
	if authorizer == nil || authorizer.JWT == nil || authorizer.JWT.Claims == nil {
		return token.Principal{}, errUnauthenticated
	}
	claims := authorizer.JWT.Claims
	if use, ok := claims["token_use"]; ok && use != c.Use {
		return token.Principal{}, errUnauthenticated
	}
	p := token.Principal{
		Organization: claims[c.Organization], Subject: claims["sub"],
		Role: role(claims[c.Roles]),
	}
	if !identifier.MatchString(p.Subject) {
		return token.Principal{}, errUnauthenticated
	}
	if !identifier.MatchString(p.Organization) {
		return token.Principal{}, &Error{
			Code: token.CodeForbidden, Detail: "Your sign-in names no organization. Ask your administrator to assign you to one.",
		}
	}
	p.Email, p.EmailVerified = c.email(claims)
	return p, nil
}

func (c Claims) email(claims map[string]string) (address string, verified bool) {
	address = claims[c.Email]
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > maxEmail {
		return "", false
	}
	said, ok := claims["email_verified"]
	return address, said == "true" || !ok && c.TrustEmail
}

// role reads roles as API Gateway writes them: one name, or "[a b]", which is not JSON
// and escapes nothing. So only exact names count; anything else gives no right.
func role(claim string) token.Role {
	if strings.HasPrefix(claim, "[") && strings.HasSuffix(claim, "]") {
		claim = claim[1 : len(claim)-1]
	}
	found := token.RoleNone
	for name := range strings.SplitSeq(claim, " ") {
		switch name {
		case roleAdmin:
			return token.RoleAdmin
		case roleManager:
			found = token.RoleManager
		}
	}
	return found
}
