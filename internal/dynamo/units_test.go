package dynamo_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// costs is the document whose table has the units of each operation.
const costs = "../decisions/0003-data-model.md"

// documented reads the table: by operation its calls, write units and read units.
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(costs)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## What it costs")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$`).FindAllStringSubmatch(table, -1) {
		rows[row[1]] = fmt.Sprintf("%s calls, %s write units, %s read units", row[2], row[3], row[4])
	}
	return rows
}

// What each operation costs is what the decision on the data
// model says.
func TestUnits(t *testing.T) {
	t.Parallel()
	plain := newTable(t)
	tb, m := plain.metered(t)
	ctx := t.Context()
	want := documented(t)
	cost := func(operation string, do func() error) {
		t.Helper()
		m.reset()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		if got := m.String(); got != want[operation] {
			t.Errorf("%s: %s; documented: %q", operation, got, want[operation])
		}
		delete(want, operation)
	}
	n, other := plain.newToken(t, 30), plain.newToken(t, 30)
	id := n.Token.ID
	cost("issue an owner's first token", func() error { return tb.Issue(ctx, other) })
	cost("issue", func() error { return tb.Issue(ctx, n) })
	cost("show one", func() error { _, err := tb.Token(ctx, id); return err })

	read := func() token.Credential {
		t.Helper()
		c, err := plain.Credential(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	day := token.DateOf(tb.now).Start().Add(24 * time.Hour)
	use := func(operation string, at time.Time) {
		t.Helper()
		c := read()
		cost(operation, func() error { return tb.Used(ctx, c, at, "203.0.113.0/24") })
	}
	cost("decide on a secret", func() error { _, err := tb.Credential(ctx, id); return err })
	use("mark a first use, or the first of a day", day)
	use("mark a use within the hour", day.Add(time.Minute))
	use("mark a use an hour later", day.Add(time.Hour))

	d := notice.Due{Ref: notice.Ref{ID: id}, On: n.NotifyOn}
	lease := notice.Lease{Run: "run", Until: tb.now.Add(time.Minute)}
	hold := func() error { _, _, err := tb.Lease(ctx, d, lease, tb.now); return err }
	cost("lease", hold)
	cost("give a lease back", func() error { return tb.Release(ctx, d.Ref, "run", notice.Failure{}) })
	if err := hold(); err != nil {
		t.Fatal(err)
	}
	sent := notice.Outcome{Kind: notice.Expires(15), Date: n.Token.ExpiresOn, At: tb.now, State: notice.Sent, MessageID: "m-1"}
	mail := &notice.SentMail{
		ID: newID(t, tb.now), MessageID: "m-1", At: tb.now, Organization: "acme", Recipient: bob.ID, Address: bob.Email,
		Entries: []notice.Ref{d.Ref},
	}
	mark := notice.Mark{
		Ref: d.Ref, Outcomes: []notice.Outcome{sent}, Next: n.NotifyOn + 8, HasNext: true,
		Audits: []token.Audit{tb.revocation(t, n.Token).Audit},
	}
	cost("mark one as sent, with e-mail and audit entry", func() error {
		return tb.Mark(ctx, notice.Change{Run: "run", Mail: mail, Marks: []notice.Mark{mark}})
	})
	cost("take a bounce", func() error { _, err := tb.Bounce(ctx, d.Ref, sent, d.On, tb.now); return err })

	revoke := func(of token.Token, notify bool) func() error {
		r := tb.revocation(t, of)
		if !notify {
			r.Notice = ""
		}
		return func() error { _, err := tb.Revoke(ctx, r); return err }
	}
	cost("revoke one's own", revoke(n.Token, false))
	cost("revoke another's, with a notice", revoke(other.Token, true))
	cost("revoke again", revoke(n.Token, false))

	sign := func(at time.Time) func() error {
		return func() error { _, err := tb.KeepPerson(ctx, bob, at); return err }
	}
	cost("a person's first call of a day", sign(tb.now))
	cost("a person's other calls", sign(tb.now.Add(time.Minute)))
	for operation := range want {
		t.Errorf("documented, and not counted: %s", operation)
	}
}
