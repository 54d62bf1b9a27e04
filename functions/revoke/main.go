// Command revoke is the Lambda function behind POST /v1/tokens/{id}/revoke.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/dynamo"
	"latchkey/internal/function"
	"latchkey/internal/text"
	"latchkey/internal/token"
)

func main() { function.Start(build) }

func build(_ context.Context, log *slog.Logger) (api.Handler, error) {
	c, err := config.Load[config.Revoke]()
	if err != nil {
		return nil, err
	}
	claims, err := api.NewClaims(api.Claims(c.Person))
	if err != nil {
		return nil, err
	}
	store, err := dynamo.Open(c.TableName)
	if err != nil {
		return nil, err
	}
	manager, err := token.NewManager(token.ManagerConfig{Store: store, Fold: text.Fold, Now: time.Now, Random: rand.Reader})
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(store, token.Prefix(c.Prefix), time.Now)
	if err != nil {
		return nil, err
	}
	return api.Revoke(log, claims, verifier, manager, store, time.Now), nil
}
