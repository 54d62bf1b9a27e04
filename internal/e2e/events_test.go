package e2e_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/dev/fixture"
	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/dev/local/lambda"
	"latchkey/internal/dev/local/localtest"
)

// Each event gets the answer that events/README.md promises, from the real binary, and
// what is refused changes nothing. Together they make the functions do all that they can
// do, so what they call is all that their roles need.
func TestEvents(t *testing.T) {
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	events, err := fixture.Events(filepath.Join(root, "events"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded recorder
	dynamoDB, ses := faulty.NewProxy(t, servers.dynamoDB.Endpoint()), faulty.NewProxy(t, servers.ses.Endpoint())
	recorded.watch(dynamoDB)
	recorded.watch(ses)
	s := newSite(t, func(c *local.Config) {
		c.Environment = map[string]string{"DENIAL": "forbidden"}
		c.DynamoDBEndpoint, c.SESEndpoint = dynamoDB.URL, ses.URL
	})
	table, err := fixture.Open(t.Context(), s.system.DynamoDBEndpoint(), t.Name(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range fixture.Tokens() {
		issued.add(k.Secret.Reveal())
	}
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.Function] = true
		t.Run(e.File, func(t *testing.T) {
			// An event before this one may have started a run of the reminder, which changes the
			// table when it comes to it: what this one changes, it changes each time.
			for try := 1; ; try++ {
				if err := table.Restore(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := dump(t, table)
				answer, err := s.system.Invoke(t.Context(), e.Function, e.JSON)
				if failure, ok := errors.AsType[*lambda.FunctionError](err); ok {
					answer = failure.Payload
				} else if err != nil {
					t.Fatal(err)
				}
				if err := e.Check(answer); err != nil {
					t.Error(err)
				}
				if !e.ChangesNothing() || dump(t, table) == before {
					break
				}
				if try == 3 {
					t.Fatal("the table has changed")
				}
			}
		})
	}
	for _, f := range config.Functions() {
		if !seen[f.Name] {
			t.Errorf("%s has no event", f.Name)
		}
	}
	for _, more := range []struct {
		files    []string
		old, new string
	}{
		// An admin's new address is kept in two places, whatever they ask for.
		{[]string{"issue-admin"}, "alice@acme.example", "alice.new@acme.example"},
		{[]string{"read-list-all"}, "alice@acme.example", "alice.new@acme.example"},
		{[]string{"read-token-by-admin"}, "alice@acme.example", "alice.new@acme.example"},
		{[]string{"revoke-by-admin"}, "alice@acme.example", "alice.new@acme.example"},
		{[]string{"rotate-by-admin"}, "alice@acme.example", "alice.new@acme.example"},
		// A request comes again.
		{[]string{"issue-with-a-key", "issue-with-a-key"}, "", ""},
		// A new secret is taken back, also one that has replaced another.
		{[]string{"rotate-good", "rotate-cancel"}, "", ""},
		{[]string{"rotate-good", "rotate-other-version"}, `\"replace\": 7`, `\"replace\": 2`},
		// Somebody still uses a secret that was replaced.
		{[]string{"rotate-end-now", "authorize-good"}, "", ""},
		// Admins are notified where an owner cannot be reached.
		{[]string{"feedback-bounce-permanent", "remind-7-days"}, "", ""},
		// Owners are notified of what somebody else has revoked.
		{[]string{"revoke-by-admin", "remind-7-days"}, "", ""},
	} {
		if err := table.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, file := range more.files {
			i := slices.IndexFunc(events, func(e fixture.Event) bool { return e.File == file+".json" })
			if i < 0 {
				t.Fatalf("no event %s", file)
			}
			changed := strings.ReplaceAll(string(events[i].JSON), more.old, more.new)
			if _, err := s.system.Invoke(t.Context(), events[i].Function, []byte(changed)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	recorded.check(t)
}

func dump(t *testing.T, table *fixture.Table) string {
	t.Helper()
	text, err := table.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text
}
