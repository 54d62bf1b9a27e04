package tokentest

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"
	"time"

	"latchkey/internal/token"
)

func issuedIsReadBack(t *testing.T, c conforming) {
	t.Helper()
	var audits []token.Audit
	for what, change := range map[string]func(*token.NewToken){
		"limited":   nil,
		"unlimited": func(n *token.NewToken) { n.Token.Scopes, n.Credential.Scopes = nil, nil },
		"no scope":  func(n *token.NewToken) { n.Token.Scopes, n.Credential.Scopes = []string{}, []string{} },
		"ends sooner": func(n *token.NewToken) {
			n.Token.EndsOn, n.Credential.EndsOn = Today+3, Today+3
			n.Credential.Overlap = time.Hour
		},
		"organization's": func(n *token.NewToken) {
			n.Token.Owner, n.Credential.Owner = token.Owner{Type: token.OwnerOrganization}, token.Owner{Type: token.OwnerOrganization}
		},
		"words of others": func(n *token.NewToken) {
			n.Token.Name, n.Token.Owner, n.Credential.Owner = "Café #1 / 🔑", token.PersonOwner("o'brien#1|x y"), token.PersonOwner("o'brien#1|x y")
		},
	} {
		n := c.issue(Noon, change)
		audits = append(audits, n.Audit)
		if got := c.record(n.Token.ID); !reflect.DeepEqual(got, n.Token) {
			t.Errorf("%s: stored %+v, read %+v", what, n.Token, got)
		}
		if got, err := c.LateToken(t.Context(), n.Token.ID); err != nil || !reflect.DeepEqual(got, n.Token) {
			t.Errorf("%s: the late read is %+v, %v", what, got, err)
		}
		if got, err := c.Credential(t.Context(), n.Token.ID); err != nil || !reflect.DeepEqual(got, n.Credential) {
			t.Errorf("%s: stored %+v, read %+v, %v", what, n.Credential, got, err)
		}
		if _, err := c.Previous(t.Context(), n.Token.ID); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("%s: a previous secret: %v", what, err)
		}
		previous := n.Credential
		previous.Previous, previous.Hash, previous.Generation, previous.Version = true, token.Hash{7}, 3, 9
		previous.Use = token.Use{FirstAt: Noon, LastAt: Noon.Add(time.Hour)}
		c.PutCredential(previous)
		if got, err := c.Previous(t.Context(), n.Token.ID); err != nil || !reflect.DeepEqual(got, previous) {
			t.Errorf("%s: stored %+v, read %+v, %v", what, previous, got, err)
		}
	}
	c.trail("acme", audits...)
	nothing := newID(t, Noon)
	c.noCredential("never issued", nothing)
	if _, err := c.Token(t.Context(), nothing); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("never issued: %v", err)
	}
	if _, err := c.LateToken(t.Context(), nothing); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("never issued, late: %v", err)
	}
}

func idIsIssuedOnce(t *testing.T, c conforming) {
	t.Helper()
	first := c.issue(Noon, nil)
	second := NewToken(t, "acme", ofErin, Noon, 30)
	second.Token.ID, second.Credential.TokenID, second.Audit.TokenID = first.Token.ID, first.Token.ID, first.Token.ID
	if err := c.Issue(t.Context(), second); err == nil {
		t.Error("an id was issued twice")
	}
	if got, err := c.Credential(t.Context(), first.Token.ID); err != nil || !got.Hash.Equal(first.Credential.Hash) {
		t.Errorf("the first credential is %+v, %v", got, err)
	}
	if got := c.record(first.Token.ID); !reflect.DeepEqual(got, first.Token) {
		t.Errorf("the first record is %+v", got)
	}
	c.trail("acme", first.Audit)
	c.revoke(first.Token)
	if err := c.Issue(t.Context(), second); err == nil {
		t.Error("the id of a revoked token was issued again")
	}
	c.noCredential("issued again", first.Token.ID)
}

func activeIsLimited(_ *testing.T, c conforming) {
	two := func(n *token.NewToken) { n.MaxActive = 2 }
	c.issue(Noon, func(n *token.NewToken) {
		*n = NewToken(c.t, "acme", ofBob, Noon, 1)
		two(n)
	})
	long := c.issue(Noon, two)
	c.refused("a third of two", token.CodeLimitReached, Noon, two)
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(c.t, "acme", ofErin, Noon, 30); n.MaxActive = 1 })
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(c.t, "globex", ofBob, Noon, 30); n.MaxActive = 1 })
	c.revoke(long.Token)
	c.issue(Noon, two)
	c.refused("after a revocation and an issue", token.CodeLimitReached, Noon, two)
	c.issue((Today + 1).Start(), two) // the short one has expired
	c.refused("after an expiry and an issue", token.CodeLimitReached, (Today + 1).Start(), two)
}

