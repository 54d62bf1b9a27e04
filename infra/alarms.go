package main

import (
	"cmp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/jsii-runtime-go"
)

// alarm goes off when a metric is beyond a threshold in so many of the last periods. Its
// name is that of its playbook in infra/playbooks.
type alarm struct {
	name    string
	says    string
	metric  awscloudwatch.IMetric
	is      awscloudwatch.ComparisonOperator
	than    float64
	periods float64
	in      float64                        // how many of the periods; 0: all
	silence awscloudwatch.TreatMissingData // what it means that there are no data
}

const (
	above   = awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD
	atLeast = awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD
	below   = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD

	silenceIsFine   = awscloudwatch.TreatMissingData_NOT_BREACHING
	silenceIsNews   = awscloudwatch.TreatMissingData_MISSING // reported where data came before
	silenceIsNoNews = awscloudwatch.TreatMissingData_IGNORE
)

// newAlarms makes the alarms and a dashboard. They watch what users would notice, and
// above all what nobody would: that notices are not sent.
func (s *stack) newAlarms(gateway awsapigatewayv2.HttpApi, table awsdynamodb.TableV2) {
	m := s.newMetrics(gateway, table)
	topics := s.alarmTopics()
	for _, a := range append([]alarm{
		// That there are no data at all is not "no success" in the first hour, and is reported
		// as what it is later.
		{"remind-no-success", "No run of the reminder has succeeded for 26 hours.", orZero(m.runs)(hour()), below, 1, 26, 0, silenceIsNews},
		{"remind-overdue", "A notice has been due for more than a day.", m.overdue(minutes(15)), above, 24, 1, 0, silenceIsFine},
		// What failed waits for its next try, so not every run has a failure.
		{"remind-failed", "Notices have failed to go out twice within two hours.", m.failed(minutes(15)), above, 0, 8, 2, silenceIsFine},
		{"remind-abandoned", "Somebody could not be notified that a token expires, and will not be.", m.abandoned(minutes(15)), above, 0, 1, 0, silenceIsFine},
		{"first-use-not-recorded", "First uses of secrets could not be recorded, so rotations may not end when they should.", m.lostUses(minutes(5)), above, 0, 1, 0, silenceIsFine},
		// A program that nobody told of a revocation tries again a few times.
		{"ended-secrets", "Secrets that were revoked or rotated away are still presented.", m.endedSecrets(hour()), atLeast, 10, 1, 0, silenceIsFine},
		{"refusals-flood", "Ten tokens a second are refused.", m.denials(minutes(5)), atLeast, 3000, 2, 0, silenceIsFine},
		{"authorizer-errors", "Tokens could not be checked, so callers get 5xx.", m.authorizerErrors(minutes(5)), atLeast, 5, 1, 0, silenceIsFine},
		{"api-5xx", "The API answers with 5xx.", m.serverErrors(minutes(5)), atLeast, 5, 2, 0, silenceIsFine},
		{"table-throttles", "DynamoDB turns requests away.", m.throttles(minutes(5)), above, 0, 3, 0, silenceIsFine},
		{"mail-bounces", "One in twenty e-mails of this account bounces; at one in ten SES may stop sending.", m.bounceRate(hour()), atLeast, 0.05, 1, 0, silenceIsNoNews},
		{"mail-complaints", "One in a thousand e-mails of this account is reported as spam; at five SES may stop sending.", m.complaintRate(hour()), atLeast, 0.001, 1, 0, silenceIsNoNews},
	}, s.deadLetterAlarms()...) {
		made := awscloudwatch.NewAlarm(s.scope, jsii.String(pascal(a.name)+"Alarm"), &awscloudwatch.AlarmProps{
			AlarmName:        jsii.String(s.settings.StackName + "-" + a.name),
			AlarmDescription: jsii.String(a.says + " Playbook: infra/playbooks/" + a.name + ".md"),
			Metric:           a.metric, ComparisonOperator: a.is, Threshold: &a.than,
			EvaluationPeriods: &a.periods, DatapointsToAlarm: jsii.Number(cmp.Or(a.in, a.periods)), TreatMissingData: a.silence,
		})
		for _, topic := range topics {
			made.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
			made.AddOkAction(awscloudwatchactions.NewSnsAction(topic))
			if a.silence == silenceIsNews {
				made.AddInsufficientDataAction(awscloudwatchactions.NewSnsAction(topic))
			}
		}
		s.alarms = append(s.alarms, made)
	}
	s.newDashboard(m)
}

// deadLetterAlarms has one alarm for each queue of what went wrong.
func (s *stack) deadLetterAlarms() []alarm {
	alarms := make([]alarm, 0, len(s.queues))
	for _, q := range []struct{ name, says string }{
		{"schedule-dead-letters", "The schedule, or an urgent event, could not start the reminder."},
		{"remind-dead-letters", "Runs of the reminder failed, also when tried again."},
		{"feedback-dead-letters", "What SES said of bounced mail could not be taken in."},
		{"events-dead-letters", "Changes of tokens could not be put on the event bus."},
	} {
		waiting := s.queues[q.name].MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
			Statistic: jsii.String("Maximum"), Period: minutes(5),
		})
		alarms = append(alarms, alarm{q.name, q.says, waiting, above, 0, 1, 0, silenceIsFine})
	}
	return alarms
}

// alarmTopics are who hears of alarms: an address, a topic, both or nobody.
func (s *stack) alarmTopics() []awssns.ITopic {
	var topics []awssns.ITopic
	if s.settings.AlarmEmail != "" {
		topic := awssns.NewTopic(s.scope, jsii.String("Alarms"), &awssns.TopicProps{EnforceSSL: jsii.Bool(true)})
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&s.settings.AlarmEmail, nil))
		// A topic with a policy of its own loses the one that lets the account publish.
		topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings("sns:Publish"), Resources: &[]*string{topic.TopicArn()},
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": s.scope.Account()}},
		}))
		topics = append(topics, topic)
	}
	if s.settings.AlarmTopicARN != "" {
		topics = append(topics, awssns.Topic_FromTopicArn(s.scope, jsii.String("AlarmTopic"), &s.settings.AlarmTopicARN))
	}
	return topics
}

func minutes(n float64) awscdk.Duration { return awscdk.Duration_Minutes(&n) }
func hour() awscdk.Duration             { return minutes(60) }
