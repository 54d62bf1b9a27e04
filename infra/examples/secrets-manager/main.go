// Command secrets-manager is a Lambda function by which AWS Secrets Manager rotates a secret
// that holds an API token, by having the token replace itself.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func main() {
	r, err := build(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(r.handle)
}

func build(ctx context.Context) (*rotator, error) {
	url := strings.TrimSuffix(os.Getenv("LATCHKEY_URL"), "/")
	if !strings.HasPrefix(url, "https://") {
		return nil, fmt.Errorf("the environment variable LATCHKEY_URL, %q, is not an https address", url)
	}
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the configuration: %w", err)
	}
	return &rotator{
		secrets: secretsmanager.NewFromConfig(c), http: &http.Client{Timeout: 20 * time.Second},
		url: url, log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}, nil
}
