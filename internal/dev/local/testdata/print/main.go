// Command print is a Lambda function that prints its event.
package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(_ context.Context, event json.RawMessage) error {
		fmt.Println(string(event))
		return nil
	})
}
