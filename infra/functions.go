package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/config"
)

// newFunctions makes every function with its own role and its own logs.
func (s *stack) newFunctions(variables map[string]*string, targets map[string]target) error {
	var faults []error
	for _, function := range config.Functions() {
		code := filepath.Join(s.builds, s.settings.buildArchitecture(), function.Name)
		environment, err := environmentOf(function, variables)
		if _, missing := os.Stat(filepath.Join(code, "bootstrap")); missing != nil {
			err = errors.Join(err, fmt.Errorf("%s: no binary in %s: run `make build ARCH=%s` first",
				function.Name, code, s.settings.buildArchitecture()))
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		s.newFunction(function, code, environment, statements(function.Name, targets))
	}
	return errors.Join(faults...)
}

func (s *stack) newFunction(
	function config.Function, code string, environment map[string]*string, granted []awsiam.PolicyStatement,
) {
	logs := s.newLogs(pascal(function.Name) + "Logs")
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
		ReservedConcurrentExecutions: reserved,
	})
	s.logs[function.Name] = logs
}

var architectures = map[string]func() awslambda.Architecture{
	"arm64": awslambda.Architecture_ARM_64, "x86_64": awslambda.Architecture_X86_64,
}

// environmentOf picks what a function reads. A variable that the stack knows without a
// value is left to the function's default; one that it does not know is a mistake.
func environmentOf(function config.Function, variables map[string]*string) (map[string]*string, error) {
	reads, err := function.Variables()
	if err != nil {
		return nil, err
	}
	var faults []error
	environment := map[string]*string{}
	for _, variable := range reads {
		value, known := variables[variable.Name]
		switch {
		case !known:
			faults = append(faults, fmt.Errorf("%s reads %s, which the stack does not know", function.Name, variable.Name))
		case *value != "":
			environment[variable.Name] = value
		case variable.Required:
			faults = append(faults, fmt.Errorf("%s needs a value for %s", function.Name, variable.Name))
		}
	}
	for name, value := range variables {
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL_") && *value != "" {
			environment[name] = value
		}
	}
	return environment, errors.Join(faults...)
}

// variables holds all environment variables of all functions. An empty one stands for
// the function's default.
func (s *stack) variables(table awsdynamodb.TableV2, people signIn, m mailing, consoleURL *string) map[string]*string {
	set := s.settings
	variables := map[string]*string{
		"TABLE_NAME":            table.TableName(),
		"TOKEN_PREFIX":          &set.TokenPrefix,
		"MAX_ACTIVE_TOKENS":     orDefault(set.MaxActiveTokens),
		"RETENTION_DAYS":        orDefault(set.RetentionDays),
		"SCOPES":                list(set.Scopes),
		"NOTICE_DAYS":           list(texts(set.NoticeDays)),
		"DENIAL":                &set.Denial,
		"CLAIM_ORGANIZATION":    &set.ClaimOrganization,
		"CLAIM_ROLES":           &set.ClaimRoles,
		"CLAIM_EMAIL":           &set.ClaimEmail,
		"TRUST_EMAIL":           jsii.String(""),
		"CONSOLE_URL":           consoleURL,
		"MAIL_FROM":             &set.MailFrom,
		"MAIL_REPLY_TO":         &set.MailReplyTo,
		"MAIL_COLOR":            &set.MailColor,
		"MAIL_INTRO":            &set.MailIntro,
		"MAIL_REPLACE":          &set.MailReplace,
		"MAIL_SUPPORT":          &set.MailSupport,
		"MAIL_FOOTER":           &set.MailFooter,
		"COMPANY_NAME":          &set.CompanyName,
		"SES_CONFIGURATION_SET": m.configurationSet,
		"SEND_RATE":             jsii.String(strconv.FormatFloat(set.SendRate, 'f', -1, 64)),
		"OIDC_ISSUER":           people.issuer,
		"OIDC_CLIENT_ID":        people.clientID,
		"OIDC_SCOPES":           &set.OIDCScopes,
		"OIDC_TOKEN":            &set.OIDCToken,
		"OIDC_LOGOUT_URL":       jsii.String(""),
		"CONNECT_ORIGINS":       joined(people.origins),
	}
	if people.logoutURL != nil {
		variables["OIDC_LOGOUT_URL"] = people.logoutURL
	}
	if set.TrustEmail {
		variables["TRUST_EMAIL"] = jsii.String("true")
	}
	if set.SAM {
		// SAM hands over only what the template declares; --env-vars changes the values.
		variables["TABLE_NAME"] = jsii.String("latchkey")
		variables["DENIAL"] = jsii.String("forbidden")
		variables["AWS_ENDPOINT_URL_DYNAMODB"] = jsii.String("http://host.docker.internal:8000")
		variables["AWS_ENDPOINT_URL_SESV2"] = jsii.String("http://host.docker.internal:8005")
	}
	return variables
}

// orDefault writes a number that may have been left out.
func orDefault(n *int) *string {
	if n == nil {
		return jsii.String("")
	}
	return jsii.String(strconv.Itoa(*n))
}

func texts(numbers []int) []string {
	written := make([]string, 0, len(numbers))
	for _, n := range numbers {
		written = append(written, strconv.Itoa(n))
	}
	return written
}

func list(items []string) *string { return jsii.String(strings.Join(items, ",")) }

func joined(items []*string) *string {
	written := make([]string, 0, len(items))
	for _, item := range items {
		written = append(written, *item)
	}
	return list(written)
}
