package main

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/jsii-runtime-go"
)

// mailing is what the notices are sent with.
type mailing struct {
	configurationSet *string // name
	configurationARN *string
}

// newMail makes the sender's identity, unless SES has it, and the configuration set
// that tells of mail which did not arrive.
func (s *stack) newMail() mailing {
	set := awsses.NewConfigurationSet(s.scope, jsii.String("Mail"), &awsses.ConfigurationSetProps{
		ReputationMetrics: jsii.Bool(true), SendingEnabled: jsii.Bool(true),
		SuppressionReasons: awsses.SuppressionReasons_BOUNCES_AND_COMPLAINTS,
		TlsPolicy:          awsses.ConfigurationSetTlsPolicy_REQUIRE,
	})
	// SES can put events on no other bus than the default one.
	set.AddEventDestination(jsii.String("Feedback"), &awsses.ConfigurationSetEventDestinationOptions{
		Destination: awsses.EventDestination_EventBus(awsevents.EventBus_FromEventBusName(s.scope, jsii.String("DefaultBus"), jsii.String("default"))),
		Events: &[]awsses.EmailSendingEvent{
			awsses.EmailSendingEvent_BOUNCE, awsses.EmailSendingEvent_COMPLAINT,
			awsses.EmailSendingEvent_REJECT, awsses.EmailSendingEvent_RENDERING_FAILURE,
		},
	})
	s.newIdentity()
	return mailing{
		configurationSet: set.ConfigurationSetName(),
		configurationARN: s.arn("ses", "configuration-set", *set.ConfigurationSetName()),
	}
}

// newIdentity has SES verify the sender's domain, unless it has already.
func (s *stack) newIdentity() {
	if s.settings.MailIdentity != "" {
		return
	}
	identity := awsses.NewEmailIdentity(s.scope, jsii.String("Sender"), &awsses.EmailIdentityProps{
		Identity: awsses.Identity_Domain(jsii.String(s.settings.domain())),
	})
	// Others in the account may send with it by now. But where its first deployment fails, it
	// has to go, or the next one finds that SES has it already.
	identity.ApplyRemovalPolicy(s.keptOnceMade())
	for i, record := range *identity.DkimRecords() {
		s.output("MailDnsRecord"+strconv.Itoa(i+1), jsii.String(*record.Name+" CNAME "+*record.Value))
	}
}

// newFeedback leads what SES says of this stack's mail to the function feedback.
func (s *stack) newFeedback(m mailing) {
	feedback := s.functions["feedback"]
	dead := s.newQueue("FeedbackDeadLetters", "feedback-dead-letters")
	feedback.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		MaxEventAge: awscdk.Duration_Hours(jsii.Number(6)), RetryAttempts: jsii.Number(2),
		OnFailure: awslambdadestinations.NewSqsDestination(dead),
	})
	awsevents.NewRule(s.scope, jsii.String("FeedbackRule"), &awsevents.RuleProps{
		Description: jsii.String("Mail that was refused, bounced or complained of"),
		EventPattern: &awsevents.EventPattern{
			Source: jsii.Strings("aws.ses"),
			DetailType: jsii.Strings(
				"Email Bounced", "Email Complaint Received", "Email Rejected", "Email Rendering Failed"),
			Detail: &map[string]any{"mail": map[string]any{"tags": map[string]any{
				"ses:configuration-set": []*string{m.configurationSet},
			}}},
		},
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(feedback, &awseventstargets.LambdaFunctionProps{
			DeadLetterQueue: dead, RetryAttempts: jsii.Number(10), MaxEventAge: awscdk.Duration_Hours(jsii.Number(6)),
		})},
	})
}

// arn names a resource of this account and Region.
func (s *stack) arn(service, resource, name string) *string {
	return s.scope.FormatArn(&awscdk.ArnComponents{Service: &service, Resource: &resource, ResourceName: &name})
}
