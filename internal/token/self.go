package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How often a token may replace its own secret, and how soon the request may come again
// whose answer was lost.
const (
	SelfRotationEvery = time.Hour
	selfRotationAgain = time.Minute
)

// maxNotified is how many admins are notified that two have the same secret.
const maxNotified = 10

// Holder is whoever presented a secret that was verified.
type Holder struct {
	TokenID    ID
	Generation int    // of the secret
	Address    string // IP address that the request came from, for the audit trail
	Client     string // what the client calls itself (User-Agent), for the audit trail
}

func (h Holder) actor() Actor { return Actor{Kind: ActorToken, ID: string(h.TokenID)} }

// audit is an entry for what a secret's holder does to t at a moment.
func (h Holder) audit(t Token, a Action, at time.Time, random io.Reader) (Audit, error) {
	entry, err := Principal{Address: h.Address, Client: h.Client}.audit(t, a, at, random)
	entry.Actor = h.actor()
	return entry, err
}

// RefusedRotation is that the secret before a rotation was to be replaced, although the one
// in its place is in use.
type RefusedRotation struct {
	Token      Token
	Audit      Audit
	Recipients map[ID]string // subjects of those who are notified, by the notice's id
}

// RefusalStore is what a [SelfRotator] needs of a store beside what a [Rotator] does.
type RefusalStore interface {
	// Admins returns an organization's admins who were seen since a moment and whom use
	// accepts, those seen last first, at most limit. Reads are strongly consistent.
	Admins(ctx context.Context, organization string, since time.Time, limit int, use func(Person) bool) ([]Person, error)
	// RotationRefused stores a refused rotation with its audit entry and its notices, all or
	// nothing. If one of the notices is there already, it stores nothing.
	RotationRefused(ctx context.Context, r RefusedRotation) error
}

// SelfRotator replaces secrets on behalf of those who hold them.
type SelfRotator struct {
	*Rotator

	store            RefusalStore
	adminsSeenWithin time.Duration
}

// NewSelfRotator refuses a half-built configuration. Admins who did not sign in for
// adminsSeenWithin, at least a day, are not notified.
func NewSelfRotator(r *Rotator, store RefusalStore, adminsSeenWithin time.Duration) (*SelfRotator, error) {
	if r == nil || store == nil || adminsSeenWithin < 24*time.Hour {
		return nil, errors.New("self-rotator: rotator, store and a day or more within which admins were seen are required")
	}
	return &SelfRotator{r, store, adminsSeenWithin}, nil
}

// RotateSelf replaces a token's secret on behalf of whoever holds it, for a token that may do
// so. The new secret lives as long as a person last chose, and none beyond [MaxDays] days
// after a person last chose.
//
// A secret can be replaced until the one in its place was used, so that a holder who loses
// the answer asks again. After that two hold the same secret: it is refused, and owner and
// admins are notified.
func (r *SelfRotator) RotateSelf(ctx context.Context, h Holder) (Issued, error) {
	moment := r.c.Now().UTC()
	for range changeTries {
		s, presented, err := r.presented(ctx, h, moment)
		if err != nil {
			return Issued{}, err
		}
		policy, err := r.c.Store.Policy(ctx, s.current.Organization)
		if err != nil {
			return Issued{}, fmt.Errorf("reading the policy: %w", err)
		}
		owner, err := r.mayRotateItself(ctx, s.current, policy)
		if err != nil {
			return Issued{}, err
		}
		if presented.Previous && !s.current.Use.FirstAt.IsZero() {
			return Issued{}, r.refuse(ctx, h, s, owner, moment)
		}
		if err := s.oftenEnough(presented.Previous, moment); err != nil {
			return Issued{}, err
		}
		today := DateOf(moment)
		v := plan{
			expiresOn: min(today+Date(min(s.current.LifetimeDays, policy.days())), s.current.ChosenOn+MaxDays),
			overlap:   DefaultOverlapHours * time.Hour, presented: !presented.Previous,
			chosenOn: s.current.ChosenOn, lifetime: s.current.LifetimeDays,
		}
		issued, err := r.rotate(ctx, s, v, policy, h.actor(), moment, func(t Token) (Audit, error) {
			return h.audit(t, ActionRotated, moment, r.c.Random)
		})
		if !errors.Is(err, ErrChanged) {
			return issued, err
		}
	}
	return Issued{}, ErrBusy
}

