package token_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// pointers issues a token for Bob and returns the places that the error names.
func pointers(t *testing.T, s *tokentest.Service, r token.IssueRequest) []string {
	t.Helper()
	issued, err := s.Issue(t.Context(), tokentest.Bob, r)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*token.Error](err)
	if !ok || e.Code != token.CodeInvalidRequest || len(e.Fields) == 0 {
		t.Fatalf("error %v, want an invalid request that names its fields", err)
	}
	if issued.Secret != (token.Secret{}) || s.Store.Len() != 0 || len(s.Store.Audits()) != 0 || slices.Contains(s.Store.Calls(), "Issue") {
		t.Errorf("a refused request left something behind: %v", s.Store.Calls())
	}
	var found []string
	for _, f := range e.Fields {
		if f.Detail == "" {
			t.Errorf("%s: no word on what is wrong", f.Pointer)
		}
		found = append(found, f.Pointer)
	}
	return found
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"one letter", "x", "x"},
		{"trimmed", " \t Nightly export\r\n ", "Nightly export"},
		{"space within", "a  b", "a  b"},
		{"100 letters", strings.Repeat("x", 100), strings.Repeat("x", 100)},
		{"100 letters of two bytes", strings.Repeat("é", 100), strings.Repeat("é", 100)},
		{"100 of four bytes", strings.Repeat("🔑", 100), strings.Repeat("🔑", 100)},
		{"100 and space around", " " + strings.Repeat("x", 100) + " ", strings.Repeat("x", 100)},
		{"markup is only text", `<b>"&'`, `<b>"&'`},
		{"Arabic", "مفتاح", "مفتاح"},
		{"Persian with a non-joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"an emoji of two", "👩\u200d💻 laptop", "👩\u200d💻 laptop"},
		{"a variation of an emoji", "❤\ufe0f", "❤\ufe0f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tokentest.New(t, nil)
			made, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{Name: test.in, ExpiresInDays: new(30)})
			if err != nil || made.Name != test.want {
				t.Errorf("name %q, error %v, want %q", made.Name, err, test.want)
			}
		})
	}
	for name, bad := range map[string]string{
		"none":                   "",
		"only space":             " \t\r\n\u00a0\u2003",
		"101 letters":            strings.Repeat("x", 101),
		"101 letters, two bytes": strings.Repeat("é", 101),
		"NUL":                    "a\x00b",
		"new line":               "a\nb",
		"tab":                    "a\tb",
		"escape":                 "a\x1b[31mb",
		"delete":                 "a\x7fb",
		"C1 control":             "a\u0085b",
		"zero-width space":       "a\u200bb",
		"zero-width joiner":      "a\u200db",
		"only zero-width":        "\u200b",
		"only a variation":       "\ufe0f",
		"a variation of ASCII":   "Prod\ufe0f",
		"a Mongolian variation":  "a\u180bb",
		"a replacement":          "a\ufffdb",
		"an object":              "\ufffc",
		"no character":           "a\uffffb",
		"byte order mark":        "a\ufeffb",
		"soft hyphen":            "a\u00adb",
		"right-to-left override": "a\u202eb",
		"left-to-right mark":     "a\u200eb",
		"bidi isolate":           "a\u2066b\u2069",
		"line separator":         "a\u2028b",
		"paragraph separator":    "a\u2029b",
		"tag characters":         "a\U000e0041b",
		"invalid UTF-8":          "a\xffb",
		"surrogate half":         "a\xed\xa0\x80b",
	} {
		t.Run(name, func(t *testing.T) {
			if got := pointers(t, tokentest.New(t, nil), token.IssueRequest{Name: bad, ExpiresInDays: new(30)}); !slices.Equal(got, []string{"/name"}) {
				t.Errorf("the error names %q", got)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	for _, test := range []struct {
		name string
		now  string
		days *int
		on   *string
		want string // the expiry date, or the pointer of the error
	}{
		{"1 day", "2026-11-23T12:00:00Z", new(1), nil, "2026-11-24"},
		{"30 days", "2026-11-23T12:00:00Z", new(30), nil, "2026-12-23"},
		{"180 days", "2026-11-23T12:00:00Z", new(180), nil, "2027-05-22"},
		{"365 days", "2026-11-23T12:00:00Z", new(365), nil, "2027-11-23"},
		{"365 days over a 29 February", "2027-03-01T12:00:00Z", new(365), nil, "2028-02-29"},
		{"in the first second of a day", "2026-11-23T00:00:00Z", new(1), nil, "2026-11-24"},
		{"in the last second of a day", "2026-11-23T23:59:59Z", new(1), nil, "2026-11-24"},
		{"in the last nanosecond of a year", "2026-12-31T23:59:59.999999999Z", new(1), nil, "2027-01-01"},
		{"on a clock that is elsewhere", "2026-11-23T20:00:00-05:00", new(1), nil, "2026-11-25"},
		{"tomorrow", "2026-11-23T23:59:59Z", nil, new("2026-11-24"), "2026-11-24"},
		{"365 days from today", "2026-11-23T00:00:00Z", nil, new("2027-11-23"), "2027-11-23"},
		{"365 days from a leap day", "2028-02-29T00:00:00Z", nil, new("2029-02-28"), "2029-02-28"},

		{"0 days", "2026-11-23T12:00:00Z", new(0), nil, "/expires_in_days"},
		{"minus 1 day", "2026-11-23T12:00:00Z", new(-1), nil, "/expires_in_days"},
		{"366 days", "2026-11-23T12:00:00Z", new(366), nil, "/expires_in_days"},
		{"days beyond counting", "2026-11-23T12:00:00Z", new(1 << 62), nil, "/expires_in_days"},
		{"yesterday", "2026-11-23T12:00:00Z", nil, new("2026-11-22"), "/expires_on"},
		{"today", "2026-11-23T00:00:00Z", nil, new("2026-11-23"), "/expires_on"},
		{"366 days from today", "2026-11-23T23:59:59Z", nil, new("2027-11-24"), "/expires_on"},
		{"366 days from a leap day", "2028-02-29T00:00:00Z", nil, new("2029-03-01"), "/expires_on"},
		{"a year of four more digits", "2026-11-23T12:00:00Z", nil, new("9999-12-31"), "/expires_on"},
		{"30 February", "2026-11-23T12:00:00Z", nil, new("2027-02-30"), "/expires_on"},
		{"a moment", "2026-11-23T12:00:00Z", nil, new("2026-12-01T00:00:00Z"), "/expires_on"},
		{"no date", "2026-11-23T12:00:00Z", nil, new(""), "/expires_on"},
		{"neither", "2026-11-23T12:00:00Z", nil, nil, "/expires_in_days"},
		{"both", "2026-11-23T12:00:00Z", new(30), new("2026-12-23"), "/expires_on"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tokentest.New(t, nil)
			s.Clock.T = moment(t, test.now)
			r := token.IssueRequest{Name: "x", ExpiresInDays: test.days, ExpiresOn: test.on}
			if strings.HasPrefix(test.want, "/") {
				if got := pointers(t, s, r); !slices.Equal(got, []string{test.want}) {
					t.Errorf("the error names %q, want %s", got, test.want)
				}
				return
			}
			made, err := s.Issue(t.Context(), tokentest.Bob, r)
			if err != nil || made.ExpiresOn.String() != test.want {
				t.Fatalf("expires on %s, error %v, want %s", made.ExpiresOn, err, test.want)
			}
			if life := made.ExpiresAt().Sub(s.Clock.T); life <= 0 || life > 365*24*time.Hour {
				t.Errorf("lives for %s", life)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	for _, test := range []struct {
		name    string
		offered []string
		asked   []string
		want    []string // pointers of the error
	}{
		{"none", []string{"read", "write"}, nil, nil},
		{"one", []string{"read", "write"}, []string{"write"}, nil},
		{"all", []string{"read", "write"}, []string{"write", "read"}, nil},
		{"none of none", nil, nil, nil},
		{"unknown", []string{"read"}, []string{"read", "admin"}, []string{"/scopes/1"}},
		{"another case", []string{"read"}, []string{"Read"}, []string{"/scopes/0"}},
		{"twice", []string{"read", "write"}, []string{"read", "write", "read"}, []string{"/scopes/2"}},
		{"empty", []string{"read"}, []string{""}, []string{"/scopes/0"}},
		{"two in one", []string{"read", "write"}, []string{"read write"}, []string{"/scopes/0"}},
		{"where there are none", nil, []string{"read"}, []string{"/scopes/0"}},
		{"too many", []string{"read"}, slices.Repeat([]string{"read"}, 21), []string{"/scopes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tokentest.New(t, func(c *token.IssuerConfig) { c.Scopes = test.offered })
			r := token.IssueRequest{Name: "x", ExpiresInDays: new(30), Scopes: test.asked}
			if len(test.want) > 0 {
				if got := pointers(t, s, r); !slices.Equal(got, test.want) {
					t.Errorf("the error names %q, want %q", got, test.want)
				}
				return
			}
			made, err := s.Issue(t.Context(), tokentest.Bob, r)
			if err != nil || !slices.Equal(made.Scopes, test.asked) {
				t.Errorf("scopes %q, error %v", made.Scopes, err)
			}
			if len(test.asked) > 0 {
				test.asked[0] = "changed by the caller"
				if slices.Contains(made.Scopes, test.asked[0]) {
					t.Error("the token shares its scopes with the request")
				}
			}
		})
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	got := pointers(t, tokentest.New(t, nil), token.IssueRequest{Name: " ", ExpiresInDays: new(366), Scopes: []string{"a", "b"}})
	if want := []string{"/name", "/expires_in_days", "/scopes/0", "/scopes/1"}; !slices.Equal(got, want) {
		t.Errorf("the error names %q, want %q", got, want)
	}
}
