package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// issueSelf issues a token that may replace its own secret.
func (c client) issueSelf(name string, days int) (token, string) {
	c.t.Helper()
	var answer struct {
		Token  token  `json:"token"`
		Secret string `json:"secret"`
	}
	c.post("/v1/tokens", map[string]any{"name": name, "expires_in_days": days, "self_rotation": true}).is(http.StatusCreated).into(&answer)
	issued.add(answer.Secret)
	return answer.Token, answer.Secret
}

// renew has a token replace its own secret.
func (c client) renew() string {
	c.t.Helper()
	var answer struct {
		Secret string `json:"secret"`
	}
	c.post("/v1/whoami/rotate", nil).is(http.StatusOK).into(&answer)
	issued.add(answer.Secret)
	return answer.Secret
}

func TestDeployedSelfRotation(t *testing.T) {
	bob := shared.as(t, "bob")
	plain, secret := bob.issue("Not by itself", 30)
	shared.with(t, secret).post("/v1/whoami/rotate", nil).isProblem(http.StatusForbidden, "forbidden")
	bob.post("/v1/whoami/rotate", nil).is(http.StatusUnauthorized)
	bob.revoke(plain.ID).is(http.StatusOK)

	k, first := bob.issueSelf("By itself", 30)
	old := shared.with(t, first)
	second := old.renew()
	shared.with(t, first).get("/v1/whoami").is(http.StatusOK)
	old.post("/v1/whoami/rotate", nil).isProblem(http.StatusTooManyRequests, "too_soon")
	current := shared.with(t, second)
	current.get("/v1/whoami").is(http.StatusOK)
	old.post("/v1/whoami/rotate", nil).isProblem(http.StatusConflict, "rotation_refused")
	current.post("/v1/whoami/rotate", nil).isProblem(http.StatusTooManyRequests, "too_soon")

	var ended struct {
		Ended string `json:"ended"`
	}
	if old.post("/v1/whoami/revoke", nil).is(http.StatusOK).into(&ended); ended.Ended != "old_secret" {
		t.Errorf("ended: %q", ended.Ended)
	}
	old.get("/v1/whoami").is(http.StatusUnauthorized)
	old.post("/v1/whoami/revoke", nil).is(http.StatusUnauthorized)
	current.get("/v1/whoami").is(http.StatusOK)
	if current.post("/v1/whoami/revoke", nil).is(http.StatusOK).into(&ended); ended.Ended != "token" {
		t.Errorf("ended: %q", ended.Ended)
	}
	current.get("/v1/whoami").is(http.StatusUnauthorized)
	var shown struct {
		Status    string `json:"status"`
		RevokedBy string `json:"revoked_by"`
	}
	if bob.get("/v1/tokens/" + k.ID).is(http.StatusOK).into(&shown); shown.Status != "revoked" || shown.RevokedBy != k.ID {
		t.Errorf("shown: %+v", shown)
	}
}

// soon waits for e-mails that nothing but what has happened sends.
func (s *site) soon(t *testing.T, k token, count int) []mail {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		mails := s.mailAbout(t, k)
		if len(mails) >= count {
			return mails
		}
		if time.Now().After(until) {
			t.Fatalf("%d mails within a minute, want %d", len(mails), count)
		}
	}
}

// A thief is faster than the owner's program: the later one is refused, and owner and admins
// hear of it by themselves.
func TestTwoHoldersOfOneSecret(t *testing.T) {
	s := newSite(t, nil)
	s.as(t, "alice").get("/v1/tokens").is(http.StatusOK)
	k, stolen := s.as(t, "bob").issueSelf("Stolen", 30)
	thiefs := s.with(t, stolen).renew()
	s.with(t, thiefs).get("/v1/whoami").is(http.StatusOK)
	for range 3 {
		s.with(t, stolen).post("/v1/whoami/rotate", nil).isProblem(http.StatusConflict, "rotation_refused")
	}
	var to []string
	for _, m := range s.soon(t, k, 2) {
		to = append(to, m.To...)
		if !strings.Contains(m.Subject, "stranger") || strings.Contains(m.Subject, "Stolen") != slices.Contains(m.To, "bob@acme.example") {
			t.Errorf("to %q: %s", m.To, m.Subject)
		}
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"alice@acme.example", "bob@acme.example"}) {
		t.Errorf("notified: %q", to)
	}
}

// A new secret that is thrown away changes nothing for the old one, and its owner hears of it.
func TestAnUnusedNewSecret(t *testing.T) {
	s := newSite(t, nil)
	bob := s.as(t, "bob")
	k, first := bob.issue("Left alone", 30)
	s.with(t, first).get("/v1/whoami").is(http.StatusOK)
	bob.rotate(k.ID, map[string]any{"expires_in_days": 180})
	for _, days := range []int{-16, -15, -15, -7, -7, 0, 1} {
		s.runReminder(t, k, days)
	}
	mails := s.mailAbout(t, k)
	for _, m := range mails {
		if !strings.Contains(m.Subject, "is not used") || !strings.Contains(m.Text, "/#/tokens/"+k.ID+"/replace") {
			t.Errorf("%s\n%s", m.Subject, m.Text)
		}
	}
	if len(mails) != 3 || !strings.Contains(mails[2].Text, "Old API token ended, new one not used") {
		t.Errorf("%d mails, want 3", len(mails))
	}
	s.with(t, first).get("/v1/whoami").is(http.StatusOK)
}

// The use of a secret that was replaced is notified once that day, however often it comes.
func TestAReplacedSecretIsUsed(t *testing.T) {
	s := newSite(t, nil)
	bob := s.as(t, "bob")
	k, first := bob.issue("Replaced", 30)
	bob.rotate(k.ID, map[string]any{"old_secret": "end-now"})
	for range 3 {
		s.with(t, first).get("/v1/whoami").is(http.StatusUnauthorized)
	}
	s.runReminder(t, k, -29)
	s.with(t, first).get("/v1/whoami").is(http.StatusUnauthorized)
	s.runReminder(t, k, -29)
	mails := s.mailAbout(t, k)
	if len(mails) != 1 || !strings.Contains(mails[0].Subject, "had a replaced API token used") || !strings.Contains(mails[0].Text, "127.0.0.0/24") {
		t.Errorf("mails %+v", mails)
	}
}
