package e2e_test

import (
	"hash/crc32"
	"net/http"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/faulty"
)

// malformed are credentials that cannot be a secret of this service, made of one that is.
func malformed(secret string) map[string][]string {
	id := strings.Split(secret, "_")[1]
	last := secret[len(secret)-1:]
	other := "x"
	if last == other {
		other = "y"
	}
	return map[string][]string{
		"wrong checksum":      {"Bearer " + secret[:len(secret)-1] + other},
		"one letter changed":  {"Bearer " + strings.Replace(secret, secret[40:41], string(secret[40]^1), 1)},
		"id in lower case":    {"Bearer " + strings.Replace(secret, id, strings.ToLower(id), 1)},
		"prefix in upper":     {"Bearer " + strings.ToUpper(secret[:2]) + secret[2:]},
		"other prefix":        {"Bearer xx" + secret[2:]},
		"cut off":             {"Bearer " + secret[:len(secret)-1]},
		"continued":           {"Bearer " + secret + "0"},
		"second space":        {"Bearer  " + secret},
		"space within":        {"Bearer " + secret[:20] + " " + secret[20:]},
		"tab":                 {"Bearer\t" + secret},
		"two headers":         {"Bearer " + secret, "Bearer " + secret},
		"two in one":          {"Bearer " + secret + ", Bearer " + secret},
		"no scheme":           {secret},
		"scheme Basic":        {"Basic " + secret},
		"scheme alone":        {"Bearer"},
		"garbage":             {"Bearer garbage"},
		"a JWT's look":        {"Bearer eyJhbGciOiJub25lIn0.e30."},
		"8 KiB":               {"Bearer " + strings.Repeat("A", 8<<10)},
		"percent-encoded":     {"Bearer " + strings.ReplaceAll(secret, "_", "%5F")},
		"full-width letters":  {"Bearer " + strings.Replace(secret, "lk", "\uff4c\uff4b", 1)},
		"in quotation marks":  {`Bearer "` + secret + `"`},
		"a path of the table": {"Bearer TOKEN#" + id},
	}
}

func TestDeployedMalformedCredentials(t *testing.T) {
	_, secret := shared.as(t, "bob").issue("To be misspelt", 30)
	for name, authorization := range malformed(secret) {
		if r := shared.presenting(t, authorization...).get("/v1/whoami"); r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s, want 401", name, r.status, r.body)
		}
	}
	// The scheme's name knows no case (RFC 9110): the one spelling more that is good.
	shared.presenting(t, "bearer "+secret).get("/v1/whoami").is(http.StatusOK)
}

// A malformed credential costs no read, so garbage cannot run up a bill.
func TestMalformedCredentialsCostNoDynamoDBCall(t *testing.T) {
	proxy := faulty.NewProxy(t, servers.dynamoDB.Endpoint())
	var mu sync.Mutex
	calls := map[faulty.Call]bool{} // a call that is tried again on a busy machine counts once
	proxy.Watch(func(c faulty.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls[c] = true
	})
	during := func(f func()) int {
		mu.Lock()
		clear(calls)
		mu.Unlock()
		f()
		mu.Lock()
		defer mu.Unlock()
		return len(calls)
	}
	s := newSite(t, func(c *local.Config) { c.DynamoDBEndpoint = proxy.URL })
	k, secret := s.as(t, "bob").issue("Counted", 30)

	if calls := during(func() { s.with(t, secret).get("/v1/whoami").is(http.StatusOK) }); calls == 0 {
		t.Fatal("a good secret was let in without a call: nothing is counted")
	}
	forged := forge(k.ID)
	if calls := during(func() { s.with(t, forged).get("/v1/whoami").is(http.StatusUnauthorized) }); calls != 2 {
		t.Errorf("a well-formed secret that was never issued cost %d calls, want 2: to decide, and to say why in the log", calls)
	}
	for name, authorization := range malformed(secret) {
		calls := during(func() { s.presenting(t, authorization...).get("/v1/whoami").is(http.StatusUnauthorized) })
		if calls != 0 {
			t.Errorf("%s cost %d calls", name, calls)
		}
	}
	if calls := during(func() { s.presenting(t).get("/v1/whoami").is(http.StatusUnauthorized) }); calls != 0 {
		t.Errorf("no credential cost %d calls", calls)
	}
}

// forge makes a secret of the right form for the token's id, as somebody could who knows
// how secrets are written and nothing else.
func forge(id string) string {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body := "lk_" + id + "_" + strings.Repeat("7", 43)
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := make([]byte, 6)
	for i := len(tail) - 1; i >= 0; i-- {
		tail[i] = base62[sum%62]
		sum /= 62
	}
	return body + string(tail)
}
