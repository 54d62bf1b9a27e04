// Package e2e_test tests the whole service from outside: the real binaries behind the
// local run, or a deployment.
//
// Tests whose names begin with TestDeployed need nothing but the API and people's JWTs.
// They run against a deployment if LATCHKEY_URL names one, with LATCHKEY_JWT_ALICE,
// _BOB, _CAROL and _DAVE: people with the roles and organizations of the local run's.
package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/child"
	"latchkey/internal/dev/local/localtest"
)

// shared is the site that tests use which leave no trace for others.
var shared *site

// What all local sites of this run have in common.
var (
	servers struct{ dynamoDB, ses *local.Server }
	log     localtest.Log // of everything that ran
	issued  secrets
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if url := os.Getenv("LATCHKEY_URL"); url != "" {
		shared = &site{url: strings.TrimSuffix(url, "/")}
		return m.Run()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	if err := startShared(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	shared.system.Close()
	servers.ses.Stop()
	servers.dynamoDB.Stop()
	if leak := findLeak(log.String(), issued.all); leak != "" {
		fmt.Fprintln(os.Stderr, "FAIL: the log of the run", leak)
		code = 1
	}
	if code != 0 {
		keepLog()
	}
	return code
}

// keepLog leaves the log of a failed run beside the binaries, for reading.
func keepLog() {
	root, err := localtest.Root()
	if err != nil {
		return
	}
	file := filepath.Join(root, ".build", "e2e.log")
	if err := os.WriteFile(file, []byte(log.String()), 0o600); err == nil {
		fmt.Fprintln(os.Stderr, "what the service logged is in", file)
	}
}

// startShared starts the servers once for all sites: a table each keeps those apart.
func startShared(ctx context.Context) error {
	c, err := localtest.Complete(ctx, local.Config{Log: &log})
	if err != nil {
		return err
	}
	lines := child.NewLog(&log)
	if servers.dynamoDB, err = local.StartDynamoDB(ctx, local.DynamoDBConfig{NodeModules: c.NodeModules, Log: lines}); err != nil {
		return err
	}
	if servers.ses, err = local.StartSES(ctx, local.SESConfig{NodeModules: c.NodeModules, Log: lines}); err != nil {
		return err
	}
	c.DynamoDBEndpoint, c.SESEndpoint = servers.dynamoDB.Endpoint(), servers.ses.Endpoint()
	system, err := local.Start(ctx, c)
	if err != nil {
		return err
	}
	shared = &site{url: system.URL(), system: system}
	return nil
}

// secrets are those that the API handed out, and the JWTs that were used.
type secrets struct {
	mu  sync.Mutex
	all map[string]bool
}

func (s *secrets) add(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]bool{}
	}
	s.all[secret] = true
}

var address = regexp.MustCompile(`[\w.+-]+@[\w-]+\.[\w.-]+`)

// findLeak says which secret or e-mail address the log holds, or that it holds nothing
// to be searched; "" if all is well.
func findLeak(text string, secrets map[string]bool) string {
	if len(secrets) > 0 && !strings.Contains(text, `"route":"POST /v1/tokens"`) {
		return "does not tell of requests: is it the log?"
	}
	for secret := range secrets {
		// A piece of it is as bad: the random part must not be there by itself either.
		if strings.Contains(text, secret[len(secret)/2:]) {
			return "holds a secret: …" + secret[len(secret)-4:]
		}
	}
	if found := address.FindString(text); found != "" {
		return "holds an e-mail address: " + found
	}
	return ""
}

func TestFindLeak(t *testing.T) {
	const secret = "lk_01M85P6AJG49SYCZTA14RR54K6_DsyMCsIArkSBEG8oh4WNCkb4hIhvubShSYNN2pMrsgn0cHARA"
	for _, test := range []struct {
		text string
		leak bool
	}{
		{`{"route":"POST /v1/tokens","status":201,"token_id":"01M85P6AJG49SYCZTA14RR54K6"}`, false},
		{`{"route":"POST /v1/tokens","to":"bob@acme.example"}`, true},
		{`{"route":"POST /v1/tokens","body":"` + secret + `"}`, true},
		{`{"route":"POST /v1/tokens","random":"` + secret[30:] + `"}`, true},
		{``, true},
	} {
		if leak := findLeak(test.text, map[string]bool{secret: true}); (leak != "") != test.leak {
			t.Errorf("%s: %q", test.text, leak)
		}
	}
}
