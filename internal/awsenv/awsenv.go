// Package awsenv configures clients of AWS from what Lambda puts into a function's
// environment, and from nothing else. The SDK's own loader also knows profiles, single
// sign-on and metadata services, which cost a function memory and time at each start.
package awsenv

import (
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Load reads the Region and the credentials from AWS_REGION, AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and the address of a server other than AWS's
// from AWS_ENDPOINT_URL_<service>, such as DYNAMODB.
func Load(service string) (aws.Config, error) {
	region, id, secret := os.Getenv("AWS_REGION"), os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	if region == "" || id == "" || secret == "" {
		return aws.Config{}, errors.New("AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are required")
	}
	c := aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(id, secret, os.Getenv("AWS_SESSION_TOKEN")),
	}
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_" + service); endpoint != "" {
		c.BaseEndpoint = &endpoint
	}
	return c, nil
}
