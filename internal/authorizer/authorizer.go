// Package authorizer is API Gateway's Lambda authorizer: it turns a bearer token into
// a decision, for HTTP APIs (payload format 2.0, simple response) and for REST APIs
// (TOKEN and REQUEST, IAM policy).
//
// Trust: it holds no secrets and reads one item a request. Whoever can change its
// code or its answer can let anybody in.
package authorizer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/token"
)

// Denial is how a caller without a valid token is turned away.
type Denial string

const (
	// Unauthorized answers with the error "Unauthorized", of which API Gateway makes a
	// 401. It counts in Lambda's Errors metric.
	Unauthorized Denial = "unauthorized"
	// Forbidden answers with a refusal, of which API Gateway makes a 403.
	Forbidden Denial = "forbidden"
)

// errUnauthorized has the very text that API Gateway turns into a 401
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html).
var errUnauthorized = errors.New("Unauthorized")

// Verifier decides on a presented secret.
type Verifier interface {
	// Verify returns the credential of a valid secret, a [token.RefusedError] for any
	// other secret, or another error if that could not be found out.
	Verify(ctx context.Context, presented string) (token.Credential, error)
}

// Recorder notes that a secret was used.
type Recorder interface {
	// Used records the time of a secret's use and the network that it came from, unless a
	// recent one is recorded.
	Used(ctx context.Context, c token.Credential, at time.Time, from string) error
	// RetiredUsed has the owner of a token notified that a secret was refused which the
	// token no longer has, once a day.
	RetiredUsed(ctx context.Context, r *token.RefusedError, at time.Time, from string) error
}

// Config is what an [Authorizer] needs. All of it is required but Networks.
type Config struct {
	// Networks has the network that a secret is used from recorded.
	Networks bool
	Verifier Verifier
	Recorder Recorder
	Denial   Denial
	Now      func() time.Time
	Log      *slog.Logger
}

// Authorizer answers authorizer events.
type Authorizer struct {
	c        Config
	notified notified
}

// New refuses a half-built configuration.
func New(c Config) (*Authorizer, error) {
	if c.Verifier == nil || c.Recorder == nil || c.Now == nil || c.Log == nil {
		return nil, errors.New("authorizer: verifier, recorder, clock and log are required")
	}
	if c.Denial != Unauthorized && c.Denial != Forbidden {
		return nil, fmt.Errorf("authorizer: denial %q: want %q or %q", c.Denial, Unauthorized, Forbidden)
	}
	return &Authorizer{c: c}, nil
}

// event has the fields of all three kinds of authorizer event that matter here.
type event struct {
	Version            string              `json:"version"` // "2.0" for HTTP APIs
	Type               string              `json:"type"`    // TOKEN or REQUEST
	IdentitySource     json.RawMessage     `json:"identitySource"`
	AuthorizationToken string              `json:"authorizationToken"`
	MethodARN          string              `json:"methodArn"`
	Headers            map[string]string   `json:"headers"`
	MultiValueHeaders  map[string][]string `json:"multiValueHeaders"`
	RequestContext     struct {
		RequestID string   `json:"requestId"`
		HTTP      struct { // of an HTTP API
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
		Identity struct { // of a REST API
			SourceIP string `json:"sourceIp"`
		} `json:"identity"`
	} `json:"requestContext"`
}

// Handle decides on one request. The result is a simple response for HTTP APIs and an
// IAM policy for REST APIs. An error is never an allow: "Unauthorized" becomes a 401,
// every other error a 500.
func (a *Authorizer) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		a.c.Log.ErrorContext(ctx, "decision", "outcome", "error", "reason", "event")
		return nil, errors.New("reading the event: not an authorizer event")
	}
	log := a.c.Log.With("gateway_request_id", e.RequestContext.RequestID)
	c, err := a.decide(ctx, e)
	if refused, ok := errors.AsType[*token.RefusedError](err); ok {
		log.InfoContext(ctx, "decision", "outcome", "deny", "reason", string(refused.Reason),
			"token_id", string(refused.TokenID), "org_id", refused.Organization)
		a.notify(ctx, log, refused, e.network(a.c.Networks))
		if a.c.Denial == Unauthorized {
			return nil, errUnauthorized
		}
		return e.refuse(refused.Reason), nil
	}
	if err != nil {
		log.ErrorContext(ctx, "decision", "outcome", "error", "reason", "lookup", "error", err.Error())
		return nil, errors.New("the token could not be checked")
	}
	a.record(ctx, log, c, e.network(a.c.Networks))
	log.InfoContext(ctx, "decision", "outcome", "allow", "token_id", string(c.TokenID), "org_id", c.Organization)
	return e.allow(c), nil
}

func (a *Authorizer) decide(ctx context.Context, e event) (token.Credential, error) {
	presented, ok := e.bearer()
	if !ok {
		return token.Credential{}, &token.RefusedError{Reason: token.ReasonMalformed}
	}
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	return a.c.Verifier.Verify(ctx, presented)
}

// decideWithin leaves Lambda's time-out of 5 seconds room to say that a token could not
// be checked.
const decideWithin = 4 * time.Second

// recordTimeout bounds what noting a use may add to a request. A first use may take all of
// its time: what becomes of a secret before a rotation hangs on it.
const recordTimeout = 500 * time.Millisecond

