package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The example that CI jobs use, as they would.
func TestTheRenewExample(t *testing.T) {
	k, old := shared.as(t, "bob").issueSelf("Renewed by a script", 30)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(old+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ arguments, says string }{{"", "not yet: from "}, {"--now", "renewed, until "}, {"--now", "not yet: A token"}} {
		c := exec.CommandContext(t.Context(), "../../infra/examples/renew/renew", strings.Fields(step.arguments)...)
		c.Env = append(os.Environ(), "LATCHKEY_URL="+shared.url, "LATCHKEY_TOKEN_FILE="+file)
		out, err := c.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), step.says) {
			t.Fatalf("renew %s: %s, error %v", step.arguments, out, err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fresh := strings.TrimSpace(string(content))
	issued.add(fresh)
	if fresh == old {
		t.Error("the token was not replaced")
	}
	shared.with(t, fresh).get("/v1/whoami").is(http.StatusOK)
	shared.with(t, old).get("/v1/whoami").is(http.StatusOK)
	shared.as(t, "bob").revoke(k.ID).is(http.StatusOK)
}
