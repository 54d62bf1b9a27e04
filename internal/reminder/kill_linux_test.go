package reminder_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/child"
	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/dev/local/lambda"
	"latchkey/internal/dev/local/localtest"
	"latchkey/internal/reminder"
)

// The real binary is killed with SIGKILL in the middle of each of its calls, before and
// after they had their effect. The runs after it notify everybody, and twice only where
// SES had the mail and the table did not know.
func TestTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	c, err := localtest.Complete(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(filepath.Join(c.Binaries, "remind", "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{"Query", "GetAccount", "BatchGetItem", "UpdateItem", "SendEmail", "TransactWriteItems"} {
		for _, after := range []bool{false, true} {
			// A copy, to tell its process from others, and written before any is started:
			// what is open for writing cannot be run.
			bootstrap := filepath.Join(t.TempDir(), "bootstrap")
			if err := os.WriteFile(bootstrap, binary, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Run(fmt.Sprintf("%s, after %v", operation, after), func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				tokens := s.issued(1)
				stall := faulty.StallBefore
				if after {
					stall = faulty.StallAfter
				}
				proxy := s.dynamoDB
				if operation == "SendEmail" || operation == "GetAccount" {
					proxy = s.ses
				}
				proxy.Fail(operation, 0, 1, stall(func() { kill(t, bootstrap) }))

				service := s.lambda(bootstrap)
				if _, err := s.invoke(service); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Fatalf("the run was not killed: %v", err)
				}
				// The leases lapse, and then a run gets through. On a busy machine one may fail.
				for try := 0; ; try++ {
					r, err := s.invoke(service)
					s.adds(r)
					if err == nil && r.Due == 0 {
						break
					}
					if try == 120 {
						t.Fatalf("the notices are still due: %+v, %v", r, err)
					}
					time.Sleep(time.Second)
				}
				want := 1
				if operation == "SendEmail" && after || operation == "TransactWriteItems" && !after {
					want = 2
				}
				s.notified(tokens, want)
			})
		}
	}
}

// lambda runs a copy of the function's binary as Lambda does, with little time.
func (s *site) lambda(bootstrap string) *lambda.Service {
	s.t.Helper()
	service, err := lambda.New(s.t.Context(), lambda.Config{
		Functions: []lambda.Function{{
			Name: "remind", Bootstrap: bootstrap, Timeout: 10 * time.Second, MemoryMB: 256,
			Environment: map[string]string{
				"TABLE_NAME": s.table, "CONSOLE_URL": "https://keys." + s.domain, "MAIL_FROM": "no-reply@latchkey.example",
				"ALLOW_FUTURE_SCHEDULE":     "true", // the site's time is tomorrow's
				"AWS_ENDPOINT_URL_DYNAMODB": s.dynamoDB.URL, "AWS_ENDPOINT_URL_SESV2": s.ses.URL,
			},
		}},
		Log: child.NewLog(s.log), Now: time.Now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(service.Close)
	return service
}

func (s *site) invoke(service *lambda.Service) (r reminder.Result, err error) {
	s.t.Helper()
	event, err := json.Marshal(events.CloudWatchEvent{Source: "aws.scheduler", Time: s.clock(), Detail: json.RawMessage(`{}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := service.Invoke(s.t.Context(), "remind", event)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(answer, &r)
}

// kill ends the one process that runs a program.
func kill(t *testing.T, program string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Error(err)
	}
	for _, exe := range processes {
		if running, err := os.Readlink(exe); err != nil || running != program {
			continue // it is another one, or has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(exe)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		return
	}
	t.Errorf("nothing runs %s", program)
}
