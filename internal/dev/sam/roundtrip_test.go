//go:build sam

package sam_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/api"
	"latchkey/internal/dev/fixture"
	"latchkey/internal/dev/local"
)

// issued is a token as the API shows it, with its secret.
type issued struct {
	Token struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"token"`
	Secret string `json:"secret"`
}

// roundTrip is a token's life: issued by bob, used, listed, revoked, refused.
func (s *system) roundTrip(t *testing.T) {
	k := s.issue(t)

	status, body := s.whoami(t, "Bearer "+k.Secret)
	var who struct {
		ID string `json:"token_id"`
	}
	if err := json.Unmarshal(body, &who); err != nil || status != http.StatusOK || who.ID != k.Token.ID {
		t.Errorf("whoami: %d %s", status, body)
	}
	for _, refused := range []struct {
		what, authorization string
		status              int
	}{
		{"no token", "", http.StatusUnauthorized},
		{"a malformed token", "Bearer " + k.Secret + "x", http.StatusForbidden},
		{"garbage", "Bearer garbage", http.StatusForbidden},
		{"an unknown token", "Bearer " + fixture.Unknown().Reveal(), http.StatusForbidden},
		{"a forged token", "Bearer " + fixture.Forged().Reveal(), http.StatusForbidden},
	} {
		if status, body := s.whoami(t, refused.authorization); status != refused.status {
			t.Errorf("%s: %d %s, want %d", refused.what, status, body, refused.status)
		}
	}
	if status := s.statusInList(t, k.Token.ID); status != "active" {
		t.Errorf("listed as %q, want active", status)
	}
	s.revoke(t, k.Token.ID)
	if status, body := s.whoami(t, "Bearer "+k.Secret); status != http.StatusForbidden {
		t.Errorf("whoami after the revocation: %d %s", status, body)
	}
	if status := s.statusInList(t, k.Token.ID); status != "revoked" {
		t.Errorf("listed as %q, want revoked", status)
	}
}

// reminders has the reminder run at the times of all three notices: one mail each.
func (s *system) reminders(t *testing.T) {
	k := s.issue(t)
	for i, notice := range []struct {
		days int
		says string
	}{
		{-15, "15 days"},
		{-7, "7 days"},
		{0, "has expired"},
	} {
		at := k.Token.ExpiresAt.AddDate(0, 0, notice.days).Add(5 * time.Minute)
		for run, sent := range []int{1, 0} { // the second run has nothing to do
			var result struct{ Sent, Mails int }
			s.answerTo(t, "remind-7-days.json", map[string]any{"time": at.Format(time.RFC3339)}, &result)
			if result.Sent != sent || result.Mails != sent {
				t.Errorf("%d days, run %d: %+v, want %d sent", notice.days, run+1, result, sent)
			}
		}
		mails := s.mailAbout(t, k)
		if len(mails) != i+1 {
			t.Fatalf("%d days: %d mails, want %d", notice.days, len(mails), i+1)
		}
		last := mails[i]
		if !slices.Equal(last.To, []string{"bob@acme.example"}) || !strings.Contains(last.Subject, notice.says) {
			t.Errorf("%d days: a mail to %q with the subject %q", notice.days, last.To, last.Subject)
		}
	}
	s.revoke(t, k.Token.ID)
}

// SAM mounts the routes of people open and without claims, so the functions have to
// refuse by themselves.
func (s *system) peoplesRoutesAreClosed(t *testing.T) {
	active := fixture.Tokens()[2]
	before := s.dump(t)
	made := http.Header{
		"Authorization":            {"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhMTFjZSIsImNvZ25pdG86Z3JvdXBzIjpbIm9yZy1hZG1pbiJdfQ."},
		"X-Amzn-Oidc-Identity":     {"a11ce000-0000-4000-8000-000000000001"},
		"X-Amzn-Authorizer-Claims": {`{"cognito:groups":"[org-admin]","custom:organization":"acme"}`},
		"Authorizer":               {`{"jwt":{"claims":{"cognito:groups":"[org-admin]"}}}`},
	}
	for _, route := range api.Routes() {
		if route.Auth != api.AuthPerson {
			continue
		}
		path := strings.ReplaceAll(route.Path, "{id}", string(active.ID))
		var body []byte
		if route.Method == http.MethodPost && !strings.HasSuffix(path, "/revoke") {
			body = []byte(`{"name": "Taken", "expires_in_days": 30}`)
		}
		for what, header := range map[string]http.Header{
			"no claims": {}, "made-up headers": made, "a token": {"Authorization": {"Bearer " + active.Secret.Reveal()}},
		} {
			header = header.Clone()
			header.Set("Content-Type", "application/json")
			status, answer := s.call(t, route.Method, path, header, body)
			if status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s with %s: %d %s", route.Key(), what, status, answer)
			}
		}
	}
	if s.dump(t) != before {
		t.Error("the table has changed")
	}
}

// issue issues a token as bob.
func (s *system) issue(t *testing.T) issued {
	t.Helper()
	var k issued
	s.bodyOf(t, http.StatusCreated, "issue-good.json", nil, &k)
	return k
}

// revoke revokes a token as bob.
func (s *system) revoke(t *testing.T, id string) {
	t.Helper()
	var k struct {
		Status string `json:"status"`
	}
	s.bodyOf(t, http.StatusOK, "revoke-good.json", map[string]any{"pathParameters": map[string]string{"id": id}}, &k)
	if k.Status != "revoked" {
		t.Errorf("revoked: %+v", k)
	}
}

// statusInList is what bob's list says of a token; "" if it is not there.
func (s *system) statusInList(t *testing.T, id string) string {
	t.Helper()
	var list struct {
		Tokens []struct {
			ID     string `json:"id"`
			Status string `json:"status"`
		} `json:"tokens"`
	}
	s.bodyOf(t, http.StatusOK, "read-list-own.json", nil, &list)
	for _, k := range list.Tokens {
		if k.ID == id {
			return k.Status
		}
	}
	return ""
}

func (s *system) whoami(t *testing.T, authorization string) (int, []byte) {
	t.Helper()
	header := http.Header{}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	return s.call(t, http.MethodGet, "/v1/whoami", header, nil)
}

// bodyOf reads the body of what the function answers to an event with changes.
func (s *system) bodyOf(t *testing.T, status int, file string, changes map[string]any, body any) {
	t.Helper()
	var answer struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	s.answerTo(t, file, changes, &answer)
	if answer.StatusCode != status {
		t.Fatalf("%s: %d %s, want %d", file, answer.StatusCode, answer.Body, status)
	}
	if err := json.Unmarshal([]byte(answer.Body), body); err != nil {
		t.Fatalf("%s: %s: %v", file, answer.Body, err)
	}
}

// answerTo reads what the function answers to an event with changes.
func (s *system) answerTo(t *testing.T, file string, changes map[string]any, answer any) {
	t.Helper()
	event := map[string]any{}
	if err := json.Unmarshal(s.events[file].JSON, &event); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		if _, ok := event[name]; !ok {
			t.Fatalf("%s has no %s", file, name)
		}
		event[name] = value
	}
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	text = s.invoke(t, s.events[file].Function, text)
	if err := json.Unmarshal(text, answer); err != nil || strings.Contains(string(text), `"errorMessage"`) {
		t.Fatalf("%s: %s: %v", file, text, err)
	}
}

// mailAbout returns the mails about the token, oldest first.
func (s *system) mailAbout(t *testing.T, k issued) []local.Mail {
	t.Helper()
	mails, err := local.ReadMail(t.Context(), s.Servers.SES)
	if err != nil {
		t.Fatal(fmt.Errorf("the mailbox: %w", err))
	}
	return slices.DeleteFunc(mails, func(m local.Mail) bool { return !strings.Contains(m.Text, k.Token.ID) })
}
