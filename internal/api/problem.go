package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/token"
)

// Codes that only the transport knows, beside the domain's.
const (
	CodeUnauthenticated      token.Code = "unauthenticated"
	CodePayloadTooLarge      token.Code = "payload_too_large"
	CodeUnsupportedMediaType token.Code = "unsupported_media_type"
	CodeInternal             token.Code = "internal"
)

// Error is the domain's error: the transport adds codes, not another kind of error.
type Error = token.Error

var (
	errUnauthenticated = &Error{Code: CodeUnauthenticated, Detail: "Sign in first."}
	errInvalidToken    = &Error{Code: CodeUnauthenticated, Detail: "The API token is missing or not valid."}
)

// statuses is the one table from code to HTTP status.
var statuses = map[token.Code]int{
	token.CodeInvalidRequest:   http.StatusBadRequest,
	CodeUnauthenticated:        http.StatusUnauthorized,
	token.CodeForbidden:        http.StatusForbidden,
	token.CodeEmailNotVerified: http.StatusForbidden,
	token.CodeEmailUnusable:    http.StatusForbidden,
	token.CodeNotFound:         http.StatusNotFound,
	token.CodeLimitReached:     http.StatusConflict,
	token.CodeEnded:            http.StatusConflict,
	token.CodeUnused:           http.StatusConflict,
	token.CodeUsed:             http.StatusConflict,
	token.CodeRotated:          http.StatusConflict,
	token.CodeAnswered:         http.StatusConflict,
	token.CodeRefused:          http.StatusConflict,
	token.CodeKeyReused:        http.StatusUnprocessableEntity,
	CodePayloadTooLarge:        http.StatusRequestEntityTooLarge,
	CodeUnsupportedMediaType:   http.StatusUnsupportedMediaType,
	CodeInternal:               http.StatusInternalServerError,
	token.CodeDailyLimit:       http.StatusTooManyRequests,
	token.CodeTooSoon:          http.StatusTooManyRequests,
	token.CodeUnavailable:      http.StatusServiceUnavailable,
}

// Codes lists every code that a problem document can carry, with its HTTP status.
func Codes() map[token.Code]int { return maps.Clone(statuses) }

// problem is a problem document (RFC 9457). Its type is always "about:blank", so the
// title is the status's own phrase; code tells problems of one status apart.
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   token.Code     `json:"code"`
	Errors []problemError `json:"errors,omitempty"`
}

// problemError names a field of the body by JSON Pointer (RFC 6901), or a query parameter.
type problemError struct {
	Pointer   *string `json:"pointer,omitempty"`
	Parameter *string `json:"parameter,omitempty"`
	Detail    string  `json:"detail"`
}

// publicError returns what of err the caller may know. Of an error that is not in the
// closed set they learn nothing.
func publicError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		if _, known := statuses[e.Code]; known {
			return e
		}
	}
	return &Error{Code: CodeInternal, Detail: "Something went wrong on our side. Try again later."}
}

// Problem renders err as a problem document.
func Problem(err error) events.APIGatewayV2HTTPResponse {
	e := publicError(err)
	status := statuses[e.Code]
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Detail, Code: e.Code}
	for _, f := range e.Fields {
		item := problemError{Detail: f.Detail}
		if f.Pointer == "" || strings.HasPrefix(f.Pointer, "/") {
			item.Pointer = &f.Pointer
		} else {
			item.Parameter = &f.Pointer
		}
		p.Errors = append(p.Errors, item)
	}
	r := respond(status, "application/problem+json", p)
	switch status {
	case http.StatusUnauthorized:
		r.Headers["www-authenticate"] = `Bearer error="invalid_token"`
	case http.StatusServiceUnavailable:
		r.Headers["retry-after"] = "1"
	}
	if e.RetryAfter > 0 {
		r.Headers["retry-after"] = strconv.Itoa(int(e.RetryAfter.Seconds()))
	}
	return r
}

// respond never lets an answer be kept: it may hold a secret, and a stale list would
// show a revoked token as active.
func respond(status int, contentType string, v any) events.APIGatewayV2HTTPResponse {
	b, err := json.Marshal(v)
	if err != nil { // only types of this package come here; none can fail
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusInternalServerError}
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers: map[string]string{
			"content-type":           contentType,
			"cache-control":          "no-store",
			"x-content-type-options": "nosniff",
		},
		Body: string(b),
	}
}
