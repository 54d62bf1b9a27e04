package authorizer_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/internal/authorizer"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// free is a table that costs nothing.
type free struct {
	*tokentest.Store
	credential token.Credential
}

func (f free) Credential(context.Context, token.ID) (token.Credential, error) {
	return f.credential, nil
}

func (f free) RetiredUsed(context.Context, *token.RefusedError, time.Time, string) error { return nil }

func (f free) Used(context.Context, token.Credential, time.Time, string) error { return nil }

// BenchmarkHandle leaves out the read of the table, which is nearly all of the time.
func BenchmarkHandle(b *testing.B) {
	s := tokentest.New(b, nil)
	made, secret := s.MustIssue(b, tokentest.Bob, "x", 30)
	issued, _ := s.Store.Issued(made.ID)
	store := free{s.Store, issued.Credential}
	verifier, err := token.NewVerifier(store, tokentest.Prefix, s.Clock.Now)
	if err != nil {
		b.Fatal(err)
	}
	a, err := authorizer.New(authorizer.Config{
		Verifier: verifier, Recorder: store, Denial: authorizer.Unauthorized, Now: s.Clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range kinds {
		for _, test := range []struct{ name, value string }{{"allow", "Bearer " + secret.Reveal()}, {"garbage", "Bearer lk_garbage"}} {
			raw, err := json.Marshal(load(b, kind, test.value))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(strings.TrimSuffix(kind, ".json")+"/"+test.name, func(b *testing.B) {
				ctx := b.Context()
				b.ReportAllocs()
				for b.Loop() {
					if _, err := a.Handle(ctx, raw); (err == nil) != (test.name == "allow") {
						b.Fatalf("error %v", err)
					}
				}
			})
		}
	}
}
