package main

import "testing"

func TestFeedbackHearsOfThisStacksMailOnly(t *testing.T) {
	d := of(t, usual)
	rule := d.named(t, "AWS::Events::Rule", "FeedbackRule").Properties
	same(t, "source", items(at(rule, "EventPattern", "source")), []string{"aws.ses"})
	same(t, "kinds of event", items(at(rule, "EventPattern", "detail-type")),
		[]string{"Email Bounced", "Email Complaint Received", "Email Rejected", "Email Rendering Failed"})
	same(t, "configuration set", items(at(rule, "EventPattern", "detail", "mail", "tags", "ses:configuration-set")), []string{"Mail"})
	target := at(rule, "Targets", "0")
	if text(at(target, "Arn")) != "feedback.Arn" || text(at(target, "DeadLetterConfig", "Arn")) != "FeedbackDeadLetters.Arn" {
		t.Errorf("target %v", target)
	}
	if rule["EventBusName"] != nil {
		t.Error("SES puts events on the default bus only")
	}
}

func TestMailIsSentSafely(t *testing.T) {
	d := of(t, usual)
	d.has(t, "AWS::SES::ConfigurationSet", map[string]any{
		"DeliveryOptions":    map[string]any{"TlsPolicy": "REQUIRE"},
		"ReputationOptions":  map[string]any{"ReputationMetricsEnabled": true},
		"SuppressionOptions": map[string]any{"SuppressedReasons": []any{"BOUNCE", "COMPLAINT"}},
	})
	destination := at(d.only(t, "AWS::SES::ConfigurationSetEventDestination").Properties, "EventDestination")
	same(t, "events", items(at(destination, "MatchingEventTypes")), []string{"bounce", "complaint", "reject", "renderingFailure"})
	d.has(t, "AWS::SES::EmailIdentity", map[string]any{"EmailIdentity": "example.com"})
	// A first deployment that failed must not leave it behind: the next one would find that
	// SES has it.
	if got := d.only(t, "AWS::SES::EmailIdentity").DeletionPolicy; got != "RetainExceptOnCreate" {
		t.Errorf("the sender's identity: %s", got)
	}
}
