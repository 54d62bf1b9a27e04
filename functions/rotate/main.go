// Command rotate is the Lambda function behind the routes that replace secrets.
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
	c, err := config.Load[config.Rotate]()
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
	rotator, err := token.NewRotator(token.RotatorConfig{
		Store: store, Prefix: token.Prefix(c.Prefix), NotifyOn: schedule.First, RetentionDays: c.RetentionDays,
		Now: time.Now, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	self, err := token.NewSelfRotator(rotator, store, time.Duration(c.AdminsSeenWithinDays)*24*time.Hour)
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(store, token.Prefix(c.Prefix), time.Now)
	if err != nil {
		return nil, err
	}
	return api.Rotate(log, claims, verifier, self, store, time.Now), nil
}
