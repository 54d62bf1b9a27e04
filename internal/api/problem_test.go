package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"latchkey/internal/api"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestProblems(t *testing.T) {
	statuses := map[token.Code]int{
		token.CodeInvalidRequest: 400, api.CodeUnauthenticated: 401, token.CodeForbidden: 403, token.CodeEmailNotVerified: 403,
		token.CodeNotFound: 404, token.CodeLimitReached: 409, api.CodePayloadTooLarge: 413, api.CodeUnsupportedMediaType: 415,
		api.CodeInternal: 500, token.CodeUnavailable: 503, token.CodeDailyLimit: 429, token.CodeEmailUnusable: 403,
		token.CodeEnded: 409, token.CodeUnused: 409, token.CodeUsed: 409, token.CodeRotated: 409,
		token.CodeAnswered: 409, token.CodeKeyReused: 422, token.CodeRefused: 409, token.CodeTooSoon: 429,
	}
	if len(api.Codes()) != len(statuses) {
		t.Errorf("there are %d codes, %d are known here", len(api.Codes()), len(statuses))
	}
	schema, err := openAPI(t).schema("components", "schemas", "Problem")
	if err != nil {
		t.Fatal(err)
	}
	for code, status := range statuses {
		r := api.Problem(fmt.Errorf("doing: %w", &api.Error{
			Code: code, Detail: "What to do.",
			Fields: []token.FieldError{{Pointer: "/a/0", Detail: "A."}, {Pointer: "limit", Detail: "B."}, {Detail: "C."}},
		}))
		want := fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":"What to do.","code":%q,"errors":[`+
			`{"pointer":"/a/0","detail":"A."},{"parameter":"limit","detail":"B."},{"pointer":"","detail":"C."}]}`,
			http.StatusText(status), status, code)
		if r.StatusCode != status || r.Body != want || r.Headers["content-type"] != "application/problem+json" {
			t.Errorf("%s: %d %s\nwant %s", code, r.StatusCode, r.Body, want)
		}
		if got := r.Headers["www-authenticate"] != ""; got != (status == 401) {
			t.Errorf("%s: www-authenticate %t", code, got)
		}
		if got := r.Headers["retry-after"]; (got != "") != (status == 503) {
			t.Errorf("%s: retry-after %q", code, got)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestCodesCannotBeChanged(t *testing.T) {
	api.Codes()[token.CodeForbidden] = 200
	if got := api.Codes()[token.CodeForbidden]; got != 403 {
		t.Errorf("status %d", got)
	}
	routes := api.Routes()
	routes[0].Auth = api.AuthNone
	if api.Routes()[0].Auth == api.AuthNone {
		t.Error("a caller opened a route")
	}
}

// Of an error that is not in the closed set callers learn nothing, wherever it happens.
func TestUnknownErrorsLeakNothing(t *testing.T) {
	const inside = "ValidationException: arn:aws:dynamodb:eu-central-1:123456789012:table/tokens bob@acme.example"
	want := api.Problem(errors.New(inside))
	if strings.Contains(want.Body, "Validation") || strings.Contains(want.Body, "arn:") || want.StatusCode != 500 {
		t.Fatalf("%d %s", want.StatusCode, want.Body)
	}
	if got := api.Problem(&api.Error{Code: "brand_new", Detail: inside}); got.Body != want.Body {
		t.Errorf("an unknown code: %s", got.Body)
	}
	for _, method := range []string{"KeepOwner", "Issue", "Token", "Tokens", "Owners", "Revoke"} {
		for _, route := range []string{issueRoute, listRoute, getRoute, revokeRoute, whoamiRoute} {
			s := newService(t)
			made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
			before := len(s.Store.Calls())
			s.Store.Fail(method, errors.New(inside))
			body := ""
			if route == issueRoute {
				body = `{"name":"x","expires_in_days":30}`
			}
			a := s.call(t, route, tokentest.Bob, made.ID, body)
			failed := false
			for _, call := range s.Store.Calls()[before:] {
				failed = failed || call == method
			}
			if failed && (a.StatusCode != 500 || a.Body != want.Body) {
				t.Errorf("%s while %s fails: %d %s", route, method, a.StatusCode, a.Body)
			}
			if !failed && a.StatusCode >= 400 {
				t.Errorf("%s without %s: %d %s", route, method, a.StatusCode, a.Body)
			}
		}
	}
}

func TestBusyAndFull(t *testing.T) {
	s := newService(t)
	const body = `{"name":"x","expires_in_days":30}`
	s.Store.Fail("Issue", token.ErrBusy)
	if a := s.call(t, issueRoute, tokentest.Bob, "", body); a.problem(token.CodeUnavailable) != "" || a.Headers["retry-after"] != "1" {
		t.Errorf("headers %v", a.Headers)
	}
	s.Store.Fail("Issue", &token.Error{Code: token.CodeLimitReached, Detail: "Full."})
	s.call(t, issueRoute, tokentest.Bob, "", body).problem(token.CodeLimitReached)
	s.Store.Fail("Issue", &token.Error{Code: token.CodeDailyLimit, Detail: "Enough for today.", RetryAfter: time.Hour})
	if a := s.call(t, issueRoute, tokentest.Bob, "", body); a.problem(token.CodeDailyLimit) != "" || a.Headers["retry-after"] != "3600" {
		t.Errorf("headers %v", a.Headers)
	}
}

// The log has one line a request, which says what happened to whom by ids alone.
func TestLogs(t *testing.T) {
	s := newService(t)
	const name, reason = "Export for the Zanzibar project", "copied to the Zanzibar wiki"
	issued := s.call(t, issueRoute, tokentest.Bob, "", `{"name":"`+name+`","expires_in_days":30}`).ok(201)
	id := token.ID(issued.at("token", "id"))
	s.call(t, listRoute, tokentest.Bob, "", "")
	s.call(t, getRoute, tokentest.Bob, id, "")
	s.call(t, whoamiRoute, token.Principal{}, id, "")
	s.call(t, revokeRoute, tokentest.Bob, id, `{"reason":"`+reason+`"}`)
	s.call(t, whoamiRoute, token.Principal{}, id, "")
	s.call(t, issueRoute, tokentest.Carol, "", `{"name":"`+name+`","expires_in_days":30}`)
	s.call(t, issueRoute, tokentest.Bob, "", `{"name":"`+name+`","expires_in_days":999}`)
	s.call(t, issueRoute, tokentest.Bob, "", `{"`+name+`":1}`)
	s.Store.Fail("Token", errors.New("the table is on fire"))
	s.call(t, getRoute, tokentest.Bob, id, "")

	text := s.log.String()
	for what, s := range map[string]string{
		"the secret": issued.at("secret"), "the secret's random part": issued.at("secret")[30:], "an address": "@acme.example",
		"a name or reason": "Zanzibar", "the JWT": "eyJ", "a header": "203.0.113.7",
	} {
		if strings.Contains(text, s) {
			t.Errorf("%s is in the log:\n%s", what, text)
		}
	}
	want := []struct {
		level, route string
		status       float64
		code         any
		tokenID      any
	}{
		{"INFO", issueRoute, 201, nil, string(id)},
		{"INFO", listRoute, 200, nil, nil},
		{"INFO", getRoute, 200, nil, string(id)},
		{"INFO", whoamiRoute, 200, nil, string(id)},
		{"INFO", revokeRoute, 200, nil, string(id)},
		{"INFO", whoamiRoute, 401, "unauthenticated", string(id)},
		{"INFO", issueRoute, 403, "forbidden", nil},
		{"INFO", issueRoute, 400, "invalid_request", nil},
		{"INFO", issueRoute, 400, "invalid_request", nil},
		{"ERROR", getRoute, 500, "internal", nil},
	}
	lines := bytes.Split(bytes.TrimSpace(s.log.Bytes()), []byte("\n"))
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), text)
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		w := want[i]
		if got["level"] != w.level || got["msg"] != "request" || got["route"] != w.route || got["status"] != w.status ||
			(got["org_id"] == "acme") != (w.route != whoamiRoute || w.status == 200) || (got["sub"] == nil) != (w.route == whoamiRoute) ||
			got["code"] != w.code || got["token_id"] != w.tokenID || got["gateway_request_id"] == "" || got["gateway_request_id"] == nil {
			t.Errorf("line %d is %s, want %+v", i, line, w)
		}
	}
	if last := string(lines[len(lines)-1]); !strings.Contains(last, "on fire") {
		t.Errorf("the cause is not in the log: %s", last)
	}
}
