package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"latchkey/internal/api"
	"latchkey/internal/dev/local/lambda"
)

// authorizerEvent is what a Lambda authorizer of payload format 2.0 gets:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
type authorizerEvent struct {
	Version               string            `json:"version"`
	Type                  string            `json:"type"`
	RouteARN              string            `json:"routeArn"`
	IdentitySource        []string          `json:"identitySource"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
}

// decision is a Lambda authorizer's simple response.
type decision struct {
	IsAuthorized *bool          `json:"isAuthorized"`
	Context      map[string]any `json:"context"`
}

// authorizeLambda asks the authorizer's function, or its cache. Identity source is the
// header Authorization: without it the function is not asked.
func (g *gateway) authorizeLambda(ctx context.Context, route api.Route, e event) (*authorizerContext, *answer) {
	id := e.RequestContext.RequestID
	identity := e.Headers["authorization"]
	if identity == "" {
		return nil, new(message(id, http.StatusUnauthorized, "Unauthorized"))
	}
	d, ok := g.decisions.get(identity)
	if !ok {
		var err error
		if d, err = g.decide(ctx, route, identity, e); err != nil {
			return nil, new(g.authorizerFailed(ctx, route, id, err))
		}
		g.decisions.put(identity, d)
	}
	if !*d.IsAuthorized {
		return nil, new(message(id, http.StatusForbidden, "Forbidden"))
	}
	return &authorizerContext{Lambda: d.Context}, nil
}

func (g *gateway) decide(ctx context.Context, route api.Route, identity string, e event) (decision, error) {
	ctx, cancel := context.WithTimeout(ctx, authorizerTimeout)
	defer cancel()
	payload, err := g.invoke(ctx, g.Authorizer, authorizerEvent{
		Version:               e.Version,
		Type:                  "REQUEST",
		RouteARN:              routeARN + route.Method + route.Path,
		IdentitySource:        []string{identity},
		RouteKey:              e.RouteKey,
		RawPath:               e.RawPath,
		RawQueryString:        e.RawQueryString,
		Cookies:               e.Cookies,
		Headers:               e.Headers,
		QueryStringParameters: e.QueryStringParameters,
		RequestContext:        e.RequestContext,
		PathParameters:        e.PathParameters,
	})
	if err != nil {
		return decision{}, err
	}
	var d decision
	if err := json.Unmarshal(payload, &d); err != nil {
		return decision{}, err
	}
	if d.IsAuthorized == nil {
		return decision{}, errors.New("the authorizer's answer has no isAuthorized")
	}
	return d, nil
}

// authorizerFailed answers an error of the function that reads exactly "Unauthorized"
// with 401 and any other with 500.
func (g *gateway) authorizerFailed(ctx context.Context, route api.Route, id string, err error) answer {
	var failure *lambda.FunctionError
	if errors.As(err, &failure) && failure.Message == "Unauthorized" {
		return message(id, http.StatusUnauthorized, "Unauthorized")
	}
	g.Log.ErrorContext(ctx, "authorizer failed", "route", route.Key(), "error", err)
	return internalError(id)
}

// cache keeps decisions, good and bad, by identity source. As on AWS one cached
// decision covers every route of the API; failures are not kept.
type cache struct {
	ttl time.Duration // 0: keep nothing
	now func() time.Time

	mu        sync.Mutex
	decisions map[string]kept
}

type kept struct {
	decision
	until time.Time
}

func (c *cache) get(identity string) (decision, bool) {
	if c.ttl == 0 {
		return decision{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.decisions[identity]
	return k.decision, ok && c.now().Before(k.until)
}

func (c *cache) put(identity string, d decision) {
	if c.ttl == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for old, k := range c.decisions {
		if !now.Before(k.until) {
			delete(c.decisions, old)
		}
	}
	if c.decisions == nil {
		c.decisions = map[string]kept{}
	}
	c.decisions[identity] = kept{d, now.Add(c.ttl)}
}
