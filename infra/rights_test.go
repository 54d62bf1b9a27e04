package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
)

// calls are what each function was seen to ask of AWS when all events were run: the call
// with what it is on, and the attributes that an update names or an item is put with
// (internal/e2e, TestEvents).
func calls(t *testing.T) map[string]map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../internal/e2e/testdata/calls.json")
	if err != nil {
		t.Fatal(err)
	}
	var seen map[string]map[string][]string
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatal(err)
	}
	for function, more := range unseen {
		for _, call := range more {
			if _, known := seen[function][call]; known {
				t.Errorf("%s was seen to call %s: it need not be named beside", function, call)
			}
			seen[function][call] = nil
		}
	}
	return seen
}

// unseen are calls to the table that no event file leads to.
var unseen = map[string][]string{
	"issue": {"dynamodb:PutItem QUOTA#*"}, // the first token of a person
	"read":  {"dynamodb:Query live_org"},  // everyone's active tokens
	"remind": {
		"dynamodb:GetItem MAIL#*",   // after a run that died between SES's answer and its record
		"dynamodb:GetItem NOTICE#*", // whether an owner knows that a replaced secret is used
	},
}

// beside are rights that are not for calls to the table: where mail comes from, and what
// Lambda itself does when a run fails.
var beside = map[string][]string{
	"remind": {
		"ses:SendEmail arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:identity/* from tokens@example.com",
		"ses:SendEmail arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:configuration-set/Mail from tokens@example.com",
		"ses:GetAccount * ",
		"sqs:SendMessage RemindFailures.Arn ",
		"sqs:GetQueueAttributes RemindFailures.Arn ",
		"sqs:GetQueueUrl RemindFailures.Arn ",
	},
	"feedback": {
		"sqs:SendMessage FeedbackDeadLetters.Arn ",
		"sqs:GetQueueAttributes FeedbackDeadLetters.Arn ",
		"sqs:GetQueueUrl FeedbackDeadLetters.Arn ",
	},
}

// isTableCall tells calls to the table from others.
func isTableCall(call string) bool { return strings.HasPrefix(call, "dynamodb:") }

// statement is one call that a policy allows, on one resource.
type statement struct {
	call, resource string
	keys           []string // beginnings of partition keys
	attributes     []string
	rest           string // other conditions
}

// statementsOf are what policies attached to a role say.
func (d *deployment) statementsOf(t *testing.T, role string) []statement {
	t.Helper()
	var found []statement
	for _, policy := range d.all("AWS::IAM::Policy") {
		if !slices.Contains(items(policy.Properties["Roles"]), role) {
			continue
		}
		for _, written := range listOf(at(policy.Properties, "PolicyDocument", "Statement")) {
			for _, action := range items(at(written, "Action")) {
				for _, resource := range items(at(written, "Resource")) {
					s := conditionOf(written)
					s.call, s.resource = action, resource
					found = append(found, s)
				}
			}
		}
	}
	return found
}

// conditionOf is a statement's condition, and says so where it holds one that it does not know.
func conditionOf(written any) statement {
	var s statement
	if text(at(written, "Effect")) != "Allow" {
		s.rest = "and is no right "
	}
	condition, _ := at(written, "Condition").(map[string]any)
	known, absent := 0, map[string]any{}
	values := func(operator, key string) []string {
		found := at(condition, operator, key)
		if found == nil {
			return nil
		}
		known++
		return items(found)
	}
	if s.keys = values("ForAllValues:StringLike", leadingKeys); s.keys != nil {
		absent[leadingKeys] = "false"
	}
	if s.attributes = values("ForAllValues:StringEquals", attributes); s.attributes != nil {
		absent[attributes] = "false"
	}
	for word, key := range map[string]string{"from ": "ses:FromAddress", "via ": "kms:ViaService"} {
		if found := values("StringEquals", key); found != nil {
			s.rest += word + found[0]
		}
	}
	// ForAllValues holds for a call that names nothing: there has to be something.
	if got, _ := condition["Null"].(map[string]any); len(absent) > 0 && maps.Equal(got, absent) {
		known++
	}
	if known != len(condition) {
		s.rest += "and a condition that this test does not know"
	}
	return s
}

// allowed lists what statements allow: the call, the resource, and the key or another
// condition.
func allowed(statements []statement) []string {
	var lines []string
	for _, s := range statements {
		if len(s.keys) == 0 {
			lines = append(lines, s.call+" "+s.resource+" "+s.rest)
		}
		for _, key := range s.keys {
			lines = append(lines, s.call+" "+s.resource+" "+key+s.rest)
		}
	}
	return lines
}

// roleOf is a function's role, as texts of templates name it.
func roleOf(t *testing.T, d *deployment, function string) string {
	t.Helper()
	return strings.TrimSuffix(text(d.function(t, function)["Role"]), ".Arn")
}

