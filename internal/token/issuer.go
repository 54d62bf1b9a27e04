package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// NewToken is a token together with all that is stored of it at its birth.
type NewToken struct {
	Token
	Hash      Hash
	NoticeOn  Date      // first date on which there may be something to tell its owner; 0: there is none
	DeleteAt  time.Time // when the record may be deleted
	Owner     Owner
	MaxActive int // active tokens that the owner may have, this one counted
	Audit     Audit
}

// Writer stores new tokens.
type Writer interface {
	Demoter
	// KeepOwner records the owner's current address.
	KeepOwner(ctx context.Context, o Owner, now time.Time) error
	// Issue stores t and its audit entry, both or neither, unless its owner has
	// MaxActive active tokens: then the error is an [Error] with [CodeLimitReached].
	Issue(ctx context.Context, t NewToken) error
}

// MaxActiveLimit bounds MaxActive: the owner's record, and the expression that drops
// expired tokens from it, have to stay within DynamoDB's limits.
const MaxActiveLimit = 200

// IssuerConfig is what an [Issuer] needs. All of it is required but Scopes.
type IssuerConfig struct {
	Store         Writer
	Prefix        Prefix
	Notices       Schedule
	MaxActive     int      // active tokens an owner may have, 1 to MaxActiveLimit
	RetentionDays int      // days for which a token stays listed past its expiry, at least 1: its last notice is sent then
	Scopes        []string // that tokens may carry; none means tokens carry no scopes
	Now           func() time.Time
	Random        io.Reader // cryptographically secure
}

// Issuer makes tokens.
type Issuer struct{ c IssuerConfig }

// NewIssuer refuses a half-built configuration.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	switch {
	case c.Store == nil:
		return nil, errors.New("issuer: no store")
	case c.Now == nil:
		return nil, errors.New("issuer: no clock")
	case c.Random == nil:
		return nil, errors.New("issuer: no source of random bytes")
	case c.MaxActive < 1 || c.MaxActive > MaxActiveLimit:
		return nil, fmt.Errorf("issuer: an owner must be allowed 1 to %d active tokens", MaxActiveLimit)
	case c.RetentionDays < 1:
		return nil, errors.New("issuer: a token must stay for a day past its expiry, for its last notice")
	case len(c.Notices) == 0:
		return nil, errors.New("issuer: no notice schedule")
	}
	if err := CheckScopes(c.Scopes); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if _, err := ParsePrefix(string(c.Prefix)); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &Issuer{c}, nil
}

// Issue makes a token for p and returns it with its secret, which is nowhere kept and
// cannot be had again.
func (i *Issuer) Issue(ctx context.Context, p Principal, r IssueRequest) (Token, Secret, error) {
	if err := p.enter(ctx, i.c.Store); err != nil {
		return Token{}, Secret{}, err
	}
	moment := i.c.Now().UTC()
	now := moment.Truncate(time.Second)
	v, err := r.validate(now, i.c.Scopes)
	if err != nil {
		return Token{}, Secret{}, err
	}
	id, err := NewID(moment, i.c.Random)
	if err != nil {
		return Token{}, Secret{}, err
	}
	secret, err := NewSecret(i.c.Prefix, id, i.c.Random)
	if err != nil {
		return Token{}, Secret{}, err
	}
	auditID, err := NewID(moment, i.c.Random)
	if err != nil {
		return Token{}, Secret{}, err
	}
	t := Token{
		ID: id, Organization: p.Organization, Owner: p.Subject, Name: v.name, Hint: secret.Hint(),
		Scopes: v.scopes, CreatedAt: now, ExpiresOn: v.expiresOn,
	}
	noticeOn, _ := i.c.Notices.Next(t.ExpiresOn, DateOf(now)) // there is one, the expiry date if no other
	owner := p.owner()
	if err := i.c.Store.KeepOwner(ctx, owner, now); err != nil {
		return Token{}, Secret{}, fmt.Errorf("keeping the owner's address: %w", err)
	}
	err = i.c.Store.Issue(ctx, NewToken{
		Token: t, Hash: secret.Hash(), NoticeOn: noticeOn, Owner: owner, MaxActive: i.c.MaxActive,
		DeleteAt: (t.ExpiresOn + Date(i.c.RetentionDays)).Start(),
		Audit: Audit{
			ID: auditID, Organization: p.Organization, At: now, Action: ActionIssued,
			Actor: p.Subject, TokenID: id, TokenName: t.Name, ExpiresOn: t.ExpiresOn,
		},
	})
	if err != nil {
		return Token{}, Secret{}, fmt.Errorf("storing token %s: %w", id, err)
	}
	return t, secret, nil
}

// CheckScopes checks the scopes that a deployment offers: at most [MaxScopes], each a
// scope-token (RFC 6749, section 3.3) without a comma and of at most 64 characters, none
// twice.
func CheckScopes(scopes []string) error {
	if len(scopes) > MaxScopes {
		return fmt.Errorf("more than %d scopes", MaxScopes)
	}
	for i, scope := range scopes {
		if slices.Contains(scopes[:i], scope) {
			return fmt.Errorf("scope %q is there twice", scope)
		}
		if !validScope(scope) {
			return fmt.Errorf("scope %q is not a scope-token of RFC 6749, without commas and of at most 64 characters", scope)
		}
	}
	return nil
}

// validScope reports whether s is a scope-token (RFC 6749, section 3.3) without a
// comma, which separates scopes in configuration.
func validScope(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '"' || c == '\\' || c == ',' {
			return false
		}
	}
	return true
}
