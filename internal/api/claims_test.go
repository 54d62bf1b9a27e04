package api_test

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// A claim that is there is never reported as absent: what is wrong is said of that claim.
func TestClaimsThatAreThereAreNotReportedAsAbsent(t *testing.T) {
	for _, test := range []struct {
		claim, value string
		code         token.Code
		says         string
	}{
		{"sub", "-", api.CodeUnauthenticated, "Sign in"},
		{"sub", strings.Repeat("x", 256), token.CodeForbidden, "claim sub"},
		{"sub", "bøb", token.CodeForbidden, "claim sub"},
		{"token_use", "access", api.CodeUnauthenticated, "ID token"},
		{"custom:organization", "-", token.CodeForbidden, "no organization"},
		{"custom:organization", strings.Repeat("x", 129), token.CodeForbidden, "128 printable"},
		{"custom:organization", "ac\u202eme", token.CodeForbidden, "128 printable"},
		{"custom:organization", " acme", token.CodeForbidden, "128 printable"},
		{"custom:organization", "[acme]", token.CodeForbidden, "list of organizations"},
		{"custom:organization", "[acme globex]", token.CodeForbidden, "list of organizations"},
		{"custom:organization", `["acme"]`, token.CodeForbidden, "list of organizations"},
		{"custom:organization", "[]", token.CodeForbidden, "list of organizations"},
		{"custom:organization", "map[id:acme name:Acme Inc]", token.CodeForbidden, "or an object"},
		{"email", "-", token.CodeEmailNotVerified, "names no e-mail address"},
		{"email", "bøb@acme.example", token.CodeEmailUnusable, "as it is written"},
		{"email_verified", "false", token.CodeEmailNotVerified, "not verified"},
		{"email_verified", "-", token.CodeEmailNotVerified, "not verified"},
	} {
		s := newService(t)
		r := event(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30}`)
		claims := r.RequestContext.Authorizer.JWT.Claims
		if claims[test.claim] = test.value; test.value == "-" {
			delete(claims, test.claim)
		}
		a := s.send(t, issueRoute, r)
		a.problem(test.code)
		if detail := a.at("detail"); !strings.Contains(detail, test.says) {
			t.Errorf("%s %.20q: %s", test.claim, test.value, detail)
		}
	}
}

// Who somebody is stays as the issuer writes it, and one organization is not another.
func TestAnyIdentifierWorks(t *testing.T) {
	for _, subject := range []string{
		"o'brien@acme.example", "auth0|5f7c", `CN=Bob O'Brien, OU="R#D"`, "https://issuer.example/users/7?x=y&z#f", "..", "%2F", "all", " ~", "#", "*",
		strings.Repeat("~", 255),
	} {
		for _, organization := range []string{"Acme Inc", "Bücher & Söhne GmbH", "株式会社アクメ", "acme#globex", "[acme] Inc", "Acme [EU]", "map", "map[x", "*", strings.Repeat("é", 128)} {
			s := newService(t)
			p := token.Principal{Organization: organization, Subject: subject, Email: "bob@acme.example", Role: token.RoleManager}
			made := s.call(t, issueRoute, p, "", `{"name":"x","expires_in_days":30}`).ok(201)
			if made.at("token", "org_id") != organization || made.at("token", "owner", "id") != subject {
				t.Errorf("%q of %q: %s", subject, organization, made.Body)
			}
			list := s.call(t, listRoute, p, "", "").ok(200)
			if tokens, _ := list.json["tokens"].([]any); len(tokens) != 1 || list.at("person", "id") != subject {
				t.Errorf("%q of %q: %s", subject, organization, list.Body)
			}
		}
	}
}

