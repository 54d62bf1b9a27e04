package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// NewToken is all that is stored of a token at its birth.
type NewToken struct {
	Token      Token
	Credential Credential
	NotifyOn   Date      // first date on which there may be something to notify its owner of
	DeleteAt   time.Time // when the record may be deleted
	MaxActive  int       // active tokens that the owner may have, this one counted
	MaxDaily   int       // tokens that the owner may make on one day, this one counted
	Policy     Policy    // that the token was checked against
	Audit      Audit
	// Request is what is recognised when it comes again, with the SHA-256 of its body; nil:
	// nothing is.
	Request *Request
	Body    [sha256.Size]byte
}

// Policy is what an organization allows, within what the company does.
type Policy struct {
	Version int // 0: the organization has none
	MaxDays int // longest lifetime of a secret; 0: [MaxDays]
	// NoSelfRotation says that no token may replace its own secret.
	NoSelfRotation bool
}

// days is the longest lifetime of a secret.
func (p Policy) days() int {
	if p.MaxDays > 0 {
		return min(p.MaxDays, MaxDays)
	}
	return MaxDays
}

// People keeps what is known of those who sign in.
type People interface {
	// KeepPerson records who a person is now, and returns what is known of them.
	KeepPerson(ctx context.Context, p Person, now time.Time) (Person, error)
	// KeepKnown does what KeepPerson does if there is a record already, and else nothing.
	KeepKnown(ctx context.Context, p Person, now time.Time) (Person, error)
	// Demote records that a person has no more than a role. It does nothing if they are
	// not known to have more. It returns whether they were marked as having left.
	Demote(ctx context.Context, organization, id string, to Role) (left bool, err error)
}

// Writer stores new tokens.
type Writer interface {
	People
	// Policy returns the policy of an organization with a strongly consistent read; the
	// zero Policy if it has none.
	Policy(ctx context.Context, organization string) (Policy, error)
	// Issue stores t and its audit entry, all or nothing. The error is an [Error] with
	// [CodeLimitReached] if its owner has MaxActive active tokens, with [CodeDailyLimit]
	// if they made MaxDaily today, [ErrLeft] if the owner was marked as having left,
	// [ErrBusy] if the policy has changed since, and [ErrRepeated] if the same request has
	// made a token within [RepeatedWithin].
	Issue(ctx context.Context, t NewToken) error
	// Answered returns how a request was answered within [RepeatedWithin] before now, and
	// false if it was not. The read is strongly consistent.
	Answered(ctx context.Context, r Request, now time.Time) (Answered, bool, error)
}

// MaxActiveLimit bounds MaxActive: the owner's quota, and the expression that drops
// expired tokens from it, have to stay within DynamoDB's limits.
const MaxActiveLimit = 200

// IssuerConfig is what an [Issuer] needs. All of it is required but Scopes.
type IssuerConfig struct {
	Store         RotationStore
	Prefix        Prefix
	NotifyOn      func(expiry, today Date) Date // first date on which there may be something to notify an owner of
	MaxActive     int                           // active tokens an owner may have, 1 to MaxActiveLimit
	MaxDaily      int                           // tokens an owner may make on one day, at least 1
	RetentionDays int                           // days for which a token stays listed past its expiry, at least 1: its last notice is sent then
	Scopes        []string                      // that tokens may be limited to; none means tokens are not limited
	Now           func() time.Time
	Random        io.Reader // cryptographically secure
}

// Issuer makes tokens.
type Issuer struct {
	c       IssuerConfig
	rotator *Rotator // answers requests that come again
}

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
	case c.MaxDaily < 1:
		return nil, errors.New("issuer: an owner must be allowed at least 1 new token a day")
	case c.RetentionDays < 1:
		return nil, errors.New("issuer: a token must stay for a day past its expiry, for its last notice")
	case c.NotifyOn == nil:
		return nil, errors.New("issuer: no notice schedule")
	}
	if err := CheckScopes(c.Scopes); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if _, err := ParsePrefix(string(c.Prefix)); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	rotator, err := NewRotator(RotatorConfig{
		Store: c.Store, Prefix: c.Prefix, NotifyOn: c.NotifyOn, RetentionDays: c.RetentionDays, Now: c.Now, Random: c.Random,
	})
	return &Issuer{c, rotator}, err
}

