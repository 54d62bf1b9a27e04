// Command feedback is the Lambda function that hears from SES about bounces and
// complaints.
package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/config"
	"latchkey/internal/dynamo"
	"latchkey/internal/feedback"
	"latchkey/internal/function"
)

func main() { function.Start(build) }

func build(
	_ context.Context, log *slog.Logger,
) (func(context.Context, events.CloudWatchEvent) (feedback.Result, error), error) {
	c, err := config.Load[config.Feedback]()
	if err != nil {
		return nil, err
	}
	store, err := dynamo.Open(c.TableName)
	if err != nil {
		return nil, err
	}
	h, err := feedback.New(store, time.Now, log)
	if err != nil {
		return nil, err
	}
	return h.Handle, nil
}