// A role allows what its function was seen to call, and nothing else.
func TestRolesMayDoWhatTheirFunctionsDoAndNoMore(t *testing.T) {
	d, seen := of(t, usual), calls(t)
	for _, function := range config.Functions() {
		logs := text(at(d.function(t, function.Name), "LoggingConfig", "LogGroup")) + ".Arn "
		want := append(slices.Clone(beside[function.Name]), "logs:CreateLogStream "+logs, "logs:PutLogEvents "+logs)
		statements := d.statementsOf(t, roleOf(t, d, function.Name))
		for call := range seen[function.Name] {
			operation, on, _ := strings.Cut(call, " ")
			if !isTableCall(call) {
				continue
			}
			if strings.HasSuffix(on, "#*") {
				want = append(want, operation+" Table.Arn "+on)
			} else {
				want = append(want, operation+" Table.Arn/index/"+on+" ")
			}
		}
		same(t, function.Name, allowed(statements), want)
	}
	for id, role := range d.all("AWS::IAM::Role") {
		if role.Properties["ManagedPolicyArns"] != nil || role.Properties["Policies"] != nil {
			t.Errorf("%s has rights that its policy does not show", bare(id))
		}
	}
}

func TestWhoMayStartFunctions(t *testing.T) {
	d := of(t, usual)
	same(t, "scheduler", allowed(d.statementsOf(t, "SchedulerRoleForTargetf028b2")), []string{
		"lambda:InvokeFunction remind.Arn ", "lambda:InvokeFunction remind.Arn:* ", "sqs:SendMessage ScheduleDeadLetters.Arn ",
	})
	// Beside the scheduler, each by one rule of this stack.
	rules := map[string]string{"feedback": "FeedbackRule.Arn", "remind": "UrgentRule.Arn"}
	for _, permission := range d.all("AWS::Lambda::Permission") {
		function := strings.TrimSuffix(text(permission.Properties["FunctionName"]), ".Arn")
		principal, source := text(permission.Properties["Principal"]), text(permission.Properties["SourceArn"])
		switch rule, started := rules[function]; {
		case started && (principal != "events.amazonaws.com" || source != rule):
			t.Errorf("%s of %s may call %s", principal, source, function)
		case !started && (principal != "apigateway.amazonaws.com" || source == ""):
			t.Errorf("%s of %q may call %s", principal, source, function)
		}
	}
}

func TestNoRightIsWild(t *testing.T) {
	for _, made := range []func() (*deployment, error){usual, unusual} {
		d := of(t, made)
		for id, policy := range d.all("AWS::IAM::Policy") {
			for _, statement := range listOf(at(policy.Properties, "PolicyDocument", "Statement")) {
				actions := items(at(statement, "Action"))
				for _, action := range actions {
					if strings.Contains(action, "*") {
						t.Errorf("%s: action %s", bare(id), action)
					}
				}
				for _, resource := range items(at(statement, "Resource")) {
					// SES has no resource for the account's quota, nor DynamoDB for the list of
					// streams; mail is bound by its sender; a function's versions are the function.
					fine := slices.Equal(actions, []string{"ses:GetAccount"}) || slices.Equal(actions, []string{"dynamodb:ListStreams"}) ||
						slices.Equal(actions, []string{"ses:SendEmail"}) && strings.HasSuffix(resource, ":identity/*") && conditionOf(statement).rest != "" ||
						strings.HasSuffix(resource, "remind.Arn:*")
					if strings.Contains(resource, "*") && !fine {
						t.Errorf("%s: %v on %s", bare(id), actions, resource)
					}
				}
			}
		}
	}
}

func TestOwnKeyIsUsedThroughDynamoDBOnly(t *testing.T) {
	d := of(t, unusual)
	for _, function := range config.Functions() {
		var onKey int
		for _, s := range d.statementsOf(t, roleOf(t, d, function.Name)) {
			if !strings.HasPrefix(s.call, "kms:") {
				continue
			}
			onKey++
			if s.resource != "TableKey.Arn" || s.rest != "via dynamodb.AWS::Region.AWS::URLSuffix" {
				t.Errorf("%s: %+v", function.Name, s)
			}
		}
		if usesTable := len(calls(t)[function.Name]) > 0; usesTable != (onKey > 0) {
			t.Errorf("%s: %d rights on the table's key", function.Name, onKey)
		}
	}
}

// With rights plain a role has the same actions on the same resources, bound to nothing.
func TestPlainRightsAreActionsAlone(t *testing.T) {
	bound, plain := of(t, usual), of(t, unusual)
	actions := func(d *deployment, function string) []string {
		var found []string
		for _, s := range d.statementsOf(t, roleOf(t, d, function)) {
			if isTableCall(s.call) {
				found = append(found, s.call+" "+s.resource)
			}
			if d == plain && (s.keys != nil || s.attributes != nil) {
				t.Errorf("%s: %+v", function, s)
			}
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	for _, function := range config.Functions() {
		same(t, function.Name, actions(plain, function.Name), actions(bound, function.Name))
	}
}

// Lambda's own lines for calls that went well would be most of what logs cost.
func TestOnlyTroubleIsInLambdasOwnLines(t *testing.T) {
	for _, function := range config.Functions() {
		if got := text(at(of(t, usual).function(t, function.Name), "LoggingConfig", "SystemLogLevel")); got != "WARN" {
			t.Errorf("%s: Lambda's own lines from level %q on", function.Name, got)
		}
	}
}
