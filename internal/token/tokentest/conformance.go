package tokentest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/internal/token"
)

// Backend is a store whose contract [Conformance] checks, with what it takes to bring about
// what no function does so far.
type Backend interface {
	token.Writer
	token.Store
	token.Lookup
	token.RotationStore
	token.RefusalStore
	token.Trail
	// Used marks the use of a secret, as the authorizer does.
	Used(ctx context.Context, c token.Credential, at time.Time, from string) error
	MarkUndeliverable(ctx context.Context, p token.Person, at time.Time) error
	PutPolicy(organization string, p token.Policy)
	// PutCredential stores a credential as it is, in place of the one that is there.
	PutCredential(c token.Credential)
	// Trail returns an organization's audit entries in the order of their ids.
	Trail(organization string) []token.Audit
	// Recipient returns the person whom a notice goes to, and whether there is such a notice.
	Recipient(notice token.ID) (string, bool)
}

// NewToken is a token that an owner issues at a moment, for some days. Its secret is kept
// nowhere.
func NewToken(tb testing.TB, organization string, owner token.Owner, at time.Time, days int) token.NewToken {
	tb.Helper()
	at = at.Truncate(time.Second)
	id := newID(tb, at)
	secret, err := token.NewSecret(Prefix, id, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	t := token.Token{
		ID: id, Organization: organization, Owner: owner, Name: "Nightly export", Hint: secret.Hint(),
		Scopes: []string{"reports:read"}, CreatedAt: at, CreatedBy: owner.ID, LifetimeDays: days, Uses: token.Uses{1: {}},
		ExpiresOn:    token.DateOf(at) + token.Date(days),
		Fingerprints: []token.Fingerprint{{Generation: 1, Sum: secret.Hash().Fingerprint(), MadeAt: at}},
	}
	return token.NewToken{
		Token: t,
		Credential: token.Credential{
			TokenID: id, Organization: organization, Owner: owner, Hash: secret.Hash(), Generation: 1, Version: 1,
			ExpiresAt: t.ExpiresAt(), Scopes: t.Scopes,
		},
		NotifyOn: t.ExpiresOn, DeleteAt: (t.ExpiresOn + 90).Start(), MaxActive: 50, MaxDaily: 200,
		Audit: token.Audit{
			ID: newID(tb, at), Organization: organization, At: at, Action: token.ActionIssued,
			Actor: token.Actor{Kind: token.ActorPerson, ID: owner.ID}, Address: "192.0.2.7", Client: "curl/8",
			TokenID: id, TokenName: t.Name, ExpiresOn: t.ExpiresOn,
		},
	}
}

// NewRevocation is what an actor does to a token at a moment. Its owner is notified.
func NewRevocation(tb testing.TB, of token.Token, by token.Actor, at time.Time) token.Revocation {
	tb.Helper()
	of.RevokedAt, of.RevokedBy, of.RevokeReason = at.Truncate(time.Second), by.ID, "left the company"
	return token.Revocation{
		Token: of, Notice: newID(tb, at),
		Audit: token.Audit{
			ID: newID(tb, at), Organization: of.Organization, At: of.RevokedAt, Action: token.ActionRevoked,
			Actor: by, TokenID: of.ID, TokenName: of.Name, ExpiresOn: of.ExpiresOn, Detail: of.RevokeReason,
		},
	}
}

func newID(tb testing.TB, at time.Time) token.ID {
	tb.Helper()
	id, err := token.NewID(at, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// Conformance checks the contracts of [token.Writer], [token.Store], [token.RotationStore]
// and [token.Lookup] on a store. newStore makes an empty one.
func Conformance(t *testing.T, newStore func(*testing.T) Backend) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, conforming){
		"issued tokens are read back":    issuedIsReadBack,
		"an id is issued once":           idIsIssuedOnce,
		"active tokens are limited":      activeIsLimited,
		"issues of a day are limited":    dailyIsLimited,
		"who has left issues nothing":    leftIssuesNothing,
		"policies have not changed":      policyHasNotChanged,
		"revoking is for good":           revokingIsForGood,
		"revoking deletes whatever":      revokingDeletesWhatever,
		"revoking notifies the owner":    revokingNotifiesTheOwner,
		"organizations are apart":        organizationsAreApart,
		"requests are recognised":        requestsAreRecognised,
		"rotating replaces a secret":     rotatingReplaces,
		"rotating loses races":           rotatingLosesRaces,
		"rotating for another":           rotatingForAnother,
		"rotating keeps uses":            rotatingKeepsUses,
		"policies are read back":         policiesAreReadBack,
		"refused rotations are recorded": refusedRotationsAreRecorded,
		"a previous secret ends":         previousEnds,
		"revoking one secret":            revokingOneSecret,
		"admins are those of now":        adminsAreThoseOfNow,
		"lists by creation":              listsByCreation,
		"lists of what lives":            listsOfWhatLives,
		"lists begin outside of dates":   listsBeginOutside,
		"people are as they are now":     peopleAreAsTheyAreNow,
		"quotas count what is active":    quotasCountWhatIsActive,
		"who has left is no admin":       leftIsNoAdmin,
		"leaving and returning":          leavingAndReturning,
		"the audit trail by pages":       trailByPages,
		"undeliverable is of an address": undeliverableIsOfAnAddress,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, conforming{newStore(t), t})
		})
	}
}

