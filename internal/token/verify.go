package token

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reason says why a secret was not accepted. It is for logs and metrics: callers are told
// only no.
type Reason string

// The reasons.
const (
	ReasonMalformed Reason = "malformed" // not the spelling of any secret; no storage was read
	ReasonUnknown   Reason = "unknown"   // there is no token with this id
	ReasonForged    Reason = "forged"    // the token never had this secret, or no longer knows it
	ReasonExpired   Reason = "expired"   // also: the token was ended on a date
	ReasonRevoked   Reason = "revoked"
	ReasonRotated   Reason = "rotated" // the token has another secret by now
)

// RefusedError is the verdict that a secret is not valid.
type RefusedError struct {
	Reason       Reason
	TokenID      ID     // empty if malformed
	Organization string // empty if malformed or unknown
	Owner        Owner  // of the token, if it goes on with another secret; or zero
}

// Error implements error.
func (e *RefusedError) Error() string { return "secret refused: " + string(e.Reason) }

// Lookup reads what decides on a secret, with strongly consistent reads.
type Lookup interface {
	// Credential returns the credential of a token's current secret, or [ErrNotFound].
	Credential(ctx context.Context, id ID) (Credential, error)
	// Previous returns that of the secret before a rotation, or [ErrNotFound].
	Previous(ctx context.Context, id ID) (Credential, error)
	// LateToken returns a token's record, or [ErrNotFound]. It may lag behind by a moment:
	// it explains a refusal and never decides one.
	LateToken(ctx context.Context, id ID) (Token, error)
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

// Verify returns the credential of a valid secret. The error is a [RefusedError] if the
// secret is not valid; any other error means that it could not be found out, and must
// not let the caller in.
func (v *Verifier) Verify(ctx context.Context, presented string) (Credential, error) {
	secret, err := ParseSecret(v.prefix, presented)
	if err != nil {
		return Credential{}, &RefusedError{Reason: ReasonMalformed}
	}
	hash := secret.Hash()
	c, err := v.find(ctx, secret.ID(), func(c Credential) bool { return c.Hash.Equal(hash) })
	if CodeOf(err) == CodeNotFound {
		return Credential{}, v.explain(ctx, secret.ID(), hash)
	}
	return c, err
}

// Check returns the credential of a secret that was verified before, by its generation, if
// it is still valid. The errors are those of Verify.
func (v *Verifier) Check(ctx context.Context, id ID, generation int) (Credential, error) {
	c, err := v.find(ctx, id, func(c Credential) bool { return c.Generation == generation })
	if CodeOf(err) == CodeNotFound {
		return Credential{}, &RefusedError{Reason: ReasonUnknown, TokenID: id}
	}
	return c, err
}

// find returns the credential that is meant, if it is still valid. The error is
// [ErrNotFound] if none is.
func (v *Verifier) find(ctx context.Context, id ID, meant func(Credential) bool) (Credential, error) {
	c, err := v.lookup.Credential(ctx, id)
	if err != nil {
		return Credential{}, fmt.Errorf("looking up token %s: %w", id, err)
	}
	if !meant(c) {
		if c, err = v.previous(ctx, c, meant); err != nil {
			return Credential{}, err
		}
	}
	if v.now().Before(c.EndsAt()) {
		return c, nil
	}
	refused := &RefusedError{Reason: ReasonExpired, TokenID: id, Organization: c.Organization}
	if c.Previous {
		refused.Reason = ReasonRotated
		refused.Owner = c.Owner
	}
	return Credential{}, refused
}

// previous returns the credential of the secret before the current one, while they overlap,
// if it is the one that is meant. A rotation that is taken back between the two reads makes
// it the current one: where it is not found, that is looked at again.
func (v *Verifier) previous(ctx context.Context, c Credential, meant func(Credential) bool) (Credential, error) {
	if c.Overlap == 0 {
		return Credential{}, ErrNotFound
	}
	previous, err := v.lookup.Previous(ctx, c.TokenID)
	if err == nil && meant(previous) {
		return c.overlapping(previous), nil
	}
	if err != nil && CodeOf(err) != CodeNotFound {
		return Credential{}, fmt.Errorf("looking up the previous secret of token %s: %w", c.TokenID, err)
	}
	again, err := v.lookup.Credential(ctx, c.TokenID)
	if err != nil {
		return Credential{}, fmt.Errorf("looking up token %s again: %w", c.TokenID, err)
	}
	if !meant(again) {
		return Credential{}, ErrNotFound
	}
	return again, nil
}

// explain finds out why there is no credential for a secret. Where the record cannot be
// read, the secret is refused all the same.
func (v *Verifier) explain(ctx context.Context, id ID, h Hash) *RefusedError {
	refused := &RefusedError{Reason: ReasonUnknown, TokenID: id}
	t, err := v.lookup.LateToken(ctx, id)
	if err != nil {
		return refused
	}
	refused.Organization = t.Organization
	switch {
	case !t.recognises(h):
		refused.Reason = ReasonForged
	case t.Status(v.now()) == StatusRevoked:
		refused.Reason = ReasonRevoked
	case t.Status(v.now()) == StatusExpired:
		refused.Reason = ReasonExpired
	default:
		refused.Reason = ReasonRotated
		refused.Owner = t.Owner
	}
	return refused
}
