package renew_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/dev/holder"
	"latchkey/internal/dev/local"
)

var dynamoDB string

func TestMain(m *testing.M) {
	server, err := local.StartDynamoDB(context.Background(), local.DynamoDBConfig{NodeModules: "../../../node_modules"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	dynamoDB = server.Endpoint()
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

const day = 24 * time.Hour

// job is a program with its token in a file.
type job struct {
	*holder.Service

	t    *testing.T
	file string
	env  []string
}

// newJob has a token that was issued some days ago by the machine's clock.
func newJob(t *testing.T, lifetime int, ago time.Duration) *job {
	t.Helper()
	j := &job{Service: holder.Start(t, dynamoDB, time.Now()), t: t, file: filepath.Join(t.TempDir(), "token")}
	j.Pass(-ago)
	j.put(j.Issue(t, lifetime))
	j.Pass(ago)
	j.env = []string{"LATCHKEY_URL=" + j.URL, "LATCHKEY_TOKEN_FILE=" + j.file}
	return j
}

func (j *job) put(secret string) {
	j.t.Helper()
	if err := os.WriteFile(j.file, []byte(secret+"\n"), 0o600); err != nil {
		j.t.Fatal(err)
	}
}

// stored is the token in the file. It must be whole, and work.
func (j *job) stored() string {
	j.t.Helper()
	content, err := os.ReadFile(j.file)
	if err != nil {
		j.t.Fatal(err)
	}
	secret, whole := strings.CutSuffix(string(content), "\n")
	if !whole || !j.Works(j.t, secret) {
		j.t.Fatalf("the token that is stored (%d characters) does not work", len(content))
	}
	return secret
}

// run runs the script, and returns its exit status and what it printed, which must hold no
// token. A status below 0 is the signal that ended it.
func (j *job) run(env []string, args ...string) (int, string) {
	j.t.Helper()
	c := exec.CommandContext(j.t.Context(), "./renew", args...)
	c.Env = append(append(os.Environ(), j.env...), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a test that kills it, kills what it has started
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		j.t.Fatal(err)
	}
	if regexp.MustCompile(`lk_[0-9A-Z]{26}_`).Match(out) {
		j.t.Errorf("a token is printed: %s", out)
	}
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal()), string(out)
	}
	return c.ProcessState.ExitCode(), string(out)
}

func (j *job) mustRun(want string, args ...string) {
	j.t.Helper()
	if status, out := j.run(nil, args...); status != 0 || !strings.HasPrefix(out, want) {
		j.t.Fatalf("renew %v: status %d, printed %q, want %q", args, status, out, want)
	}
}

func TestRenewsWhenItIsTime(t *testing.T) {
	t.Parallel()
	j := newJob(t, 30, 15*day)
	old := j.stored()
	j.mustRun("not yet: from ")
	if j.stored() != old {
		t.Error("the token was replaced before it was time")
	}
	j = newJob(t, 30, 25*day)
	old = j.stored()
	j.mustRun("renewed, until ")
	if j.stored() == old || !j.Works(t, old) {
		t.Error("the token was not replaced, or the old one has ended at once")
	}
	j.mustRun("not yet: from ")
	j.mustRun("not yet: A token replaces", "--now")
	j.Pass(day)
	if j.stored(); j.Works(t, old) {
		t.Error("the old token works a day after the new one's first use")
	}
	for _, entry := range must(os.ReadDir(filepath.Dir(j.file)))(t) {
		if info := must(entry.Info())(t); entry.Name() != "token" || info.Mode() != 0o600 {
			t.Errorf("beside the token: %s %s", info.Mode(), entry.Name())
		}
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTheStoreIsACommand(t *testing.T) {
	t.Parallel()
	j := newJob(t, 30, 25*day)
	old, keep := j.stored(), filepath.Join(t.TempDir(), "kept")
	j.env = []string{"LATCHKEY_URL=" + j.URL, "LATCHKEY_TOKEN=" + old, "LATCHKEY_STORE=exit 7"}
	if status, out := j.run(nil); status != 1 || !strings.Contains(out, "could not be stored") || !j.Works(t, old) {
		t.Errorf("status %d: %s", status, out)
	}
	j.mustRun("not yet: A token replaces")
	j.Pass(time.Minute)
	j.env[2] = "LATCHKEY_STORE=cat >" + keep
	j.mustRun("renewed, until ")
	if kept := string(must(os.ReadFile(keep))(t)); kept == old || !j.Works(t, kept) {
		t.Error("what was kept does not work")
	}
}

func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	j := newJob(t, 30, 25*day)
	missing := filepath.Join(t.TempDir(), "missing")
	unknown := "lk_01KDVDNTR0ACT1VE0000000003_Cp3Oz8IHXO5gfPzwrIsleWq6Vb59FRpeN4D36CIcLcN4VSYNR"
	for _, test := range []struct {
		env, args []string
		status    int
		says      string
	}{
		{nil, []string{"--help"}, 0, "Usage: renew"},
		{nil, []string{"--force"}, 2, "Usage: renew"},
		{[]string{"LATCHKEY_URL="}, nil, 2, "LATCHKEY_URL is missing"},
		{[]string{"LATCHKEY_TOKEN_FILE="}, nil, 2, "LATCHKEY_TOKEN_FILE is missing"},
		{[]string{"LATCHKEY_TOKEN_FILE=", "LATCHKEY_TOKEN=x"}, nil, 2, "LATCHKEY_TOKEN_FILE is missing"},
		{[]string{"LATCHKEY_TOKEN_FILE=" + missing}, nil, 1, "cannot be read"},
		{[]string{"LATCHKEY_TOKEN_FILE=", "LATCHKEY_TOKEN=" + unknown, "LATCHKEY_STORE=cat"}, nil, 1, "does not work: status 401 Unauthorized"},
		{[]string{"LATCHKEY_URL=http://127.0.0.1:1"}, nil, 1, "GET /v1/whoami had no answer"},
	} {
		status, out := j.run(test.env, test.args...)
		if status != test.status || !strings.Contains(out, test.says) {
			t.Errorf("%v %v: status %d, printed %q", test.env, test.args, status, out)
		}
	}
	j.stored()
}

// killer has every command that the script starts counted, and the script killed with all
// that it started before or after one of them.
const killer = `#!/bin/bash
name=${0##*/}
PATH=${PATH#*:}
[[ $name != curl ]] || input=$(cat)
echo >>"$COUNT"
mine=$(wc -l <"$COUNT")
[[ $mine != "$DIE_BEFORE" ]] || kill -9 0
if [[ $name == curl ]]; then printf '%s\n' "$input" | curl "$@"; else "$name" "$@"; fi
status=$?
[[ $mine != "$DIE_AFTER" ]] || kill -9 0
exit $status
`

// Wherever a run dies, the token that is stored works, and the next runs go on with it.
func TestARunDiesAnywhere(t *testing.T) {
	t.Parallel()
	commands := t.TempDir()
	for _, name := range []string{"curl", "jq", "mktemp", "sync", "mv"} {
		if err := os.WriteFile(filepath.Join(commands, name), []byte(killer), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"DIE_BEFORE", "DIE_AFTER"} {
		died := 0
		for at := 1; ; at++ {
			j := newJob(t, 30, 25*day)
			old := j.stored()
			status, out := j.run([]string{
				"PATH=" + commands + ":" + os.Getenv("PATH"), "COUNT=" + filepath.Join(t.TempDir(), "count"), when + "=" + strconv.Itoa(at),
			})
			left := j.stored()
			if status == 0 {
				break
			}
			if status != -int(syscall.SIGKILL) {
				t.Fatalf("%s %d: status %d: %s", when, at, status, out)
			}
			died++
			j.Pass(time.Minute) // after a lost answer
			j.mustRun("")
			if j.stored() == old {
				t.Errorf("%s %d: the next run did not replace the token", when, at)
			}
			if left != old && j.stored() != left {
				t.Errorf("%s %d: the next run took back a token that was stored", when, at)
			}
		}
		if died != 10 { // three calls, three steps for the file, four fields
			t.Errorf("%s: the script was killed at %d places", when, died)
		}
	}
}

// A token that is renewed every hour works all the time. RENEW_HOURS=8736 makes it a year.
func TestEveryHour(t *testing.T) {
	t.Parallel()
	hours := 24
	if text := os.Getenv("RENEW_HOURS"); text != "" {
		hours = must(strconv.Atoi(text))(t)
	}
	j := newJob(t, 30, 0)
	for hour := range hours {
		old := j.stored()
		j.mustRun("renewed, until ", "--now")
		if j.stored() == old || !j.Works(t, old) {
			t.Fatalf("hour %d: the token was not replaced, or the old one has ended at once", hour)
		}
		j.Pass(time.Hour)
	}
}
