package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/api"
	"latchkey/internal/notice"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// The routes that have a handler here.
const (
	issueRoute  = "POST /v1/tokens"
	listRoute   = "GET /v1/tokens"
	getRoute    = "GET /v1/tokens/{id}"
	revokeRoute = "POST /v1/tokens/{id}/revoke"
	manyRoute   = "POST /v1/tokens/revoke"
	leaveRoute  = "POST /v1/people/leave"
	returnRoute = "POST /v1/people/return"
	auditRoute  = "GET /v1/audit"
	whoamiRoute = "GET /v1/whoami"

	rotateSelfRoute = "POST /v1/whoami/rotate"
	endSelfRoute    = "POST /v1/whoami/revoke"
	resumeRoute     = "POST /v1/me/notices/resume"
)

// service is the API on a store in memory, with what it logs.
type service struct {
	*tokentest.Service

	log      bytes.Buffer
	notices  outcomes
	claims   api.Claims
	handlers map[string]api.Handler
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{Service: tokentest.New(t, nil), notices: outcomes{}}
	log := slog.New(slog.NewJSONHandler(&s.log, nil))
	claims, err := api.NewClaims(api.Claims{
		OrganizationClaim: "custom:organization", RolesClaim: "cognito:groups", EmailClaim: "email", UseToken: "id",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.claims = claims
	read := api.Read(log, claims, s.Manager, records{s.notices, s.Store}, s.Clock.Now)
	revoke := api.Revoke(log, claims, s.Verifier, s.Manager, s.notices, s.Clock.Now)
	s.handlers = map[string]api.Handler{
		issueRoute:  api.Issue(log, claims, s.Issuer),
		listRoute:   read,
		auditRoute:  read,
		getRoute:    read,
		resumeRoute: read,
		revokeRoute: revoke, endSelfRoute: revoke, manyRoute: revoke, leaveRoute: revoke, returnRoute: revoke,
		rotateSelfRoute: api.Rotate(log, claims, s.Verifier, s.SelfRotator, s.notices, s.Clock.Now),
		whoamiRoute:     api.Verify(log, s.Verifier, s.Store, s.Clock.Now),
	}
	return s
}

// records are what is read beside tokens.
type records struct {
	notices api.Outcomes
	token.Trail
}

func (r records) Outcomes(ctx context.Context, id token.ID) ([]notice.Outcome, error) {
	return r.notices.Outcomes(ctx, id)
}

// outcomes are what became of the notices of tokens.
type outcomes map[token.ID][]notice.Outcome

func (o outcomes) Outcomes(_ context.Context, id token.ID) ([]notice.Outcome, error) {
	return o[id], nil
}

type request = events.APIGatewayV2HTTPRequest

// load reads an event as API Gateway sends it.
func load(t *testing.T, name string) request {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var r request
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// event is a request of p's, or of the token whose id is the path's if the route is for
// tokens.
func event(t *testing.T, routeKey string, p token.Principal, id token.ID, body string) request {
	t.Helper()
	name := "person.json"
	if strings.Contains(routeKey, "/whoami") {
		name = "token.json"
	}
	r := load(t, name)
	r.RouteKey, r.RequestContext.RouteKey = routeKey, routeKey
	method, path, _ := strings.Cut(routeKey, " ")
	path = strings.ReplaceAll(path, "{id}", string(id))
	r.RawPath, r.RequestContext.HTTP.Path, r.RequestContext.HTTP.Method = path, path, method
	r.Body = body
	if strings.Contains(routeKey, "{id}") {
		r.PathParameters = map[string]string{"id": string(id)}
	}
	if a := r.RequestContext.Authorizer; a.JWT != nil {
		a.JWT.Claims["sub"], a.JWT.Claims["custom:organization"], a.JWT.Claims["email"] = p.Subject, p.Organization, p.Email
		switch p.Role {
		case token.RoleAdmin:
			a.JWT.Claims["cognito:groups"] = "[org-admin]"
		case token.RoleNone:
			delete(a.JWT.Claims, "cognito:groups") // Cognito sends no empty list
		case token.RoleManager:
		}
	} else {
		a.Lambda["token_id"], a.Lambda["generation"] = string(id), "1"
	}
	return r
}

// answer is a response with its body decoded.
type answer struct {
	events.APIGatewayV2HTTPResponse

	t    *testing.T
	json map[string]any
}

// send hands an event to a route's handler and holds the answer to the contract.
func (s *service) send(t *testing.T, routeKey string, r request) answer {
	t.Helper()
	response, err := s.handlers[routeKey](t.Context(), r)
	if err != nil {
		t.Fatalf("%s: error %v; every answer is a response", routeKey, err)
	}
	openAPI(t).checkAnswer(t, routeKey, response)
	for name, want := range map[string]string{"cache-control": "no-store", "x-content-type-options": "nosniff"} {
		if got := response.Headers[name]; got != want {
			t.Errorf("%s: header %s is %q, want %q", routeKey, name, got, want)
		}
	}
	a := answer{APIGatewayV2HTTPResponse: response, t: t}
	if err := json.Unmarshal([]byte(response.Body), &a.json); err != nil {
		t.Fatalf("%s: %v", routeKey, err)
	}
	return a
}

// call sends p's request.
func (s *service) call(t *testing.T, routeKey string, p token.Principal, id token.ID, body string) answer {
	t.Helper()
	return s.send(t, routeKey, event(t, routeKey, p, id, body))
}

// at returns the value at a path of names, as text.
func (a answer) at(names ...string) string {
	a.t.Helper()
	var v any = a.json
	for _, name := range names {
		object, ok := v.(map[string]any)
		if !ok {
			a.t.Fatalf("no %s in %s", name, a.Body)
		}
		if v, ok = object[name]; !ok {
			a.t.Fatalf("no %s in %s", name, a.Body)
		}
	}
	if text, ok := v.(string); ok {
		return text
	}
	b, err := json.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(b)
}

// problem checks that an answer is a problem with this code, and returns the places
// that it names, separated by spaces.
func (a answer) problem(code token.Code) string {
	a.t.Helper()
	if a.Headers["content-type"] != "application/problem+json" || a.at("code") != string(code) || a.StatusCode != api.Codes()[code] {
		a.t.Fatalf("answer %d %s, want code %s", a.StatusCode, a.Body, code)
	}
	var places []string
	list, _ := a.json["errors"].([]any)
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			a.t.Fatalf("errors in %s", a.Body)
		}
		pointer, isPointer := object["pointer"].(string)
		parameter, isParameter := object["parameter"].(string)
		switch {
		case isPointer == isParameter:
			a.t.Errorf("an error names both or nothing: %s", a.Body)
		case isPointer && pointer == "":
			places = append(places, "body")
		default:
			places = append(places, pointer+parameter)
		}
	}
	return strings.Join(places, " ")
}

// ok checks that an answer is the success that its route has.
func (a answer) ok(status int) answer {
	a.t.Helper()
	if a.StatusCode != status || a.Headers["content-type"] != "application/json" {
		a.t.Fatalf("answer %d %s, want %d", a.StatusCode, a.Body, status)
	}
	return a
}

// sameJSON compares two JSON texts as values.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}
