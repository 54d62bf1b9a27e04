// Command whoami is the Lambda function behind GET /v1/whoami.
package main

import (
	"context"
	"log/slog"
	"time"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/dynamo"
	"latchkey/internal/function"
)

func main() { function.Start(build) }

func build(ctx context.Context, log *slog.Logger) (api.Handler, error) {
	c, err := config.Load[config.Whoami]()
	if err != nil {
		return nil, err
	}
	store, err := dynamo.Open(ctx, c.TableName)
	if err != nil {
		return nil, err
	}
	return api.Whoami(log, store, time.Now), nil
}
