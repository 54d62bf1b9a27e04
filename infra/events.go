package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awspipes"
	"github.com/aws/jsii-runtime-go"
)

// eventSource is the source of our events on the bus.
const eventSource = "latchkey"

// auditInserts picks new audit entries from the table's stream, and nothing else of it.
const auditInserts = `{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "AUDIT#"}]}}}}`

// eventDetail makes an event of an audit entry. What stands in angle brackets is filled
// in as JSON, so it is not in quotes.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
const eventDetail = `{` +
	`"id": <$.dynamodb.NewImage.sk.S>, ` +
	`"org_id": <$.dynamodb.NewImage.org_id.S>, ` +
	`"at": <$.dynamodb.NewImage.at.S>, ` +
	`"actor": <$.dynamodb.NewImage.actor.S>, ` +
	`"token_id": <$.dynamodb.NewImage.token_id.S>, ` +
	`"token_name": <$.dynamodb.NewImage.token_name.S>, ` +
	`"expires_on": <$.dynamodb.NewImage.expires_on.S>, ` +
	`"detail": <$.dynamodb.NewImage.detail.S>` +
	`}`

// eventType takes an event's detail type from the audit entry, such as token.expiring.
const eventType = "$.dynamodb.NewImage.action.S"

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
				Filters: []any{&awspipes.CfnPipe_FilterProperty{Pattern: jsii.String(auditInserts)}},
			},
		},
		Target: bus,
		TargetParameters: &awspipes.CfnPipe_PipeTargetParametersProperty{
			EventBridgeEventBusParameters: &awspipes.CfnPipe_PipeTargetEventBridgeEventBusParametersProperty{
				Source: jsii.String(eventSource), DetailType: jsii.String(eventType),
			},
			InputTemplate: jsii.String(eventDetail),
		},
	})
	// A pipe checks its role when it is made.
	pipe.Node().AddDependency(role)
}