// The same set of names gives the same rights in any order and in any of the forms.
func TestRolesAreASet(t *testing.T) {
	forms := map[string]func([]string) string{
		"API Gateway's": func(names []string) string { return "[" + strings.Join(names, " ") + "]" },
		"JSON":          func(names []string) string { return `["` + strings.Join(names, `","`) + `"]` },
		"SAML's":        func(names []string) string { return "[" + strings.Join(names, ", ") + "]" },
		"commas":        func(names []string) string { return strings.Join(names, ",") },
		"commas, space": func(names []string) string { return strings.Join(names, ", ") },
		"spaces":        func(names []string) string { return strings.Join(names, " ") },
	}
	for _, test := range []struct {
		names []string
		role  string
	}{
		{[]string{"org-admin", "api-token-manager", "staff"}, "org-admin"},
		{[]string{"org-admin", "staff"}, "org-admin"},
		{[]string{"api-token-manager", "eu-west-1_abc_Google"}, "api-token-manager"},
		{[]string{"org-admins", "api-token", "manager"}, "null"},
	} {
		for form, write := range forms {
			names := slices.Clone(test.names)
			for range names {
				names = append(names[1:], names[0])
				if got := roleOf(t, write(names)); got != test.role {
					t.Errorf("%s, %s: %s, want %s", form, write(names), got, test.role)
				}
			}
		}
	}
}

// What is of none of the forms gives no right, and a part of a name is no name.
func TestOtherFormsOfRoles(t *testing.T) {
	for _, claim := range []string{
		"[org-adminX", "[org-admin", "org-admin]", "[[a] org-admin]", `[["a"],"org-admin"]`, `["org-admin",["a"]]`, `["org-admin",7]`, `["org-admin"`,
		"map[a:b org-admin]", "map[org-admin:true]", `{"a":"org-admin"}`, `"org-admin"`, "(org-admin)", "[a [b] org-admin]",
		"[x,org-admin]", "[x,org-admin staff]", "[org-admin,x, staff]", "x,org-admin staff", "org-admin;x", "org-admin|x", "org-admin\nx",
	} {
		if got := roleOf(t, claim); got != "null" {
			t.Errorf("%s gives %s", claim, got)
		}
	}
}

// roleOf is the role that the API reads from a claim.
func roleOf(t *testing.T, claim string) string {
	t.Helper()
	s := newService(t)
	s.MustIssue(t, tokentest.Bob, "x", 30) // people without a role see what is theirs
	r := event(t, listRoute, tokentest.Bob, "", "")
	r.RequestContext.Authorizer.JWT.Claims["cognito:groups"] = claim
	return s.send(t, listRoute, r).ok(200).at("person", "role")
}

// Seeing and revoking needs no verified address, and of one's own no role; issuing needs both.
func TestRightsWithoutAnAddressOrARole(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	as := func(route, role, verified string) answer {
		r := event(t, route, tokentest.Bob, made.ID, "")
		if route == issueRoute {
			r.Body = `{"name":"x","expires_in_days":30}`
		}
		maps.Copy(r.RequestContext.Authorizer.JWT.Claims, map[string]string{"cognito:groups": role, "email_verified": verified})
		return s.send(t, route, r)
	}
	as(issueRoute, "[api-token-manager]", "false").problem(token.CodeEmailNotVerified)
	as(issueRoute, "[staff]", "true").problem(token.CodeForbidden)
	for _, role := range []string{"[api-token-manager]", "[staff]"} {
		as(listRoute, role, "false").ok(200)
		as(getRoute, role, "false").ok(200)
		if a := as(listRoute, role, "false"); a.at("person", "can_issue") != "false" || a.at("person", "email_verified") != "false" {
			t.Errorf("%s: %s", role, a.Body)
		}
	}
	as(revokeRoute, "[staff]", "false").ok(200)
}

// Another claim than email can be vouched for by a claim of its own.
func TestAnotherClaimIsVouchedForByItsOwn(t *testing.T) {
	claims, err := api.NewClaims(api.Claims{OrganizationClaim: "org", RolesClaim: "roles", EmailClaim: "upn", UseToken: "access"})
	if err != nil {
		t.Fatal(err)
	}
	for said, verified := range map[string]bool{"true": true, "false": false, "True": false, "": false} {
		s := newService(t)
		s.handlers[issueRoute] = api.Issue(slog.New(slog.DiscardHandler), claims, s.Issuer)
		r := claimed(t, "upn", "")
		r.RequestContext.Authorizer.JWT.Claims["upn_verified"] = said
		if a := s.send(t, issueRoute, r); verified {
			a.ok(201)
		} else {
			a.problem(token.CodeEmailNotVerified)
		}
	}
}
