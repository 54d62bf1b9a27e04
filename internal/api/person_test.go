package api_test

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/api"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestNewClaimsRefusesEmptyNames(t *testing.T) {
	for _, names := range [][3]string{{"", "roles", "email"}, {"org", "", "email"}, {"org", "roles", ""}} {
		if c, err := api.NewClaims(api.Claims{
			OrganizationClaim: names[0], RolesClaim: names[1], EmailClaim: names[2], TrustEmail: true, UseToken: "id",
		}); err == nil || c != (api.Claims{}) {
			t.Errorf("%q: accepted", names)
		}
	}
}

// Only the two names count, and the same set gives the same rights in whatever form it is
// written: API Gateway's, JSON's, or with commas, as Cognito maps a SAML attribute. Every
// other form gives no right.
func TestRoles(t *testing.T) {
	const (
		admin   = "admin"
		manager = "manager"
		nobody  = "nobody"
	)
	for claim, want := range map[string]string{
		"[org-admin]":                               admin,
		"[api-token-manager]":                       manager,
		"[org-admin api-token-manager]":             admin,
		"[api-token-manager org-admin]":             admin,
		"[staff api-token-manager eu-west-1_abc_G]": manager,
		"org-admin":                                 admin,
		"api-token-manager":                         manager,
		"api-token-manager org-admin":               admin,
		`["org-admin"]`:                             admin,
		`["x","org-admin"]`:                         admin,
		`["api-token-manager"]`:                     manager,
		"org-admin,api-token-manager":               admin,
		"api-token-manager,org-admin":               admin,
		"[org-admin, api-token-managers]":           admin,
		"[staff, api-token-manager]":                manager,

		"":                               nobody,
		"[]":                             nobody,
		"[ ]":                            nobody,
		"[org-adminx]":                   nobody,
		"[xorg-admin]":                   nobody,
		"org-adminx":                     nobody,
		"[ORG-ADMIN]":                    nobody,
		"[Org-Admin]":                    nobody,
		"[org_admin]":                    nobody,
		"[org admin]":                    nobody,
		`["org-admin`:                    nobody,
		`["org-admin"`:                   nobody,
		`[["org-admin"]]`:                nobody,
		`{"org-admin":true}`:             nobody,
		`[org-admin "x"]`:                nobody,
		"map[org-admin:true]":            nobody,
		"[org-adminX":                    nobody,
		"[[org-admin]]":                  nobody,
		"[org-admin":                     nobody,
		"org-admin]":                     nobody,
		"{org-admin}":                    nobody,
		"[org-admin\tapi-token-manager]": nobody,
		"[\u00a0org-admin]":              nobody,
		"[org-admin\n]":                  nobody,
		"org-admin:acme":                 nobody,
		"[api-token-managers]":           nobody,
		"[-api-token-manager]":           nobody,
		"[оrg-admin]":                    nobody, // the first letter is Cyrillic
		"true":                           nobody,
		"*":                              nobody,
	} {
		t.Run(claim, func(t *testing.T) {
			s := newService(t)
			r := event(t, listRoute, tokentest.Bob, "", "")
			r.RequestContext.Authorizer.JWT.Claims["cognito:groups"] = claim
			own := s.send(t, listRoute, r)
			r.QueryStringParameters = map[string]string{"owner": "all"}
			all := s.send(t, listRoute, r)
			got := nobody
			switch {
			case all.StatusCode == 200:
				got = admin
			case own.StatusCode == 200 && own.at("person", "role") == "api-token-manager":
				got = manager
			}
			if got != want {
				t.Errorf("is %s, want %s", got, want)
			}
			if got != admin {
				all.problem(token.CodeForbidden)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	// A value of "-" takes the claim away.
	for _, test := range []struct {
		name   string
		change map[string]string
		code   token.Code // empty: accepted
	}{
		{"as Cognito sends them", nil, ""},
		{"an issuer without token_use", map[string]string{"token_use": "-"}, ""},
		{"an access token", map[string]string{"token_use": "access"}, api.CodeUnauthenticated},
		{"an empty token_use", map[string]string{"token_use": ""}, api.CodeUnauthenticated},
		{"token_use in another case", map[string]string{"token_use": "ID"}, api.CodeUnauthenticated},

		{"no subject", map[string]string{"sub": "-"}, api.CodeUnauthenticated},
		{"an empty subject", map[string]string{"sub": ""}, api.CodeUnauthenticated},
		{"a subject that is a UUID", map[string]string{"sub": "f3d4c8a2-70e1-7012-8a51-8c3d5b6f7a89"}, ""},
		{"a subject of another issuer", map[string]string{"sub": "auth0|5f7c8ec7c33c6c004bbafe82"}, ""},
		{"a subject with the separator of keys", map[string]string{"sub": "bob#x"}, ""},
		{"a subject that is an address", map[string]string{"sub": "o'brien@acme.example"}, ""},
		{"a subject with spaces", map[string]string{"sub": "Bob O'Brien"}, ""},
		{"a subject of 255 characters", map[string]string{"sub": strings.Repeat("x", 255)}, ""},
		{"a subject too long", map[string]string{"sub": strings.Repeat("x", 256)}, token.CodeForbidden},
		{"a subject beyond ASCII", map[string]string{"sub": "bøb"}, token.CodeForbidden},
		{"a subject with a NUL", map[string]string{"sub": "bob\x00"}, token.CodeForbidden},

		{"no organization", map[string]string{"custom:organization": "-"}, token.CodeForbidden},
		{"an empty organization", map[string]string{"custom:organization": ""}, token.CodeForbidden},
		{"an organization of 128 characters", map[string]string{"custom:organization": strings.Repeat("x", 128)}, ""},
		{"one too long", map[string]string{"custom:organization": strings.Repeat("x", 129)}, token.CodeForbidden},
		{"one with the separator of keys", map[string]string{"custom:organization": "acme#globex"}, ""},
		{"one with a space", map[string]string{"custom:organization": "Acme Inc"}, ""},
		{"one with a space at an end", map[string]string{"custom:organization": "acme "}, token.CodeForbidden},
		{"one that shows as nothing", map[string]string{"custom:organization": "ac\u200bme"}, token.CodeForbidden},
		{"one with a new line", map[string]string{"custom:organization": "acme\n"}, token.CodeForbidden},
		{"one with a NUL", map[string]string{"custom:organization": "acme\x00"}, token.CodeForbidden},
		{"one beyond ASCII", map[string]string{"custom:organization": "Äcme"}, ""},

		{"no roles", map[string]string{"cognito:groups": "-"}, token.CodeForbidden},

		{"an address not verified", map[string]string{"email_verified": "false"}, token.CodeEmailNotVerified},
		{"verified in another case", map[string]string{"email_verified": "True"}, token.CodeEmailNotVerified},
		{"verified by a number", map[string]string{"email_verified": "1"}, token.CodeEmailNotVerified},
		{"nothing said of it", map[string]string{"email_verified": "-"}, token.CodeEmailNotVerified},
		{"no address", map[string]string{"email": "-"}, token.CodeEmailNotVerified},
		{"an empty address", map[string]string{"email": ""}, token.CodeEmailNotVerified},
		{"an address with a name", map[string]string{"email": "Bob <bob@acme.example>"}, token.CodeEmailUnusable},
		{"an address in brackets", map[string]string{"email": "<bob@acme.example>"}, token.CodeEmailUnusable},
		{"two addresses", map[string]string{"email": "bob@acme.example, eve@evil.example"}, token.CodeEmailUnusable},
		{"an address with a new line", map[string]string{"email": "bob@acme.example\r\nBcc: eve@evil.example"}, token.CodeEmailUnusable},
		{"an address with space around", map[string]string{"email": " bob@acme.example"}, token.CodeEmailUnusable},
		{"an address without a domain", map[string]string{"email": "bob"}, token.CodeEmailUnusable},
		{"an address too long", map[string]string{"email": strings.Repeat("x", 250) + "@acme.example"}, token.CodeEmailUnusable},
		{"an address that is only seen in Japan", map[string]string{"email": "a..b@docomo.ne.jp"}, ""},
		{"an address beyond ASCII", map[string]string{"email": "böb@acme.example"}, token.CodeEmailUnusable},
		{"an address with a plus", map[string]string{"email": "bob+tokens@acme.example"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t)
			r := event(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30}`)
			maps.Copy(r.RequestContext.Authorizer.JWT.Claims, test.change)
			maps.DeleteFunc(r.RequestContext.Authorizer.JWT.Claims, func(_, value string) bool { return value == "-" })
			a := s.send(t, issueRoute, r)
			if test.code == "" {
				a.ok(201)
				return
			}
			a.problem(test.code)
			// All that a refusal may do is to record of somebody known who they are now.
			if calls := slices.DeleteFunc(s.Store.Calls(), func(call string) bool { return call == "Demote" || call == "KeepKnown" }); len(calls) != 0 {
				t.Errorf("calls %v", calls)
			}
		})
	}
}

// Where the issuer says what a token is, only the kind that the deployment uses counts.
func TestTokenUse(t *testing.T) {
	s := newService(t)
	for _, test := range []struct {
		accepts, is string
		code        token.Code
	}{
		{"id", "id", ""},
		{"id", "", ""},
		{"access", "access", ""},
		{"access", "", ""},
		{"id", "access", api.CodeUnauthenticated},
		{"access", "id", api.CodeUnauthenticated},
		{"id", "ID", api.CodeUnauthenticated},
	} {
		claims, err := api.NewClaims(api.Claims{
			OrganizationClaim: "custom:organization", RolesClaim: "cognito:groups", EmailClaim: "email", UseToken: test.accepts,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.handlers[listRoute] = api.Read(slog.New(slog.DiscardHandler), claims, s.Manager, records{s.notices, s.Store}, s.Clock.Now)
		r := event(t, listRoute, tokentest.Bob, "", "")
		delete(r.RequestContext.Authorizer.JWT.Claims, "token_use")
		if test.is != "" {
			r.RequestContext.Authorizer.JWT.Claims["token_use"] = test.is
		}
		if a := s.send(t, listRoute, r); test.code == "" {
			a.ok(200)
		} else {
			a.problem(test.code)
		}
	}
	if _, err := api.NewClaims(api.Claims{OrganizationClaim: "o", RolesClaim: "r", EmailClaim: "e", UseToken: "refresh"}); err == nil {
		t.Error("an unknown use was accepted")
	}
}

// An issuer that verifies addresses itself may say nothing of it; and federated Cognito
// pools say false at each sign-in of somebody whose address the other side has verified.
func TestTrustedAddresses(t *testing.T) {
	s := newService(t)
	for trust, accepted := range map[bool][]string{true: {"", "true", "false"}, false: {"true"}} {
		claims, err := api.NewClaims(api.Claims{
			OrganizationClaim: "org", RolesClaim: "roles", EmailClaim: "email", TrustEmail: trust, UseToken: "access",
		})
		if err != nil {
			t.Fatal(err)
		}
		s.handlers[issueRoute] = api.Issue(slog.New(slog.DiscardHandler), claims, s.Issuer)
		for _, said := range []string{"", "true", "false"} {
			a := s.send(t, issueRoute, claimed(t, "email", said))
			if slices.Contains(accepted, said) {
				a.ok(201)
			} else {
				a.problem(token.CodeEmailNotVerified)
			}
		}
	}
}

// email_verified vouches for the claim email and for no other (OpenID Connect Core 1.0,
// section 5.1).
func TestAnotherClaimIsNotVouchedFor(t *testing.T) {
	s := newService(t)
	for trust, code := range map[bool]token.Code{true: "", false: token.CodeEmailNotVerified} {
		claims, err := api.NewClaims(api.Claims{
			OrganizationClaim: "org", RolesClaim: "roles", EmailClaim: "upn", TrustEmail: trust, UseToken: "access",
		})
		if err != nil {
			t.Fatal(err)
		}
		s.handlers[issueRoute] = api.Issue(slog.New(slog.DiscardHandler), claims, s.Issuer)
		if a := s.send(t, issueRoute, claimed(t, "upn", "true")); code == "" {
			a.ok(201)
		} else {
			a.problem(code)
		}
	}
}

// claimed is bob's request for a token, with his address in a claim and what is said of it.
func claimed(t *testing.T, email, verified string) request {
	t.Helper()
	r := event(t, issueRoute, tokentest.Bob, "", `{"name":"x","expires_in_days":30}`)
	r.RequestContext.Authorizer.JWT.Claims = map[string]string{
		"sub": "bob", "org": "acme", "roles": "api-token-manager", email: "bob@acme.example",
	}
	if verified != "" {
		r.RequestContext.Authorizer.JWT.Claims["email_verified"] = verified
	}
	return r
}

// A request that no authorizer has seen, or the wrong one, is nobody's: on whatever way
// it came here.
func TestHandlersFailClosed(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	jwt := event(t, listRoute, tokentest.Alice, "", "").RequestContext.Authorizer
	jwt.JWT.Claims["token_id"] = string(made.ID)
	lambda := event(t, whoamiRoute, token.Principal{}, made.ID, "").RequestContext.Authorizer
	maps.Copy(lambda.Lambda, map[string]any{"sub": "alice", "custom:organization": "acme", "cognito:groups": "[org-admin]"})
	iam := &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:iam::123456789012:user/alice"},
	}
	noClaims := &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{}}
	before := len(s.Store.Calls())
	for _, route := range []string{issueRoute, listRoute, getRoute, revokeRoute, resumeRoute, whoamiRoute, rotateSelfRoute, endSelfRoute} {
		wrong := lambda
		if strings.Contains(route, "/whoami") {
			wrong = jwt
		}
		for name, authorizer := range map[string]*events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			"none": nil, "empty": {}, "the other kind": wrong, "IAM": iam, "no claims": noClaims,
		} {
			r := event(t, route, tokentest.Alice, made.ID, `{"name":"x","expires_in_days":30}`)
			r.RequestContext.Authorizer = authorizer
			if a := s.send(t, route, r); a.StatusCode != 401 {
				t.Errorf("%s, authorizer %s: %d %s", route, name, a.StatusCode, a.Body)
			} else {
				a.problem(api.CodeUnauthenticated)
			}
		}
	}
	if calls := s.Store.Calls()[before:]; len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

// Handlers go by the routeKey alone: a path that looks like theirs is not enough.
func TestHandlersAnswerTheirRouteOnly(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	before := len(s.Store.Calls())
	for _, route := range []string{issueRoute, listRoute, getRoute, revokeRoute, resumeRoute, whoamiRoute, rotateSelfRoute, endSelfRoute} {
		for _, key := range []string{"", "$default", route + "/", strings.ToLower(route), "ANY /{proxy+}", "DELETE /v1/tokens", "GET /"} {
			r := event(t, route, tokentest.Bob, made.ID, `{"name":"x","expires_in_days":30}`)
			r.RouteKey, r.RequestContext.RouteKey = key, key
			response, err := s.handlers[route](t.Context(), r)
			if err != nil || response.StatusCode != 404 || !strings.Contains(response.Body, `"not_found"`) {
				t.Errorf("%s with routeKey %q: %d %s, error %v", route, key, response.StatusCode, response.Body, err)
			}
		}
	}
	if calls := s.Store.Calls()[before:]; len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}
