// Command issue is the Lambda function behind POST /v1/tokens.
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
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

func main() { function.Start(build) }

func build(_ context.Context, log *slog.Logger) (api.Handler, error) {
	c, err := config.Load[config.Issue]()
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
	schedule, err := notice.NewSchedule(c.NoticeDays)
	if err != nil {
		return nil, err
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Store: store, Prefix: token.Prefix(c.Prefix), NotifyOn: schedule.First, MaxActive: c.MaxActive, MaxDaily: c.MaxDaily,
		RetentionDays: c.RetentionDays, Scopes: c.Scopes, Now: time.Now, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	return api.Issue(log, claims, issuer), nil
}
