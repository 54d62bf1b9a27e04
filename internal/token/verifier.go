package token

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reason says why a secret was not accepted. It is for logs: callers are told only no.
type Reason string

// The reasons.
const (
	ReasonMalformed Reason = "malformed" // not the spelling of any secret; no storage was read
	ReasonUnknown   Reason = "unknown"   // no such token, or a forged secret for one
	ReasonExpired   Reason = "expired"
	ReasonRevoked   Reason = "revoked"
)

// RefusedError is the verdict that a secret is not valid.
type RefusedError struct {
	Reason  Reason
	TokenID ID // empty if no token is known by it
}

// Error implements error.
func (e *RefusedError) Error() string { return "secret refused: " + string(e.Reason) }

// Lookup reads what is stored of a secret.
type Lookup interface {
	// Secret returns a token and the hash of its secret with a strongly consistent
	// read, or [ErrNotFound].
	Secret(ctx context.Context, id ID) (Token, Hash, error)
}

// Verifier decides on secrets.
type Verifier struct {
	lookup Lookup
	prefix Prefix
	now    func() time.Time
}

// NewVerifier refuses a half-built configuration.
func NewVerifier(lookup Lookup, prefix Prefix, now func() time.Time) (*Verifier, error) {
	if lookup == nil || now == nil {
		return nil, errors.New("verifier: lookup and clock are required")
	}
	if _, err := ParsePrefix(string(prefix)); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	return &Verifier{lookup, prefix, now}, nil
}

// Verify returns the token of an active secret. The error is a [RefusedError] if the
// secret is not valid; any other error means that it could not be found out, and must
// not let the caller in.
func (v *Verifier) Verify(ctx context.Context, presented string) (Token, error) {
	secret, err := ParseSecret(v.prefix, presented)
	if err != nil {
		return Token{}, &RefusedError{Reason: ReasonMalformed}
	}
	t, hash, err := v.lookup.Secret(ctx, secret.ID())
	if CodeOf(err) == CodeNotFound {
		return Token{}, &RefusedError{Reason: ReasonUnknown}
	}
	if err != nil {
		return Token{}, fmt.Errorf("looking up token %s: %w", secret.ID(), err)
	}
	if !hash.Equal(secret.Hash()) {
		// The id alone is no secret: do not tell a forger what became of the token.
		return Token{}, &RefusedError{Reason: ReasonUnknown}
	}
	switch t.Status(v.now()) {
	case StatusActive:
		return t, nil
	case StatusRevoked:
		return Token{}, &RefusedError{Reason: ReasonRevoked, TokenID: t.ID}
	case StatusExpired:
		return Token{}, &RefusedError{Reason: ReasonExpired, TokenID: t.ID}
	}
	return Token{}, &RefusedError{Reason: ReasonUnknown}
}
