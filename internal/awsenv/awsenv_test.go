package awsenv_test

import (
	"strings"
	"testing"

	"latchkey/internal/awsenv"
)

func TestLoad(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session",
		"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SESV2": "",
	} {
		t.Setenv(name, value)
	}
	c, err := awsenv.Load("DYNAMODB")
	if err != nil || c.Region != "eu-central-1" || c.BaseEndpoint == nil || *c.BaseEndpoint != "http://127.0.0.1:1" {
		t.Fatalf("%+v, %v", c, err)
	}
	got, err := c.Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "id" || got.SecretAccessKey != "secret" || got.SessionToken != "session" {
		t.Errorf("credentials of %q, %v", got.AccessKeyID, err)
	}
	if c, err := awsenv.Load("SESV2"); err != nil || c.BaseEndpoint != nil {
		t.Errorf("AWS's own endpoint: %v, %v", c.BaseEndpoint, err)
	}
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Run("without "+name, func(t *testing.T) {
			t.Setenv(name, "")
			if _, err := awsenv.Load("DYNAMODB"); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v", err)
			}
		})
	}
}
