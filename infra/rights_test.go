package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
)

// calls are what each function was seen to ask of AWS when all events were run: the call
// with what it is on, and the attributes that an update names (internal/e2e, TestEvents).
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
	return seen
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

// statement is one call that a policy allows or denies, on one resource.
type statement struct {
	effect, call, resource string
	keys                   []string // beginnings of partition keys
	attributes             []string
	rest                   string // other conditions
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
	s := statement{effect: text(at(written, "Effect"))}
	condition, _ := at(written, "Condition").(map[string]any)
	known := 0
	values := func(operator, key string) []string {
		found := at(condition, operator, key)
		if found == nil {
			return nil
		}
		known++
		return items(found)
	}
	// What is allowed holds for all keys and attributes of a call, what is denied for any.
	quantity := map[string]string{"Allow": "ForAllValues", "Deny": "ForAnyValue"}[s.effect]
	s.keys = values(quantity+":StringLike", "dynamodb:LeadingKeys")
	s.attributes = values(quantity+":StringEquals", "dynamodb:Attributes")
	for word, key := range map[string]string{"from ": "ses:FromAddress", "via ": "kms:ViaService"} {
		if found := values("StringEquals", key); found != nil {
			s.rest += word + found[0]
		}
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
		if s.effect != "Allow" {
			continue
		}
		if len(s.keys) == 0 {
			lines = append(lines, s.call+" "+s.resource+" "+s.rest)
		}
		for _, key := range s.keys {
			lines = append(lines, s.call+" "+s.resource+" "+key+s.rest)
		}
	}
	return lines
}

// allows reports whether statements let a call on an item name these attributes.
func allows(statements []statement, call, key string, attributes []string) bool {
	may := false
	for _, s := range statements {
		if s.call != call || !slices.Contains(s.keys, key) {
			continue
		}
		named := func(name string) bool { return slices.Contains(attributes, name) }
		if s.effect == "Deny" && slices.ContainsFunc(s.attributes, named) {
			return false
		}
		beyond := func(name string) bool { return s.attributes != nil && !slices.Contains(s.attributes, name) }
		may = may || s.effect == "Allow" && !slices.ContainsFunc(attributes, beyond)
	}
	return may
}

// A role allows what its function was seen to call, and nothing else.
func TestRolesMayDoWhatTheirFunctionsDoAndNoMore(t *testing.T) {
	d, seen := of(t, usual), calls(t)
	for _, function := range config.Functions() {
		role := strings.TrimSuffix(text(d.function(t, function.Name)["Role"]), ".Arn")
		logs := text(at(d.function(t, function.Name), "LoggingConfig", "LogGroup")) + ".Arn "
		want := append(slices.Clone(beside[function.Name]), "logs:CreateLogStream "+logs, "logs:PutLogEvents "+logs)
		statements := d.statementsOf(t, role)
		for call, attributes := range seen[function.Name] {
			operation, on, _ := strings.Cut(call, " ")
			if !isTableCall(call) {
				continue
			}
			if strings.HasSuffix(on, "#*") {
				want = append(want, operation+" Table.Arn "+on)
			} else {
				want = append(want, operation+" Table.Arn/index/"+on+" ")
			}
			if operation == "dynamodb:UpdateItem" && !allows(statements, operation, on, attributes) {
				t.Errorf("%s may not name %v in an update of %s", function.Name, attributes, on)
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

// Only who issues a token can say what makes its secret valid.
func TestOnlyIssueMakesTokensValid(t *testing.T) {
	d := of(t, usual)
	for _, function := range config.Functions() {
		statements := d.statementsOf(t, strings.TrimSuffix(text(d.function(t, function.Name)["Role"]), ".Arn"))
		for _, attribute := range append([]string{"secret_hash"}, settled...) {
			if allows(statements, "dynamodb:UpdateItem", "TOKEN#*", []string{"pk", "sk", attribute}) {
				t.Errorf("%s may change a token's %s", function.Name, attribute)
			}
		}
		if may := allows(statements, "dynamodb:PutItem", "TOKEN#*", nil); may != (function.Name == "issue") {
			t.Errorf("%s may write whole tokens: %t", function.Name, may)
		}
		unrevoke := allows(statements, "dynamodb:UpdateItem", "TOKEN#*", []string{"pk", "sk", "revoked_at"})
		if unrevoke && function.Name != "revoke" && function.Name != "feedback" {
			t.Errorf("%s may bring back a revoked token", function.Name)
		}
	}
}

func TestOnlyTheSchedulerMayStartTheReminder(t *testing.T) {
	d := of(t, usual)
	same(t, "scheduler", allowed(d.statementsOf(t, "SchedulerRoleForTargetf028b2")), []string{
		"lambda:InvokeFunction remind.Arn ", "lambda:InvokeFunction remind.Arn:* ", "sqs:SendMessage ScheduleDeadLetters.Arn ",
	})
	for _, permission := range d.all("AWS::Lambda::Permission") {
		function := strings.TrimSuffix(text(permission.Properties["FunctionName"]), ".Arn")
		principal := text(permission.Properties["Principal"])
		want := "apigateway.amazonaws.com"
		if function == "feedback" {
			want = "events.amazonaws.com"
		}
		if principal != want || function == "remind" || text(permission.Properties["SourceArn"]) == "" {
			t.Errorf("%s may call %s: %v", principal, function, permission.Properties["SourceArn"])
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
		for _, s := range d.statementsOf(t, strings.TrimSuffix(text(d.function(t, function.Name)["Role"]), ".Arn")) {
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
