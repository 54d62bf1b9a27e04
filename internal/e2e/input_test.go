package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever is wrong with a request is said by a problem that names the field, and
// nothing is stored.
func TestDeployedBadInput(t *testing.T) {
	bob := shared.as(t, "bob")
	mark := fmt.Sprintf("bad-%d", time.Now().UnixNano()) // in every name, to find what was stored
	name := fmt.Sprintf(`"name": %q`, mark)
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)

	for _, test := range []struct {
		name, body string
		status     int
		code       string
		field      string // JSON Pointer that the problem names; empty: none
	}{
		{"no name", `{"expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"empty name", `{"name": "", "expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"only spaces", `{"name": "   ", "expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"101 characters", `{"name": "` + mark + strings.Repeat("ü", 101-len(mark)) + `", "expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"line break in the name", `{"name": "` + mark + `\nBcc: x", "expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"NUL in the name", `{"name": "` + mark + `\u0000", "expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"right-to-left override", `{"name": "` + mark + `\u202e", "expires_in_days": 30}`, 400, "invalid_request", "/name"},
		{"366 days", `{` + name + `, "expires_in_days": 366}`, 400, "invalid_request", "/expires_in_days"},
		{"0 days", `{` + name + `, "expires_in_days": 0}`, 400, "invalid_request", "/expires_in_days"},
		{"minus 1 day", `{` + name + `, "expires_in_days": -1}`, 400, "invalid_request", "/expires_in_days"},
		{"half a day", `{` + name + `, "expires_in_days": 1.5}`, 400, "invalid_request", "/expires_in_days"},
		{"days in words", `{` + name + `, "expires_in_days": "30"}`, 400, "invalid_request", "/expires_in_days"},
		{"yesterday", `{` + name + `, "expires_on": "` + yesterday + `"}`, 400, "invalid_request", "/expires_on"},
		{"in two years", `{` + name + `, "expires_on": "` + time.Now().AddDate(2, 0, 0).Format(time.DateOnly) + `"}`, 400, "invalid_request", "/expires_on"},
		{"no such day", `{` + name + `, "expires_on": "2027-02-30"}`, 400, "invalid_request", "/expires_on"},
		{"a time", `{` + name + `, "expires_on": "2027-02-20T00:00:00Z"}`, 400, "invalid_request", "/expires_on"},
		{"both expiries", `{` + name + `, "expires_in_days": 30, "expires_on": "2027-01-01"}`, 400, "invalid_request", "/expires_on"},
		{"neither", `{` + name + `}`, 400, "invalid_request", "/expires_in_days"},
		{"unknown scope", `{` + name + `, "expires_in_days": 30, "scopes": ["root"]}`, 400, "invalid_request", "/scopes/0"},
		{"unknown field", `{` + name + `, "expires_in_days": 30, "admin": true}`, 400, "invalid_request", "/admin"},
		{"field in another case", `{"Name": "` + mark + `", "expires_in_days": 30}`, 400, "invalid_request", "/Name"},
		{"field twice", `{` + name + `, ` + name + `, "expires_in_days": 30}`, 400, "invalid_request", ""},
		{"17 KiB", `{` + name + `, "expires_in_days": 30` + strings.Repeat(" ", 17<<10) + `}`, 413, "payload_too_large", ""},
		{"not JSON", `name=` + mark, 400, "invalid_request", ""},
		{"cut off", `{` + name, 400, "invalid_request", ""},
		{"two values", `{` + name + `, "expires_in_days": 30} {}`, 400, "invalid_request", ""},
		{"an array", `[]`, 400, "invalid_request", ""},
		{"null", `null`, 400, "invalid_request", ""},
		{"nothing", ``, 415, "unsupported_media_type", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := bob
			c.t = t
			p := c.post("/v1/tokens", test.body).isProblem(test.status, test.code)
			if test.field == "" {
				return
			}
			for _, e := range p.Errors {
				if e.Pointer == test.field && e.Detail != "" {
					return
				}
			}
			t.Errorf("no error for %s: %+v", test.field, p.Errors)
		})
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"} {
		bob.do(http.MethodPost, "/v1/tokens", kind, `{`+name+`, "expires_in_days": 30}`).isProblem(415, "unsupported_media_type")
	}
	for _, query := range []string{"status=lost", "limit=0", "limit=x", "cursor=x", "page=2"} {
		bob.get("/v1/tokens?"+query).isProblem(400, "invalid_request")
	}
	for _, id := range []string{"x", "..", "01M85P6AJG49SYCZTA14RR54K6", strings.Repeat("A", 2000)} {
		bob.get("/v1/tokens/"+id).isProblem(404, "not_found")
		bob.revoke(id).isProblem(404, "not_found")
	}
	for _, k := range bob.list("q=" + mark) {
		t.Errorf("stored: %+v", k)
	}
}

// What is just within the rules is taken.
func TestDeployedGoodInputAtTheEdges(t *testing.T) {
	bob := shared.as(t, "bob")
	long := strings.Repeat("ü", 100)
	k, _ := bob.issue("  "+long+"  ", 1)
	if k.Name != long {
		t.Errorf("name %q", k.Name)
	}
	k, _ = bob.issue("A whole year", 365)
	if days := int(time.Until(k.expiry()).Hours() / 24); days < 364 || days > 365 {
		t.Errorf("365 days end on %s", k.ExpiresOn)
	}
	if k.expiry().Format("15:04:05") != "00:00:00" || k.expiry().Format(time.DateOnly) != k.ExpiresOn {
		t.Errorf("expires_at %s is not the start of %s", k.ExpiresAt, k.ExpiresOn)
	}
}

// Erin's address is not verified: notices would go nowhere.
func TestManagementNeedsAVerifiedAddress(t *testing.T) {
	shared.as(t, "erin").post("/v1/tokens", map[string]any{"name": "x", "expires_in_days": 30}).isProblem(http.StatusForbidden, "email_not_verified")
}