// RenewAt is when it is time for a secret's holder to have the token replace it: when two
// thirds of its life are over, which leaves the last third for what goes wrong. For a secret
// that was replaced already it is the moment of that: its successor may have been lost.
func (t Token) RenewAt(c Credential) time.Time {
	made := t.CreatedAt
	if t.Rotation != nil {
		made = t.Rotation.RotatedAt
	}
	if c.Previous {
		return made
	}
	return made.Add(c.EndsAt().Sub(made) * 2 / 3).Truncate(time.Second)
}

// presented reads a token's secrets, and which of them the holder has. The error is a
// [RefusedError] if it works no more.
func (r *Rotator) presented(ctx context.Context, h Holder, now time.Time) (secrets, Credential, error) {
	s, err := r.read(ctx, h.TokenID, now)
	switch {
	case errors.Is(err, ErrEnded) || errors.Is(err, ErrNotFound):
		return secrets{}, Credential{}, &RefusedError{Reason: ReasonRevoked, TokenID: h.TokenID}
	case err != nil:
		return secrets{}, Credential{}, err
	case s.current.Generation == h.Generation:
		return s, s.current, nil
	case s.overlaps && s.previous.Generation == h.Generation:
		return s, s.previous, nil
	}
	return secrets{}, Credential{}, &RefusedError{Reason: ReasonRotated, TokenID: h.TokenID, Organization: s.current.Organization}
}

// mayRotateItself is the check before a token replaces its own secret. What the credential
// says decides, and who its owner is now, whom it returns.
func (r *Rotator) mayRotateItself(ctx context.Context, c Credential, policy Policy) (Person, error) {
	switch {
	case !c.SelfRotation:
		return Person{}, errNoSelfRotation
	case policy.NoSelfRotation:
		return Person{}, errPolicyForbids
	case c.EndsOn != 0:
		return Person{}, errEndSet
	case c.Owner.Type != OwnerPerson:
		return Person{}, nil
	}
	people, err := r.c.Store.PeopleByID(ctx, c.Organization, []string{c.Owner.ID})
	if err != nil {
		return Person{}, fmt.Errorf("reading the owner: %w", err)
	}
	owner := people[c.Owner.ID]
	if owner.Role == RoleNone {
		return Person{}, errOwnerHasNoRole
	}
	return owner, nil
}

// oftenEnough refuses a token that replaces its secret too often, and one that would take
// back a new secret which a person has made: it may be on its way to where it is used.
func (s secrets) oftenEnough(again bool, now time.Time) error {
	last := s.record.Rotation
	if last == nil {
		return nil
	}
	pause := SelfRotationEvery
	if again {
		if last.RotatedBy.Kind == ActorPerson {
			return errPersonsUnused
		}
		pause = selfRotationAgain
	}
	if wait := last.RotatedAt.Add(pause).Sub(now); wait > 0 {
		return &Error{
			Code: CodeTooSoon, RetryAfter: (wait + time.Second - 1).Truncate(time.Second), // whole seconds
			Detail: "A token replaces its own secret at most once an hour, and a minute after a lost answer.",
		}
	}
	return nil
}

// refuse records that two hold the same secret, and notifies the owner and admins of it,
// once a day.
func (r *SelfRotator) refuse(ctx context.Context, h Holder, s secrets, owner Person, moment time.Time) error {
	t := s.record
	t.Organization, t.Owner = s.current.Organization, s.current.Owner
	audit, err := h.audit(t, ActionRotationRefused, moment, r.c.Random)
	if err != nil {
		return err
	}
	addresses := []string{owner.Email}
	notified, err := r.store.Admins(ctx, t.Organization, moment.Add(-r.adminsSeenWithin), maxNotified, func(p Person) bool {
		same := func(address string) bool { return strings.EqualFold(address, p.Email) } // one person can have several accounts
		if p.Undeliverable || p.Email == "" || slices.ContainsFunc(addresses, same) {
			return false
		}
		addresses = append(addresses, p.Email)
		return true
	})
	if err != nil {
		return fmt.Errorf("finding whom to notify: %w", err)
	}
	if owner.ID != "" {
		notified = append(notified, owner)
	}
	refused := RefusedRotation{Token: t, Audit: audit, Recipients: map[ID]string{}}
	for _, p := range notified {
		id, err := DailyID(moment, string(ActionRotationRefused), string(t.ID), strconv.Itoa(h.Generation), p.ID)
		if err != nil {
			return err
		}
		refused.Recipients[id] = p.ID
	}
	if err := r.store.RotationRefused(ctx, refused); err != nil {
		return fmt.Errorf("recording a refused rotation of token %s: %w", t.ID, err)
	}
	return errSuccessorUsed
}

