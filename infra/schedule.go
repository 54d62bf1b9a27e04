package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsschedulertargets"
	"github.com/aws/jsii-runtime-go"
)

// everyQuarter runs the day's notices at 00:05 UTC and follows up every 15 minutes. A
// run with nothing to do is 16 queries that find nothing.
const everyQuarter = "cron(5/15 * * * ? *)"

// scheduledEvent has the shape of EventBridge's own scheduled events, so that the
// function takes both. EventBridge Scheduler fills in what stands in angle brackets.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
var scheduledEvent = map[string]any{
	"version":     "0",
	"id":          "<aws.scheduler.execution-id>",
	"detail-type": "Scheduled Event",
	"source":      "aws.scheduler",
	"time":        "<aws.scheduler.scheduled-time>",
	"resources":   []string{"<aws.scheduler.schedule-arn>"},
	"detail":      map[string]any{},
}

// startAttempts is how often an event is handed to the reminder before it counts as lost.
const startAttempts = 10

// quarter is how long an event for the reminder is worth delivering: then the schedule has
// the next one.
func quarter() awscdk.Duration { return minutes(15) }

// newSchedule runs the reminder. There are two ways to fail and a queue for each: the
// scheduler cannot deliver the event, or Lambda took it and the function failed.
func (s *stack) newSchedule() awsscheduler.Schedule {
	remind := s.functions["remind"]
	remind.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		MaxEventAge: quarter(), RetryAttempts: jsii.Number(1),
		OnFailure: awslambdadestinations.NewSqsDestination(s.newQueue("RemindFailures", "remind-dead-letters")),
	})
	return awsscheduler.NewSchedule(s.scope, jsii.String("Schedule"), &awsscheduler.ScheduleProps{
		Description: jsii.String("Sends the notices that are due"),
		Schedule:    awsscheduler.ScheduleExpression_Expression(jsii.String(everyQuarter), awscdk.TimeZone_ETC_UTC()),
		Target: awsschedulertargets.NewLambdaInvoke(remind, &awsschedulertargets.ScheduleTargetBaseProps{
			Input:         awsscheduler.ScheduleTargetInput_FromObject(scheduledEvent),
			RetryAttempts: jsii.Number(startAttempts), MaxEventAge: quarter(),
			DeadLetterQueue: s.newQueue("ScheduleDeadLetters", "schedule-dead-letters"),
		}),
	})
}