// record notes the use. That it fails is no reason to turn a valid token away.
func (a *Authorizer) record(ctx context.Context, log *slog.Logger, c token.Credential, from string) {
	first := c.Use.FirstAt.IsZero()
	timeout := recordTimeout
	if first {
		timeout = decideWithin
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := a.c.Recorder.Used(ctx, c, a.c.Now(), from); err != nil {
		log.WarnContext(ctx, "recording the use of a token",
			"token_id", string(c.TokenID), "first_use", first, "error", err.Error())
	}
}

// notify has the owner of a token notified that a secret was used which it no longer has.
// That this fails, and that it was done today, is no concern of whoever is refused.
func (a *Authorizer) notify(ctx context.Context, log *slog.Logger, r *token.RefusedError, from string) {
	now := a.c.Now()
	if r.Owner.Type != token.OwnerPerson || !a.notified.first(r.TokenID, token.DateOf(now)) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := a.c.Recorder.RetiredUsed(ctx, r, now, from); err != nil {
		log.WarnContext(ctx, "notifying of a replaced secret", "token_id", string(r.TokenID), "error", err.Error())
	}
}

// network is where the request came from as the gateway saw it, whatever the client says;
// empty if that is not to be kept, or not known, as in an event of type TOKEN.
func (e event) network(keep bool) string {
	if !keep {
		return ""
	}
	return token.Network(cmp.Or(e.RequestContext.HTTP.SourceIP, e.RequestContext.Identity.SourceIP))
}

// isHTTPAPI tells payload format 2.0 from a REST API's events.
func (e event) isHTTPAPI() bool { return e.Version == "2.0" }

// authorization is the one value of the Authorization header. Two headers are none:
// which of them counts must not be a matter of taste.
func (e event) authorization() (string, bool) {
	switch {
	case e.isHTTPAPI():
		return e.identified()
	case e.Type == "TOKEN":
		return e.AuthorizationToken, true
	}
	for name, values := range e.MultiValueHeaders {
		if strings.EqualFold(name, "authorization") && len(values) != 1 {
			return "", false
		}
	}
	return e.header()
}

// identified is the header of an HTTP API's event. Where the authorizer has identity
// sources, the header is one of them, beside others such as the route: API Gateway keeps an
// answer for the next request with the same sources, whoever sends it. If there is no such
// header, the only source is what stands for it.
func (e event) identified() (string, bool) {
	var sources []string
	if err := json.Unmarshal(e.IdentitySource, &sources); err != nil || len(sources) == 0 {
		return e.header()
	}
	for name := range e.Headers {
		if strings.EqualFold(name, "authorization") {
			value, ok := e.header()
			return value, ok && slices.Contains(sources, value)
		}
	}
	return sources[0], len(sources) == 1
}

func (e event) header() (value string, ok bool) {
	for name, v := range e.Headers {
		if strings.EqualFold(name, "authorization") {
			if ok {
				return "", false
			}
			value, ok = v, true
		}
	}
	return value, ok
}

// bearer returns the credentials of "Bearer <token>" (RFC 6750, section 2.1): the
// scheme in any case, exactly one space, nothing else.
func (e event) bearer() (string, bool) {
	value, ok := e.authorization()
	if !ok {
		return "", false
	}
	scheme, credentials, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return credentials, true
}

// details is what the integration behind the authorizer learns of the token. All are
// strings: a REST API's context knows nothing else. Of a token without limits there are no
// scopes, which is not the same as none.
func details(c token.Credential) map[string]any {
	d := map[string]any{
		"token_id":   string(c.TokenID),
		"org_id":     c.Organization,
		"owner_id":   c.Owner.ID,
		"owner_type": string(c.Owner.Type),
		"generation": strconv.Itoa(c.Generation),
		"expires_at": c.EndsAt().Format(time.RFC3339),
	}
	if c.Scopes != nil {
		d["scopes"] = strings.Join(c.Scopes, " ")
	}
	return d
}

func (e event) allow(c token.Credential) any {
	if e.isHTTPAPI() {
		return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: details(c)}
	}
	return e.policy("Allow", string(c.TokenID), details(c))
}

// refuse tells a REST API why, for the body of its answer, where that is safe: whoever has a
// secret that has ended may know that it has, and may need to. Of any other secret there is
// nothing to say, not even whether there is such a token.
func (e event) refuse(reason token.Reason) any {
	if e.isHTTPAPI() { // its refusals have no body of one's own
		return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: false}
	}
	why := "invalid"
	if reason == token.ReasonExpired || reason == token.ReasonRotated {
		why = string(reason)
	}
	return e.policy("Deny", "anonymous", map[string]any{"reason": why})
}

// policy covers the whole stage, not the one method asked for: API Gateway may reuse
// a cached policy for the caller's next path.
func (e event) policy(effect, principal string, details map[string]any) events.APIGatewayCustomAuthorizerResponse {
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: principal,
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
			Version: "2012-10-17",
			Statement: []events.IAMPolicyStatement{{
				Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{stageOf(e.MethodARN)},
			}},
		},
		Context: details,
	}
}

// stageOf widens arn:…:<api>/<stage>/<method>/<path> to every method of the stage.
func stageOf(methodARN string) string {
	parts := strings.SplitN(methodARN, "/", 3)
	if len(parts) < 3 {
		return methodARN
	}
	return parts[0] + "/" + parts[1] + "/*"
}
