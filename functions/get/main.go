// Command get is the Lambda function behind GET /v1/tokens/{id}.
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
	"latchkey/internal/token"
)

func main() { function.Start(build) }

func build(ctx context.Context, log *slog.Logger) (api.Handler, error) {
	c, err := config.Load[config.Get]()
	if err != nil {
		return nil, err
	}
	claims, err := api.NewClaims(api.Claims{
		Organization: c.OrganizationClaim, Roles: c.RolesClaim, Email: c.EmailClaim, TrustEmail: c.TrustEmail, Use: c.UseToken,
	})
	if err != nil {
		return nil, err
	}
	store, err := dynamo.Open(ctx, c.TableName)
	if err != nil {
		return nil, err
	}
	manager, err := token.NewManager(token.ManagerConfig{Store: store, Now: time.Now, Random: rand.Reader})
	if err != nil {
		return nil, err
	}
	return api.Get(log, claims, manager, time.Now), nil
}
