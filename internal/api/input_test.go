package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// A whole number is one however JSON writes it, as the contract says (JSON Schema,
// section 6.1.1 of Validation).
func TestWholeNumbers(t *testing.T) {
	for raw, days := range map[string]int{
		"30": 30, "30.0": 30, "30.000": 30, "3e1": 30, "3E+1": 30, "300e-1": 30, "0.3e2": 30, "322.0": 322, "365.0": 365,
		"30.5": 0, "30.00001": 0, "3e-1": 0, "366": 0, "366.0": 0, "0.0": 0, "-0.0": 0, "-1.0": 0,
		"1e99": 0, "1e999": 0, "1e99999999": 0, "1e-99999999": 0, "9223372036854775808": 0, "3e1.0": 0, "030": 0, "+30": 0, "0x1e": 0, "3_0": 0, "30/1": 0,
	} {
		s := newService(t)
		body := `{"name":"x","expires_in_days":` + raw + `}`
		a := s.call(t, issueRoute, tokentest.Bob, "", body)
		if (a.StatusCode == 201) != (days > 0) || days > 0 && !openAPI(t).accepts(t, issueRoute, body) {
			t.Errorf("%s: %d %s", raw, a.StatusCode, a.Body)
		}
		if days > 0 {
			if got, want := a.at("token", "expires_on"), (tokentest.Today + token.Date(days)).String(); got != want {
				t.Errorf("%s days: expires on %s, want %s", raw, got, want)
			}
		} else if a.problem(token.CodeInvalidRequest) == "" {
			t.Errorf("%s: the problem names nothing", raw)
		}

		r := event(t, listRoute, tokentest.Bob, "", "")
		r.QueryStringParameters, r.RawQueryString = map[string]string{"limit": raw}, "limit="+url.QueryEscape(raw)
		ok := days > 0 && days <= 100
		if a := s.send(t, listRoute, r); (a.StatusCode == 200) != ok {
			t.Errorf("limit=%s: %d %s", raw, a.StatusCode, a.Body)
		} else if !ok && a.problem(token.CodeInvalidRequest) != "limit" {
			t.Errorf("limit=%s: %s", raw, a.Body)
		}
	}
}

// API Gateway joins a parameter that is there twice with a comma, which looks like a list.
func TestRepeatedParameters(t *testing.T) {
	for raw, places := range map[string]string{
		"status=active&status=expired":         "status",
		"status=active&%73tatus=expired":       "status",
		"q=a&q=b":                              "q",
		"limit=1&limit=1":                      "limit",
		"sort=created&q=x&sort=-created&q=y":   "q sort",
		"limit=x&status=active&status=expired": "limit status",
		"page=1&limit=0":                       "limit page",
		"status=active%2Cexpired":              "",
		"status=active,expired&q=x":            "",
		"q=status%26status&status=active":      "",
		"q=%zz":                                "",
		"":                                     "",
	} {
		s := newService(t)
		r := event(t, listRoute, tokentest.Bob, "", "")
		r.RawQueryString = raw
		r.QueryStringParameters = map[string]string{}
		for pair := range strings.SplitSeq(raw, "&") {
			name, value, _ := strings.Cut(pair, "=")
			name, _ = url.QueryUnescape(name)
			value, _ = url.QueryUnescape(value)
			if before, twice := r.QueryStringParameters[name]; twice {
				value = before + "," + value
			}
			if name != "" {
				r.QueryStringParameters[name] = value
			}
		}
		a := s.send(t, listRoute, r)
		if places == "" {
			a.ok(200)
		} else if got := a.problem(token.CodeInvalidRequest); got != places {
			t.Errorf("%s: the problem names %q, want %q", raw, got, places)
		}
	}
}

// A route that takes no parameters takes none: a reason that strayed into the address would
// be lost without a word.
func TestParametersWhereThereAreNone(t *testing.T) {
	s := newService(t)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	for _, route := range []string{issueRoute, getRoute, revokeRoute, resumeRoute, whoamiRoute} {
		r := event(t, route, tokentest.Bob, made.ID, "")
		r.QueryStringParameters, r.RawQueryString = map[string]string{"reason": "leaked"}, "reason=leaked"
		if place := s.send(t, route, r).problem(token.CodeInvalidRequest); place != "reason" {
			t.Errorf("%s: the problem names %q", route, place)
		}
	}
	if stored, _ := s.Store.Stored(made.ID); !stored.RevokedAt.IsZero() {
		t.Error("it was revoked all the same")
	}
}

// Names are kept in one spelling, however they were typed or pasted.
func TestNamesAreKeptComposed(t *testing.T) {
	const family = "👨\u200d👩\u200d👧 prod"
	for typed, want := range map[string]string{
		"Cafe\u0301":          "Café",
		"Café":                "Café",
		"\ufeffprod\u200f":    "prod",
		family:                family,
		"1\ufe0f\u20e3 first": "1\ufe0f\u20e3 first",
		"می\u200cخواهم":       "می\u200cخواهم",
	} {
		s := newService(t)
		body, err := json.Marshal(map[string]any{"name": typed, "expires_in_days": 30})
		if err != nil {
			t.Fatal(err)
		}
		a := s.call(t, issueRoute, tokentest.Bob, "", string(body)).ok(201)
		stored, _ := s.Store.Stored(token.ID(a.at("token", "id")))
		if got := a.at("token", "name"); got != want || stored.Name != want {
			t.Errorf("%+q is shown as %+q and kept as %+q, want %+q", typed, got, stored.Name, want)
		}
	}
}

