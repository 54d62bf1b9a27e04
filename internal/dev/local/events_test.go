package local_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/localtest"
)

// withReminder returns a folder with all binaries, of which the reminder's is the program.
func withReminder(t *testing.T, binaries, program string) string {
	t.Helper()
	folder := t.TempDir()
	functions, err := os.ReadDir(binaries)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions {
		if f.Name() == "remind" {
			continue
		}
		if err := os.Symlink(filepath.Join(binaries, f.Name()), filepath.Join(folder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "remind", "bootstrap"), program)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	return folder
}

// call sends a request as a person, and reads the answer.
func call(t *testing.T, s *local.System, user, method, path, body string, into any) {
	t.Helper()
	jwt, err := s.JWT(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+jwt)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// A revocation starts the reminder at once, with an event as EventBridge delivers it; what
// can wait does not.
func TestARevocationStartsTheReminder(t *testing.T) {
	c, err := localtest.Complete(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var log localtest.Log
	c.Log, c.Binaries = &log, withReminder(t, c.Binaries, "./testdata/print")
	s := localtest.Start(t, c)
	var issued struct {
		Token struct {
			ID        string `json:"id"`
			ExpiresOn string `json:"expires_on"`
			Owner     struct {
				ID string `json:"id"`
			} `json:"owner"`
		} `json:"token"`
	}
	before := time.Now().Truncate(time.Second)
	call(t, s, "bob", http.MethodPost, "/v1/tokens", `{"name": "Lost laptop", "expires_in_days": 30}`, &issued)
	var revoked map[string]any
	call(t, s, "bob", http.MethodPost, "/v1/tokens/"+issued.Token.ID+"/revoke", `{"reason": "It is lost"}`, &revoked)

	var printed []string
	for deadline := time.Now().Add(patience); len(printed) == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(log.String()) {
			if event, ok := strings.CutPrefix(line, "remind | "); ok && strings.Contains(event, "detail-type") {
				printed = append(printed, event)
			}
		}
	}
	if len(printed) != 1 {
		t.Fatalf("the reminder got %q, want one event", printed)
	}
	var event events.CloudWatchEvent
	var detail map[string]string
	if err := json.Unmarshal([]byte(printed[0]), &event); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(event.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	if event.Source != "latchkey" || event.DetailType != "token.revoked" || event.Time.Before(before) || time.Until(event.Time) > 0 {
		t.Errorf("event %s", printed[0])
	}
	if len(detail["id"]) != 26 || detail["at"] == "" {
		t.Errorf("detail %v has no id or no time", detail)
	}
	delete(detail, "id")
	delete(detail, "at")
	want := map[string]string{
		"org_id": "acme", "actor": issued.Token.Owner.ID, "token_id": issued.Token.ID, "token_name": "Lost laptop",
		"expires_on": issued.Token.ExpiresOn, "detail": "It is lost", "person_id": "",
	}
	if !reflect.DeepEqual(detail, want) {
		t.Errorf("detail %v, want %v", detail, want)
	}
}
