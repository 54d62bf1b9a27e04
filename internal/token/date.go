package token

import (
	"fmt"
	"time"
)

// Date is a calendar date in UTC, counted in days since 1970-01-01. A token with
// expiry date d stops working at d.Start().
type Date int

const secondsPerDay = 24 * 60 * 60

// DateOf returns the UTC date of t.
func DateOf(t time.Time) Date {
	seconds := t.Unix()
	days := seconds / secondsPerDay
	if seconds%secondsPerDay < 0 {
		days--
	}
	return Date(days)
}

// ParseDate reads YYYY-MM-DD. Dates that no calendar has are errors.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("reading a date: %w", err)
	}
	return DateOf(t), nil
}

// Start is the date's first instant, 00:00:00 UTC.
func (d Date) Start() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// String returns YYYY-MM-DD.
func (d Date) String() string { return d.Start().Format(time.DateOnly) }

// MarshalText implements [encoding.TextMarshaler] as YYYY-MM-DD.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
