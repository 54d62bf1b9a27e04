package token_test

import (
	"testing"
	"time"

	"latchkey/internal/token"
)

func TestStatus(t *testing.T) {
	expiry := date(t, "2026-12-23")
	revoked := moment(t, "2026-12-01T08:00:00Z")
	for _, test := range []struct {
		name    string
		now     string
		revoked time.Time
		want    token.Status
	}{
		{"fresh", "2026-11-23T12:00:00Z", time.Time{}, token.StatusActive},
		{"the last nanosecond", "2026-12-22T23:59:59.999999999Z", time.Time{}, token.StatusActive},
		{"the first instant of the expiry date", "2026-12-23T00:00:00Z", time.Time{}, token.StatusExpired},
		{"the same instant elsewhere", "2026-12-22T19:00:00-05:00", time.Time{}, token.StatusExpired},
		{"long after", "2030-01-01T00:00:00Z", time.Time{}, token.StatusExpired},
		{"revoked", "2026-12-01T08:00:00Z", revoked, token.StatusRevoked},
		{"revoked, on a clock that is behind", "2026-12-01T07:59:59Z", revoked, token.StatusRevoked},
		{"revoked and past its expiry", "2027-01-01T00:00:00Z", revoked, token.StatusRevoked},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (token.Token{ExpiresOn: expiry, RevokedAt: test.revoked}).Status(moment(t, test.now)); got != test.want {
				t.Errorf("status %s, want %s", got, test.want)
			}
		})
	}
}

// A record that was read wrongly must not open a door.
func TestStatusOfTheZeroToken(t *testing.T) {
	if got := (token.Token{}).Status(moment(t, "2026-11-23T12:00:00Z")); got != token.StatusExpired {
		t.Errorf("status %s", got)
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.77":          "203.0.113.0/24",
		"::ffff:203.0.113.77":   "203.0.113.0/24",
		"2001:db8:12:3456::1":   "2001:db8:12::/48",
		"fe80::1%eth0":          "fe80::/48",
		"":                      "",
		"test-invoke-source-ip": "",
		"203.0.113.7:443":       "",
	} {
		if got := token.Network(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
