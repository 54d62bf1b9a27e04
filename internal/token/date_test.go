package token_test

import (
	"encoding/json"
	"testing"
	"time"

	"latchkey/internal/token"
)

func date(t *testing.T, s string) token.Date {
	t.Helper()
	d, err := token.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDateOf(t *testing.T) {
	for _, test := range []struct{ at, want string }{
		{"2026-11-23T00:00:00Z", "2026-11-23"},
		{"2026-11-23T23:59:59Z", "2026-11-23"},
		{"2026-11-23T23:59:59.999999999Z", "2026-11-23"},
		{"2026-11-24T00:00:00Z", "2026-11-24"},
		{"2026-12-31T23:59:59Z", "2026-12-31"},
		{"2028-02-29T12:00:00Z", "2028-02-29"},
		{"2100-02-28T23:59:59Z", "2100-02-28"},
		{"2100-03-01T00:00:00Z", "2100-03-01"}, // 2100 is no leap year
		// Elsewhere it is another day, but not here: dates are UTC.
		{"2026-11-23T23:30:00-05:00", "2026-11-24"},
		{"2026-11-23T00:30:00+05:30", "2026-11-22"},
		{"1970-01-01T00:00:00Z", "1970-01-01"},
		{"1969-12-31T23:59:59Z", "1969-12-31"},
		{"1969-12-31T23:59:59.5Z", "1969-12-31"},
		{"1969-12-31T00:00:00Z", "1969-12-31"},
		{"1969-12-30T23:59:59Z", "1969-12-30"},
	} {
		if got := token.DateOf(moment(t, test.at)).String(); got != test.want {
			t.Errorf("%s is of %s, want %s", test.at, got, test.want)
		}
	}
}

// Every day has 86,400 seconds, also where clocks are changed on it.
func TestDateIgnoresDaylightSavingTime(t *testing.T) {
	zone := time.FixedZone("CEST", 2*60*60)
	for _, day := range []string{"2026-03-29", "2026-10-25"} {
		d := date(t, day)
		for hour := range 24 {
			at := d.Start().Add(time.Duration(hour) * time.Hour)
			if token.DateOf(at) != d || token.DateOf(at.In(zone)) != d {
				t.Errorf("%s is not of %s", at, day)
			}
		}
		if next := d.Start().Add(24 * time.Hour); token.DateOf(next) != d+1 {
			t.Errorf("%s is not of the day after %s", next, day)
		}
	}
}

func TestDateStart(t *testing.T) {
	for _, s := range []string{"2026-11-23", "2024-02-29", "2027-01-01", "1970-01-01", "1960-06-01"} {
		start := date(t, s).Start()
		if want := moment(t, s+"T00:00:00Z"); !start.Equal(want) || start.Location() != time.UTC {
			t.Errorf("%s starts at %s", s, start)
		}
	}
}

func TestDateArithmetic(t *testing.T) {
	for _, test := range []struct {
		from string
		days token.Date
		want string
	}{
		{"2026-11-23", 1, "2026-11-24"},
		{"2026-11-23", 30, "2026-12-23"},
		{"2026-11-23", 180, "2027-05-22"},
		{"2026-11-23", 365, "2027-11-23"},
		{"2026-12-31", 1, "2027-01-01"},
		{"2027-02-28", 1, "2027-03-01"},
		{"2028-02-28", 1, "2028-02-29"},
		{"2028-02-29", 365, "2029-02-28"},
		{"2027-03-01", 365, "2028-02-29"}, // 29 February lies within
		{"2026-03-28", 2, "2026-03-30"},
	} {
		if got := (date(t, test.from) + test.days).String(); got != test.want {
			t.Errorf("%s + %d is %s, want %s", test.from, test.days, got, test.want)
		}
	}
}

func TestParseDateRefuses(t *testing.T) {
	for _, s := range []string{
		"", "2026", "2026-11", "20261123", "2026-11-23T00:00:00Z", "2026-11-23 ", " 2026-11-23", "2026-1-23", "2026-11-3",
		"23-11-2026", "2026/11/23", "2026-00-10", "2026-13-01", "2026-11-00", "2026-11-31", "2026-02-29", "2100-02-29",
		"-026-11-23", "12026-11-23", "２０２６-11-23", "tomorrow",
	} {
		if d, err := token.ParseDate(s); err == nil || d != 0 {
			t.Errorf("%q was accepted as %s", s, d)
		}
	}
}

func TestDateAsJSON(t *testing.T) {
	b, err := json.Marshal(map[token.Date]token.Date{date(t, "2026-11-23"): date(t, "2028-02-29")})
	if err != nil || string(b) != `{"2026-11-23":"2028-02-29"}` {
		t.Errorf("%s, error %v", b, err)
	}
}
