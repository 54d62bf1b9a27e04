// Command probe is a Lambda function that does what its event says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do    string
	Text  string
	Hours int
}

type result struct {
	Text      string
	PID       int
	Seconds   float64 // left until the deadline
	RequestID string
	Variables []string
}

type rejected struct{}

func (rejected) Error() string { return "not today" }

func handle(ctx context.Context, e event) (result, error) {
	deadline, _ := ctx.Deadline()
	lc, _ := lambdacontext.FromContext(ctx)
	r := result{Text: e.Text, PID: os.Getpid(), Seconds: time.Until(deadline).Seconds(), RequestID: lc.AwsRequestID}
	switch e.Do {
	case "fail":
		return r, errors.New(e.Text)
	case "reject":
		return r, rejected{}
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Duration(e.Hours) * time.Hour)
	case "grow":
		r.Text = strings.Repeat("x", 7<<20)
	case "environment":
		r.Variables = os.Environ()
	case "meet":
		return r, meet(e.Text)
	}
	return r, nil
}

// meet makes a file of its own in the folder and waits until there are two: only
// processes that run at the same time meet.
func meet(folder string) error {
	if err := os.WriteFile(fmt.Sprintf("%s/%d", folder, os.Getpid()), nil, 0o600); err != nil {
		return err
	}
	for {
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) >= 2 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func main() {
	if os.Getenv("REFUSE_TO_START") != "" {
		fmt.Println("no configuration")
		os.Exit(1)
	}
	lambda.Start(handle)
}
