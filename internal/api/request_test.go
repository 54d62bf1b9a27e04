package api_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestBodies(t *testing.T) {
	const bad = token.CodeInvalidRequest
	for _, test := range []struct {
		name, body string
		code       token.Code // empty: accepted
		places     string     // that the problem names
	}{
		{"days", `{"name":"x","expires_in_days":30}`, "", ""},
		{"date", `{"name":"x","expires_on":"2026-12-23","scopes":["reports:read","reports:write"]}`, "", ""},
		{"space around", " \r\n\t{\"name\":\"x\",\"expires_in_days\":30}\n ", "", ""},
		{"escapes", `{"n\u0061me":"\u0078","expires_in_days":30}`, "", ""},

		{"no name", `{"expires_in_days":30}`, bad, "/name"},
		{"101 characters", `{"name":"` + strings.Repeat("é", 101) + `","expires_in_days":30}`, bad, "/name"},
		{"a control character", `{"name":"a\u0000b","expires_in_days":30}`, bad, "/name"},
		{"366 days", `{"name":"x","expires_in_days":366}`, bad, "/expires_in_days"},
		{"yesterday", `{"name":"x","expires_on":"2026-11-22"}`, bad, "/expires_on"},
		{"both", `{"name":"x","expires_in_days":30,"expires_on":"2026-12-23"}`, bad, "/expires_on"},
		{"neither", `{"name":"x"}`, bad, "/expires_in_days"},
		{"nothing in it", `{}`, bad, "/name /expires_in_days"},
		{"an unknown scope", `{"name":"x","expires_in_days":30,"scopes":["admin"]}`, bad, "/scopes/0"},
		{"a scope twice", `{"name":"x","expires_in_days":30,"scopes":["reports:read","reports:read"]}`, bad, "/scopes/1"},

		{"an unknown field", `{"name":"x","expires_in_days":30,"admin":true}`, bad, "/admin"},
		{"an unknown field with a slash", `{"a/b~c":1}`, bad, "/a~1b~0c"},
		{"a name in another case", `{"Name":"x","expires_in_days":30}`, bad, "/Name"},
		{"both cases", `{"name":"x","NAME":"y","expires_in_days":30}`, bad, "/NAME"},
		{"a field twice", `{"name":"x","name":"y","expires_in_days":30}`, bad, "/name"},
		{"a name of a wrong type", `{"name":7,"expires_in_days":30}`, bad, "/name"},
		{"days as text", `{"name":"x","expires_in_days":"30"}`, bad, "/expires_in_days"},
		{"half a day", `{"name":"x","expires_in_days":30.5}`, bad, "/expires_in_days"},
		{"days with an exponent, a whole number", `{"name":"x","expires_in_days":3e1}`, "", ""},
		{"days with a zero behind the point", `{"name":"x","expires_in_days":30.0}`, "", ""},
		{"days beyond counting", `{"name":"x","expires_in_days":99999999999999999999}`, bad, "/expires_in_days"},
		{"a date as number", `{"name":"x","expires_on":20261223}`, bad, "/expires_on"},
		{"null for a name", `{"name":null,"expires_in_days":30}`, bad, "/name"},
		{"null for days", `{"name":"x","expires_in_days":null,"expires_on":"2026-12-23"}`, bad, "/expires_in_days"},
		{"null for a date", `{"name":"x","expires_in_days":30,"expires_on":null}`, bad, "/expires_on"},
		{"null for scopes", `{"name":"x","expires_in_days":30,"scopes":null}`, bad, "/scopes"},
		{"null for a scope", `{"name":"x","expires_in_days":30,"scopes":[null]}`, bad, "/scopes/0"},
		{"scopes as text", `{"name":"x","expires_in_days":30,"scopes":"reports:read"}`, bad, "/scopes"},
		{"a scope as number", `{"name":"x","expires_in_days":30,"scopes":["reports:read",7]}`, bad, "/scopes/1"},

		{"none", "", bad, "body"},
		{"only space", " ", bad, "body"},
		{"not JSON", `name=x&expires_in_days=30`, bad, "body"},
		{"cut short", `{"name":"x","expires_in_days":30`, bad, "body"},
		{"more after it", `{"name":"x","expires_in_days":30}{}`, bad, "body"},
		{"a comma too many", `{"name":"x","expires_in_days":30,}`, bad, "body"},
		{"a comment", `{"name":"x",/* */"expires_in_days":30}`, bad, "body"},
		{"a list", `[{"name":"x","expires_in_days":30}]`, bad, "body"},
		{"null", `null`, bad, "body"},
		{"null with space", ` null`, bad, "body"},
		{"a text", `"x"`, bad, "body"},
		{"a number", `30`, bad, "body"},
		{"half a surrogate pair in a date", `{"name":"x","expires_on":"2026-12-23\ud800"}`, bad, "/expires_on"},
		{"invalid UTF-8 in a scope", "{\"name\":\"x\",\"expires_in_days\":30,\"scopes\":[\"reports:read\xff\"]}", bad, "/scopes/0"},
		{"invalid UTF-8", "{\"name\":\"\xff\",\"expires_in_days\":30}", bad, "/name"},
		{"half a surrogate pair", `{"name":"\ud800","expires_in_days":30}`, bad, "/name"},
		{"a byte order mark", "\ufeff{\"name\":\"x\",\"expires_in_days\":30}", bad, "body"},
		{"very deep", strings.Repeat(`{"name":`, 1500) + "1" + strings.Repeat("}", 1500), bad, "/name"},

		{"17 KiB", `{"name":"x","expires_in_days":30}` + strings.Repeat(" ", 17<<10), api.CodePayloadTooLarge, ""},
		{"one byte too many", padded(api.MaxBody + 1), api.CodePayloadTooLarge, ""},
		{"the largest", padded(api.MaxBody), "", ""},
	} {
		for _, encoded := range []bool{false, true} {
			name := test.name
			if encoded {
				name += ", in base64"
			}
			t.Run(name, func(t *testing.T) {
				s := newService(t)
				r := event(t, issueRoute, tokentest.Bob, "", test.body)
				if encoded {
					r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(test.body)), true
				}
				a := s.send(t, issueRoute, r)
				if test.code == "" {
					a.ok(201)
					if !openAPI(t).accepts(t, issueRoute, test.body) {
						t.Error("accepted what the contract does not allow")
					}
					return
				}
				if places := a.problem(test.code); places != test.places {
					t.Errorf("the problem names %q, want %q: %s", places, test.places, a.Body)
				}
				if s.Store.Len() != 0 || len(s.Store.Audits()) != 0 {
					t.Error("something was stored")
				}
			})
		}
	}
}

