package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awspipes"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/dynamo"
)

// newEvents puts each audit entry on the account's default bus. The entry is written in
// the transaction that it records, so an event is sent if and only if the change
// happened; the pipe sends it at least once.
func (s *stack) newEvents(table awsdynamodb.TableV2) {
	bus := s.arn("events", "event-bus", "default")
	failures := s.newQueue("EventFailures", "events-dead-letters")
	role := awsiam.NewRole(s.scope, jsii.String("EventsRole"), &awsiam.RoleProps{
		Description: jsii.String("Takes audit entries from the table's stream to EventBridge"),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("pipes.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": s.scope.Account()}},
		}),
	})
	grant := func(resource *string, actions ...string) {
		role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(actions...), Resources: &[]*string{resource},
		}))
	}
	grant(jsii.String("*"), "dynamodb:ListStreams") // knows no resource
	grant(table.TableStreamArn(), "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
	grant(bus, "events:PutEvents")
	grant(failures.QueueArn(), "sqs:SendMessage")
	if s.tableKey != nil {
		grant(s.tableKey.KeyArn(), "kms:Decrypt")
	}
	pipe := awspipes.NewCfnPipe(s.scope, jsii.String("Events"), &awspipes.CfnPipeProps{
		Description: jsii.String("Audit entries as events"),
		RoleArn:     role.RoleArn(),
		Source:      table.TableStreamArn(),
		SourceParameters: &awspipes.CfnPipe_PipeSourceParametersProperty{
			DynamoDbStreamParameters: &awspipes.CfnPipe_PipeSourceDynamoDBStreamParametersProperty{
				StartingPosition: jsii.String("TRIM_HORIZON"),
				BatchSize:        jsii.Number(10),
				DeadLetterConfig: &awspipes.CfnPipe_DeadLetterConfigProperty{Arn: failures.QueueArn()},
				// For as long as the stream keeps records; a poisonous one is found by halving.
				MaximumRecordAgeInSeconds: jsii.Number(-1), MaximumRetryAttempts: jsii.Number(185),
				OnPartialBatchItemFailure: jsii.String("AUTOMATIC_BISECT"),
			},
			FilterCriteria: &awspipes.CfnPipe_FilterCriteriaProperty{
				Filters: []any{&awspipes.CfnPipe_FilterProperty{Pattern: jsii.String(dynamo.EventFilter)}},
			},
		},
		Target: bus,
		TargetParameters: &awspipes.CfnPipe_PipeTargetParametersProperty{
			EventBridgeEventBusParameters: &awspipes.CfnPipe_PipeTargetEventBridgeEventBusParametersProperty{
				Source: jsii.String(dynamo.EventSource), DetailType: jsii.String(dynamo.EventType),
				Resources: &[]*string{table.TableArn()}, // tells the events of several deployments apart
			},
			InputTemplate: jsii.String(dynamo.EventDetail),
		},
	})
	// A pipe checks its role when it is made.
	pipe.Node().AddDependency(role)
}

// newUrgentStart starts the reminder at once for events whose notices cannot wait for the
// schedule. What gets lost on the way the schedule catches up with: the notice itself is
// in the table.
func (s *stack) newUrgentStart(table awsdynamodb.TableV2) {
	awsevents.NewRule(s.scope, jsii.String("UrgentRule"), &awsevents.RuleProps{
		Description: jsii.String("Changes of which somebody is notified within a minute"),
		EventPattern: &awsevents.EventPattern{
			Source: jsii.Strings(dynamo.EventSource), DetailType: jsii.Strings(dynamo.UrgentEvents()...),
			Resources: &[]*string{table.TableArn()},
		},
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(s.functions["remind"], &awseventstargets.LambdaFunctionProps{
			DeadLetterQueue: s.queues["schedule-dead-letters"], RetryAttempts: jsii.Number(startAttempts), MaxEventAge: quarter(),
		})},
	})
}
