package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/cxapi"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// accepted are the rules of cdk-nag that this stack breaks, and why that is right.
var accepted = map[string]string{
	"AwsSolutions-APIG4": "The console and the OpenAPI document are public; a test holds every other route to its authorizer.",
	"AwsSolutions-COG2":  "MFA is offered to everybody. Whether people must use it is the company's decision.",
	"AwsSolutions-COG3":  "Threat protection needs the Plus plan, priced by user. Passwords are long and nobody can sign up.",
	"AwsSolutions-IAM5": "Grants on CDK's part name the versions of a function as <function>:*. ses:GetAccount and " +
		"dynamodb:ListStreams know no resource. ses:SendEmail is bound by its sender. A test allows no other wildcard.",
	"AwsSolutions-SQS3": "These queues are where failures end up; they have none of their own.",
}

func suppress(stack awscdk.Stack) {
	var suppressions []*cdknag.NagPackSuppression
	for rule, reason := range accepted {
		suppressions = append(suppressions, &cdknag.NagPackSuppression{Id: jsii.String(rule), Reason: jsii.String(reason)})
	}
	cdknag.NagSuppressions_AddStackSuppressions(stack, &suppressions, nil)
}

func TestNagFindsNothing(t *testing.T) {
	for name, made := range map[string]func() (*deployment, error){"usual": usual, "unusual": unusual} {
		found := assertions.Annotations_FromStack(of(t, made).stack)
		findings := *found.FindError(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions-.*")))
		findings = append(findings, *found.FindWarning(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions-.*|CdkNag.*")))...)
		for _, finding := range findings {
			t.Errorf("%s: %s: %v", name, *finding.Id, finding.Entry.Data)
		}
	}
}

// What is easily overlooked, and easily set: with --strict nothing is deployed before.
func TestOversightsAreWarnedOf(t *testing.T) {
	for name, c := range map[string]struct {
		made func() (*deployment, error)
		want []string
	}{
		"as in cdk.json": {usual, []string{"mailFrom is still an example", "tokenPrefix is not chosen", "Nobody hears of alarms"}},
		"all chosen":     {unusual, []string{"rights is plain"}},
		"for sam local":  {local, nil},
	} {
		found := *assertions.Annotations_FromStack(of(t, c.made).stack).FindWarning(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String(".*ack: latchkey:.*")))
		for _, want := range c.want {
			if !slices.ContainsFunc(found, func(m *cxapi.SynthesisMessage) bool { return strings.HasPrefix(fmt.Sprint(m.Entry.Data), want) }) {
				t.Errorf("%s: no warning that %s", name, want)
			}
		}
		if len(found) != len(c.want) {
			t.Errorf("%s: %d warnings, want %d", name, len(found), len(c.want))
		}
	}
	// Written down, the defaults are a choice.
	s, err := parseSettings(map[string]any{"mailFrom": "tokens@acme.test", "tokenPrefix": "lk", "alarmEmail": ""})
	if err != nil || len(s.warnings()) != 0 {
		t.Errorf("warnings %v, error %v", s.warnings(), err)
	}
}
