package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/email"
	"latchkey/internal/token"
)

// The names by which roles appear in a person's claims.
const (
	roleAdmin   = "org-admin"
	roleManager = "api-token-manager"
)

// Claims says how a person's rights are read from their claims. Its fields are those of
// config.Person, which says what they mean.
type Claims struct {
	OrganizationClaim string
	RolesClaim        string
	EmailClaim        string
	TrustEmail        bool
	UseToken          string
}

// NewClaims refuses empty names: a claim that is not there would then be one that is.
func NewClaims(c Claims) (Claims, error) {
	if c.OrganizationClaim == "" || c.RolesClaim == "" || c.EmailClaim == "" {
		return Claims{}, errors.New("claims: the names for organization, roles and e-mail are required")
	}
	if c.UseToken != "id" && c.UseToken != "access" {
		return Claims{}, fmt.Errorf("claims: token use %q: want id or access", c.UseToken)
	}
	return c, nil
}

// maxOrganization is the longest id of an organization, in characters.
const maxOrganization = 128

// isOrganization reports whether a claim can name an organization. Nobody can tell those
// apart that differ in what cannot be seen.
func isOrganization(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxOrganization && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// What is wrong with a claim is said of that claim: one that is there is not reported as
// absent.
var (
	errWrongToken = &Error{
		Code: CodeUnauthenticated, Detail: "Send the token of your sign-in that this API takes: the ID token, unless it was set up otherwise.",
	}
	errBadSubject = &Error{
		Code: token.CodeForbidden,
		Detail: fmt.Sprintf("The subject of your sign-in (claim sub) cannot be used: it must be 1 to %d printable ASCII characters. "+
			"Ask your administrator.", token.MaxSubjectLength),
	}
	errNoOrganization = &Error{
		Code: token.CodeForbidden, Detail: "Your sign-in names no organization. Ask your administrator to assign you to one.",
	}
	errManyOrganizations = &Error{
		Code: token.CodeForbidden, Detail: "Your sign-in names a list of organizations or an object, where the id of one is needed. Ask your administrator.",
	}
	errBadOrganization = &Error{
		Code: token.CodeForbidden,
		Detail: fmt.Sprintf("The organization that your sign-in names cannot be used: it must be 1 to %d printable characters, "+
			"without spaces at its ends. Ask your administrator.", maxOrganization),
	}
)

// principal reads who asks from the claims that API Gateway's JWT authorizer checked.
// It fails closed when they are not there.
func (c Claims) principal(r events.APIGatewayV2HTTPRequest) (token.Principal, error) {
	authorizer := r.RequestContext.Authorizer
	if authorizer == nil || authorizer.JWT == nil || authorizer.JWT.Claims == nil {
		return token.Principal{}, errUnauthenticated
	}
	claims := authorizer.JWT.Claims
	if use, ok := claims["token_use"]; ok && use != c.UseToken {
		return token.Principal{}, errWrongToken
	}
	p := token.Principal{
		Organization: claims[c.OrganizationClaim], Subject: claims["sub"],
		Role: role(claims[c.RolesClaim]), Address: r.RequestContext.HTTP.SourceIP, Client: r.RequestContext.HTTP.UserAgent,
	}
	switch {
	case p.Subject == "":
		return token.Principal{}, errUnauthenticated
	case !token.IsSubject(p.Subject):
		return token.Principal{}, errBadSubject
	case p.Organization == "":
		return token.Principal{}, errNoOrganization
	case written(p.Organization, "[") || written(p.Organization, "map["):
		// In which of a list somebody is cannot be told, nor which part of an object is meant.
		return token.Principal{}, errManyOrganizations
	case !isOrganization(p.Organization):
		return token.Principal{}, errBadOrganization
	}
	p.Email = claims[c.EmailClaim]
	p.EmailUnusable = p.Email != "" && !email.Deliverable(p.Email)
	p.EmailVerified = p.Email != "" && (c.TrustEmail || claims[c.EmailClaim+"_verified"] == "true")
	return p, nil
}

// written reports whether a claim is how API Gateway writes a list, "[a b]", or an object,
// "map[a:b]". It escapes nothing, so a text of that form cannot be told from one.
func written(claim, opening string) bool {
	return strings.HasPrefix(claim, opening) && strings.HasSuffix(claim, "]")
}

// role reads a set of roles. Only exact names count.
func role(claim string) token.Role {
	names := roleNames(claim)
	switch {
	case slices.Contains(names, roleAdmin):
		return token.RoleAdmin
	case slices.Contains(names, roleManager):
		return token.RoleManager
	}
	return token.RoleNone
}

// roleNames reads the forms in which issuers and API Gateway write a set of names: one
// name; "[a b]", as API Gateway writes a list, which is not JSON and escapes nothing;
// "[a, b]", as Cognito maps a SAML attribute; "a,b", "a, b" and "a b"; and JSON. What is of
// no form, such as lists in lists, has no names: part of it could be somebody's own words.
func roleNames(claim string) []string {
	if strings.HasPrefix(claim, `["`) {
		var names []string
		if err := json.Unmarshal([]byte(claim), &names); err != nil {
			return nil
		}
		return names
	}
	inner, opened := strings.CutPrefix(claim, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if opened != closed || strings.ContainsAny(inner, `[]{}()"`) {
		return nil
	}
	// One separator holds for all of a claim. API Gateway escapes nothing, so a comma in a
	// list that it wrote may belong to the name of a group.
	if names := strings.Split(inner, ", "); !slices.ContainsFunc(names, func(s string) bool { return strings.ContainsAny(s, ", ") }) {
		return names
	}
	if !opened && !strings.Contains(inner, " ") {
		return strings.Split(inner, ",")
	}
	return strings.Split(inner, " ")
}
