package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/token"
)

// Handler answers an event of an HTTP API, payload format 2.0.
type Handler func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// answer is what an endpoint gives back: a status, a body, and the token it is about.
type answer struct {
	status  int
	body    any
	tokenID token.ID
}

// call is one request on its way through an endpoint.
type call struct {
	events.APIGatewayV2HTTPRequest

	log     []any             // fields of the request's line in the log
	headers map[string]string // of the answer, beside those that all have
}

// endpoint answers one route. [person] and [holder] make endpoints of calls of the domain.
type endpoint func(context.Context, *call) (answer, error)

// answerWithin leaves Lambda's time-out of 10 seconds room for an answer that says what
// happened. Whatever an endpoint waits for ends with it.
const answerWithin = 8 * time.Second

// serve makes a function of its endpoints, by route key. It goes by the gateway's routeKey
// and not by the path, so that no other spelling of a path reaches an endpoint; a route that
// the function does not serve is not found. It logs one line a request: never a body, a
// header, a name or the claim of an address.
func serve(log *slog.Logger, endpoints map[string]endpoint) Handler {
	return func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		c := &call{
			APIGatewayV2HTTPRequest: r, log: []any{"gateway_request_id", r.RequestContext.RequestID}, headers: map[string]string{},
		}
		a, err := c.answer(ctx, endpoints)
		if a.tokenID != "" {
			c.log = append(c.log, "token_id", string(a.tokenID))
		}
		var response events.APIGatewayV2HTTPResponse
		switch e := publicError(err); {
		case err == nil:
			response = respond(a.status, "application/json", a.body)
			log.InfoContext(ctx, "request", append(c.log, "status", a.status)...)
		case statuses[e.Code] >= http.StatusInternalServerError:
			response = Problem(err)
			log.ErrorContext(ctx, "request", append(c.log, "status", statuses[e.Code], "code", e.Code, "error", err.Error())...)
		default:
			response = Problem(err)
			log.InfoContext(ctx, "request", append(c.log, "status", statuses[e.Code], "code", e.Code)...)
		}
		maps.Copy(response.Headers, c.headers)
		return response, nil
	}
}

func (c *call) answer(ctx context.Context, endpoints map[string]endpoint) (answer, error) {
	f, ok := endpoints[c.RouteKey]
	if !ok {
		return answer{}, token.ErrNotFound
	}
	c.log = append(c.log, "route", c.RouteKey)
	if err := c.checkAuthorizer(); err != nil {
		return answer{}, err
	}
	return f(ctx, c)
}

// checkAuthorizer fails unless the gateway's authorizer for this route, and no other, has
// let the request in. It takes the kind from the route table, as the stack does.
func (c *call) checkAuthorizer() error {
	i := slices.IndexFunc(routes, func(r Route) bool { return r.Key() == c.RouteKey })
	if i < 0 {
		return token.ErrNotFound
	}
	by := c.RequestContext.Authorizer
	if by == nil {
		by = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{}
	}
	isPerson := by.JWT != nil && by.Lambda == nil && by.IAM == nil
	isToken := by.JWT == nil && by.Lambda != nil && by.IAM == nil
	switch auth := routes[i].Auth; {
	case auth == AuthPerson && !isPerson:
		return errUnauthenticated
	case auth == AuthToken && !isToken:
		return errInvalidToken
	case auth == AuthNone:
		return token.ErrNotFound // no endpoint of this package is open
	}
	return nil
}

// person adapts a call of the domain on behalf of a signed-in person: who they are comes
// from their claims, In from the request by its tags (see [input]).
func person[In any](claims Claims, f func(context.Context, token.Principal, In) (answer, error)) endpoint {
	fields := inputOf(reflect.TypeFor[In]())
	return func(ctx context.Context, c *call) (answer, error) {
		p, err := claims.principal(c.APIGatewayV2HTTPRequest)
		if err != nil {
			return answer{}, err
		}
		c.log = append(c.log, "org_id", p.Organization, "sub", p.Subject)
		var in In
		if err := fields.read(c, &in); err != nil {
			return answer{}, err
		}
		return f(ctx, p, in)
	}
}

// Checker decides again on a secret that the authorizer let in.
type Checker interface {
	// Check returns the credential of a secret by its generation, a [token.RefusedError]
	// if it is not valid any more, or another error if that could not be found out.
	Check(ctx context.Context, id token.ID, generation int) (token.Credential, error)
}

// holder adapts a call of the domain on behalf of an API token. It checks the secret again,
// so that even behind an authorizer whose result is cached a revoked token gets no answer
// here. The answer says when the secret stops working, whatever else becomes of the request.
func holder[In any](
	checker Checker, now func() time.Time, f func(context.Context, token.Holder, token.Credential, In) (answer, error),
) endpoint {
	fields := inputOf(reflect.TypeFor[In]())
	return func(ctx context.Context, c *call) (answer, error) {
		id, generation, err := c.presented()
		if err != nil {
			return answer{}, err
		}
		c.log = append(c.log, "token_id", string(id))
		credential, err := checker.Check(ctx, id, generation)
		if err != nil {
			return answer{}, c.refused(err)
		}
		c.log = append(c.log, "org_id", credential.Organization)
		c.announce(credential.EndsAt(), now())
		var in In
		if err := fields.read(c, &in); err != nil {
			return answer{}, err
		}
		by := c.RequestContext.HTTP
		a, err := f(ctx, token.Holder{TokenID: id, Generation: generation, Address: by.SourceIP, Client: by.UserAgent}, credential, in)
		return a, c.refused(err)
	}
}

// refused makes one answer of all reasons why a secret is not valid; the log has the reason.
func (c *call) refused(err error) error {
	refused, ok := errors.AsType[*token.RefusedError](err)
	if !ok {
		return err
	}
	c.log = append(c.log, "reason", string(refused.Reason))
	return errInvalidToken
}

// presented is which secret the authorizer let in.
func (c *call) presented() (token.ID, int, error) {
	raw, _ := c.RequestContext.Authorizer.Lambda["token_id"].(string)
	id, err := token.ParseID(raw)
	if err != nil {
		return "", 0, errInvalidToken
	}
	raw, _ = c.RequestContext.Authorizer.Lambda["generation"].(string)
	generation, err := strconv.Atoi(raw)
	if err != nil {
		return "", 0, errInvalidToken
	}
	return id, generation, nil
}

// remindWithin is how long before its end a secret's answers link to the page.
const remindWithin = 15 * 24 * time.Hour

// announce adds to the answer when a secret stops working and, from some days before, where
// it is replaced: on the page, which this API serves (RFC 8288: the link is relative to the
// address that the client called).
func (c *call) announce(ends, now time.Time) {
	c.headers["token-expires-at"] = ends.Format(time.RFC3339)
	if !now.Before(ends.Add(-remindWithin)) {
		c.headers["link"] = `</>; rel="token-management"`
	}
}
