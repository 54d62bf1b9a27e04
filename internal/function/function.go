// Package function starts the Lambda functions: logger, wiring, and a clear end if the
// environment is not fit to start in.
package function

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Start builds a handler of any form that aws-lambda-go takes, and serves with it for as
// long as Lambda lets it live. If it cannot be built, the log says why and Lambda reports
// a failed start.
func Start[H any](build func(context.Context, *slog.Logger) (H, error)) {
	log := lambdacontext.NewLogger()
	handler, err := build(context.Background(), log)
	if err != nil {
		log.Error("starting", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}
