package token_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"

	"latchkey/internal/token"
)

// A secret parses only in its one canonical spelling.
func ExampleParseSecret() {
	for _, presented := range []string{
		"lk_01ARYZ6S41TSV4RRFFQ69G5FAV_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf00x7f7",
		"lk_01ARYZ6S41TSV4RRFFQ69G5FAV_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf00x7f8",
	} {
		secret, err := token.ParseSecret("lk", presented)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(secret.ID(), secret.Hint())
	}
	// Output:
	// 01ARYZ6S41TSV4RRFFQ69G5FAV lk_…5FAV_…x7f7
	// malformed secret
}

// However a secret is printed or logged, it does not show.
func ExampleSecret() {
	random := bytes.NewReader(make([]byte, 32)) // crypto/rand.Reader, where it counts
	secret, err := token.NewSecret("lk", "01ARYZ6S41TSV4RRFFQ69G5FAV", random)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v %q %#v\n", secret, secret, secret)
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	log.Info("issued", "secret", secret)
	fmt.Println(len(secret.Reveal()))
	// Output:
	// [secret] [secret] [secret]
	// level=INFO msg=issued secret=[secret]
	// 79
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
