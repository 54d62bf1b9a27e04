package email_test

import (
	"net/mail"
	"strings"
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

		// Real, but a header of mail has no such dots without quotes.
		"a..b@docomo.ne.jp":     `"a..b"@docomo.ne.jp`,
		".a.@docomo.ne.jp":      `".a."@docomo.ne.jp`,
		"a.@bücher.example":     `"a."@xn--bcher-kva.example`,
		`"a..b"@docomo.ne.jp`:   `"a..b"@docomo.ne.jp`,
		".@00--0.example":       `"."@00--0.example`,
		"a.b.c@acme.example":    "a.b.c@acme.example",
		"Bob <a..b@x.example>":  "Bob <a..b@x.example>",
		"a..b@x.example, c@d.e": "a..b@x.example, c@d.e",
	} {
		if got := email.ASCII(address); got != want {
			t.Errorf("%q becomes %q, want %q", address, got, want)
		}
	}
}

func TestDeliverable(t *testing.T) {
	for address, want := range map[string]bool{
		"bob@acme.example":                     true,
		"Bob.Smith+tokens@ACME.example":        true,
		"o'brien@acme.example":                 true,
		"!#$%&'*+/=?^_`{|}~-@acme.example":     true,
		"a..b@docomo.ne.jp":                    true, // real, against the letter of RFC 5322
		".a.@docomo.ne.jp":                     true,
		"bob@bücher.example":                   true, // SES gets it in Punycode
		"bob@xn--bcher-kva.example":            true,
		"bob@例え.テスト":                           true,
		`"bob smith"@acme.example`:             true,
		`"a@b"@acme.example`:                   true,
		`"a\"b"@acme.example`:                  true,
		strings.Repeat("a", 64) + "@b.example": true,

		"bøb@acme.example":                                false, // SES sends no SMTPUTF8
		"用户@acme.example":                                 false,
		"":                                                false,
		"bob":                                             false,
		"@acme.example":                                   false,
		"bob@":                                            false,
		"bob@acme..example":                               false,
		"bob@.example":                                    false,
		"bob@acme.example.":                               false,
		"bob@-acme.example":                               false,
		"bob@acme_x.example":                              false,
		"bob@[192.0.2.1]":                                 false,
		"bob@acme.example, eve@evil.example":              false,
		"bob@acme.example,eve@evil.example":               false,
		"bob@acme.example;eve@evil.example":               false,
		"Bob <bob@acme.example>":                          false,
		"<bob@acme.example>":                              false,
		" bob@acme.example":                               false,
		"bob@acme.example ":                               false,
		"bob @acme.example":                               false,
		"bob@acme.example\r\nBcc: eve@x.example":          false,
		"bob\n@acme.example":                              false,
		"bob\x00@acme.example":                            false,
		"bob@acme\u200b.example\u202e":                    false,
		"eve@evil.example@acme.example":                   false,
		`"bob@acme.example`:                               false,
		`""@acme.example`:                                 false,
		`"a"b"@acme.example`:                              false,
		`"a\"@acme.example`:                               false,
		"\"a\nb\"@acme.example":                           false,
		"\"a\\\nb\"@acme.example":                         false,
		strings.Repeat("a", 61) + "..@b.example":          false, // with its quotes
		strings.Repeat("a", 65) + "@b.example":            false,
		"bob@" + strings.Repeat("a", 64) + ".example":     false,
		"bob@" + strings.Repeat("abcde.", 42) + "example": false,
	} {
		if got := email.Deliverable(address); got != want {
			t.Errorf("%q: deliverable %t", address, got)
		}
	}
}

// Whatever is taken for an address is one that a header of mail can hold.
func FuzzDeliverable(f *testing.F) {
	for _, seed := range []string{"bob@acme.example", "a..b@docomo.ne.jp", "\"a\\\"b\"@x.example", "bob@bücher.example", "a@b\r\nc", "a@b@c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if !email.Deliverable(address) {
			return
		}
		ascii := email.ASCII(address)
		if strings.ContainsFunc(ascii, func(r rune) bool { return r < ' ' || r > '~' }) || len(ascii) > 254 {
			t.Errorf("%q is sent as %q", address, ascii)
		}
		if parsed, err := mail.ParseAddress(ascii); err != nil || parsed.Name != "" {
			t.Errorf("%q is sent as %q, which a header cannot hold: %v", address, ascii, err)
		}
		if email.ASCII(ascii) != ascii {
			t.Errorf("%q becomes %q", ascii, email.ASCII(ascii))
		}
		if !email.Deliverable(ascii) {
			t.Errorf("%q is deliverable, %q is not", address, ascii)
		}
	})
}
