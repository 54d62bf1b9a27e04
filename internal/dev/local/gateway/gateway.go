// Package gateway answers HTTP requests as an Amazon API Gateway HTTP API does in front
// of Lambda functions: the same route table, events of payload format 2.0, a JWT
// authorizer, a Lambda authorizer with its result cache, the same limits and the same
// error bodies.
//
// What AWS documents is cited where it is done; the rest follows measurements that
// others published: a function that Lambda throttles is a 503, an authorizer a 500. Not
// emulated: the API's own throttling, access logs, mutual TLS, greedy and $default routes
// (the route table has none).
package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/cors"

	"latchkey/internal/api"
	"latchkey/internal/dev/local/lambda"
)

// Limits of an HTTP API, which cannot be raised:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
const (
	maxHeader          = 10_240           // request line and header values, bytes
	maxBody            = 10 * 1024 * 1024 // bytes
	integrationTimeout = 30 * time.Second
	authorizerTimeout  = 10 * time.Second
)

// Config is what a Gateway needs. Zero values that mean something are named.
type Config struct {
	Routes []api.Route
	Invoke func(ctx context.Context, function string, event []byte) ([]byte, error)

	// Of the JWT authorizer.
	Issuer   string
	Audience []string
	Keys     func() jose.JSONWebKeySet

	// Of the Lambda authorizer. AuthorizerCache 0: every request asks the function.
	Authorizer      string
	AuthorizerCache time.Duration

	// AllowOrigins are the origins that may call from a browser. Empty: no CORS, the
	// console shares the API's origin.
	AllowOrigins []string

	Now func() time.Time
	Log *slog.Logger
}

// New returns the HTTP API.
func New(c Config) http.Handler {
	g := &gateway{Config: c, decisions: &cache{ttl: c.AuthorizerCache, now: c.Now}}
	if len(c.AllowOrigins) == 0 {
		return g
	}
	g.ownCORS = true
	return cors.New(cors.Options{
		AllowedOrigins: c.AllowOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{"authorization", "content-type"},
	}).Handler(g)
}

type gateway struct {
	Config
	decisions *cache
	ownCORS   bool // the gateway's CORS headers replace those of the functions
}

// ServeHTTP answers one request.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := g.Now()
	a, routeKey := g.handle(w, r)
	a.header.Set("Apigw-Requestid", a.requestID)
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		g.Log.WarnContext(r.Context(), "the caller did not take the answer", "route", routeKey)
	}
	g.Log.InfoContext(r.Context(), "request", "route", routeKey, "status", a.status,
		"ms", g.Now().Sub(start).Milliseconds(), "gateway_request_id", a.requestID)
}

// handle returns the answer and the route key, which is empty if no route matches.
func (g *gateway) handle(w http.ResponseWriter, r *http.Request) (answer, string) {
	now := g.Now()
	id := requestID()
	if headerSize(r) > maxHeader {
		return message(id, http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large"), ""
	}
	route, parameters, ok := match(g.Routes, r.Method, r.URL.Path)
	if !ok {
		return message(id, http.StatusNotFound, "Not Found"), ""
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return message(id, http.StatusRequestEntityTooLarge, "Request Entity Too Large"), route.Key()
	}
	e := newEvent(r, route, parameters, id, now)
	authorizer, refused := g.authorize(r.Context(), route, e)
	if refused != nil {
		return *refused, route.Key()
	}
	e.RequestContext.Authorizer = authorizer
	e.setBody(body)
	return g.integrate(r.Context(), route, e), route.Key()
}

// authorize asks the route's authorizer. It returns what goes into the event, or the
// answer that turns the caller away.
func (g *gateway) authorize(ctx context.Context, route api.Route, e event) (*authorizerContext, *answer) {
	switch route.Auth {
	case api.AuthNone:
		return nil, nil
	case api.AuthPerson:
		return g.authorizeJWT(e)
	case api.AuthToken:
		return g.authorizeLambda(ctx, route, e)
	default:
		g.Log.ErrorContext(ctx, "unknown kind of authorizer", "route", route.Key())
		return nil, new(internalError(e.RequestContext.RequestID))
	}
}

// integrate hands the event to the route's function and turns its answer into HTTP.
func (g *gateway) integrate(ctx context.Context, route api.Route, e event) answer {
	id := e.RequestContext.RequestID
	ctx, cancel := context.WithTimeout(ctx, integrationTimeout)
	defer cancel()
	payload, err := g.invoke(ctx, route.Function, e)
	switch {
	case errors.Is(err, lambda.ErrTooLarge):
		return message(id, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, lambda.ErrClosed), errors.Is(err, lambda.ErrThrottled):
		return message(id, http.StatusServiceUnavailable, "Service Unavailable")
	case err != nil:
		g.Log.ErrorContext(ctx, "integration failed", "route", route.Key(), "error", err)
		return internalError(id)
	}
	a, err := parseAnswer(payload)
	if err != nil {
		g.Log.ErrorContext(ctx, "malformed answer of the function", "route", route.Key(), "error", err)
		return internalError(id)
	}
	a.requestID = id
	if g.ownCORS {
		a.dropCORS()
	}
	return a
}

func (g *gateway) invoke(ctx context.Context, function string, event any) ([]byte, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	return g.Invoke(ctx, function, payload)
}

// headerSize counts as the quota does: request line and header values.
func headerSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  ") + len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			n += len(value)
		}
	}
	return n
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
