package token_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
)

// One canonical encoding: whatever is accepted is written again in the very same bytes,
// and whatever is refused gives nothing away.
func FuzzParseSecret(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.secret)
		f.Add(strings.ToLower(v.secret))
		f.Add(v.secret[:len(v.secret)-1])
		f.Add(v.secret + "x")
	}
	f.Add("")
	f.Add("lk_")
	f.Add(checked("lk_81ARYZ6S41TSV4RRFFQ69G5FAV_" + strings.Repeat("0", 43)))
	f.Fuzz(func(t *testing.T, s string) {
		secret, err := token.ParseSecret("lk", s)
		if err != nil {
			if secret != (token.Secret{}) {
				t.Errorf("refused, yet not zero: id %q", secret.ID())
			}
			return
		}
		if secret.Reveal() != s {
			t.Errorf("%q is written as %q", s, secret.Reveal())
		}
		if id, err := token.ParseID(string(secret.ID())); err != nil || id != secret.ID() || !strings.Contains(s, "_"+string(id)+"_") {
			t.Errorf("id %q, error %v", id, err)
		}
		if checked(s[:len(s)-6]) != s {
			t.Errorf("%q has a wrong checksum", s)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", string(vectorID), strings.ToLower(string(vectorID)), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "80000000000000000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := token.ParseID(s)
		switch {
		case err != nil && (id != "" || token.CodeOf(err) != token.CodeNotFound):
			t.Errorf("%q gives id %q, error %v", s, id, err)
		case err == nil && (string(id) != s || len(s) != 26 || strings.ToUpper(s) != s || strings.ContainsAny(s, "ILOU_")):
			t.Errorf("%q was accepted as %q", s, id)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"", "2026-11-23", "2024-02-29", "2025-02-29", "1969-12-31", "0000-01-01", "9999-12-31", "2026-1-2", "2026-11-23 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := token.ParseDate(s)
		if err != nil {
			if d != 0 {
				t.Errorf("%q is refused, yet gives %s", s, d)
			}
			return
		}
		if d.String() != s {
			t.Errorf("%q is written as %q", s, d)
		}
		if start := d.Start(); token.DateOf(start) != d || token.DateOf(start.Add(-time.Nanosecond)) != d-1 {
			t.Errorf("%q begins at %s", s, start)
		}
	})
}
