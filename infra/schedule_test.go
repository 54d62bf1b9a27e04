package main

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestScheduleRunsAtFivePastMidnightAndEveryQuarter(t *testing.T) {
	d := of(t, usual)
	schedule := d.only(t, "AWS::Scheduler::Schedule").Properties
	for path, want := range map[string]string{
		"ScheduleExpression": "cron(5/15 * * * ? *)", "ScheduleExpressionTimezone": "Etc/UTC", "State": "ENABLED",
	} {
		if got := text(schedule[path]); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if got := text(at(schedule, "FlexibleTimeWindow", "Mode")); got != "OFF" {
		t.Errorf("the time is flexible: %s", got)
	}
	if got := text(at(schedule, "Target", "Arn")); got != "remind.Arn" {
		t.Errorf("the schedule starts %s", got)
	}
}

// The payload must be what the function decodes once the scheduler has filled it in.
func TestScheduleSendsAScheduledEvent(t *testing.T) {
	input := text(at(of(t, usual).only(t, "AWS::Scheduler::Schedule").Properties, "Target", "Input"))
	var sent struct {
		events.CloudWatchEvent
		Time string `json:"time"`
	}
	if err := json.Unmarshal([]byte(input), &sent); err != nil {
		t.Fatalf("the payload %s: %v", input, err)
	}
	if sent.Time != "<aws.scheduler.scheduled-time>" || sent.ID != "<aws.scheduler.execution-id>" ||
		sent.DetailType != "Scheduled Event" || sent.Source != "aws.scheduler" || sent.Version != "0" ||
		len(sent.Resources) != 1 || sent.Resources[0] != "<aws.scheduler.schedule-arn>" || string(sent.Detail) != "{}" {
		t.Errorf("payload %s", input)
	}
}

func TestFailuresEndUpInQueues(t *testing.T) {
	d := of(t, usual)
	target := at(d.only(t, "AWS::Scheduler::Schedule").Properties, "Target")
	if got := text(at(target, "DeadLetterConfig", "Arn")); got != "ScheduleDeadLetters.Arn" {
		t.Errorf("events that cannot be delivered go to %q", got)
	}
	if at(target, "RetryPolicy", "MaximumRetryAttempts") != 10.0 || at(target, "RetryPolicy", "MaximumEventAgeInSeconds") != 900.0 {
		t.Errorf("retries: %v", at(target, "RetryPolicy"))
	}
	want := map[string]struct {
		queue         string
		retries, ages float64
	}{
		"remind":   {"RemindFailures.Arn", 1, 900},
		"feedback": {"FeedbackDeadLetters.Arn", 2, 21600},
	}
	for _, c := range d.all("AWS::Lambda::EventInvokeConfig") {
		w, known := want[text(c.Properties["FunctionName"])]
		if !known || text(at(c.Properties, "DestinationConfig", "OnFailure", "Destination")) != w.queue ||
			c.Properties["MaximumRetryAttempts"] != w.retries || c.Properties["MaximumEventAgeInSeconds"] != w.ages {
			t.Errorf("asynchronous calls: %v", c.Properties)
		}
	}
	if n := len(d.all("AWS::Lambda::EventInvokeConfig")); n != len(want) {
		t.Errorf("%d functions have an on-failure destination, want %d", n, len(want))
	}
	queues := d.all("AWS::SQS::Queue")
	for id, queue := range queues {
		if queue.Properties["SqsManagedSseEnabled"] != true || queue.Properties["MessageRetentionPeriod"] != 1209600.0 {
			t.Errorf("%s: %v", bare(id), queue.Properties)
		}
	}
	var closed int
	for _, policy := range d.all("AWS::SQS::QueuePolicy") {
		for _, statement := range listOf(at(policy.Properties, "PolicyDocument", "Statement")) {
			if text(at(statement, "Effect")) == "Deny" && text(at(statement, "Condition", "Bool", "aws:SecureTransport")) == "false" {
				closed++
			}
		}
	}
	if closed != len(queues) {
		t.Errorf("%d of %d queues refuse plain HTTP", closed, len(queues))
	}
}