func dailyIsLimited(t *testing.T, c conforming) {
	t.Helper()
	two := func(n *token.NewToken) { n.MaxDaily = 2 }
	c.issue(Noon, two)
	c.revoke(c.issue(Noon.Add(time.Hour), two).Token) // counts all the same
	refusal := c.refusal("a third on a day", token.CodeDailyLimit, Noon.Add(2*time.Hour), two)
	if refusal.RetryAfter != 10*time.Hour {
		t.Errorf("retry after %v, want 10 h: midnight", refusal.RetryAfter)
	}
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(t, "acme", ofErin, Noon, 30); n.MaxDaily = 1 })
	c.issue((Today + 1).Start(), two)
	// A clock that is behind counts on the day that has begun.
	behind := Noon.Add(11 * time.Hour)
	c.issue(behind, two)
	if refusal = c.refusal("a third on the next day", token.CodeDailyLimit, behind, two); refusal.RetryAfter != 25*time.Hour {
		t.Errorf("retry after %v, want 25 h: the midnight after the next", refusal.RetryAfter)
	}
	c.refused("a third on the next day, by its clock", token.CodeDailyLimit, (Today + 1).Start(), two)
}

func leftIssuesNothing(_ *testing.T, c conforming) {
	n := c.issue(Noon, nil)
	MustLeave(c.t, c, "bob")
	c.refused("after leaving", token.CodeForbidden, Noon, nil)
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(c.t, "acme", ofErin, Noon, 30) })
	if !c.revoke(n.Token) {
		c.t.Error("the token of a person who has left could not be revoked")
	}
}

func policyHasNotChanged(t *testing.T, c conforming) {
	t.Helper()
	read := func() token.Policy {
		t.Helper()
		p, err := c.Policy(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	none := read()
	if none != (token.Policy{}) {
		t.Errorf("an organization without a policy has %+v", none)
	}
	c.issue(Noon, nil)
	first := token.Policy{Version: 1, MaxDays: 90}
	c.PutPolicy("acme", first)
	if got := read(); got != first {
		t.Errorf("policy %+v, want %+v", got, first)
	}
	c.refused("checked against none", token.CodeUnavailable, Noon, nil)
	c.issue(Noon, func(n *token.NewToken) { n.Policy = first })
	c.PutPolicy("acme", token.Policy{Version: 2, MaxDays: 30})
	c.refused("checked against the one before", token.CodeUnavailable, Noon, func(n *token.NewToken) { n.Policy = first })
	c.issue(Noon, func(n *token.NewToken) { *n = NewToken(t, "globex", ofBob, Noon, 30) })
}

func requestsAreRecognised(t *testing.T, c conforming) {
	t.Helper()
	r := token.Request{Organization: "acme", Person: "bob", Key: sha256.Sum256([]byte("k"))}
	body := sha256.Sum256([]byte("a"))
	with := func(n *token.NewToken) { n.Request, n.Body = &r, body }
	answered := func(at time.Time) (token.Answered, bool) {
		t.Helper()
		a, found, err := c.Answered(t.Context(), r, at)
		if err != nil {
			t.Fatal(err)
		}
		return a, found
	}
	if a, found := answered(Noon); found {
		t.Errorf("answered before it came: %+v", a)
	}
	n := c.issue(Noon, with)
	if a, found := answered(Noon.Add(token.RepeatedWithin - time.Second)); !found || a.ID != n.Token.ID || a.Body != body || !a.At.Equal(Noon) {
		t.Errorf("answered %v, %+v", found, a)
	}
	if _, err := c.try(Noon.Add(token.RepeatedWithin-time.Second), with); !errors.Is(err, token.ErrRepeated) {
		t.Errorf("a second time: %v", err)
	}
	for _, other := range []token.Request{
		{Organization: "globex", Person: "bob", Key: r.Key}, {Organization: "acme", Person: "erin", Key: r.Key}, {Organization: "acme", Person: "bob"},
	} {
		if _, found, err := c.Answered(t.Context(), other, Noon); found || err != nil {
			t.Errorf("%+v is taken for another: %v", other, err)
		}
	}
	if _, found := answered(Noon.Add(token.RepeatedWithin)); found {
		t.Error("answered a day before")
	}
	c.issue(Noon.Add(token.RepeatedWithin), with)
}
