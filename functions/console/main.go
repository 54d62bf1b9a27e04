// Command console is the Lambda function that serves the page on which people manage
// their API keys, and the OpenAPI document.
package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/console"
	"latchkey/internal/function"
)

func main() { function.Start(build) }

func build(context.Context, *slog.Logger) (
	func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error), error,
) {
	settings, err := config.Load[config.Console]()
	if err != nil {
		return nil, err
	}
	c, err := console.New(console.Config{Settings: settings, OpenAPI: api.OpenAPI})
	if err != nil {
		return nil, err
	}
	return c.Handle, nil
}
