package email_test

import (
	"testing"

	"latchkey/internal/email"
)

func TestASCII(t *testing.T) {
	for address, want := range map[string]string{
		"bob@acme.example":     "bob@acme.example",
		"Bob@ACME.example":     "Bob@acme.example",
		"bob@bücher.example":   "bob@xn--bcher-kva.example",
		`"a@b"@bücher.example`: `"a@b"@xn--bcher-kva.example`,
		"bücher.example":       "bücher.example",
		"bob@-.example":        "bob@-.example",
		"":                     "",
	} {
		if got := email.ASCII(address); got != want {
			t.Errorf("%q becomes %q, want %q", address, got, want)
		}
	}
}
