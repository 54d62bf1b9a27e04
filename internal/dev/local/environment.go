package local

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/dev/local/issuer"
	"latchkey/internal/dev/local/lambda"
)

// Names of functions that are started by something else than a route.
const (
	authorizerFunction = "authorize"
	reminderFunction   = "remind"
)

// environment is what the local run sets, whichever function reads it. Everything else
// has its default.
func (s *System) environment() map[string]string {
	variables := map[string]string{
		"TABLE_NAME":         s.config.TableName,
		"SCOPES":             "read,write",
		"COMPANY_NAME":       "Acme Cloud",
		"SUPPORT_URL":        "https://acme.example/support",
		"MAIL_FROM":          "Acme API <no-reply@latchkey.example>",
		"CONSOLE_URL":        s.url + "/",
		"OIDC_ISSUER":        s.issuerURL,
		"OIDC_CLIENT_ID":     issuer.ClientID,
		"CONNECT_ORIGINS":    s.issuerURL,
		"SCOPE_DESCRIPTIONS": "read See everything, and change nothing;write Make, change and delete",
		// Developers see today what will be sent some day.
		"ALLOW_FUTURE_SCHEDULE": "true",
	}
	maps.Copy(variables, s.config.Environment)
	return variables
}

// functions describes every function to the Lambda service. Each gets only the variables
// that it declares, as on AWS, and the endpoints of the local servers, which the AWS SDK
// reads.
func (s *System) functions() ([]lambda.Function, error) {
	values := s.environment()
	var functions []lambda.Function
	for _, f := range config.Functions() {
		declared, err := f.Variables()
		if err != nil {
			return nil, err
		}
		environment := map[string]string{
			"AWS_ENDPOINT_URL_DYNAMODB": s.dynamoDBEndpoint,
			"AWS_ENDPOINT_URL_SESV2":    s.sesEndpoint,
			"AWS_LAMBDA_LOG_LEVEL":      s.logLevel().String(),
		}
		for _, v := range declared {
			if value, ok := values[v.Name]; ok {
				environment[v.Name] = value
			} else if v.Required {
				return nil, fmt.Errorf("the local run has no value for %s, which %s needs", v.Name, f.Name)
			}
		}
		functions = append(functions, lambda.Function{
			Name: f.Name, Bootstrap: s.binary(f.Name), Timeout: f.Timeout, MemoryMB: f.MemoryMB, Environment: environment,
		})
	}
	return functions, nil
}

// checkEnvironment sees that some function reads each variable that is to be overridden.
func (s *System) checkEnvironment() error {
	unread := maps.Clone(s.config.Environment)
	for _, f := range config.Functions() {
		declared, err := f.Variables()
		if err != nil {
			return err
		}
		for _, v := range declared {
			delete(unread, v.Name)
		}
	}
	if len(unread) > 0 {
		return fmt.Errorf("no function reads %q", slices.Sorted(maps.Keys(unread)))
	}
	return nil
}

func (s *System) binary(function string) string {
	return filepath.Join(s.config.Binaries, function, "bootstrap")
}

// checkBinaries sees that what will be called has been built.
func (s *System) checkBinaries() error {
	needed := map[string]bool{authorizerFunction: true, reminderFunction: true}
	for _, route := range api.Routes() {
		needed[route.Function] = true
	}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if _, err := os.Stat(s.binary(name)); err != nil {
			return fmt.Errorf("there is no %s: run \"make build\" for this machine's architecture", s.binary(name))
		}
	}
	return nil
}
