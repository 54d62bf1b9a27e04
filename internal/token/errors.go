package token

import (
	"errors"
	"strings"
	"time"
)

// Code names a kind of failure that a caller can act on. The set is closed: whatever
// is not one of these is an internal error, of which callers learn nothing.
type Code string

// The codes.
const (
	CodeInvalidRequest   Code = "invalid_request"        // the request breaks a rule; Fields say which
	CodeForbidden        Code = "forbidden"              // the person's role does not allow it
	CodeEmailNotVerified Code = "email_not_verified"     // notices would have no address to go to
	CodeEmailUnusable    Code = "email_unusable"         // notices cannot be sent to the address there is
	CodeNotFound         Code = "not_found"              // no such token, or not this person's to see
	CodeLimitReached     Code = "limit_reached"          // the owner has as many active tokens as allowed
	CodeDailyLimit       Code = "daily_limit_reached"    // the person has made as many tokens today as allowed
	CodeEnded            Code = "token_ended"            // expired or revoked: nothing changes it any more
	CodeUnused           Code = "rotation_unused"        // the new secret was not used yet, and the request does not name it
	CodeUsed             Code = "rotation_used"          // there is no unused new secret to take back
	CodeRotated          Code = "rotated_meanwhile"      // somebody else has replaced the secret
	CodeRefused          Code = "rotation_refused"       // the secret that this one was replaced with is in use
	CodeTooSoon          Code = "too_soon"               // the token has replaced its own secret just now
	CodeAnswered         Code = "already_issued"         // the same request has made a token, whose secret cannot be had again
	CodeKeyReused        Code = "idempotency_key_reused" // another request had the same Idempotency-Key
	CodeUnavailable      Code = "unavailable"            // busy; the same request may succeed later
)

// FieldError says what is wrong with one part of a request.
type FieldError struct {
	Pointer string // JSON Pointer into the request body (RFC 6901), or the query parameter's name
	Detail  string
}

// Error is a failure that the caller may be told about: Detail and Fields are written
// for people and hold no secret and no address.
type Error struct {
	Code   Code
	Detail string
	Fields []FieldError
	// RetryAfter says when the same request may succeed; 0: nobody knows.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	parts := []string{string(e.Code) + ": " + e.Detail}
	for _, f := range e.Fields {
		parts = append(parts, strings.TrimPrefix(f.Pointer, "/")+": "+f.Detail)
	}
	return strings.Join(parts, "; ")
}

// CodeOf returns the code of the first Error in err's chain, or "" for any other error.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Errors without anything to add.
var (
	ErrNotFound = &Error{Code: CodeNotFound, Detail: "There is no such token."}
	ErrEnded    = &Error{Code: CodeEnded, Detail: "This token has expired or was revoked. Make a new one."}
	// ErrRotatedMeanwhile says that the secret to replace is not the current one.
	ErrRotatedMeanwhile = &Error{Code: CodeRotated, Detail: "The secret was replaced meanwhile. Look at the token again."}
	ErrBusy             = &Error{Code: CodeUnavailable, Detail: "The service is busy. Try again in a moment."}

	errUnused = &Error{
		Code:   CodeUnused,
		Detail: "The new secret was not used yet. To take it back and make another one, name it: replace is the version of the token's rotation.",
	}
	errUsed          = &Error{Code: CodeUsed, Detail: "The new secret is in use already. Replace it, or revoke the token."}
	errPersonsUnused = &Error{
		Code:   CodeUnused,
		Detail: "Somebody has replaced this secret by hand, and the new one was not used yet. Use that one, or have it taken back.",
	}
	errNothingToCancel = &Error{Code: CodeUsed, Detail: "There is no new secret beside a working old one."}

	errSuccessorUsed = &Error{
		Code:   CodeRefused,
		Detail: "This secret was replaced already, and the new one is in use. Whoever uses it has had this secret, too: the token's owner is notified.",
	}
	errNoSelfRotation = &Error{Code: CodeForbidden, Detail: "This token may not replace its own secret. Its owner can, on the page."}
	errPolicyForbids  = &Error{Code: CodeForbidden, Detail: "The organization does not let tokens replace their own secret."}
	errEndSet         = &Error{Code: CodeForbidden, Detail: "This token ends on a date that somebody has set. An admin can replace its secret."}
	errOwnerHasNoRole = &Error{Code: CodeForbidden, Detail: "The owner of this token may make no tokens any more. An admin can replace its secret."}

	errNoRole = &Error{
		Code:   CodeForbidden,
		Detail: "API tokens are managed by organization admins and people with the API Token Manager role. Ask an admin of your organization for it.",
	}
	// ErrLeft says that a person was marked as having left their organization.
	ErrLeft = &Error{Code: CodeForbidden, Detail: "This person has left the organization and can make no tokens. An admin can let them return."}

	errNoSuchPerson    = &Error{Code: CodeNotFound, Detail: "There is no such person in your organization."}
	errPeopleAdminOnly = &Error{Code: CodeForbidden, Detail: "Only organization admins say who has left."}

	errActivityAdminOnly = &Error{Code: CodeForbidden, Detail: "Only organization admins see what happened in the organization."}

	errAdminOnly = &Error{Code: CodeForbidden, Detail: "Only organization admins see other people's tokens."}
	errNoEmail   = &Error{
		Code:   CodeEmailNotVerified,
		Detail: "Your sign-in names no e-mail address, so expiry notices could not reach you. Ask your administrator to add yours, sign in again, and retry.",
	}
	errNotVerified = &Error{
		Code:   CodeEmailNotVerified,
		Detail: "Your e-mail address is not verified, so expiry notices could not reach you. Verify it, sign in again, and retry.",
	}
	errUnusableEmail = &Error{
		Code:   CodeEmailUnusable,
		Detail: "Expiry notices cannot be sent to your e-mail address as it is written. Ask your administrator to correct it, sign in again, and retry.",
	}
)
