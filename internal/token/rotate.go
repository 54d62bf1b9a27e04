package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// RotatorConfig is what a [Rotator] needs. All of it is required.
type RotatorConfig struct {
	Store         RotationStore
	Prefix        Prefix
	NotifyOn      func(expiry, today Date) Date // as in [IssuerConfig]
	RetentionDays int
	Now           func() time.Time
	Random        io.Reader // cryptographically secure
}

// Rotator replaces secrets of tokens.
type Rotator struct{ c RotatorConfig }

// NewRotator refuses a half-built configuration.
func NewRotator(c RotatorConfig) (*Rotator, error) {
	switch {
	case c.Store == nil || c.NotifyOn == nil || c.Now == nil || c.Random == nil:
		return nil, errors.New("rotator: store, notice schedule, clock and source of random bytes are required")
	case c.RetentionDays < 1:
		return nil, errors.New("rotator: a token must stay for a day past its expiry, for its last notice")
	}
	if _, err := ParsePrefix(string(c.Prefix)); err != nil {
		return nil, fmt.Errorf("rotator: %w", err)
	}
	return &Rotator{c}, nil
}

// secrets are a token's secrets as they were read at a moment, with its record.
type secrets struct {
	current  Credential
	previous Credential
	overlaps bool // the previous one works
	record   Token
}

// mayChange reads what p may change of a token. To whoever may not see it, it does not
// exist. What the credential says decides, not the record.
func (r *Rotator) mayChange(ctx context.Context, p Principal, raw string, now time.Time) (secrets, error) {
	id, err := ParseID(raw)
	if err != nil {
		return secrets{}, ErrNotFound
	}
	s, err := r.read(ctx, id, now)
	organization, owner := s.current.Organization, s.current.Owner
	if organization == "" { // there is no credential
		organization, owner = s.record.Organization, s.record.Owner
	}
	if err != nil && !errors.Is(err, ErrEnded) {
		return secrets{}, err
	}
	if !p.maySee(organization, owner) {
		return secrets{}, ErrNotFound
	}
	return s, err
}

// read reads the secrets of a token that works. The error is [ErrEnded], beside the record,
// if it does not work any more.
func (r *Rotator) read(ctx context.Context, id ID, now time.Time) (secrets, error) {
	var s secrets
	var err error
	if s.record, err = r.c.Store.Token(ctx, id); err != nil {
		return secrets{}, fmt.Errorf("reading token %s: %w", id, err)
	}
	s.current, err = r.c.Store.Credential(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return s, ErrEnded
	}
	if err == nil && !s.record.RevokedAt.IsZero() {
		return s, ErrEnded
	}
	if err != nil {
		return secrets{}, fmt.Errorf("reading the credential of token %s: %w", id, err)
	}
	if !now.Before(s.current.EndsAt()) {
		return s, ErrEnded
	}
	if s.current.Overlap == 0 {
		return s, nil
	}
	s.previous, err = r.c.Store.Previous(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return secrets{}, fmt.Errorf("reading the previous credential of token %s: %w", id, err)
	default:
		s.overlaps = now.Before(s.current.overlapping(s.previous).EndsAt())
	}
	return s, nil
}

// changeTries is how often a change is worked out anew because something else of the
// credential changed meanwhile.
const changeTries = 4

// Rotate replaces a token's secret on behalf of p and returns the new one.
func (r *Rotator) Rotate(ctx context.Context, p Principal, id string, request RotateRequest) (Issued, error) {
	moment := r.c.Now().UTC()
	if _, err := enter(ctx, r.c.Store, &p, moment); err != nil {
		return Issued{}, err
	}
	if err := p.mayIssue(); err != nil {
		return Issued{}, err
	}
	now := moment.Truncate(time.Second)
	var seen int
	for range changeTries {
		s, err := r.mayChange(ctx, p, id, moment)
		if err != nil {
			return Issued{}, err
		}
		if seen != 0 && seen != s.current.Generation {
			return Issued{}, ErrRotatedMeanwhile
		}
		seen = s.current.Generation
		policy, err := r.c.Store.Policy(ctx, s.current.Organization)
		if err != nil {
			return Issued{}, fmt.Errorf("reading the policy: %w", err)
		}
		v, err := request.validate(now, s.record.LifetimeDays, policy.days())
		if err != nil {
			return Issued{}, err
		}
		if err := s.mayReplace(request.Replace); err != nil {
			return Issued{}, err
		}
		v.chosenOn = DateOf(now)
		issued, err := r.rotate(ctx, s, v, policy, p.actor(), moment, func(t Token) (Audit, error) {
			return p.audit(t, ActionRotated, moment, r.c.Random)
		})
		if !errors.Is(err, ErrChanged) {
			return issued, err
		}
	}
	return Issued{}, ErrBusy
}

