package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// newDashboard shows on one page what the alarms look at.
func (s *stack) newDashboard(m metrics) {
	states := make([]awscloudwatch.IAlarm, 0, len(s.alarms))
	for _, a := range s.alarms {
		states = append(states, a)
	}
	// CloudFormation names it: names of dashboards are one to an account, over all Regions.
	dashboard := awscloudwatch.NewDashboard(s.scope, jsii.String("Dashboard"), nil)
	dashboard.AddWidgets(awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title: jsii.String("Alarms"), Alarms: &states, Width: jsii.Number(24),
	}))
	dashboard.AddWidgets(
		graph("Notices", m.due(hour()), m.sent(hour()), m.failed(hour())),
		graph("Oldest overdue notice, hours", m.overdue(hour())),
		graph("Runs of the reminder", m.runs(hour())),
	)
	dashboard.AddWidgets(
		graph("Requests", m.requests(minutes(5)), m.serverErrors(minutes(5))),
		graph("Refusals, by reason", m.reasons(minutes(5))),
		graph("Errors of the authorizer, first uses not recorded", m.authorizerErrors(minutes(5)), m.lostUses(minutes(5))),
	)
	dashboard.AddWidgets(
		graph("Bounces and complaints, share", m.bounceRate(hour()), m.complaintRate(hour())),
	)
}

func graph(title string, shown ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: &title, Left: &shown, Width: jsii.Number(8), Height: jsii.Number(6),
	})
}
