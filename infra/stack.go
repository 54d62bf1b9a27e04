package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// stack is one deployment while it is put together.
type stack struct {
	scope     awscdk.Stack
	settings  Settings
	builds    string     // folder of <goarch>/<function>/bootstrap
	tableKey  awskms.Key // nil: AWS manages it
	functions map[string]awslambda.Function
	logs      map[string]awslogs.LogGroup // of functions, by their names
	queues    map[string]awssqs.Queue     // of what went wrong, by their alarms' names
	alarms    []awscloudwatch.Alarm
}

// newStack adds a deployment to an app. The binaries must have been built.
func newStack(app constructs.Construct, settings Settings, builds string) (awscdk.Stack, error) {
	s := &stack{
		scope: awscdk.NewStack(app, &settings.StackName, &awscdk.StackProps{
			Description: jsii.String("Latchkey: API tokens that expire, and notices before they do"),
		}),
		settings: settings, builds: builds,
		functions: map[string]awslambda.Function{}, logs: map[string]awslogs.LogGroup{}, queues: map[string]awssqs.Queue{},
	}
	for _, w := range settings.warnings() {
		awscdk.Annotations_Of(s.scope).AddWarningV2(jsii.String("latchkey:"+w.setting), jsii.String(w.says))
	}

	if settings.SAM {
		s.refuseDeployment()
	}
	table := s.newTable()
	s.newEvents(table)
	gateway := s.newGateway()
	people := s.newSignIn(s.consoleURL(gateway))
	mail := s.newMail()
	err := s.newFunctions(s.workedOut(table, people, mail, s.consoleURL(gateway)), s.targets(table, mail))
	if err != nil {
		return nil, err
	}
	s.addRoutes(gateway, people)
	schedule := s.newSchedule()
	s.newUrgentStart(table)
	s.newFeedback(mail)
	s.newAlarms(gateway, table)

	s.output("ApiUrl", gateway.ApiEndpoint())
	s.output("ConsoleUrl", s.consoleURL(gateway))
	s.output("Issuer", people.issuer)
	s.output("ClientId", people.clientID)
	s.output("TableName", table.TableName())
	s.output("AuthorizeFunctionArn", s.functions["authorize"].FunctionArn())
	s.output("RemindFunction", s.functions["remind"].FunctionName())
	s.output("ScheduleName", schedule.ScheduleName())
	if people.pool != nil {
		s.output("UserPoolId", people.pool.UserPoolId())
		s.output("CognitoDomain", people.domain)
	}
	return s.scope, nil
}

// refuseDeployment makes a template that AWS refuses and SAM takes: SAM knows no rules
// about parameters, CloudFormation checks them before it makes anything.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
func (s *stack) refuseDeployment() {
	runsOn := awscdk.NewCfnParameter(s.scope, jsii.String("RunsOn"), &awscdk.CfnParameterProps{
		Description: jsii.String("What this template is for"), Default: jsii.String("sam"), AllowedValues: jsii.Strings("sam"),
	})
	awscdk.NewCfnRule(s.scope, jsii.String("NotOnAWS"), &awscdk.CfnRuleProps{
		Assertions: &[]*awscdk.CfnRuleAssertion{{
			Assert:            awscdk.Fn_ConditionEquals(runsOn.ValueAsString(), jsii.String("aws")),
			AssertDescription: jsii.String("This template is for sam local: it has a fixed table name and endpoints of this machine. Leave the setting sam out to deploy."),
		}},
	})
}

// output shows a value after the deployment. The construct's own id keeps clear of
// those of resources.
func (s *stack) output(name string, value *string) {
	awscdk.NewCfnOutput(s.scope, jsii.String(name+"Output"), &awscdk.CfnOutputProps{Value: value}).
		OverrideLogicalId(jsii.String(name))
}

// removal is what becomes of data when the stack goes.
func (s *stack) removal() awscdk.RemovalPolicy {
	if s.settings.destroy() {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN
}

// keptOnceMade is what becomes of things that need not outlive a first deployment that
// failed: they would be in the way of the next.
func (s *stack) keptOnceMade() awscdk.RemovalPolicy {
	if s.settings.destroy() {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
}

// newLogs makes a log group that forgets. Logs go with the stack: what must last is in
// the table's audit trail. CloudFormation names it if nobody does.
func (s *stack) newLogs(id string, name *string) awslogs.LogGroup {
	return awslogs.NewLogGroup(s.scope, &id, &awslogs.LogGroupProps{
		LogGroupName: name, Retention: retentions[s.settings.LogRetentionDays], RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

// newQueue makes a queue for what went wrong, with an alarm of the same name. Messages
// may hold people's addresses, so they are encrypted and kept for two weeks at most.
func (s *stack) newQueue(id, alarm string) awssqs.Queue {
	queue := awssqs.NewQueue(s.scope, &id, &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED, EnforceSSL: jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
	})
	s.queues[alarm] = queue
	return queue
}
