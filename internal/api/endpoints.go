package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// Issue serves the routes of the function issue.
func Issue(log *slog.Logger, claims Claims, issuer *token.Issuer) Handler {
	type request struct {
		Name          string   `json:"name"`
		ExpiresInDays *int     `json:"expires_in_days,omitzero"`
		ExpiresOn     *string  `json:"expires_on,omitzero"`
		Scopes        []string `json:"scopes,omitzero"`
		SelfRotation  bool     `json:"self_rotation,omitzero"`
		Key           *string  `json:"-" header:"idempotency-key"`
	}
	return serve(log, map[string]endpoint{
		"POST /v1/tokens": person(claims, func(ctx context.Context, p token.Principal, in request) (answer, error) {
			r := token.IssueRequest{
				Name: in.Name, ExpiresInDays: in.ExpiresInDays, ExpiresOn: in.ExpiresOn, Scopes: in.Scopes, SelfRotation: in.SelfRotation,
			}
			if in.Key != nil {
				body, err := json.Marshal(in) // the same whatever its spaces and its order
				if err != nil {
					return answer{}, fmt.Errorf("recognising a request: %w", err)
				}
				r.Idempotency = &token.Idempotency{Key: *in.Key, Body: sha256.Sum256(body)}
			}
			issued, err := issuer.Issue(ctx, p, r)
			if err != nil {
				return answer{}, err
			}
			return answer{http.StatusCreated, newIssuedJSON(issued, issued.CreatedAt), issued.ID}, nil
		}),
	})
}

// Outcomes reads what became of a token's notices.
type Outcomes interface {
	Outcomes(ctx context.Context, id token.ID) ([]notice.Outcome, error)
}

// Records is what the function read shows beside tokens.
type Records interface {
	Outcomes
	token.Trail
}

// Read serves the routes of the function read.
func Read(log *slog.Logger, claims Claims, m *token.Manager, records Records, now func() time.Time) Handler {
	type activity struct {
		Token  string         `query:"token"`
		Actor  string         `query:"actor"`
		Action []token.Action `query:"action"`
		From   string         `query:"from"`
		To     string         `query:"to"`
		Limit  int            `query:"limit"`
		Cursor string         `query:"cursor"`
	}
	type list struct {
		Owner         string         `query:"owner"`
		Statuses      []token.Status `query:"status"`
		Search        string         `query:"q"`
		Sort          token.Sort     `query:"sort"`
		ExpiresBefore string         `query:"expires_before"`
		Limit         int            `query:"limit"`
		Cursor        string         `query:"cursor"`
	}
	type one struct {
		ID string `path:"id"`
	}
	return serve(log, map[string]endpoint{
		"GET /v1/tokens": person(claims, func(ctx context.Context, p token.Principal, in list) (answer, error) {
			page, err := m.List(ctx, p, token.ListRequest(in))
			if err != nil {
				return answer{}, err
			}
			return answer{status: http.StatusOK, body: newPageJSON(p, page, now())}, nil
		}),
		"GET /v1/tokens/{id}": person(claims, func(ctx context.Context, p token.Principal, in one) (answer, error) {
			t, err := m.Get(ctx, p, in.ID)
			return detail(ctx, t, err, records, now())
		}),
		"GET /v1/audit": person(claims, func(ctx context.Context, p token.Principal, in activity) (answer, error) {
			page, err := m.Activity(ctx, p, records, token.ActivityRequest(in))
			if err != nil {
				return answer{}, err
			}
			return answer{status: http.StatusOK, body: newActivityJSON(page)}, nil
		}),
		"POST /v1/me/notices/resume": person(claims, func(ctx context.Context, p token.Principal, _ struct{}) (answer, error) {
			known, err := m.ResumeNotices(ctx, p)
			if err != nil {
				return answer{}, err
			}
			return answer{status: http.StatusOK, body: resumedJSON{newPersonJSON(p, known)}}, nil
		}),
	})
}

