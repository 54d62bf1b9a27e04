package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/constant"
	gotoken "go/token"
	"go/types"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"latchkey/internal/authorizer"
	"latchkey/internal/token"
)

func TestEveryAlarmHasItsPlaybook(t *testing.T) {
	alarms := []string{"access-denied"} // is for the first day, when nothing works that could set off an alarm
	var playbooks []string
	for _, made := range of(t, usual).all("AWS::CloudWatch::Alarm") {
		name, ok := strings.CutPrefix(text(made.Properties["AlarmName"]), "Latchkey-")
		if !ok || !strings.HasSuffix(text(made.Properties["AlarmDescription"]), "Playbook: infra/playbooks/"+name+".md") {
			t.Errorf("alarm %v: %v", made.Properties["AlarmName"], made.Properties["AlarmDescription"])
		}
		alarms = append(alarms, name)
	}
	files, err := filepath.Glob("playbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		playbooks = append(playbooks, name)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		previous := -1
		for _, heading := range []string{
			"# " + name + "\n", "\n## What it means\n", "\n## What users notice\n", "\n## How to look\n", "\n## How to fix\n", "\n## How to check\n",
		} {
			position := bytes.Index(content, []byte(heading))
			if position <= previous {
				t.Errorf("%s: no %q, or not in its place", file, strings.TrimSpace(heading))
			}
			previous = max(previous, position)
		}
	}
	same(t, "alarms and playbooks", alarms, playbooks)
}

func TestAlarms(t *testing.T) {
	type limits struct {
		statistic, comparison, silence  string
		threshold, periods, in, seconds float64
	}
	want := map[string]limits{
		"remind-no-success":      {"", "LessThanThreshold", "missing", 1, 26, 26, 0},
		"remind-overdue":         {"Maximum", "GreaterThanThreshold", "notBreaching", 24, 1, 1, 900},
		"remind-failed":          {"Sum", "GreaterThanThreshold", "notBreaching", 0, 8, 2, 900},
		"remind-abandoned":       {"Sum", "GreaterThanThreshold", "notBreaching", 0, 1, 1, 900},
		"first-use-not-recorded": {"Sum", "GreaterThanThreshold", "notBreaching", 0, 1, 1, 300},
		"ended-secrets":          {"Sum", "GreaterThanOrEqualToThreshold", "notBreaching", 10, 1, 1, 3600},
		"refusals-flood":         {"Sum", "GreaterThanOrEqualToThreshold", "notBreaching", 3000, 2, 2, 300},
		"authorizer-errors":      {"Sum", "GreaterThanOrEqualToThreshold", "notBreaching", 5, 1, 1, 300},
		"api-5xx":                {"Sum", "GreaterThanOrEqualToThreshold", "notBreaching", 5, 2, 2, 300},
		"mail-bounces":           {"Average", "GreaterThanOrEqualToThreshold", "ignore", 0.05, 1, 1, 3600},
		"mail-complaints":        {"Average", "GreaterThanOrEqualToThreshold", "ignore", 0.001, 1, 1, 3600},
		"schedule-dead-letters":  {"Maximum", "GreaterThanThreshold", "notBreaching", 0, 1, 1, 300},
		"remind-dead-letters":    {"Maximum", "GreaterThanThreshold", "notBreaching", 0, 1, 1, 300},
		"feedback-dead-letters":  {"Maximum", "GreaterThanThreshold", "notBreaching", 0, 1, 1, 300},
		"events-dead-letters":    {"Maximum", "GreaterThanThreshold", "notBreaching", 0, 1, 1, 300},
		"table-throttles":        {"", "GreaterThanThreshold", "notBreaching", 0, 3, 3, 0},
	}
	for _, made := range of(t, usual).all("AWS::CloudWatch::Alarm") {
		p := made.Properties
		name := strings.TrimPrefix(text(p["AlarmName"]), "Latchkey-")
		number := func(name string) float64 {
			n, _ := p[name].(float64)
			return n
		}
		got := limits{
			text(p["Statistic"]), text(p["ComparisonOperator"]), text(p["TreatMissingData"]),
			number("Threshold"), number("EvaluationPeriods"), number("DatapointsToAlarm"), number("Period"),
		}
		if got != want[name] {
			t.Errorf("%s:\n got  %v\n want %v", name, got, want[name])
		}
		// An alarm on an expression has its period with the metrics in it.
		for _, m := range listOf(p["Metrics"]) {
			if stat := at(m, "MetricStat"); name == "remind-no-success" && stat != nil && at(stat, "Period") != 3600.0 {
				t.Errorf("%s counts by %v", name, at(stat, "Period"))
			}
		}
		if p["AlarmActions"] != nil || p["InsufficientDataActions"] != nil {
			t.Errorf("%s tells somebody nobody named", name)
		}
	}
	for _, made := range of(t, unusual).all("AWS::CloudWatch::Alarm") {
		same(t, text(made.Properties["AlarmName"])+" tells", items(made.Properties["AlarmActions"]),
			[]string{"Alarms", "arn:aws:sns:eu-west-1:111122223333:on-call"})
		// Without data right after the first deployment it says nothing, and later that there are none.
		if name := text(made.Properties["AlarmName"]); (name == "Trial-remind-no-success") != (made.Properties["InsufficientDataActions"] != nil) {
			t.Errorf("%s tells of missing data: %v", name, made.Properties["InsufficientDataActions"])
		}
	}
}

