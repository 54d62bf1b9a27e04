// Command authorize is the Lambda authorizer: it lets callers with a valid API token in.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"latchkey/internal/authorizer"
	"latchkey/internal/config"
	"latchkey/internal/dynamo"
	"latchkey/internal/function"
	"latchkey/internal/token"
)

func main() { function.Start(build) }

func build(_ context.Context, log *slog.Logger) (func(context.Context, json.RawMessage) (any, error), error) {
	c, err := config.Load[config.Authorize]()
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
	a, err := authorizer.New(authorizer.Config{
		Verifier: verifier, Recorder: store, Denial: authorizer.Denial(c.Denial), Networks: c.RecordNetworks, Now: time.Now, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return a.Handle, nil
}
