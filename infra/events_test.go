package main

import (
	"encoding/json"
	"regexp"
	"testing"
)

func TestAuditEntriesBecomeEvents(t *testing.T) {
	d := of(t, usual)
	d.has(t, "AWS::DynamoDB::GlobalTable", map[string]any{"StreamSpecification": map[string]any{"StreamViewType": "NEW_IMAGE"}})
	pipe := d.only(t, "AWS::Pipes::Pipe").Properties
	if text(pipe["Source"]) != "Table.StreamArn" || text(pipe["Target"]) != "arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/default" {
		t.Errorf("the pipe leads from %s to %s", text(pipe["Source"]), text(pipe["Target"]))
	}
	if got := text(at(pipe, "SourceParameters", "DynamoDBStreamParameters", "DeadLetterConfig", "Arn")); got != "EventFailures.Arn" {
		t.Errorf("what fails goes to %q", got)
	}
	// Nothing but new audit entries leaves the table: its other items hold addresses and hashes.
	pattern := text(at(pipe, "SourceParameters", "FilterCriteria", "Filters", "0", "Pattern"))
	var filter struct {
		EventName []string `json:"eventName"`
		DynamoDB  struct {
			Keys struct {
				PK struct {
					S []map[string]string `json:"S"`
				} `json:"pk"`
			} `json:"Keys"`
		} `json:"dynamodb"`
	}
	if err := json.Unmarshal([]byte(pattern), &filter); err != nil {
		t.Fatalf("the filter %s: %v", pattern, err)
	}
	same(t, "changes", filter.EventName, []string{"INSERT"})
	if keys := filter.DynamoDB.Keys.PK.S; len(keys) != 1 || keys[0]["prefix"] != "AUDIT#" {
		t.Errorf("the filter lets pass %s", pattern)
	}
	// Each place in the template is a JSON value, so with any value there it must be JSON.
	template := text(at(pipe, "TargetParameters", "InputTemplate"))
	var detail map[string]string
	if err := json.Unmarshal(regexp.MustCompile(`<([^>]*)>`).ReplaceAll([]byte(template), []byte(`"$1"`)), &detail); err != nil {
		t.Fatalf("the template %s: %v", template, err)
	}
	want := map[string]string{
		"id": "sk.S", "org_id": "org_id.S", "at": "at.S", "actor": "actor.S",
		"token_id": "about_token.S", "token_name": "token_name.S", "expires_on": "expires_on.S", "detail": "detail.S",
		"person_id": "about_person.S",
	}
	for name, attribute := range want {
		if detail[name] != "$.dynamodb.NewImage."+attribute {
			t.Errorf("%s is made of %q", name, detail[name])
		}
	}
	if len(detail) != len(want) {
		t.Errorf("the event has %v", detail)
	}
	bus := at(pipe, "TargetParameters", "EventBridgeEventBusParameters")
	if text(at(bus, "Source")) != "latchkey" || text(at(bus, "DetailType")) != "$.dynamodb.NewImage.action.S" {
		t.Errorf("source and type: %v", bus)
	}
	same(t, "the events' resources", items(at(bus, "Resources")), []string{"Table.Arn"})
	same(t, "rights of the pipe", allowed(d.statementsOf(t, "EventsRole")), []string{
		"dynamodb:ListStreams * ",
		"dynamodb:DescribeStream Table.StreamArn ", "dynamodb:GetRecords Table.StreamArn ", "dynamodb:GetShardIterator Table.StreamArn ",
		"events:PutEvents arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/default ", "sqs:SendMessage EventFailures.Arn ",
	})
}

// A revocation by somebody else, and a secret in two hands, cannot wait for the schedule.
func TestUrgentEventsStartTheReminder(t *testing.T) {
	rule := of(t, usual).named(t, "AWS::Events::Rule", "UrgentRule").Properties
	same(t, "source", items(at(rule, "EventPattern", "source")), []string{"latchkey"})
	same(t, "kinds of event", items(at(rule, "EventPattern", "detail-type")), []string{"token.revoked", "token.rotation_refused"})
	// Another deployment's events are on the same bus.
	same(t, "deployment", items(at(rule, "EventPattern", "resources")), []string{"Table.Arn"})
	target := at(rule, "Targets", "0")
	if text(at(target, "Arn")) != "remind.Arn" || text(at(target, "DeadLetterConfig", "Arn")) != "ScheduleDeadLetters.Arn" ||
		at(target, "RetryPolicy", "MaximumRetryAttempts") != 10.0 || at(target, "RetryPolicy", "MaximumEventAgeInSeconds") != 900.0 {
		t.Errorf("target %v", target)
	}
	// The function reads the time of the event itself.
	if at(target, "Input") != nil || at(target, "InputPath") != nil || at(target, "InputTransformer") != nil {
		t.Errorf("the event is changed on its way: %v", target)
	}
	if rule["EventBusName"] != nil || rule["State"] != "ENABLED" {
		t.Errorf("bus %v, state %v", rule["EventBusName"], rule["State"])
	}
}
