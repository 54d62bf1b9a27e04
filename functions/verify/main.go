// Command verify is the Lambda function behind GET /v1/whoami.
package main

import (
	"context"
	"log/slog"
	"time"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/dynamo"
	"latchkey/internal/function"
	"latchkey/internal/token"
)

func main() { function.Start(build) }

func build(_ context.Context, log *slog.Logger) (api.Handler, error) {
	c, err := config.Load[config.Verify]()
	if err != nil {
		return nil, err
	}
	store, err := dynamo.Open(c.TableName)
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(store, token.Prefix(c.Prefix), time.Now)
	if err != nil {
		return nil, err
	}
	return api.Verify(log, verifier, store, time.Now), nil
}
