// Package api turns API Gateway events into calls of the domain and its answers
// into HTTP responses. It also holds the one route table and the OpenAPI contract.
package api

import "slices"

// Auth says who a route lets in, and so which authorizer guards it.
type Auth string

const (
	// AuthNone lets everybody in.
	AuthNone Auth = "none"
	// AuthPerson lets in people who signed in: the gateway's JWT authorizer.
	AuthPerson Auth = "person"
	// AuthToken lets in holders of an API token: the Lambda authorizer.
	AuthToken Auth = "token"
)

// Route is one line of the HTTP API: what the gateway listens to, who may pass, and
// which function answers. No route is greedy and none is a fallback, so a path that
// nobody named reaches no function.
type Route struct {
	Method   string // HTTP method, upper case
	Path     string // API Gateway path, parameters in braces
	Function string // name of the folder under functions/
	Auth     Auth
}

// Key is the route key that API Gateway puts into an event's routeKey,
// such as "GET /v1/tokens/{id}".
func (r Route) Key() string { return r.Method + " " + r.Path }

var routes = []Route{
	{"POST", "/v1/tokens", "issue", AuthPerson},
	{"GET", "/v1/tokens", "read", AuthPerson},
	{"GET", "/v1/tokens/{id}", "read", AuthPerson},
	{"POST", "/v1/tokens/{id}/rotate", "rotate", AuthPerson},
	{"POST", "/v1/tokens/{id}/rotate/cancel", "rotate", AuthPerson},
	{"POST", "/v1/me/notices/resume", "read", AuthPerson},
	{"POST", "/v1/tokens/{id}/revoke", "revoke", AuthPerson},
	{"POST", "/v1/tokens/revoke", "revoke", AuthPerson},
	{"POST", "/v1/people/leave", "revoke", AuthPerson},
	{"POST", "/v1/people/return", "revoke", AuthPerson},
	{"GET", "/v1/audit", "read", AuthPerson},
	{"GET", "/v1/whoami", "verify", AuthToken},
	{"POST", "/v1/whoami/rotate", "rotate", AuthToken},
	{"POST", "/v1/whoami/revoke", "revoke", AuthToken},
	{"GET", "/v1/openapi.yaml", "console", AuthNone},
	{"HEAD", "/v1/openapi.yaml", "console", AuthNone},
	{"GET", "/", "console", AuthNone},
	{"HEAD", "/", "console", AuthNone},
	{"GET", "/assets/{file}", "console", AuthNone},
	{"HEAD", "/assets/{file}", "console", AuthNone},
}

// Routes is the one route table. The stack deploys it, the local gateway serves it,
// and a test holds the OpenAPI document to it.
func Routes() []Route { return slices.Clone(routes) }
