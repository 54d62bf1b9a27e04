package main

import (
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
	runs, due, sent, failed, givenUp, overdue metric // of the reminder
	authorizerErrors, denials                 metric
	requests, serverErrors                    metric
	throttles                                 metric
	bounceRate, complaintRate                 metric
}

// newMetrics makes metrics of the functions' logs and finds those that AWS keeps.
func (s *stack) newMetrics(gateway awsapigatewayv2.HttpApi, table awsdynamodb.TableV2) metrics {
	finished := awslogs.FilterPattern_StringValue(jsii.String("$.message"), jsii.String("="), jsii.String("run finished"))
	decision := func(outcome string) awslogs.IFilterPattern {
		return awslogs.FilterPattern_All(
			awslogs.FilterPattern_StringValue(jsii.String("$.message"), jsii.String("="), jsii.String("decision")),
			awslogs.FilterPattern_StringValue(jsii.String("$.outcome"), jsii.String("="), jsii.String(outcome)))
	}
	return metrics{
		runs:    s.fromLogs("remind", "RemindRuns", finished, "1", "Sum"),
		due:     s.fromLogs("remind", "NoticesDue", finished, "$.due", "Sum"),
		sent:    s.fromLogs("remind", "NoticesSent", finished, "$.sent", "Sum"),
		failed:  s.fromLogs("remind", "NoticesFailed", finished, "$.failed", "Sum"),
		givenUp: s.fromLogs("remind", "NoticesGivenUp", finished, "$.given_up", "Sum"),
		overdue: s.fromLogs("remind", "OldestOverdueHours", finished, "$.oldest_overdue_hours", "Maximum"),
		// Lambda's own count of errors has every refused token in it.
		authorizerErrors: s.fromLogs("authorize", "AuthorizerErrors", decision("error"), "1", "Sum"),
		denials:          s.fromLogs("authorize", "AuthorizerDenials", decision("deny"), "1", "Sum"),
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

// fromLogs makes a metric of the log lines of a function that match.
func (s *stack) fromLogs(function, name string, pattern awslogs.IFilterPattern, value, statistic string) metric {
	filter := awslogs.NewMetricFilter(s.scope, jsii.String(name), &awslogs.MetricFilterProps{
		LogGroup: s.logs[function], FilterPattern: pattern,
		MetricNamespace: &s.settings.StackName, MetricName: &name, MetricValue: &value,
	})
	return func(period awscdk.Duration) awscloudwatch.IMetric {
		return filter.Metric(&awscloudwatch.MetricOptions{Statistic: &statistic, Period: period})
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
