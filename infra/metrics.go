package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// metric gives a metric of a period.
type metric func(period awscdk.Duration) awscloudwatch.IMetric

// metrics are what alarms and dashboard look at.
type metrics struct {
	runs, due, sent, failed, abandoned, overdue       metric // of the reminder
	authorizerErrors, denials, endedSecrets, lostUses metric
	reasons, requests, serverErrors                   metric
	throttles                                         metric
	bounceRate, complaintRate                         metric
}

// newMetrics makes metrics of the functions' logs and finds those that AWS keeps.
func (s *stack) newMetrics(gateway awsapigatewayv2.HttpApi, table awsdynamodb.TableV2) metrics {
	finished := is("$.message", "run finished")
	decision := func(outcome string, more ...awslogs.JsonPattern) awslogs.IFilterPattern {
		return awslogs.FilterPattern_All(append([]awslogs.JsonPattern{is("$.message", "decision"), is("$.outcome", outcome)}, more...)...)
	}
	return metrics{
		// A line of a run that failed counts as 0, so that there are data from the first run on.
		runs:      s.fromLogs("remind", &awslogs.MetricFilterProps{MetricName: jsii.String("RemindRuns"), FilterPattern: finished, DefaultValue: jsii.Number(0)}, "Sum"),
		due:       s.fieldOf(finished, "NoticesDue", "$.due", "Sum"),
		sent:      s.fieldOf(finished, "NoticesSent", "$.sent", "Sum"),
		failed:    s.fieldOf(finished, "NoticesFailed", "$.failed", "Sum"),
		abandoned: s.fieldOf(finished, "NoticesAbandoned", "$.abandoned", "Sum"),
		overdue:   s.fieldOf(finished, "OldestOverdueHours", "$.oldest_overdue_hours", "Maximum"),
		// Lambda's own count of errors has every refused token in it.
		authorizerErrors: s.fromLogs("authorize", &awslogs.MetricFilterProps{MetricName: jsii.String("AuthorizerErrors"), FilterPattern: decision("error")}, "Sum"),
		denials:          s.fromLogs("authorize", &awslogs.MetricFilterProps{MetricName: jsii.String("AuthorizerDenials"), FilterPattern: decision("deny")}, "Sum"),
		endedSecrets: s.fromLogs("authorize", &awslogs.MetricFilterProps{
			MetricName:    jsii.String("EndedSecretsPresented"),
			FilterPattern: decision("deny", awslogs.FilterPattern_Any(is("$.reason", "revoked"), is("$.reason", "rotated"))),
		}, "Sum"),
		lostUses: s.fromLogs("authorize", &awslogs.MetricFilterProps{
			MetricName: jsii.String("FirstUsesNotRecorded"),
			FilterPattern: awslogs.FilterPattern_All(is("$.message", "recording the use of a token"),
				awslogs.FilterPattern_BooleanValue(jsii.String("$.first_use"), jsii.Bool(true))),
		}, "Sum"),
		reasons: s.refusalsByReason(decision("deny")),
		requests: func(period awscdk.Duration) awscloudwatch.IMetric {
			return gateway.MetricCount(&awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: period})
		},
		serverErrors: func(period awscdk.Duration) awscloudwatch.IMetric {
			return gateway.MetricServerError(&awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: period})
		},
		throttles:     throttles(table),
		bounceRate:    reputation("Reputation.BounceRate"),
		complaintRate: reputation("Reputation.ComplaintRate"),
	}
}

// is matches log lines of which a field has a value.
func is(field, value string) awslogs.JsonPattern {
	return awslogs.FilterPattern_StringValue(&field, jsii.String("="), &value)
}

// fieldOf makes a metric of a number in the reminder's log lines that match.
func (s *stack) fieldOf(pattern awslogs.IFilterPattern, name, field, statistic string) metric {
	return s.fromLogs("remind", &awslogs.MetricFilterProps{MetricName: &name, FilterPattern: pattern, MetricValue: &field}, statistic)
}

// fromLogs makes a metric of the log lines of a function that match.
func (s *stack) fromLogs(function string, props *awslogs.MetricFilterProps, statistic string) metric {
	props.LogGroup, props.MetricNamespace = s.logs[function], &s.settings.StackName
	filter := awslogs.NewMetricFilter(s.scope, props.MetricName, props)
	return func(period awscdk.Duration) awscloudwatch.IMetric {
		return filter.Metric(&awscloudwatch.MetricOptions{Statistic: &statistic, Period: period})
	}
}

// refusalsByReason counts refusals for each reason that the authorizer's log has, and
// shows those that there are.
func (s *stack) refusalsByReason(refused awslogs.IFilterPattern) metric {
	s.fromLogs("authorize", &awslogs.MetricFilterProps{
		MetricName: jsii.String("Refusals"), FilterPattern: refused, Dimensions: &map[string]*string{"Reason": jsii.String("$.reason")},
	}, "Sum")
	return func(period awscdk.Duration) awscloudwatch.IMetric {
		search := fmt.Sprintf(`SEARCH('{"%s",Reason} MetricName="Refusals"', 'Sum', %.0f)`, s.settings.StackName, *period.ToSeconds(nil))
		return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: &search, Label: jsii.String("${PROP('Dim.Reason')}"), Period: period,
		})
	}
}

// orZero is a metric whose periods without data count as 0. CloudWatch would look for data
// further back, and notice late that none have come.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func orZero(m metric) metric {
	return func(period awscdk.Duration) awscloudwatch.IMetric {
		return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: jsii.String("FILL(counted, 0)"), Period: period,
			UsingMetrics: &map[string]awscloudwatch.IMetric{"counted": m(period)},
		})
	}
}

// throttles counts reads and writes that the table turned away. Those of its indexes
// show in the table's writes.
func throttles(table awsdynamodb.TableV2) metric {
	return func(period awscdk.Duration) awscloudwatch.IMetric {
		of := func(name string) awscloudwatch.IMetric {
			return table.Metric(jsii.String(name), &awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: period})
		}
		return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: jsii.String("FILL(reads, 0) + FILL(writes, 0)"), Label: jsii.String("throttled requests"), Period: period,
			UsingMetrics: &map[string]awscloudwatch.IMetric{"reads": of("ReadThrottleEvents"), "writes": of("WriteThrottleEvents")},
		})
	}
}

// reputation is the account's standing with SES, whoever in it sends: SES stops the
// account, not a sender. https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-cloudwatch-alarm.html
func reputation(name string) metric {
	return func(period awscdk.Duration) awscloudwatch.IMetric {
		return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: jsii.String("AWS/SES"), MetricName: &name, Statistic: jsii.String("Average"), Period: period,
		})
	}
}