// mayReplace refuses to take back a secret that may be on its way to where it is used,
// unless the caller names it.
func (s secrets) mayReplace(named *int) error {
	if named != nil && *named != s.current.Generation {
		return ErrRotatedMeanwhile
	}
	if named == nil && s.overlaps && s.current.Use.FirstAt.IsZero() {
		return errUnused
	}
	return nil
}

// rotate makes a new secret and stores it in place of the current one.
func (r *Rotator) rotate(
	ctx context.Context, s secrets, v plan, policy Policy, by Actor, moment time.Time, audit func(Token) (Audit, error),
) (Issued, error) {
	was, now := s.current, moment.Truncate(time.Second)
	secret, err := NewSecret(r.c.Prefix, was.TokenID, r.c.Random)
	if err != nil {
		return Issued{}, err
	}
	next := was
	// A generation is never given twice, also not after a rotation was taken back.
	next.Version = was.Version + 1
	next.Generation, next.Hash, next.Use = next.Version, secret.Hash(), Use{}
	next.ExpiresAt, next.Overlap, next.ChosenOn, next.LifetimeDays = v.expiresOn.Start(), v.overlap, v.chosenOn, v.lifetime

	t := s.record
	t.Organization, t.Owner = was.Organization, was.Owner
	rotation := &Rotation{
		Version: next.Generation, RotatedAt: now, RotatedBy: by, Overlap: v.overlap,
		OldHint: t.Hint, OldGeneration: was.Generation, OldExpiresAt: was.ExpiresAt, OldLifetime: was.LifetimeDays,
	}
	change := SecretChange{Was: was, Seen: t.Uses, Previous: PreviousIsWas}
	if v.overlap == 0 {
		change.Previous = PreviousIsGone
		rotation.OldExpiresAt = now
	} else if s.overlaps && was.Use.FirstAt.IsZero() && !v.presented {
		// The older secret works and this one was not used: the older one stays.
		change.Previous = PreviousStays
		if t.Rotation != nil {
			rotation.OldHint, rotation.OldGeneration = t.Rotation.OldHint, t.Rotation.OldGeneration
			rotation.OldExpiresAt, rotation.OldLifetime = s.previous.ExpiresAt, s.previous.LifetimeDays
		}
	}
	if v.asIssued {
		change.Previous, rotation = PreviousStays, nil // there is none
	}
	t.Rotation, t.Hint, t.ExpiresOn, t.LifetimeDays = rotation, secret.Hint(), v.expiresOn, v.lifetime
	t.Fingerprints = remembered(append(slices.Clone(t.Fingerprints),
		Fingerprint{Generation: next.Generation, Sum: secret.Hash().Fingerprint(), MadeAt: now}), now)
	t.Uses = Uses{next.Generation: {}}
	if rotation != nil {
		t.Uses = s.record.Uses.rotated(next.Generation, rotation.OldGeneration)
	}
	change.Current, change.Token, change.Policy, change.By = next, t, policy, was.Owner
	if by.Kind == ActorPerson {
		change.By = PersonOwner(by.ID)
	}
	if change.Audit, err = audit(t); err != nil {
		return Issued{}, err
	}
	change.Audit.Detail = string(OldOverlaps)
	if v.overlap == 0 {
		change.Audit.Detail = string(OldEnds)
	}
	r.schedule(&change, now)
	if err := r.c.Store.Rotate(ctx, change); err != nil {
		return Issued{}, fmt.Errorf("rotating token %s: %w", was.TokenID, err)
	}
	shown, err := r.show(ctx, t)
	if err != nil { // an error would say that the secret was not replaced, and lose the new one
		shown = Shown{t, Person{Organization: t.Organization, ID: t.Owner.ID}}
	}
	return Issued{shown, secret}, nil
}

