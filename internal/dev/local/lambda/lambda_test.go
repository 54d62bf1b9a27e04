package lambda_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/dev/local/child"
	"latchkey/internal/dev/local/lambda"
)

var probe string // the built testdata/probe

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "probe")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		probe = filepath.Join(folder, "bootstrap")
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", probe, "./testdata/probe")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

func start(t *testing.T, timeout time.Duration, environment map[string]string) (*lambda.Service, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s, err := lambda.New(t.Context(), lambda.Config{
		Functions: []lambda.Function{{Name: "probe", Bootstrap: probe, Timeout: timeout, MemoryMB: 256, Environment: environment}},
		Log:       child.NewLog(&log),
		Now:       time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, &log
}

type result struct {
	Text      string   `json:"Text"`
	PID       int      `json:"PID"`
	Seconds   float64  `json:"Seconds"`
	RequestID string   `json:"RequestID"`
	Variables []string `json:"Variables"`
}

func invoke(t *testing.T, s *lambda.Service, event string) (result, error) {
	t.Helper()
	payload, err := s.Invoke(t.Context(), "probe", []byte(event))
	if err != nil {
		return result{}, err
	}
	var r result
	if err := json.Unmarshal(payload, &r); err != nil {
		t.Fatalf("answer %s: %v", payload, err)
	}
	return r, nil
}

func mustInvoke(t *testing.T, s *lambda.Service, event string) result {
	t.Helper()
	r, err := invoke(t, s, event)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnIdleProcessServesTheNextEvent(t *testing.T) {
	s, _ := start(t, time.Minute, nil)
	first := mustInvoke(t, s, `{"text": "one"}`)
	second := mustInvoke(t, s, `{"text": "two"}`)
	if first.Text != "one" || second.Text != "two" {
		t.Errorf("got %q and %q", first.Text, second.Text)
	}
	if first.PID != second.PID {
		t.Errorf("two processes %d, %d for two events in turn", first.PID, second.PID)
	}
	if first.RequestID == second.RequestID {
		t.Errorf("two events with one request id %s", first.RequestID)
	}
	if first.Seconds <= 0 || first.Seconds > 60 {
		t.Errorf("%v s until the deadline, want at most the timeout of 60", first.Seconds)
	}
}

func TestEventsAtTheSameTimeGetProcessesOfTheirOwn(t *testing.T) {
	s, _ := start(t, time.Minute, nil)
	event, err := json.Marshal(map[string]string{"do": "meet", "text": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	pids := make([]int, 2)
	for i := range pids {
		group.Go(func() {
			payload, err := s.Invoke(t.Context(), "probe", event)
			var r result
			if err := errors.Join(err, json.Unmarshal(payload, &r)); err != nil {
				t.Error(err)
			}
			pids[i] = r.PID
		})
	}
	group.Wait()
	if pids[0] == pids[1] {
		t.Errorf("one process %d worked on two events at once", pids[0])
	}
}

// An account's quota holds for all functions together. Who waits for an answer is refused
// over it, an event that nobody waits for is not lost.
func TestConcurrencyIsTheAccounts(t *testing.T) {
	f := lambda.Function{Name: "probe", Bootstrap: probe, Timeout: time.Minute, MemoryMB: 256}
	other := f
	other.Name = "other"
	s, err := lambda.New(t.Context(), lambda.Config{Functions: []lambda.Function{f, other}, Concurrency: 1, Log: child.NewLog(nil), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	folder := t.TempDir()
	waits, err := json.Marshal(map[string]string{"do": "meet", "text": folder})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := s.Invoke(t.Context(), "probe", waits); err != nil {
			t.Error(err)
		}
	})
	for files := 0; files == 0; time.Sleep(time.Millisecond) { // until it is in work
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		files = len(entries)
	}
	for _, name := range []string{"probe", "other"} {
		if _, err := s.Invoke(t.Context(), name, []byte(`{}`)); !errors.Is(err, lambda.ErrThrottled) {
			t.Errorf("%s beside an event in work: %v, want ErrThrottled", name, err)
		}
	}
	group.Go(func() {
		if _, err := s.InvokeQueued(t.Context(), "other", []byte(`{}`)); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(folder, "another"), nil, 0o600); err != nil { // ends the first
		t.Fatal(err)
	}
	group.Wait()
	if _, err := s.Invoke(t.Context(), "other", []byte(`{}`)); err != nil {
		t.Errorf("with nothing in work: %v", err)
	}
}

func TestFailures(t *testing.T) {
	for _, test := range []struct{ name, event, kind, message string }{
		{"an error", `{"do": "fail", "text": "out of ink"}`, "errorString", "out of ink"},
		{"an error with a type", `{"do": "reject"}`, "rejected", "not today"},
		{"a panic", `{"do": "panic", "text": "cornered"}`, "string", "cornered"},
		{"an exit", `{"do": "exit"}`, "Runtime.ExitError", "Runtime exited with error: exit status 7"},
		{"an answer over 6 MB", `{"do": "grow"}`, "Function.ResponseSizeTooLarge", "6291456"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := start(t, time.Minute, nil)
			_, err := invoke(t, s, test.event)
			var failure *lambda.FunctionError
			if !errors.As(err, &failure) {
				t.Fatalf("got %v, want a function error", err)
			}
			if failure.Type != test.kind || !strings.Contains(failure.Message, test.message) {
				t.Errorf("got %s %q, want %s %q", failure.Type, failure.Message, test.kind, test.message)
			}
			if !bytes.Contains(failure.Payload, []byte(`"errorType"`)) {
				t.Errorf("payload %s has no errorType", failure.Payload)
			}
			if r := mustInvoke(t, s, `{"text": "next"}`); r.Text != "next" {
				t.Errorf("the event after it got %q", r.Text)
			}
		})
	}
}

func TestATimeoutEndsTheProcess(t *testing.T) {
	s, log := start(t, time.Second, nil)
	before := mustInvoke(t, s, `{}`)
	_, err := invoke(t, s, `{"do": "sleep", "hours": 1}`)
	var failure *lambda.FunctionError
	if !errors.As(err, &failure) || failure.Type != "Sandbox.Timedout" || !strings.HasSuffix(failure.Message, "Task timed out after 1.00 seconds") {
		t.Fatalf("got %v, want Sandbox.Timedout", err)
	}
	after := mustInvoke(t, s, `{}`)
	if before.PID == after.PID {
		t.Error("the process that ran out of time got another event")
	}
	s.Close()
	if !strings.Contains(log.String(), "Task timed out") {
		t.Errorf("the log does not mention the timeout: %s", log)
	}
}

func TestAProcessThatCannotStart(t *testing.T) {
	s, log := start(t, time.Minute, map[string]string{"REFUSE_TO_START": "yes"})
	_, err := invoke(t, s, `{}`)
	var failure *lambda.FunctionError
	if !errors.As(err, &failure) || failure.Type != "Runtime.ExitError" {
		t.Errorf("got %v, want Runtime.ExitError", err)
	}
	s.Close()
	if !strings.Contains(log.String(), "probe | no configuration\n") {
		t.Errorf("the log lacks what the process said: %s", log)
	}
}

func TestTheEnvironmentIsLambdas(t *testing.T) {
	t.Setenv("HOME_SECRET", "of the developer")
	s, _ := start(t, time.Minute, map[string]string{"TABLE_NAME": "latchkey"})
	got := mustInvoke(t, s, `{"do": "environment"}`).Variables
	for _, want := range []string{
		"TABLE_NAME=latchkey", "AWS_LAMBDA_FUNCTION_NAME=probe", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_REGION=us-east-1", "LAMBDA_TASK_ROOT=" + filepath.Dir(probe), "TZ=:UTC",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	for _, variable := range got {
		if strings.HasPrefix(variable, "HOME_SECRET=") {
			t.Error("the developer's environment reached the function")
		}
	}
}

func TestAnEventOver6MBIsRefused(t *testing.T) {
	s, _ := start(t, time.Minute, nil)
	_, err := s.Invoke(t.Context(), "probe", make([]byte, 6<<20+1))
	if !errors.Is(err, lambda.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestCloseEndsAllProcesses(t *testing.T) {
	s, _ := start(t, time.Minute, nil)
	pid := mustInvoke(t, s, `{}`).PID
	s.Close()
	if _, err := s.Invoke(t.Context(), "probe", []byte(`{}`)); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("got %v after Close, want ErrClosed", err)
	}
	if err := exec.Command("kill", "-0", strconv.Itoa(pid)).Run(); err == nil {
		t.Errorf("process %d is alive after Close", pid)
	}
}