// DailyID is an id that what has the same parts has again on the same day, and on no other.
func DailyID(at time.Time, parts ...string) (ID, error) {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return NewID(DateOf(at).Start(), strings.NewReader(string(sum[:])))
}

// EndedSecret is the end of a secret before its token's.
type EndedSecret struct {
	Secret Credential // the one before a rotation, as it was read
	Audit  Audit
}

// Ended says what came to its end with the secret that was presented.
type Ended string

// What it can be.
const (
	EndedToken     Ended = "token"
	EndedOldSecret Ended = "old_secret" // the token goes on with its current one
)

// RevokeSelf ends the secret that its holder presents: with the current one the token, which
// is revoked; the one before a rotation by itself. It needs no permission: whoever finds a
// secret may end it. The error is a [RefusedError] if it has ended already.
func (m *Manager) RevokeSelf(ctx context.Context, h Holder) (Ended, error) {
	moment := m.c.Now().UTC()
	for range changeTries {
		ended, err := m.revokeSelf(ctx, h, moment)
		if !errors.Is(err, ErrChanged) {
			return ended, err
		}
	}
	return "", ErrBusy
}

func (m *Manager) revokeSelf(ctx context.Context, h Holder, moment time.Time) (Ended, error) {
	refused := &RefusedError{Reason: ReasonRevoked, TokenID: h.TokenID}
	c, err := m.c.Store.Credential(ctx, h.TokenID)
	if errors.Is(err, ErrNotFound) {
		return "", refused
	}
	if err != nil {
		return "", fmt.Errorf("reading the credential of token %s: %w", h.TokenID, err)
	}
	t, err := m.c.Store.Token(ctx, h.TokenID)
	if errors.Is(err, ErrNotFound) {
		t, err = Token{ID: h.TokenID}, nil // there is a credential, and it has to go
	}
	if err != nil {
		return "", fmt.Errorf("reading token %s: %w", h.TokenID, err)
	}
	t.Organization, t.Owner = c.Organization, c.Owner
	if c.Generation == h.Generation {
		r := Revocation{Token: t, Generation: c.Generation}
		r.Token.RevokedAt, r.Token.RevokedBy = moment.Truncate(time.Second), h.actor().ID
		if r.Audit, err = h.audit(t, ActionRevoked, moment, m.c.Random); err != nil {
			return "", err
		}
		if t.Owner.Type == OwnerPerson {
			if r.Notice, err = NewID(moment, m.c.Random); err != nil {
				return "", err
			}
		}
		if _, err = m.c.Store.Revoke(ctx, r); err != nil {
			return "", fmt.Errorf("revoking token %s: %w", t.ID, err)
		}
		return EndedToken, nil
	}
	e := EndedSecret{}
	e.Secret, err = m.c.Store.Previous(ctx, h.TokenID)
	if err == nil && e.Secret.Generation != h.Generation || errors.Is(err, ErrNotFound) {
		refused.Reason = ReasonRotated
		return "", refused
	}
	if err != nil {
		return "", fmt.Errorf("reading the previous credential of token %s: %w", h.TokenID, err)
	}
	if e.Audit, err = h.audit(t, ActionOldSecretEnded, moment, m.c.Random); err != nil {
		return "", err
	}
	if err := m.c.Store.EndPrevious(ctx, e); err != nil {
		return "", fmt.Errorf("ending the previous secret of token %s: %w", t.ID, err)
	}
	return EndedOldSecret, nil
}
