// Package holder serves what the holder of an API token uses, by the functions' own code in
// the test's process, so that the test can set the clock. Tests of programs that renew their
// tokens use it.
package holder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/api"
	"latchkey/internal/authorizer"
	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/gateway"
	"latchkey/internal/dev/local/lambda"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

const prefix = "lk"

// Service is an API, with a table of its own in DynamoDB Local.
type Service struct {
	URL string

	issuer   *token.Issuer
	verifier *token.Verifier

	mu  sync.Mutex
	now time.Time
}

// Start serves until the test ends. Its clock stands still at now, but for [Service.Pass].
func Start(tb testing.TB, dynamoDB string, now time.Time) *Service {
	tb.Helper()
	s := &Service{now: now.UTC().Truncate(time.Second)}
	if err := s.start(tb, dynamoDB); err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *Service) start(tb testing.TB, dynamoDB string) error {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	client := local.NewDynamoDBClient(dynamoDB)
	table := "holder-" + rand.Text()
	if err := dynamo.CreateTable(tb.Context(), client, table); err != nil {
		return err
	}
	store, err := dynamo.New(client, table)
	if err != nil {
		return err
	}
	schedule, err := notice.NewSchedule([]int{15, 7, 0})
	if err != nil {
		return err
	}
	if s.issuer, err = token.NewIssuer(token.IssuerConfig{
		Store: store, Prefix: prefix, NotifyOn: schedule.First, MaxActive: 50, MaxDaily: 200, RetentionDays: 90, Now: s.Now, Random: rand.Reader,
	}); err != nil {
		return err
	}
	rotator, err := token.NewRotator(token.RotatorConfig{
		Store: store, Prefix: prefix, NotifyOn: schedule.First, RetentionDays: 90, Now: s.Now, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	self, err := token.NewSelfRotator(rotator, store, 30*24*time.Hour)
	if err != nil {
		return err
	}
	if s.verifier, err = token.NewVerifier(store, prefix, s.Now); err != nil {
		return err
	}
	door, err := authorizer.New(authorizer.Config{
		Verifier: s.verifier, Recorder: store, Denial: authorizer.Unauthorized, Networks: true, Now: s.Now, Log: log,
	})
	if err != nil {
		return err
	}
	server := httptest.NewServer(gateway.New(gateway.Config{
		Routes: api.Routes(), Authorizer: "authorize", Keys: func() jose.JSONWebKeySet { return jose.JSONWebKeySet{} }, Now: s.Now, Log: log,
		Invoke: invoke(map[string]runtime.Handler{
			"authorize": runtime.NewHandler(door.Handle),
			"verify":    runtime.NewHandler(api.Verify(log, s.verifier, store, s.Now)),
			"rotate":    runtime.NewHandler(api.Rotate(log, api.Claims{}, s.verifier, self, store, s.Now)),
		}),
	}))
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return nil
}

// invoke answers as Lambda does, errors included.
func invoke(functions map[string]runtime.Handler) func(context.Context, string, []byte) ([]byte, error) {
	return func(ctx context.Context, function string, event []byte) ([]byte, error) {
		f, ok := functions[function]
		if !ok {
			return nil, fmt.Errorf("%s is not for holders of tokens", function)
		}
		out, err := f.Invoke(ctx, event)
		if err != nil {
			return nil, &lambda.FunctionError{Type: fmt.Sprintf("%T", err), Message: err.Error()}
		}
		return out, nil
	}
}

// Now is the service's time.
func (s *Service) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Pass moves the service's clock on.
func (s *Service) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Issue makes a token that may replace its own secret, which it returns.
func (s *Service) Issue(tb testing.TB, days int) string {
	tb.Helper()
	bob := token.Principal{Subject: "bob", Organization: "acme", Email: "bob@acme.example", EmailVerified: true, Role: token.RoleManager}
	issued, err := s.issuer.Issue(tb.Context(), bob, token.IssueRequest{Name: "by itself", ExpiresInDays: &days, SelfRotation: true})
	if err != nil {
		tb.Fatal(err)
	}
	return issued.Secret.Reveal()
}

// Works says whether a secret is one that works. It does not count as a use.
func (s *Service) Works(tb testing.TB, secret string) bool {
	tb.Helper()
	_, err := s.verifier.Verify(tb.Context(), secret)
	if _, refused := errors.AsType[*token.RefusedError](err); err != nil && !refused {
		tb.Fatal(err)
	}
	return err == nil
}