// What is refused is named with its place.
func TestRefusedCharactersAreNamed(t *testing.T) {
	s := newService(t)
	a := s.call(t, issueRoute, tokentest.Bob, "", `{"name":"prod\u202egnp","expires_in_days":30}`)
	if a.problem(token.CodeInvalidRequest) != "/name" || !strings.Contains(a.Body, "character 5 (U+202E)") {
		t.Errorf("%s", a.Body)
	}
}

// Every name that the contract allows is accepted, whatever single character is in it.
func TestContractOfNames(t *testing.T) {
	line, err := openAPI(t).schema("components", "schemas", "Line")
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for r := rune(0); r <= 0x10ffff && wrong < 10; r++ {
		if 0xd800 <= r && r < 0xe000 || r > 0x20000 && r < 0xe0000 && r&0xffff < 0xfff0 {
			continue // no characters, and ideographs
		}
		name := "a" + string(r) + "b"
		if allowed, accepted := line.Validate(name) == nil, token.Harmless(name) == name; allowed != accepted {
			wrong++
			t.Errorf("%U: the contract allows it %t, the code %t", r, allowed, accepted)
		}
	}
	for _, name := range []string{"", " ", "\u3000", "é\u200dé", "é\u200d\u200dé", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3", "1\ufe0f", "🏴\U000e0067\U000e007f", "🏴\U000e0067", "\u200d"} {
		s := newService(t)
		body, err := json.Marshal(map[string]any{"name": name, "expires_in_days": 30})
		if err != nil {
			t.Fatal(err)
		}
		a := s.call(t, issueRoute, tokentest.Bob, "", string(body))
		if allowed := openAPI(t).accepts(t, issueRoute, string(body)); allowed != (a.StatusCode == 201) {
			t.Errorf("%+q: the contract allows it %t, the answer is %s", name, allowed, a.Body)
		}
	}
}

// FuzzIssue sends any body: what the contract allows is accepted, and every answer is one
// that the contract has. Unknown scopes and dates that have passed are the exceptions: they
// depend on the deployment and the day.
func FuzzIssue(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","expires_in_days":30}`, `{"name":"x","expires_on":"2026-12-23","scopes":["reports:read"]}`, `{}`, `[]`, ``, `null`,
		`{"name":"x","expires_in_days":3.0e1}`, `{"name":"\u202e","name":null}`, `{"name":"\ud800"}`, `{"name":"a\u200db","expires_in_days":1e999}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newService(t)
		a := s.call(t, issueRoute, tokentest.Bob, "", body)
		if a.StatusCode == 201 || len(body) > api.MaxBody || !openAPI(t).accepts(t, issueRoute, body) {
			return
		}
		for place := range strings.FieldsSeq(a.problem(token.CodeInvalidRequest)) {
			if place != "/expires_on" && !strings.HasPrefix(place, "/scopes") && !strings.Contains(a.Body, "Is there twice") {
				t.Errorf("%q is within the contract: %s", body, a.Body)
			}
		}
	})
}

// FuzzParameters sends any query: the answer is a page or names what is wrong.
func FuzzParameters(f *testing.F) {
	for _, seed := range [][2]string{{"limit", "1e2"}, {"status", "active,"}, {"q", "\u202e"}, {"cursor", "AAAA"}, {"sort", "expires"}, {"Limit", "1"}, {"owner", "all"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		s := newService(t)
		r := event(t, listRoute, tokentest.Alice, "", "")
		r.QueryStringParameters, r.RawQueryString = map[string]string{name: value}, fmt.Sprintf("%s=%s", url.QueryEscape(name), url.QueryEscape(value))
		if a := s.send(t, listRoute, r); a.StatusCode != 200 {
			a.problem(token.CodeInvalidRequest)
		}
	})
}

// A request that comes again with its key answers with the same token, however the same
// body is written; another body with that key is refused.
func TestIdempotencyKey(t *testing.T) {
	s := newService(t)
	send := func(key, body string) answer {
		t.Helper()
		r := event(t, issueRoute, tokentest.Bob, "", body)
		r.Headers["idempotency-key"] = key
		return s.send(t, issueRoute, r)
	}
	first := send("k", `{"name":"x","expires_in_days":30}`).ok(201)
	again := send("k", `{ "expires_in_days": 30, "name": "x" }`).ok(201)
	if first.at("token", "id") != again.at("token", "id") || first.at("secret") == again.at("secret") {
		t.Errorf("%s, then %s", first.Body, again.Body)
	}
	send("k", `{"name":"y","expires_in_days":30}`).problem(token.CodeKeyReused)
	if got := send("", `{"name":"x","expires_in_days":30}`).problem(token.CodeInvalidRequest); got != "Idempotency-Key" {
		t.Errorf("the problem names %q", got)
	}
	if _, err := s.Revoke(t.Context(), tokentest.Bob, first.at("token", "id"), ""); err != nil {
		t.Fatal(err)
	}
	send("k", `{"name":"x","expires_in_days":30}`).problem(token.CodeAnswered)
}
