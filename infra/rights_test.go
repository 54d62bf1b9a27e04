package main

import (
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
)

// may is all that each role may do: action, resource and, where there is one, what
// the condition lets pass. It repeats rights.go on purpose.
var may = map[string][]string{
	"issue": {
		"dynamodb:GetItem Table.Arn OWNER#*",
		"dynamodb:UpdateItem Table.Arn OWNER#*|ORG#*",
		"dynamodb:PutItem Table.Arn TOKEN#*|AUDIT#*",
	},
	"list": {
		"dynamodb:Query Table.Arn/index/by_org ",
		"dynamodb:Query Table.Arn/index/by_owner ",
		"dynamodb:GetItem Table.Arn OWNER#*",
		"dynamodb:BatchGetItem Table.Arn OWNER#*",
		"dynamodb:UpdateItem Table.Arn OWNER#*|ORG#*",
	},
	"get": {
		"dynamodb:GetItem Table.Arn TOKEN#*|OWNER#*",
		"dynamodb:BatchGetItem Table.Arn OWNER#*",
		"dynamodb:UpdateItem Table.Arn OWNER#*|ORG#*",
	},
	"revoke": {
		"dynamodb:GetItem Table.Arn TOKEN#*|OWNER#*",
		"dynamodb:BatchGetItem Table.Arn OWNER#*",
		"dynamodb:UpdateItem Table.Arn TOKEN#*|OWNER#*|ORG#*",
		"dynamodb:PutItem Table.Arn AUDIT#*",
	},
	"authorize": {
		"dynamodb:GetItem Table.Arn TOKEN#*",
		"dynamodb:UpdateItem Table.Arn TOKEN#* only pk|sk|last_used_at",
	},
	"whoami":  {"dynamodb:GetItem Table.Arn TOKEN#*"},
	"console": nil,
	"remind": {
		"dynamodb:Query Table.Arn/index/due ",
		"dynamodb:Query Table.Arn ORG#*",
		"dynamodb:BatchGetItem Table.Arn OWNER#*",
		"dynamodb:UpdateItem Table.Arn TOKEN#*",
		"dynamodb:PutItem Table.Arn AUDIT#*|MAIL#*",
		"ses:SendEmail arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:identity/* from tokens@example.com",
		"ses:SendEmail arn:AWS::Partition:ses:AWS::Region:AWS::AccountId:configuration-set/Mail from tokens@example.com",
		"ses:GetAccount * ",
		"sqs:SendMessage RemindFailures.Arn ",
		"sqs:GetQueueAttributes RemindFailures.Arn ",
		"sqs:GetQueueUrl RemindFailures.Arn ",
	},
	"feedback": {
		"dynamodb:GetItem Table.Arn MAIL#*|TOKEN#*",
		"dynamodb:BatchGetItem Table.Arn OWNER#*",
		"dynamodb:UpdateItem Table.Arn OWNER#*|TOKEN#*",
		"sqs:SendMessage FeedbackDeadLetters.Arn ",
		"sqs:GetQueueAttributes FeedbackDeadLetters.Arn ",
		"sqs:GetQueueUrl FeedbackDeadLetters.Arn ",
	},
}

// statementsOf are what policies attached to a role say, as may writes it.
func (d *deployment) statementsOf(t *testing.T, role string) []string {
	t.Helper()
	var lines []string
	for _, policy := range d.all("AWS::IAM::Policy") {
		if !slices.Contains(items(policy.Properties["Roles"]), role) {
			continue
		}
		for _, statement := range listOf(at(policy.Properties, "PolicyDocument", "Statement")) {
			if text(at(statement, "Effect")) != "Allow" {
				t.Errorf("%s has a statement that is not Allow", role)
			}
			for _, action := range items(at(statement, "Action")) {
				for _, resource := range items(at(statement, "Resource")) {
					lines = append(lines, action+" "+resource+" "+conditionOf(statement))
				}
			}
		}
	}
	return lines
}

func conditionOf(statement any) string {
	condition, _ := at(statement, "Condition").(map[string]any)
	var parts []string
	if keys := at(condition, "ForAllValues:StringLike", "dynamodb:LeadingKeys"); keys != nil {
		parts = append(parts, strings.Join(items(keys), "|"))
	}
	if attributes := at(condition, "ForAllValues:StringEquals", "dynamodb:Attributes"); attributes != nil {
		parts = append(parts, "only "+strings.Join(items(attributes), "|"))
	}
	if from := at(condition, "StringEquals", "ses:FromAddress"); from != nil {
		parts = append(parts, "from "+text(from))
	}
	if via := at(condition, "StringEquals", "kms:ViaService"); via != nil {
		parts = append(parts, "via "+text(via))
	}
	if len(parts) != len(condition) {
		parts = append(parts, "and a condition that this test does not know")
	}
	return strings.Join(parts, " ")
}

func TestRolesMayDoWhatTheirFunctionsDoAndNoMore(t *testing.T) {
	d := of(t, usual)
	for _, function := range config.Functions() {
		role := strings.TrimSuffix(text(d.function(t, function.Name)["Role"]), ".Arn")
		logs := text(at(d.function(t, function.Name), "LoggingConfig", "LogGroup")) + ".Arn "
		want := append(slices.Clone(may[function.Name]), "logs:CreateLogStream "+logs, "logs:PutLogEvents "+logs)
		same(t, function.Name, d.statementsOf(t, role), want)
	}
	for id, role := range d.all("AWS::IAM::Role") {
		if role.Properties["ManagedPolicyArns"] != nil || role.Properties["Policies"] != nil {
			t.Errorf("%s has rights that the table above does not show", bare(id))
		}
	}
}

func TestOnlyTheSchedulerMayStartTheReminder(t *testing.T) {
	d := of(t, usual)
	same(t, "scheduler", d.statementsOf(t, "SchedulerRoleForTargetf028b2"), []string{
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
						slices.Equal(actions, []string{"ses:SendEmail"}) && strings.HasSuffix(resource, ":identity/*") && conditionOf(statement) != "" ||
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
		for _, line := range d.statementsOf(t, strings.TrimSuffix(text(d.function(t, function.Name)["Role"]), ".Arn")) {
			if !strings.HasPrefix(line, "kms:") {
				continue
			}
			onKey++
			if !strings.HasSuffix(line, " TableKey.Arn via dynamodb.AWS::Region.AWS::URLSuffix") {
				t.Errorf("%s: %s", function.Name, line)
			}
		}
		if usesTable := len(may[function.Name]) > 0; usesTable != (onKey > 0) {
			t.Errorf("%s: %d rights on the table's key", function.Name, onKey)
		}
	}
}