// Revoke serves the routes of the function revoke.
func Revoke(log *slog.Logger, claims Claims, checker Checker, m *token.Manager, notices Outcomes, now func() time.Time) Handler {
	type request struct {
		ID     string `json:"-" path:"id"`
		Reason string `json:"reason,omitzero"`
	}
	type many struct {
		IDs    []string `json:"ids,omitzero"`
		Owner  *string  `json:"owner,omitzero"`
		Reason string   `json:"reason,omitzero"`
	}
	type leaver struct {
		Person string `json:"person"`
		Reason string `json:"reason,omitzero"`
		DryRun bool   `json:"dry_run,omitzero"`
	}
	type returning struct {
		Person string `json:"person"`
	}
	return serve(log, map[string]endpoint{
		"POST /v1/tokens/{id}/revoke": person(claims, func(ctx context.Context, p token.Principal, in request) (answer, error) {
			t, err := m.Revoke(ctx, p, in.ID, in.Reason)
			return changed(ctx, log, t, err, notices, now())
		}),
		"POST /v1/tokens/revoke": person(claims, func(ctx context.Context, p token.Principal, in many) (answer, error) {
			results, err := m.RevokeMany(ctx, p, token.BulkRevocation(in))
			if err != nil {
				return answer{}, err
			}
			return answer{status: http.StatusOK, body: manyJSON{newBulkJSON(results)}}, nil
		}),
		"POST /v1/people/leave": person(claims, func(ctx context.Context, p token.Principal, in leaver) (answer, error) {
			left, err := m.Leave(ctx, p, token.LeaveRequest(in))
			if err != nil {
				return answer{}, err
			}
			status := http.StatusOK
			if !left.Complete() {
				status = http.StatusAccepted // the same request goes on
			}
			return answer{status: status, body: newLeftJSON(left, now())}, nil
		}),
		"POST /v1/people/return": person(claims, func(ctx context.Context, p token.Principal, in returning) (answer, error) {
			known, err := m.Return(ctx, p, in.Person)
			if err != nil {
				return answer{}, err
			}
			return answer{status: http.StatusOK, body: newLeftJSON(token.Left{Person: known}, now())}, nil
		}),
		"POST /v1/whoami/revoke": holder(checker, now, func(ctx context.Context, h token.Holder, _ token.Credential, _ struct{}) (answer, error) {
			ended, err := m.RevokeSelf(ctx, h)
			if err != nil {
				return answer{}, err
			}
			return answer{http.StatusOK, endedJSON{h.TokenID, ended}, h.TokenID}, nil
		}),
	})
}

// Rotate serves the routes of the function rotate.
func Rotate(
	log *slog.Logger, claims Claims, checker Checker, rotator *token.SelfRotator, notices Outcomes, now func() time.Time,
) Handler {
	type request struct {
		ID            string          `json:"-" path:"id"`
		ExpiresInDays *int            `json:"expires_in_days,omitzero"`
		ExpiresOn     *string         `json:"expires_on,omitzero"`
		OldSecret     token.OldSecret `json:"old_secret,omitzero"`
		OverlapHours  *int            `json:"overlap_hours,omitzero"`
		Replace       *int            `json:"replace,omitzero"`
	}
	type one struct {
		ID string `path:"id"`
	}
	return serve(log, map[string]endpoint{
		"POST /v1/tokens/{id}/rotate": person(claims, func(ctx context.Context, p token.Principal, in request) (answer, error) {
			issued, err := rotator.Rotate(ctx, p, in.ID, token.RotateRequest{
				ExpiresInDays: in.ExpiresInDays, ExpiresOn: in.ExpiresOn,
				OldSecret: in.OldSecret, OverlapHours: in.OverlapHours, Replace: in.Replace,
			})
			if err != nil {
				return answer{}, err
			}
			return answer{http.StatusOK, newIssuedJSON(issued, now()), issued.ID}, nil
		}),
		"POST /v1/tokens/{id}/rotate/cancel": person(claims, func(ctx context.Context, p token.Principal, in one) (answer, error) {
			t, err := rotator.Cancel(ctx, p, in.ID)
			return changed(ctx, log, t, err, notices, now())
		}),
		"POST /v1/whoami/rotate": holder(checker, now, func(ctx context.Context, h token.Holder, c token.Credential, _ struct{}) (answer, error) {
			issued, err := rotator.RotateSelf(ctx, h)
			if err != nil {
				return answer{}, err
			}
			c.ExpiresAt, c.Previous = issued.ExpiresAt(), false
			return answer{http.StatusOK, renewedJSON{newWhoamiJSON(issued.Token, c), issued.Secret.Reveal()}, issued.ID}, nil
		}),
	})
}

// detail answers with all that is shown of one token.
func detail(ctx context.Context, t token.Shown, err error, notices Outcomes, now time.Time) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	outcomes, err := notices.Outcomes(ctx, t.ID)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, newDetailJSON(t, now, outcomes), t.ID}, nil
}

// changed is detail of a token that a call has changed. Notices that cannot be read are left
// out: an error would say that nothing has changed.
func changed(ctx context.Context, log *slog.Logger, t token.Shown, err error, notices Outcomes, now time.Time) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	a, err := detail(ctx, t, nil, notices, now)
	if err != nil {
		log.WarnContext(ctx, "reading notices after a change", "token_id", string(t.ID), "error", err.Error())
		return answer{http.StatusOK, newTokenJSON(t, now), t.ID}, nil
	}
	return a, nil
}

// TokenReader reads a token's record with a strongly consistent read.
type TokenReader interface {
	Token(ctx context.Context, id token.ID) (token.Token, error)
}

// Verify serves the routes of the function verify: who the token is that the authorizer let
// in.
func Verify(log *slog.Logger, checker Checker, tokens TokenReader, now func() time.Time) Handler {
	return serve(log, map[string]endpoint{
		"GET /v1/whoami": holder(checker, now, func(ctx context.Context, _ token.Holder, c token.Credential, _ struct{}) (answer, error) {
			t, err := tokens.Token(ctx, c.TokenID)
			if errors.Is(err, token.ErrNotFound) {
				return answer{}, errInvalidToken
			}
			if err != nil {
				return answer{}, err
			}
			return answer{status: http.StatusOK, body: newWhoamiJSON(t, c)}, nil
		}),
	})
}
