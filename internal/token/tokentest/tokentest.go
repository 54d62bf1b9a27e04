// Package tokentest has what tests of the domain and of its adapters share: people, a
// moment, a source of random bytes that repeats itself, and a store in memory.
// [Conformance] holds that and the store on DynamoDB to one contract.
package tokentest

import (
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
)

// Prefix is the deployment's.
const Prefix token.Prefix = "lk"

// Noon is the moment at which tests take place: a day with others on both sides of it.
var Noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// Today is the date of Noon.
var Today = token.DateOf(Noon)

// The people. Alice, Bob, Erin and Carol are of one organization, Dave of another.
var (
	Alice = person("acme", "alice", token.RoleAdmin)
	Bob   = person("acme", "bob", token.RoleManager)
	Erin  = person("acme", "erin", token.RoleManager)
	Carol = person("acme", "carol", token.RoleNone)
	Dave  = person("globex", "dave", token.RoleAdmin)
)

func person(organization, name string, role token.Role) token.Principal {
	return token.Principal{
		Organization: organization, Subject: name, Email: name + "@" + organization + ".example", EmailVerified: true, Role: role,
	}
}

// Random returns a source of bytes that is the same in every run.
func Random() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// Clock is a clock that stands still until it is set.
type Clock struct{ T time.Time }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return c.T }

// Service is an issuer, a manager, a rotator and a verifier on one store and one clock.
type Service struct {
	*token.Issuer
	*token.Manager
	*token.SelfRotator
	*token.Verifier

	Store *Store
	Clock *Clock
}

// New builds a service with the usual settings, changed by change if it is not nil.
func New(tb testing.TB, change func(*token.IssuerConfig)) *Service {
	tb.Helper()
	s := &Service{Store: NewStore(), Clock: &Clock{Noon}}
	var err error
	c := token.IssuerConfig{
		Store: s.Store, Prefix: Prefix, MaxActive: 50, MaxDaily: 200, RetentionDays: 90,
		NotifyOn: func(expiry, _ token.Date) token.Date { return expiry - 1 },
		Scopes:   []string{"reports:read", "reports:write"}, Now: s.Clock.Now, Random: Random(),
	}
	if change != nil {
		change(&c)
	}
	s.Manager, err = token.NewManager(token.ManagerConfig{Store: s.Store, Fold: strings.ToLower, Now: s.Clock.Now, Random: Random()})
	if err != nil {
		tb.Fatal(err)
	}
	rotator, err := token.NewRotator(token.RotatorConfig{
		Store: s.Store, Prefix: c.Prefix, NotifyOn: c.NotifyOn, RetentionDays: c.RetentionDays, Now: s.Clock.Now, Random: c.Random,
	})
	if err != nil {
		tb.Fatal(err)
	}
	if s.SelfRotator, err = token.NewSelfRotator(rotator, s.Store, 30*24*time.Hour); err != nil {
		tb.Fatal(err)
	}
	if s.Issuer, err = token.NewIssuer(c); err != nil {
		tb.Fatal(err)
	}
	if s.Verifier, err = token.NewVerifier(s.Store, c.Prefix, s.Clock.Now); err != nil {
		tb.Fatal(err)
	}
	return s
}

// MustIssue issues a token of so many days for p.
func (s *Service) MustIssue(tb testing.TB, p token.Principal, name string, days int) (token.Token, token.Secret) {
	tb.Helper()
	issued, err := s.Issue(tb.Context(), p, token.IssueRequest{Name: name, ExpiresInDays: &days})
	if err != nil {
		tb.Fatalf("issuing %q: %v", name, err)
	}
	return issued.Token, issued.Secret
}