// comparison is one of a filter pattern such as { ($.message = "decision") && (…) }.
var comparison = regexp.MustCompile(`\$\.(\w+) (?:= "([^"]*)"|IS (TRUE))`)

// matches reports whether a filter pattern matches a log line, of the few forms that the
// stack writes.
func matches(t *testing.T, pattern string, logged map[string]any) bool {
	t.Helper()
	said := comparison.ReplaceAllStringFunc(pattern, func(one string) string {
		c := comparison.FindStringSubmatch(one)
		var want any = c[2]
		if c[3] != "" {
			want = true
		}
		return strconv.FormatBool(logged[c[1]] == want)
	})
	// What is left are words of Go.
	value, err := types.Eval(gotoken.NewFileSet(), nil, gotoken.NoPos, strings.Trim(said, "{ }"))
	if err != nil {
		t.Fatalf("the pattern %s: %v", pattern, err)
	}
	return constant.BoolVal(value.Value)
}

// counted returns the metrics, and their values, that the stack makes of a log line.
func counted(t *testing.T, d *deployment, function string, line []byte) map[string]any {
	t.Helper()
	var logged map[string]any
	if err := json.Unmarshal(line, &logged); err != nil {
		t.Fatalf("log line %s: %v", line, err)
	}
	metrics := map[string]any{}
	for _, filter := range d.all("AWS::Logs::MetricFilter") {
		if text(filter.Properties["LogGroupName"]) != pascal(function)+"Logs" {
			continue
		}
		if !matches(t, text(filter.Properties["FilterPattern"]), logged) {
			continue
		}
		to := at(filter.Properties, "MetricTransformations", "0")
		name, value := text(at(to, "MetricNamespace"))+" "+text(at(to, "MetricName")), text(at(to, "MetricValue"))
		for _, dimension := range listOf(at(to, "Dimensions")) {
			name += " " + text(at(dimension, "Key")) + " " + fmt.Sprint(logged[strings.TrimPrefix(text(at(dimension, "Value")), "$.")])
		}
		metrics[name] = value
		if field, ok := strings.CutPrefix(value, "$."); ok {
			metrics[name] = logged[field]
		}
	}
	return metrics
}

// logger writes lines as the functions' logger does on Lambda.
func logger(to *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
}

func TestMetricsAreMadeOfWhatTheReminderLogs(t *testing.T) {
	var log bytes.Buffer
	runReminder(t, logger(&log))
	got := counted(t, of(t, usual), "remind", log.Bytes())
	want := map[string]any{
		"Latchkey RemindRuns": "1", "Latchkey NoticesDue": 0.0, "Latchkey NoticesSent": 0.0, "Latchkey NoticesFailed": 0.0, "Latchkey NoticesAbandoned": 0.0,
		"Latchkey OldestOverdueHours": 0.0,
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v of %s, want %v", name, got[name], log.Bytes(), value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("metrics %v, want %v", got, want)
	}
}

// outcome is a verifier and a recorder that always say the same.
type outcome struct{ verdict, recorded error }

func (o outcome) Verify(context.Context, string) (token.Credential, error) {
	return token.Credential{}, o.verdict
}

func (o outcome) Used(context.Context, token.Credential, time.Time, string) error { return o.recorded }

func (o outcome) RetiredUsed(context.Context, *token.RefusedError, time.Time, string) error {
	return o.recorded
}

func TestMetricsAreMadeOfWhatTheAuthorizerLogs(t *testing.T) {
	refused := func(reason token.Reason) outcome { return outcome{verdict: &token.RefusedError{Reason: reason}} }
	for name, c := range map[string]struct {
		is      outcome
		metrics []string
	}{
		"store out of reach":           {outcome{verdict: errors.New("no answer")}, []string{"AuthorizerErrors"}},
		"malformed":                    {refused("malformed"), []string{"AuthorizerDenials", "Refusals Reason malformed"}},
		"revoked":                      {refused("revoked"), []string{"AuthorizerDenials", "Refusals Reason revoked", "EndedSecretsPresented"}},
		"rotated away":                 {refused("rotated"), []string{"AuthorizerDenials", "Refusals Reason rotated", "EndedSecretsPresented"}},
		"forged":                       {refused("forged"), []string{"AuthorizerDenials", "Refusals Reason forged"}},
		"allowed":                      {outcome{}, nil},
		"a first use is not on record": {outcome{recorded: errors.New("no answer")}, []string{"FirstUsesNotRecorded"}},
	} {
		var log bytes.Buffer
		a, err := authorizer.New(authorizer.Config{
			Verifier: c.is, Recorder: c.is, Denial: authorizer.Forbidden, Now: time.Now, Log: logger(&log),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = a.Handle(t.Context(), json.RawMessage(`{"version":"2.0","type":"REQUEST","identitySource":["Bearer x"]}`))
		var got, want []string
		for line := range bytes.Lines(log.Bytes()) {
			for metric, value := range counted(t, of(t, usual), "authorize", line) {
				got = append(got, fmt.Sprint(metric, " ", value))
			}
		}
		for _, metric := range c.metrics {
			want = append(want, "Latchkey "+metric+" 1")
		}
		same(t, name+" counts as", got, want)
	}
}
