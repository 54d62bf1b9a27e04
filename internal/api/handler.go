package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
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

type endpoint func(context.Context, events.APIGatewayV2HTTPRequest) (answer, error)

// answerWithin leaves Lambda's time-out of 10 seconds room for an answer that says what
// happened. Whatever an endpoint waits for ends with it.
const answerWithin = 8 * time.Second

// serve is the one adapter between events and endpoints. It answers only the route it
// is for, by the gateway's routeKey and not by the path, so that no other spelling of
// a path reaches an endpoint. It logs one line a request: never a body, a header, a
// claim or a name.
func serve(log *slog.Logger, routeKey string, f endpoint) Handler {
	return func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		var a answer
		err := error(token.ErrNotFound)
		if r.RouteKey == routeKey {
			a, err = f(ctx, r)
		}
		fields := []any{"route", routeKey, "gateway_request_id", r.RequestContext.RequestID}
		if a.tokenID != "" {
			fields = append(fields, "token_id", string(a.tokenID))
		}
		if err == nil {
			log.InfoContext(ctx, "request", append(fields, "status", a.status)...)
			return respond(a.status, "application/json", a.body), nil
		}
		e := publicError(err)
		fields = append(fields, "status", statuses[e.Code], "code", e.Code)
		if statuses[e.Code] >= http.StatusInternalServerError {
			log.ErrorContext(ctx, "request", append(fields, "error", err.Error())...)
		} else {
			log.InfoContext(ctx, "request", fields...)
		}
		return Problem(err), nil
	}
}

// Issue answers POST /v1/tokens.
func Issue(log *slog.Logger, claims Claims, issuer *token.Issuer) Handler {
	return serve(log, "POST /v1/tokens", func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (answer, error) {
		p, err := claims.principal(r)
		if err != nil {
			return answer{}, err
		}
		var in struct {
			Name          string   `json:"name"`
			ExpiresInDays *int     `json:"expires_in_days"`
			ExpiresOn     *string  `json:"expires_on"`
			Scopes        []string `json:"scopes"`
		}
		if err := decode(r, &in, false); err != nil {
			return answer{}, err
		}
		t, secret, err := issuer.Issue(ctx, p, token.IssueRequest(in))
		if err != nil {
			return answer{}, err
		}
		out := struct {
			Token  tokenJSON `json:"token"`
			Secret string    `json:"secret"`
		}{newTokenJSON(token.Owned{Token: t, Owner: token.Owner{ID: p.Subject, Email: p.Email}}, t.CreatedAt), secret.Reveal()}
		return answer{http.StatusCreated, out, t.ID}, nil
	})
}

// List answers GET /v1/tokens.
func List(log *slog.Logger, claims Claims, m *token.Manager, now func() time.Time) Handler {
	return serve(log, "GET /v1/tokens", func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (answer, error) {
		p, err := claims.principal(r)
		if err != nil {
			return answer{}, err
		}
		q, err := parameters(r, "owner", "status", "q", "limit", "cursor")
		if err != nil {
			return answer{}, err
		}
		in := token.ListRequest{Owner: q["owner"], Search: q["q"], Cursor: q["cursor"]}
		if raw, ok := q["limit"]; ok {
			if in.Limit, err = strconv.Atoi(raw); err != nil || in.Limit < 1 {
				in.Limit = -1 // the domain says what is allowed
			}
		}
		if raw := q["status"]; raw != "" {
			for status := range strings.SplitSeq(raw, ",") {
				in.Statuses = append(in.Statuses, token.Status(status))
			}
		}
		page, err := m.List(ctx, p, in)
		if err != nil {
			return answer{}, err
		}
		out := struct {
			Tokens     []tokenJSON `json:"tokens"`
			NextCursor *string     `json:"next_cursor"`
		}{Tokens: []tokenJSON{}}
		for _, t := range page.Tokens {
			out.Tokens = append(out.Tokens, newTokenJSON(t, now()))
		}
		if page.Cursor != "" {
			out.NextCursor = &page.Cursor
		}
		return answer{status: http.StatusOK, body: out}, nil
	})
}

// Get answers GET /v1/tokens/{id}.
func Get(log *slog.Logger, claims Claims, m *token.Manager, now func() time.Time) Handler {
	return serve(log, "GET /v1/tokens/{id}", func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (answer, error) {
		p, err := claims.principal(r)
		if err != nil {
			return answer{}, err
		}
		t, err := m.Get(ctx, p, r.PathParameters["id"])
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusOK, newTokenJSON(t, now()), t.ID}, nil
	})
}

// Revoke answers POST /v1/tokens/{id}/revoke.
func Revoke(log *slog.Logger, claims Claims, m *token.Manager, now func() time.Time) Handler {
	return serve(log, "POST /v1/tokens/{id}/revoke", func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (answer, error) {
		p, err := claims.principal(r)
		if err != nil {
			return answer{}, err
		}
		var in struct {
			Reason string `json:"reason"`
		}
		if err := decode(r, &in, true); err != nil {
			return answer{}, err
		}
		t, err := m.Revoke(ctx, p, r.PathParameters["id"], in.Reason)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusOK, newTokenJSON(t, now()), t.ID}, nil
	})
}

// TokenReader reads a token with a strongly consistent read.
type TokenReader interface {
	Token(ctx context.Context, id token.ID) (token.Token, error)
}

// Whoami answers GET /v1/whoami: who the token is that the authorizer let in. It
// reads the token again, so that even behind an authorizer whose result is cached a
// revoked token gets no answer here.
func Whoami(log *slog.Logger, tokens TokenReader, now func() time.Time) Handler {
	return serve(log, "GET /v1/whoami", func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (answer, error) {
		authorizer := r.RequestContext.Authorizer
		if authorizer == nil || authorizer.Lambda == nil {
			return answer{}, errInvalidToken
		}
		raw, _ := authorizer.Lambda["token_id"].(string)
		id, err := token.ParseID(raw)
		if err != nil {
			return answer{}, errInvalidToken
		}
		t, err := tokens.Token(ctx, id)
		if errors.Is(err, token.ErrNotFound) {
			return answer{}, errInvalidToken
		}
		if err != nil {
			return answer{}, err
		}
		if t.Status(now()) != token.StatusActive {
			return answer{}, errInvalidToken
		}
		return answer{http.StatusOK, newWhoamiJSON(t), t.ID}, nil
	})
}

var errInvalidToken = &Error{Code: CodeUnauthenticated, Detail: "The API token is missing or not valid."}
