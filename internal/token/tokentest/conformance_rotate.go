package tokentest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"latchkey/internal/token"
)

// NewSecretChange is what a rotation by the owner stores, from what was read before.
func NewSecretChange(tb testing.TB, was token.Credential, record token.Token, at time.Time) token.SecretChange {
	tb.Helper()
	c := token.SecretChange{
		Was: was, Current: was, Previous: token.PreviousIsWas, Token: record, Seen: record.Uses,
		NotifyOn: token.DateOf(at) + 1, DeleteAt: (record.ExpiresOn + 90).Start(), By: record.Owner,
		Audit: token.Audit{
			ID: newID(tb, at), Organization: record.Organization, At: at.Truncate(time.Second), Action: token.ActionRotated,
			Actor: token.Actor{Kind: token.ActorPerson, ID: record.Owner.ID}, TokenID: record.ID, TokenName: record.Name,
			ExpiresOn: record.ExpiresOn, Detail: string(token.OldOverlaps),
		},
	}
	c.Current.Version++
	c.Current.Generation, c.Current.Use, c.Current.Overlap = c.Current.Version, token.Use{}, time.Hour
	c.Current.Hash[0]++
	c.Token.Rotation = &token.Rotation{
		Version: c.Current.Generation, RotatedAt: at.Truncate(time.Second), RotatedBy: c.Audit.Actor, OldHint: record.Hint,
		OldGeneration: was.Generation, OldExpiresAt: was.ExpiresAt, Overlap: time.Hour, OldLifetime: was.LifetimeDays,
	}
	c.Token.Uses = token.Uses{0: record.Uses.Last(), was.Generation: was.Use, c.Current.Generation: {}}
	return c
}

