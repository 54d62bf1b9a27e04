//go:build sam

// The tests of this package need SAM and Docker: "make sam-test" runs them.
package sam_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/dev/fixture"
	"latchkey/internal/dev/local/child"
	"latchkey/internal/dev/local/localtest"
	"latchkey/internal/dev/sam"
)

// system is the service as SAM runs it: of the local run it has the two servers alone.
type system struct {
	sam.CLI

	events map[string]fixture.Event // by file
	order  []fixture.Event
	table  *fixture.Table
	api    string // address of start-api
	lambda string // address of start-lambda
}

// TestSAM starts one system for its parts, since containers take their time to start.
func TestSAM(t *testing.T) {
	s := start(t)
	t.Run("RoundTrip", s.roundTrip)
	t.Run("Reminders", s.reminders)
	t.Run("PeoplesRoutesAreClosed", s.peoplesRoutesAreClosed)
	t.Run("Invoke", s.invokeCommand)
	t.Run("Events", s.allEvents)
}

func start(t *testing.T) *system {
	t.Helper()
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	// Whoever ends the tests ends what they have started.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	t.Cleanup(stop)
	log := child.NewLog(t.Output())
	servers, err := sam.StartServers(ctx, sam.ServersConfig{
		NodeModules: filepath.Join(root, "node_modules"), Start: sam.Separate, Log: log,
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Stop)
	s := &system{events: map[string]fixture.Event{}}
	if s.CLI, err = sam.FromEnvironment(os.Getenv("SAM_TEMPLATE"), servers, log); err != nil {
		t.Fatal(err)
	}
	if s.table, err = fixture.Open(ctx, servers.DynamoDB, sam.Table, time.Now()); err != nil {
		t.Fatal(err)
	}
	if s.order, err = fixture.Events(filepath.Join(root, "events")); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.order {
		s.events[e.File] = e
	}
	api, err := s.StartAPI(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Stop)
	lambda, err := s.StartLambda(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lambda.Stop)
	s.api, s.lambda = api.Endpoint(), lambda.Endpoint()
	return s
}

// allEvents gives every event to its function by Lambda's Invoke. SAM lets each second
// one wait for a second, so those that change nothing go to all functions at once.
func (s *system) allEvents(t *testing.T) {
	s.restore(t)
	before := s.dump(t)
	t.Run("ChangingNothing", func(t *testing.T) {
		harmless := map[string][]fixture.Event{}
		for _, e := range s.order {
			if e.ChangesNothing() {
				harmless[e.Function] = append(harmless[e.Function], e)
			}
		}
		for function, events := range harmless {
			t.Run(function, func(t *testing.T) {
				t.Parallel()
				for _, e := range events {
					s.check(t, e)
				}
			})
		}
	})
	if s.dump(t) != before {
		t.Error("events that are refused, or only read, have changed the table")
	}
	for _, e := range s.order {
		if !e.ChangesNothing() {
			s.restore(t)
			s.check(t, e)
		}
	}
}

func (s *system) check(t *testing.T, e fixture.Event) {
	t.Helper()
	t.Run(e.File, func(t *testing.T) {
		if err := e.Check(s.invoke(t, e.Function, e.JSON)); err != nil {
			t.Error(err)
		}
	})
}

// invokeCommand is what `make sam-invoke` does: `sam local invoke`, which by itself
// succeeds even if the function failed.
func (s *system) invokeCommand(t *testing.T) {
	s.restore(t)
	for file, fails := range map[string]bool{"read-token-own.json": false, "remind-no-time.json": true} {
		e := s.events[file]
		answer, err := s.Invoke(t.Context(), e.Function, e.JSON)
		if _, failed := errors.AsType[*sam.FunctionError](err); failed != fails || !fails && err != nil {
			t.Errorf("%s: error %v", file, err)
		}
		if err := e.Check(answer); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Invoke(t.Context(), "nothing", []byte("{}")); err == nil {
		t.Error("an unknown function was invoked")
	}
}

// invoke is Lambda's Invoke, answered by start-lambda.
func (s *system) invoke(t *testing.T, function string, event []byte) []byte {
	t.Helper()
	status, answer := s.send(t, http.MethodPost, s.lambda+"/2015-03-31/functions/"+function+"/invocations", nil, event)
	if status != http.StatusOK {
		t.Fatalf("invoking %s: %d %s", function, status, answer)
	}
	return answer
}

// call is a request to the HTTP API, answered by start-api.
func (s *system) call(t *testing.T, method, path string, header http.Header, body []byte) (int, []byte) {
	t.Helper()
	return s.send(t, method, s.api+path, header, body)
}

func (*system) send(t *testing.T, method, url string, header http.Header, body []byte) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text
}

func (s *system) restore(t *testing.T) {
	t.Helper()
	if err := s.table.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *system) dump(t *testing.T) string {
	t.Helper()
	text, err := s.table.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text
}