// padded is a good body of so many bytes.
func padded(size int) string {
	const good = `{"name":"x","expires_in_days":30}`
	return good + strings.Repeat(" ", size-len(good))
}

func TestBrokenBase64(t *testing.T) {
	s := newService(t)
	for _, body := range []string{"!!!!", "e30", "e30=e30=", "e30=\x00"} {
		r := event(t, issueRoute, tokentest.Bob, "", body)
		r.IsBase64Encoded = true
		if places := s.send(t, issueRoute, r).problem(token.CodeInvalidRequest); places != "body" {
			t.Errorf("%q: the problem names %q", body, places)
		}
	}
	huge := event(t, issueRoute, tokentest.Bob, "", strings.Repeat("A", 10<<20))
	huge.IsBase64Encoded = true
	s.send(t, issueRoute, huge).problem(api.CodePayloadTooLarge)
}

func TestContentTypes(t *testing.T) {
	const good = `{"name":"x","expires_in_days":30}`
	for _, test := range []struct {
		header, value string
		ok            bool
	}{
		{"content-type", "application/json", true},
		{"Content-Type", "application/json", true},
		{"CONTENT-TYPE", "Application/JSON", true},
		{"content-type", "application/json; charset=utf-8", true},
		{"content-type", `application/json;charset="UTF-8"`, true},
		{"content-type", "", false},
		{"content-type", "text/plain", false},
		{"content-type", "application/x-www-form-urlencoded", false},
		{"content-type", "multipart/form-data; boundary=x", false},
		{"content-type", "application/jsonp", false},
		{"content-type", "application/problem+json", false},
		{"content-type", "application/json, text/plain", false},
		{"content-type", "application/json;", true},
		{"content-type", "application/json; charset", false},
		{"content-type", "application/json; charset=utf-16", false},
		{"x-content-type", "application/json", false},
	} {
		s := newService(t)
		for _, route := range []string{issueRoute, revokeRoute} {
			made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
			body, status := good, 201
			if route == revokeRoute {
				body, status = `{"reason":"x"}`, 200
			}
			r := event(t, route, tokentest.Bob, made.ID, body)
			delete(r.Headers, "content-type")
			r.Headers[test.header] = test.value
			a := s.send(t, route, r)
			if test.ok {
				a.ok(status)
			} else {
				a.problem(api.CodeUnsupportedMediaType)
			}
		}
	}
}

func TestRevokeBodies(t *testing.T) {
	for _, test := range []struct {
		name, body string
		places     string // empty: accepted
	}{
		{"none", "", ""},
		{"empty object", "{}", ""},
		{"a reason", `{"reason":"leaked"}`, ""},
		{"an empty reason", `{"reason":""}`, ""},
		{"a reason too long", `{"reason":"` + strings.Repeat("x", 201) + `"}`, ""},
		{"a reason with a control character", `{"reason":"a\u0007"}`, ""},
		{"a reason with half a surrogate pair", `{"reason":"leaked \ud83d"}`, ""}, // an emoji cut in two
		{"a reason that is not UTF-8", "{\"reason\":\"leaked \xff\"}", ""},
		{"a field that is not UTF-8", "{\"reason\xff\":\"leaked\"}", "/reason\ufffd"},
		{"a reason of a wrong type", `{"reason":["x"]}`, "/reason"},
		{"null for a reason", `{"reason":null}`, "/reason"},
		{"an unknown field", `{"why":"x"}`, "/why"},
		{"null", "null", "body"},
		{"a list", "[]", "body"},
		{"only space", " ", "body"},
	} {
		s := newService(t)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		r := event(t, revokeRoute, tokentest.Bob, made.ID, test.body)
		if test.body == "" {
			delete(r.Headers, "content-type")
		}
		a := s.send(t, revokeRoute, r)
		if test.places == "" {
			a.ok(200)
		} else if places := a.problem(token.CodeInvalidRequest); places != test.places {
			t.Errorf("%s: the problem names %q, want %q", test.name, places, test.places)
		}
		stored, _ := s.Store.Stored(made.ID)
		if stored.RevokedAt.IsZero() == (test.places == "") {
			t.Errorf("%s: revoked %t", test.name, !stored.RevokedAt.IsZero())
		}
		if !slices.Contains([]string{"", "leaked", "a", strings.Repeat("x", 200)}, stored.RevokeReason) {
			t.Errorf("%s: the reason is kept as %q", test.name, stored.RevokeReason)
		}
	}
}