// schedule sets when there may be something to notify of. While two secrets work, that is
// every day.
func (r *Rotator) schedule(c *SecretChange, now time.Time) {
	c.NotifyOn = r.c.NotifyOn(c.Token.EndDate(), DateOf(now))
	if c.Current.Overlap != 0 || c.Token.SelfRotation {
		c.NotifyOn = min(c.NotifyOn, DateOf(now)+1)
	}
	c.DeleteAt = (c.Token.ExpiresOn + Date(r.c.RetentionDays)).Start()
}

// Cancel takes back a new secret that nobody has used, and with it the rotation: the secret
// before goes on as if nothing had happened.
func (r *Rotator) Cancel(ctx context.Context, p Principal, id string) (Shown, error) {
	moment := r.c.Now().UTC()
	if _, err := enter(ctx, r.c.Store, &p, moment); err != nil {
		return Shown{}, err
	}
	if err := p.mayIssue(); err != nil {
		return Shown{}, err
	}
	var seen int
	for range changeTries {
		s, err := r.mayChange(ctx, p, id, moment)
		if err != nil {
			return Shown{}, err
		}
		switch {
		case seen != 0 && seen != s.current.Generation:
			return Shown{}, ErrRotatedMeanwhile
		case !s.current.Use.FirstAt.IsZero() && s.current.Overlap != 0:
			return Shown{}, errUsed
		case !s.overlaps:
			return Shown{}, errNothingToCancel
		}
		seen = s.current.Generation
		shown, err := r.cancel(ctx, s, p, moment)
		if !errors.Is(err, ErrChanged) {
			return shown, err
		}
	}
	return Shown{}, ErrBusy
}

func (r *Rotator) cancel(ctx context.Context, s secrets, p Principal, moment time.Time) (Shown, error) {
	was, now := s.current, moment.Truncate(time.Second)
	back := was
	back.Version = was.Version + 1
	back.Generation, back.Hash, back.Use, back.Overlap = s.previous.Generation, s.previous.Hash, s.previous.Use, 0
	back.ExpiresAt, back.ChosenOn, back.LifetimeDays = s.previous.ExpiresAt, s.previous.ChosenOn, s.previous.LifetimeDays

	t := s.record
	t.Organization, t.Owner = was.Organization, was.Owner
	t.ExpiresOn, t.LifetimeDays = DateOf(back.ExpiresAt), back.LifetimeDays
	if t.Rotation != nil {
		t.Hint = t.Rotation.OldHint
	}
	t.Rotation = nil
	t.Uses = t.Uses.rotated(back.Generation, back.Generation)
	policy, err := r.c.Store.Policy(ctx, was.Organization)
	if err != nil {
		return Shown{}, fmt.Errorf("reading the policy: %w", err)
	}
	c := SecretChange{
		Was: was, Current: back, Previous: PreviousIsGone, Token: t, Seen: s.record.Uses, Policy: policy, By: PersonOwner(p.Subject),
	}
	if c.Audit, err = p.audit(t, ActionRotationCancelled, moment, r.c.Random); err != nil {
		return Shown{}, err
	}
	r.schedule(&c, now)
	if err := r.c.Store.Rotate(ctx, c); err != nil {
		return Shown{}, fmt.Errorf("taking back a rotation of token %s: %w", was.TokenID, err)
	}
	return r.show(ctx, t)
}

func (r *Rotator) show(ctx context.Context, t Token) (Shown, error) {
	shown, err := withPeople(ctx, r.c.Store, t.Organization, []Token{t})
	if err != nil {
		return Shown{}, err
	}
	return shown[0], nil
}