// Issued is a new token with its secret, which is nowhere kept and cannot be had again.
type Issued struct {
	Shown
	Secret Secret
}

// Issue makes a token for p.
func (i *Issuer) Issue(ctx context.Context, p Principal, r IssueRequest) (Issued, error) {
	moment := i.c.Now().UTC()
	owner, err := enter(ctx, i.c.Store, &p, moment)
	if err != nil {
		return Issued{}, err
	}
	if err := p.mayIssue(); err != nil {
		return Issued{}, err
	}
	if err := r.Idempotency.validate(); err != nil {
		return Issued{}, err
	}
	if r.Idempotency == nil {
		return i.issue(ctx, p, owner, r, moment)
	}
	for range 2 { // the same request may be under way at the same time
		a, found, err := i.c.Store.Answered(ctx, r.Idempotency.request(p), moment)
		switch {
		case err != nil:
			return Issued{}, fmt.Errorf("looking for the same request: %w", err)
		case found && a.Body != r.Idempotency.Body:
			return Issued{}, errOtherBody
		case found:
			return i.rotator.issueAgain(ctx, p, a.ID, moment)
		}
		issued, err := i.issue(ctx, p, owner, r, moment)
		if !errors.Is(err, ErrRepeated) {
			return issued, err
		}
	}
	return Issued{}, ErrBusy
}

// issue makes a token for somebody who may.
func (i *Issuer) issue(ctx context.Context, p Principal, owner Person, r IssueRequest, moment time.Time) (Issued, error) {
	policy, err := i.c.Store.Policy(ctx, p.Organization)
	if err != nil {
		return Issued{}, fmt.Errorf("reading the policy: %w", err)
	}
	now := moment.Truncate(time.Second)
	v, err := r.validate(now, i.c.Scopes, policy)
	if err != nil {
		return Issued{}, err
	}
	id, err := NewID(moment, i.c.Random)
	if err != nil {
		return Issued{}, err
	}
	secret, err := NewSecret(i.c.Prefix, id, i.c.Random)
	if err != nil {
		return Issued{}, err
	}
	t := Token{
		ID: id, Organization: p.Organization, Owner: PersonOwner(p.Subject), Name: v.name, Hint: secret.Hint(),
		Scopes: v.scopes, CreatedAt: now, CreatedBy: p.Subject,
		ExpiresOn: v.expiresOn, LifetimeDays: int(v.expiresOn - DateOf(now)), SelfRotation: r.SelfRotation,
		Uses: Uses{1: {}}, Fingerprints: []Fingerprint{{Generation: 1, Sum: secret.Hash().Fingerprint(), MadeAt: now}},
	}
	audit, err := p.audit(t, ActionIssued, moment, i.c.Random)
	if err != nil {
		return Issued{}, err
	}
	n := NewToken{
		Token: t,
		Credential: Credential{
			TokenID: id, Organization: t.Organization, Owner: t.Owner, Hash: secret.Hash(), Generation: 1, Version: 1,
			ExpiresAt: t.ExpiresAt(), Scopes: t.Scopes, ChosenOn: DateOf(now), LifetimeDays: t.LifetimeDays,
			SelfRotation: t.SelfRotation,
		},
		NotifyOn: i.c.NotifyOn(t.ExpiresOn, DateOf(now)), DeleteAt: (t.ExpiresOn + Date(i.c.RetentionDays)).Start(),
		MaxActive: i.c.MaxActive, MaxDaily: i.c.MaxDaily, Policy: policy, Audit: audit,
	}
	if r.Idempotency != nil {
		request := r.Idempotency.request(p)
		n.Request, n.Body = &request, r.Idempotency.Body
	}
	if err := i.c.Store.Issue(ctx, n); err != nil {
		return Issued{}, fmt.Errorf("storing token %s: %w", id, err)
	}
	return Issued{Shown{t, owner}, secret}, nil
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