// conforming is a store under test.
type conforming struct {
	Backend

	t *testing.T
}

var (
	ofBob   = token.PersonOwner("bob")
	ofErin  = token.PersonOwner("erin")
	byAlice = token.Actor{Kind: token.ActorPerson, ID: "alice"}
)

// try issues a token, changed by change if it is not nil.
func (c conforming) try(at time.Time, change func(*token.NewToken)) (token.NewToken, error) {
	c.t.Helper()
	n := NewToken(c.t, "acme", ofBob, at, 30)
	if change != nil {
		change(&n)
	}
	return n, c.Issue(c.t.Context(), n)
}

func (c conforming) issue(at time.Time, change func(*token.NewToken)) token.NewToken {
	c.t.Helper()
	n, err := c.try(at, change)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// refused checks that issuing is refused with a code and leaves nothing behind.
func (c conforming) refused(what string, code token.Code, at time.Time, change func(*token.NewToken)) {
	c.t.Helper()
	_ = c.refusal(what, code, at, change)
}

// refusal is refused, and returns the error.
func (c conforming) refusal(what string, code token.Code, at time.Time, change func(*token.NewToken)) *token.Error {
	c.t.Helper()
	n, err := c.try(at, change)
	refusal, ok := errors.AsType[*token.Error](err)
	if !ok || refusal.Code != code {
		c.t.Fatalf("%s: %v, want %s", what, err, code)
	}
	if _, err := c.Token(c.t.Context(), n.Token.ID); !errors.Is(err, token.ErrNotFound) {
		c.t.Errorf("%s: a record is left: %v", what, err)
	}
	c.noCredential(what, n.Token.ID)
	if slices.Contains(c.Trail("acme"), n.Audit) {
		c.t.Errorf("%s: an audit entry is left", what)
	}
	return refusal
}

// trail checks which audit entries an organization has.
func (c conforming) trail(organization string, want ...token.Audit) {
	c.t.Helper()
	slices.SortFunc(want, func(a, b token.Audit) int { return cmp.Compare(a.ID, b.ID) })
	if got := c.Trail(organization); !slices.Equal(got, want) {
		c.t.Errorf("the audit trail of %s is\n%+v, want\n%+v", organization, got, want)
	}
}

func (c conforming) revoke(of token.Token) bool {
	c.t.Helper()
	changed, err := c.Revoke(c.t.Context(), NewRevocation(c.t, of, byAlice, Noon))
	if err != nil {
		c.t.Fatalf("revoking: %v", err)
	}
	return changed
}

func (c conforming) noCredential(what string, id token.ID) {
	c.t.Helper()
	for which, read := range map[string]func(context.Context, token.ID) (token.Credential, error){
		"current": c.Credential, "previous": c.Previous,
	} {
		if found, err := read(c.t.Context(), id); !errors.Is(err, token.ErrNotFound) {
			c.t.Errorf("%s: the %s credential is %+v, %v", what, which, found, err)
		}
	}
}

func (c conforming) record(id token.ID) token.Token {
	c.t.Helper()
	t, err := c.Token(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return t
}
