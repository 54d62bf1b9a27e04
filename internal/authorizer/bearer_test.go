package authorizer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"latchkey/internal/authorizer"
)

// allowed asks with an event and reports whether its sender is let in.
func (d *door) allowed(t *testing.T, event any) bool {
	t.Helper()
	got, err := d.ask(t, event)
	if err != nil && err.Error() != "Unauthorized" {
		t.Fatalf("error %v", err)
	}
	return err == nil && (strings.Contains(got, `"isAuthorized":true`) || strings.Contains(got, `"Effect":"Allow"`))
}

// The one form that counts is "Bearer <token>" of RFC 6750, the scheme in any case.
// For everything else the table is not read.
func TestAuthorizationValues(t *testing.T) {
	d := newDoor(t, authorizer.Unauthorized)
	s := d.secret
	for name, test := range map[string]struct {
		value string
		ok    bool
	}{
		"as it should be":        {"Bearer " + s, true},
		"lower-case scheme":      {"bearer " + s, true},
		"upper-case scheme":      {"BEARER " + s, true},
		"nothing":                {"", false},
		"only the scheme":        {"Bearer", false},
		"the scheme and a space": {"Bearer ", false},
		"no scheme":              {s, false},
		"another scheme":         {"Basic " + s, false},
		"a longer scheme":        {"Bearerx " + s, false},
		"a tab":                  {"Bearer\t" + s, false},
		"two spaces":             {"Bearer  " + s, false},
		"a space and a tab":      {"Bearer \t" + s, false},
		"a no-break space":       {"Bearer\u00a0" + s, false},
		"a space in front":       {" Bearer " + s, false},
		"a space behind":         {"Bearer " + s + " ", false},
		"a new line behind":      {"Bearer " + s + "\n", false},
		"a second word":          {"Bearer " + s + " x", false},
		"a parameter":            {"Bearer " + s + ";x=y", false},
		"a comma behind":         {"Bearer " + s + ",", false},
		"two, joined by comma":   {"Bearer " + s + ",Bearer " + s, false},
		"two, comma and space":   {"Bearer " + s + ", Bearer " + s, false},
		"in quotes":              {`Bearer "` + s + `"`, false},
		"scheme twice":           {"Bearer Bearer " + s, false},
		"colon":                  {"Bearer: " + s, false},
		"lower-case id":          {"Bearer lk_" + strings.ToLower(s[3:29]) + s[29:], false},
		"wrong checksum":         {"Bearer " + s[:len(s)-1] + "-", false},
		"cut short":              {"Bearer " + s[:len(s)-1], false},
		"8 KiB":                  {"Bearer " + strings.Repeat("x", 8<<10), false},
		"8 KiB behind":           {"Bearer " + s + strings.Repeat(" ", 8<<10), false},
		"a JWT":                  {"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range kinds {
				before := len(d.Store.Calls())
				if got := d.allowed(t, load(t, kind, test.value)); got != test.ok {
					t.Errorf("%s: let in %t, want %t", kind, got, test.ok)
				}
				if n := len(d.Store.Calls()) - before; (n == 1) != test.ok || n > 1 {
					t.Errorf("%s: %d lookups", kind, n)
				}
			}
		})
	}
}

