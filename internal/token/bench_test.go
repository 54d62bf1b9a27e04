package token_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func BenchmarkParseSecret(b *testing.B) {
	good := vectors[0].secret
	for _, test := range []struct{ name, secret string }{
		{"valid", good},
		{"wrong checksum", good[:len(good)-1] + "0"},
		{"short", "lk_garbage"},
		{"8 KiB", strings.Repeat("x", 8<<10)},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				secret, err := token.ParseSecret("lk", test.secret)
				if (err == nil) != (test.secret == good) || (err == nil) != (secret.ID() == vectorID) {
					b.Fatalf("error %v", err)
				}
			}
		})
	}
}

func BenchmarkNewSecret(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := token.NewSecret("lk", vectorID, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	secret, err := token.ParseSecret("lk", vectors[0].secret)
	if err != nil {
		b.Fatal(err)
	}
	want := secret.Hash()
	b.ReportAllocs()
	for b.Loop() {
		if !want.Equal(secret.Hash()) {
			b.Fatal("two hashes of one secret differ")
		}
	}
}

// constant is a lookup that costs nothing.
type constant struct {
	*tokentest.Store
	credential token.Credential
}

func (c constant) Credential(context.Context, token.ID) (token.Credential, error) {
	return c.credential, nil
}

// BenchmarkVerify leaves out the read of the table, which is nearly all of the time.
func BenchmarkVerify(b *testing.B) {
	s := tokentest.New(b, nil)
	made, secret := s.MustIssue(b, tokentest.Bob, "x", 30)
	stored, _ := s.Store.Issued(made.ID)
	v, err := token.NewVerifier(constant{s.Store, stored.Credential}, tokentest.Prefix, s.Clock.Now)
	if err != nil {
		b.Fatal(err)
	}
	raw, ctx := secret.Reveal(), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(ctx, raw); err != nil {
			b.Fatal(err)
		}
	}
}
