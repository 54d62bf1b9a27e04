package e2e_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/fixture"
	"latchkey/internal/local"
	"latchkey/internal/local/lambda"
	"latchkey/internal/local/localtest"
)

// Each event gets the answer that events/README.md promises, from the real binary, and
// what is refused changes nothing.
func TestEvents(t *testing.T) {
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	events, err := fixture.Events(filepath.Join(root, "events"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *local.Config) { c.Environment = map[string]string{"DENIAL": "forbidden"} })
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
			if e.ChangesNothing() && dump(t, table) != before {
				t.Error("the table has changed")
			}
		})
	}
	for _, f := range config.Functions() {
		if !seen[f.Name] {
			t.Errorf("%s has no event", f.Name)
		}
	}
}

func dump(t *testing.T, table *fixture.Table) string {
	t.Helper()
	text, err := table.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text
}