// Where the header is, how its name is written, and that there is only one of it.
func TestAuthorizationHeaders(t *testing.T) {
	d := newDoor(t, authorizer.Unauthorized)
	good, bad := "Bearer "+d.secret, "Bearer x"
	with := func(kind string, changes map[string]any) map[string]any {
		e := load(t, kind, good)
		for name, value := range changes {
			if value == nil {
				delete(e, name)
			} else {
				e[name] = value
			}
		}
		return e
	}
	headers := func(pairs ...string) map[string]any {
		h := map[string]any{"accept": "*/*"}
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = pairs[i+1]
		}
		return h
	}
	type object = map[string]any
	for name, test := range map[string]struct {
		event any
		ok    bool
	}{
		"HTTP API, no identity source":         {with(httpAPI, object{"identitySource": nil}), true},
		"HTTP API, identity source null":       {with(httpAPI, object{"identitySource": json.RawMessage("null")}), true},
		"HTTP API, empty identity source":      {with(httpAPI, object{"identitySource": []string{}}), true},
		"HTTP API, Title-Case header":          {with(httpAPI, object{"identitySource": nil, "headers": headers("Authorization", good)}), true},
		"HTTP API, Title-Case and a source":    {with(httpAPI, object{"headers": headers("Authorization", good)}), true},
		"HTTP API, source only":                {with(httpAPI, object{"headers": nil}), true},
		"HTTP API, the route is a source, too": {with(httpAPI, object{"identitySource": []string{good, "GET /reports"}}), true},
		"HTTP API, the route first":            {with(httpAPI, object{"identitySource": []string{"GET /reports", good}}), true},
		"HTTP API, the route alone":            {with(httpAPI, object{"identitySource": []string{"GET /reports"}}), false},
		"HTTP API, sources without a header":   {with(httpAPI, object{"headers": nil, "identitySource": []string{good, "GET /reports"}}), false},
		"HTTP API, an empty source":            {with(httpAPI, object{"identitySource": []string{""}}), false},
		"HTTP API, a bad source":               {with(httpAPI, object{"identitySource": []string{bad}}), false},
		"HTTP API, neither":                    {with(httpAPI, object{"identitySource": nil, "headers": headers()}), false},
		"HTTP API, header in two spellings":    {with(httpAPI, object{"identitySource": nil, "headers": headers("authorization", good, "Authorization", good)}), false},
		"HTTP API, TOKEN's field is not asked": {with(httpAPI, object{"identitySource": nil, "headers": nil, "authorizationToken": good}), false},

		"TOKEN, no field":              {with(restToken, object{"authorizationToken": nil}), false},
		"TOKEN, headers are not asked": {with(restToken, object{"authorizationToken": nil, "headers": headers("authorization", good)}), false},

		"REQUEST, lower-case header":            {with(restRequest, object{"headers": headers("authorization", good), "multiValueHeaders": nil}), true},
		"REQUEST, no header":                    {with(restRequest, object{"headers": headers(), "multiValueHeaders": object{}}), false},
		"REQUEST, no headers":                   {with(restRequest, object{"headers": nil, "multiValueHeaders": nil}), false},
		"REQUEST, two values":                   {with(restRequest, object{"multiValueHeaders": object{"Authorization": []string{bad, good}}}), false},
		"REQUEST, two values, lower case":       {with(restRequest, object{"multiValueHeaders": object{"authorization": []string{good, good}}}), false},
		"REQUEST, no value":                     {with(restRequest, object{"multiValueHeaders": object{"Authorization": []string{}}}), false},
		"REQUEST, header in two spellings":      {with(restRequest, object{"headers": headers("authorization", good, "Authorization", bad)}), false},
		"REQUEST, the other header is not ours": {with(restRequest, object{"headers": headers("X-Authorization", good), "multiValueHeaders": nil}), false},
		"REQUEST, identity source is not asked": {with(restRequest, object{"headers": nil, "multiValueHeaders": nil, "identitySource": []string{good}}), false},

		"an empty event":        {object{}, false},
		"another kind of event": {object{"source": "aws.events", "detail": object{}}, false},
		"null":                  {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := d.allowed(t, test.event); got != test.ok {
				t.Errorf("let in %t, want %t", got, test.ok)
			}
		})
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	for _, raw := range []string{"", "{", "[]", `"Bearer x"`, "7", `{"headers":[]}`, `{"version":2}`, `{"headers":{"authorization":["x"]}}`} {
		d := newDoor(t, authorizer.Forbidden)
		answer, err := d.Handle(t.Context(), json.RawMessage(raw))
		if err == nil || answer != nil || err.Error() == "Unauthorized" {
			t.Errorf("%s: answer %v, error %v", raw, answer, err)
		}
	}
}

// An HTTP API that was left on payload format 1.0 wants a REST API's answer.
func TestPayloadFormat1(t *testing.T) {
	d := newDoor(t, authorizer.Forbidden)
	e := load(t, restRequest, "Bearer "+d.secret)
	e["version"], e["identitySource"] = "1.0", "Bearer "+d.secret
	if got, err := d.ask(t, e); err != nil || !strings.Contains(got, `"Effect":"Allow"`) {
		t.Errorf("%s, error %v", got, err)
	}
}

func TestStageOfOddARNs(t *testing.T) {
	d := newDoor(t, authorizer.Forbidden)
	for arn, want := range map[string]string{
		"arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/*/GET/":     "arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/*/*",
		"arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/prod/GET/a": "arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/prod/*",
		"arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b":            "arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b",
		"": "",
	} {
		e := load(t, restToken, "Bearer "+d.secret)
		e["methodArn"] = arn
		if got, err := d.ask(t, e); err != nil || !strings.Contains(got, `"Resource":["`+want+`"]`) {
			t.Errorf("%s: %s, error %v", arn, got, err)
		}
	}
}