// change is a rotation of a token as it is now.
func (c conforming) change(id token.ID) token.SecretChange {
	c.t.Helper()
	was, err := c.Credential(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	change := NewSecretChange(c.t, was, c.record(id), Noon.Add(time.Hour))
	if change.Policy, err = c.Policy(c.t.Context(), was.Organization); err != nil {
		c.t.Fatal(err)
	}
	return change
}

func rotatingReplaces(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	id := n.Token.ID
	used := Noon.Add(time.Minute)
	if err := c.Used(t.Context(), n.Credential, used, "203.0.113.0/24"); err != nil {
		t.Fatal(err)
	}
	first := c.change(id)
	if err := c.Rotate(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	was := first.Was
	was.Previous = true
	current, err := c.Credential(t.Context(), id)
	if err != nil || !reflect.DeepEqual(current, first.Current) {
		t.Errorf("current %+v, error %v\nwant %+v", current, err, first.Current)
	}
	previous, err := c.Previous(t.Context(), id)
	if err != nil || !reflect.DeepEqual(previous, was) || !previous.Use.FirstAt.Equal(used) {
		t.Errorf("previous %+v, error %v\nwant %+v", previous, err, was)
	}
	if got := c.record(id); !reflect.DeepEqual(got, first.Token) {
		t.Errorf("record %+v\nwant %+v", got, first.Token)
	}
	// The unused one is replaced, and the older one stays.
	second := c.change(id)
	second.Previous = token.PreviousStays
	second.Token.Uses = token.Uses{0: {}, 1: was.Use, 3: {}}
	if err := c.Rotate(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if previous, err = c.Previous(t.Context(), id); err != nil || previous.Generation != 1 {
		t.Errorf("previous %+v, error %v", previous, err)
	}
	third := c.change(id)
	third.Previous = token.PreviousIsGone
	if err := c.Rotate(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Previous(t.Context(), id); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("the old one is there: %v", err)
	}
	c.trail("acme", n.Audit, first.Audit, second.Audit, third.Audit)
	if !c.revoke(n.Token) {
		t.Error("a token with a new secret could not be revoked")
	}
	c.noCredential("revoked", id)
}

// A change that was worked out from what is no longer so changes nothing.
func rotatingLosesRaces(t *testing.T, c conforming) {
	t.Helper()
	for name, test := range map[string]struct {
		meanwhile func(n token.NewToken)
		want      error
	}{
		"another rotation": {func(n token.NewToken) {
			if err := c.Rotate(t.Context(), c.change(n.Token.ID)); err != nil {
				t.Fatal(err)
			}
		}, token.ErrChanged},
		"a first use": {func(n token.NewToken) {
			if err := c.Used(t.Context(), n.Credential, Noon.Add(time.Minute), ""); err != nil {
				t.Fatal(err)
			}
		}, token.ErrChanged},
		"a revocation":   {func(n token.NewToken) { c.revoke(n.Token) }, token.ErrChanged},
		"a policy":       {func(token.NewToken) { c.PutPolicy("acme", token.Policy{Version: 7}) }, token.ErrBusy},
		"the owner left": {func(n token.NewToken) { MustLeave(c.t, c, n.Token.Owner.ID) }, token.ErrLeft},
	} {
		owner := token.PersonOwner("bob of " + name)
		n := c.issue(Noon, func(n *token.NewToken) {
			*n = NewToken(t, "acme", owner, Noon, 30)
			n.Policy, _ = c.Policy(t.Context(), "acme")
		})
		change := c.change(n.Token.ID)
		test.meanwhile(n)
		before, _ := c.Credential(t.Context(), n.Token.ID)
		record, trail := c.record(n.Token.ID), len(c.Trail("acme"))
		if err := c.Rotate(t.Context(), change); !errors.Is(err, test.want) {
			t.Errorf("%s meanwhile: error %v, want %v", name, err, test.want)
		}
		after, _ := c.Credential(t.Context(), n.Token.ID)
		if !reflect.DeepEqual(after, before) || !reflect.DeepEqual(c.record(n.Token.ID), record) || len(c.Trail("acme")) != trail {
			t.Errorf("%s meanwhile: something was changed all the same", name)
		}
	}
}

// Who asks for another's may have left, too.
func rotatingForAnother(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	change := c.change(n.Token.ID)
	change.By = token.PersonOwner("alice")
	if err := c.Rotate(t.Context(), change); err != nil {
		t.Errorf("by an admin who has issued nothing: %v", err)
	}
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(t, "acme", change.By, Noon, 30) })
	MustLeave(c.t, c, "alice")
	change = c.change(n.Token.ID)
	change.By = token.PersonOwner("alice")
	if err := c.Rotate(t.Context(), change); !errors.Is(err, token.ErrLeft) {
		t.Errorf("by an admin who has left: %v", err)
	}
}

// A use that is marked between the reading and the writing of a rotation is kept.
func rotatingKeepsUses(t *testing.T, c conforming) {
	t.Helper()
	n := c.issue(Noon, nil)
	if err := c.Used(t.Context(), n.Credential, Noon.Add(time.Minute), ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Rotate(t.Context(), c.change(n.Token.ID)); err != nil {
		t.Fatal(err)
	}
	current, err := c.Credential(t.Context(), n.Token.ID)
	if err != nil {
		t.Fatal(err)
	}
	late := n.Credential // as an authorizer read it before the rotation
	for _, used := range []token.Credential{current, late} {
		if err := c.Used(t.Context(), used, Noon.Add(3*time.Hour), "203.0.113.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	if current, err = c.Credential(t.Context(), n.Token.ID); err != nil || !current.Use.FirstAt.Equal(Noon.Add(3*time.Hour)) {
		t.Errorf("the new one's use is %+v, error %v", current.Use, err)
	}
	uses := c.record(n.Token.ID).Uses
	if !uses[2].FirstAt.Equal(Noon.Add(3*time.Hour)) || uses[2].From != "203.0.113.0/24" || !uses[1].FirstAt.Equal(Noon.Add(time.Minute)) {
		t.Errorf("the record's uses are %+v", uses)
	}
}
