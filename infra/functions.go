package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/config"
)

// newFunctions makes every function with its own role and its own logs.
func (s *stack) newFunctions(workedOut map[string]*string, targets map[string]target) error {
	var faults []error
	for _, function := range config.Functions() {
		code := filepath.Join(s.builds, s.settings.buildArchitecture(), function.Name)
		environment, err := environmentOf(function, s.settings.chosen, workedOut)
		if _, missing := os.Stat(filepath.Join(code, "bootstrap")); missing != nil {
			err = errors.Join(err, fmt.Errorf("%s: no binary in %s: run `make build ARCH=%s` first",
				function.Name, code, s.settings.buildArchitecture()))
		}
		granted, unknown := s.statements(function.Name, targets)
		if err = errors.Join(err, unknown); err != nil {
			faults = append(faults, err)
			continue
		}
		s.newFunction(function, code, environment, granted)
	}
	return errors.Join(faults...)
}

func (s *stack) newFunction(
	function config.Function, code string, environment map[string]*string, granted []awsiam.PolicyStatement,
) {
	logs := s.newLogs(pascal(function.Name)+"Logs", nil)
	role := awsiam.NewRole(s.scope, jsii.String(pascal(function.Name)+"Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
	})
	logs.GrantWrite(role)
	for _, statement := range granted {
		role.AddToPrincipalPolicy(statement)
	}
	var reserved *float64
	if function.Name == "authorize" && s.settings.ReservedConcurrency > 0 {
		reserved = jsii.Number(s.settings.ReservedConcurrency)
	}
	// The construct's id is the function's bare name: SAM knows functions by it.
	s.functions[function.Name] = awslambda.NewFunction(s.scope, jsii.String(function.Name), &awslambda.FunctionProps{
		Runtime: awslambda.Runtime_PROVIDED_AL2023(), Handler: jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(code), nil),
		Architecture: architectures[s.settings.lambdaArchitecture()](),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(function.Timeout.Seconds())),
		MemorySize:   jsii.Number(function.MemoryMB),
		Environment:  &environment,
		Role:         role, LogGroup: logs, LoggingFormat: awslambda.LoggingFormat_JSON,
		// Without Lambda's own lines for each call that went well: three times what ours take.
		SystemLogLevelV2:             awslambda.SystemLogLevel_WARN,
		ReservedConcurrentExecutions: reserved,
	})
	s.logs[function.Name] = logs
}

var architectures = map[string]func() awslambda.Architecture{
	"arm64": awslambda.Architecture_ARM_64, "x86_64": awslambda.Architecture_X86_64,
}

// environmentOf picks what a function reads: what the stack works out, or else what is
// chosen. What is neither is left to the function's default.
func environmentOf(function config.Function, chosen map[string]string, workedOut map[string]*string) (map[string]*string, error) {
	reads, err := function.Variables()
	if err != nil {
		return nil, err
	}
	var faults []error
	environment := map[string]*string{}
	for _, variable := range reads {
		value, known := workedOut[variable.Name]
		if text, isChosen := chosen[variable.Setting]; !known && isChosen {
			value = &text
		}
		switch {
		case value != nil && *value != "":
			environment[variable.Name] = value
		case !known && variable.Setting == "":
			faults = append(faults, fmt.Errorf("%s reads %s, which is no setting and which the stack does not work out", function.Name, variable.Name))
		case variable.Required:
			faults = append(faults, fmt.Errorf("%s needs a value for %s", function.Name, variable.Name))
		}
	}
	for name, value := range workedOut {
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL_") {
			environment[name] = value
		}
	}
	return environment, errors.Join(faults...)
}

// workedOut holds the environment variables whose values the stack knows better than the
// settings.
func (s *stack) workedOut(table awsdynamodb.TableV2, people signIn, m mailing, consoleURL *string) map[string]*string {
	variables := map[string]*string{
		"TABLE_NAME":            table.TableName(),
		"CONSOLE_URL":           consoleURL,
		"SES_CONFIGURATION_SET": m.configurationSet,
		"OIDC_ISSUER":           people.issuer,
		"OIDC_CLIENT_ID":        people.clientID,
		"CONNECT_ORIGINS":       joined(people.origins),
	}
	if people.logoutURL != nil {
		variables["OIDC_LOGOUT_URL"] = people.logoutURL
	}
	if s.settings.SAM {
		// SAM hands over only what the template declares; --env-vars changes the values.
		variables["TABLE_NAME"] = jsii.String("latchkey")
		variables["DENIAL"] = jsii.String("forbidden")
		variables["ALLOW_FUTURE_SCHEDULE"] = jsii.String("true") // its events are of far ahead
		variables["AWS_ENDPOINT_URL_DYNAMODB"] = jsii.String("http://host.docker.internal:8000")
		variables["AWS_ENDPOINT_URL_SESV2"] = jsii.String("http://host.docker.internal:8005")
	}
	return variables
}

func joined(items []*string) *string {
	written := make([]string, 0, len(items))
	for _, item := range items {
		written = append(written, *item)
	}
	return jsii.String(strings.Join(written, ","))
}
