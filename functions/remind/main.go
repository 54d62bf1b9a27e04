// Command remind is the Lambda function that sends the notices that are due. Its
// event is the schedule's: the event's time decides what is due.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/config"
	"latchkey/internal/dynamo"
	"latchkey/internal/function"
	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/ses"
	"latchkey/internal/token"
)

func main() { function.Start(build) }

func build(
	_ context.Context, log *slog.Logger,
) (func(context.Context, events.CloudWatchEvent) (reminder.Result, error), error) {
	c, err := config.Load[config.Remind]()
	if err != nil {
		return nil, err
	}
	schedule, err := notice.NewSchedule(c.NoticeDays)
	if err != nil {
		return nil, err
	}
	composer, err := mail.NewComposer(mail.Style{
		Company: c.Company, ConsoleURL: c.ConsoleURL, SupportURL: c.SupportURL, Color: c.Color,
		Intro: c.Intro, Replace: c.Replace, Support: c.Support, Closing: c.Footer,
	})
	if err != nil {
		return nil, err
	}
	store, err := dynamo.Open(c.TableName)
	if err != nil {
		return nil, err
	}
	mailer, err := ses.Open(ses.Config{
		From: c.From, ReplyTo: c.ReplyTo, ConfigurationSet: c.ConfigurationSet, PerSecond: c.SendRate,
	})
	if err != nil {
		return nil, err
	}
	r, err := reminder.New(reminder.Config{
		Queue: store, Mailer: mailer, Composer: composer, Schedule: schedule,
		Shards: dynamo.Shards, MaxWrites: dynamo.MaxWrites,
		AdminsSeenWithin: time.Duration(c.AdminsSeenWithinDays) * 24 * time.Hour, AllowFuture: c.AllowFutureSchedule,
		Now: time.Now, Log: log,
		NewID: func(at time.Time) (token.ID, error) { return token.NewID(at, rand.Reader) },
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e events.CloudWatchEvent) (reminder.Result, error) {
		return r.Handle(ctx, e.Time)
	}, nil
}
