package reminder_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dev/local"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/token"
)

// content is all that the table holds.
func (s *site) content() string {
	s.t.Helper()
	out, err := local.NewDynamoDBClient(dynamoDB).Scan(s.t.Context(), &dynamodb.ScanInput{TableName: &s.table})
	if err != nil {
		s.t.Fatal(err)
	}
	var items []string
	for _, item := range out.Items {
		text, err := json.Marshal(item)
		if err != nil {
			s.t.Fatal(err)
		}
		items = append(items, string(text))
	}
	slices.Sort(items)
	return strings.Join(items, "\n")
}

// planned is a site on the day of its first notices: one of each kind of recipient.
func planned(t *testing.T) (s *site, at time.Time, tokens []token.Token) {
	t.Helper()
	s = newSite(t)
	s.seen(s.principal("admin"))
	tokens = s.issued(2)
	s.unreachable("owner1")
	s.revoke(s.principal("owner2"), s.issue(s.principal("owner2"), 10))
	s.issue(s.principal("owner3"), 100)
	return s, s.clock(), tokens
}

// A plan says what the run then does, and changes nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	s, at, tokens := planned(t)
	before := s.content()
	plan, err := reminder.Plan(t.Context(), reminder.PlanConfig{
		Reader: s.direct, Schedule: schedule, Shards: dynamo.Shards, AdminsSeenWithin: 30 * day, Now: s.clock,
	}, at)
	if err != nil || len(plan) != 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if s.content() != before || len(s.mails()) != 0 {
		t.Error("planning changed the table or sent mail")
	}
	if r := s.run(); r.Mails != len(plan) || r.Sent != len(tokens) || r.Delegated != 1 {
		t.Errorf("the run was not as planned: %+v", r)
	}
	for i, m := range s.mails() {
		j := slices.IndexFunc(plan, func(p reminder.PlannedMail) bool { return p.To[0].Email == m.To[0] })
		if j < 0 {
			t.Fatalf("mail %d went to %q, which was not planned", i, m.To)
		}
		var ids []token.ID
		for _, n := range plan[j].Notices {
			ids = append(ids, n.Token.ID)
			if n.Kind != notice.Expires(15) || n.DueOn != token.DateOf(at) {
				t.Errorf("planned %+v", n)
			}
		}
		slices.Sort(ids)
		if !slices.Equal(ids, tokensIn(m.Text)) || (plan[j].For.ID != plan[j].To[0].ID) != strings.Contains(m.Subject, "cannot be reached") {
			t.Errorf("planned %+v, sent %q to %q", plan[j], m.Subject, m.To)
		}
	}
	if _, err := reminder.Plan(t.Context(), reminder.PlanConfig{}, at); err == nil {
		t.Error("a plan of nothing was made")
	}
}

// A plan knows what was sent already, and what waits for another try.
func TestPlanOfWhatFailed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	k := s.issue(s.principal("bob"), 30)
	s.pass(15 * day)
	plan := func(c reminder.PlanConfig) []reminder.PlannedMail {
		t.Helper()
		c.Reader, c.Shards, c.AdminsSeenWithin, c.Now = s.direct, dynamo.Shards, 30*day, s.clock
		mails, err := reminder.Plan(t.Context(), c, s.clock())
		if err != nil {
			t.Fatal(err)
		}
		return mails
	}
	s.ses.Fail("SendEmail", 0, 2, broken)
	s.run()
	s.pass(15 * time.Minute)
	s.run()
	if p := plan(reminder.PlanConfig{Schedule: schedule}); len(p) != 1 || !p[0].Notices[0].HeldUntil.Equal(s.clock().Add(15*time.Minute)) {
		t.Errorf("planned %+v, want it to wait for 15 minutes", p)
	}
	s.pass(16 * time.Minute)
	s.run()
	s.notified([]token.Token{k}, 1)
	s.pass(8 * day)
	if p := plan(reminder.PlanConfig{Schedule: notice.Schedule{15, 3, 0}}); len(p) != 0 {
		t.Errorf("planned %+v, which was sent", p)
	}
}

// command builds and runs a command of internal/dev/cmd.
func command(t *testing.T, name string, environment []string, args ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "latchkey/internal/dev/cmd/"+name)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Env = append(os.Environ(), environment...)
	output, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, output)
	}
	return string(output)
}

func TestDryRunCommand(t *testing.T) {
	t.Parallel()
	s, at, tokens := planned(t)
	before := s.content()
	output := command(t, "remind-dry-run", []string{
		"TABLE_NAME=" + s.table, "AWS_ENDPOINT_URL_DYNAMODB=" + dynamoDB, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
	}, "-time", at.Format(time.RFC3339))
	rows := regexp.MustCompile(`(?m)^\d+ .*$`).FindAllString(output, -1)
	if len(rows) != len(tokens) || !strings.Contains(output, "3 notices in 2 e-mails") {
		t.Errorf("%d rows, want %d:\n%s", len(rows), len(tokens), output)
	}
	for _, want := range []string{
		tokens[0].Hint, tokens[0].Name, tokens[0].ExpiresOn.String(), "expires-15", s.email("owner0"),
		s.email("owner1") + " (undeliverable)", "admins: " + s.email("admin"),
	} {
		if !strings.Contains(output, want) {
			t.Errorf("there is no %q in:\n%s", want, output)
		}
	}
	if s.content() != before || len(s.mails()) != 0 {
		t.Error("the dry run changed the table or sent mail")
	}
}

func TestPreviewCommand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	index := strings.TrimSpace(command(t, "mail-preview", nil, "-out", folder, "-company", "Umbrella & Söhne", "-color", "#e11d48"))
	content, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(string(content), -1)
	if len(links) < 10 {
		t.Errorf("%d links in the index", len(links))
	}
	for _, link := range links {
		preview, err := os.ReadFile(filepath.Join(folder, link[1]))
		if err != nil || len(preview) == 0 || !strings.Contains(string(preview), "Söhne") {
			t.Errorf("%s: %v: %s", link[1], err, preview)
		}
	}
}
