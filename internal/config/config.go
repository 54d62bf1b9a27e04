// Package config says what each function reads from its environment: the variable,
// its default, and why. The stack sets exactly these variables and a test holds it
// to them; the local run sets them all.
//
// Endpoints, region and credentials are not here: the AWS SDK reads its own
// (AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SESV2, AWS_REGION, …). Nor is the format
// of logs: the Lambda library reads AWS_LAMBDA_LOG_FORMAT and AWS_LAMBDA_LOG_LEVEL.
package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/caarlos0/env/v11"
)

// Table names the DynamoDB table.
type Table struct {
	TableName string `env:"TABLE_NAME,notEmpty"`
}

// Token is how this deployment writes secrets. It cannot change while tokens live:
// secrets with another prefix are turned away.
type Token struct {
	// Prefix matches [a-z][a-z0-9]{1,11}; secret scanners recognise secrets by it.
	Prefix string `env:"TOKEN_PREFIX" envDefault:"lk"`
}

// Issuance bounds new tokens.
type Issuance struct {
	// MaxActive is how many active tokens one owner may have.
	MaxActive int `env:"MAX_ACTIVE_TOKENS" envDefault:"50"`
	// RetentionDays is how long a token stays listed past its expiry date.
	RetentionDays int `env:"RETENTION_DAYS" envDefault:"90"`
	// Scopes that a token may carry. Empty: tokens carry none.
	Scopes []string `env:"SCOPES"`
}

// Notices are the e-mails before expiry.
type Notices struct {
	// NoticeDays are the days before the expiry date on which the owner hears of it;
	// 0 is the expiry date itself.
	NoticeDays []int `env:"NOTICE_DAYS" envDefault:"15,7,0"`
}

// Person is how a signed-in person's claims are read.
type Person struct {
	// OrganizationClaim holds the organization's id.
	OrganizationClaim string `env:"CLAIM_ORGANIZATION" envDefault:"custom:organization"`
	// RolesClaim holds the roles; of its values only org-admin and api-token-manager count.
	RolesClaim string `env:"CLAIM_ROLES" envDefault:"cognito:groups"`
	// EmailClaim holds the address that notices go to.
	EmailClaim string `env:"CLAIM_EMAIL" envDefault:"email"`
	// TrustEmail accepts an address without the claim email_verified: only for issuers
	// that verify every address and send no such claim.
	TrustEmail bool `env:"TRUST_EMAIL" envDefault:"false"`
	// UseToken says which of a person's tokens the API takes: "id" or "access". Where
	// the issuer says in the claim token_use what a token is, no other is accepted.
	UseToken string `env:"OIDC_TOKEN" envDefault:"id"`
}

// Issue is the environment of functions/issue.
type Issue struct {
	Table
	Token
	Issuance
	Notices
	Person
}

// List is the environment of functions/list.
type List struct {
	Table
	Person
}

// Get is the environment of functions/get.
type Get struct {
	Table
	Person
}

// Revoke is the environment of functions/revoke.
type Revoke struct {
	Table
	Person
}

// Authorize is the environment of functions/authorize.
type Authorize struct {
	Table
	Token
	// Denial chooses what a caller without a valid token gets: "unauthorized" is an
	// error that API Gateway turns into 401, "forbidden" is a refusal that it turns
	// into 403.
	Denial string `env:"DENIAL" envDefault:"unauthorized"`
}

// Whoami is the environment of functions/whoami.
type Whoami struct {
	Table
}

// Remind is the environment of functions/remind.
type Remind struct {
	Table
	Notices
	// ConsoleURL is the address of the page that the e-mails link to.
	ConsoleURL string `env:"CONSOLE_URL,notEmpty"`
	// From is the sender, an address or "Name <address>", verified in SES.
	From string `env:"MAIL_FROM,notEmpty"`
	// ReplyTo is where answers go. Empty: to From.
	ReplyTo string `env:"MAIL_REPLY_TO"`
	// Company is whose API the tokens are for, as the e-mails call it.
	Company string `env:"COMPANY_NAME" envDefault:"Latchkey"`
	// Color of headings and buttons in the e-mails, #rrggbb.
	Color string `env:"MAIL_COLOR" envDefault:"#1d4ed8"`
	// Intro, Replace, Support and Footer are texts of the company's in the e-mails, a line
	// each: before the tokens; how to replace one, instead of the steps; where to get help;
	// and the last sentence. Empty: none, the steps, none, why somebody gets the e-mail.
	Intro   string `env:"MAIL_INTRO"`
	Replace string `env:"MAIL_REPLACE"`
	Support string `env:"MAIL_SUPPORT"`
	Footer  string `env:"MAIL_FOOTER"`
	// ConfigurationSet is the SES configuration set to send with. Empty: none.
	ConfigurationSet string `env:"SES_CONFIGURATION_SET"`
	// SendRate is how many e-mails a second are sent. 0: what SES grants (GetAccount).
	SendRate float64 `env:"SEND_RATE" envDefault:"0"`
}

// Console is the environment of functions/console.
type Console struct {
	// Issuer is the OpenID Connect issuer at which people sign in.
	Issuer string `env:"OIDC_ISSUER,notEmpty"`
	// ClientID is the console's public client there.
	ClientID string `env:"OIDC_CLIENT_ID,notEmpty"`
	// SignInScopes are what the console asks for. Cognito puts custom attributes, such as
	// the organization, into the ID token only for the scope profile.
	SignInScopes string `env:"OIDC_SCOPES" envDefault:"openid email profile"`
	// LogoutURL ends the session at the issuer, where discovery names no end-session
	// endpoint (Cognito: https://<domain>/logout). Empty: as discovered.
	LogoutURL string `env:"OIDC_LOGOUT_URL"`
	// ConnectOrigins are the origins, beside its own, that the page may call: the
	// issuer's and its token endpoint's.
	ConnectOrigins []string `env:"CONNECT_ORIGINS"`
	// Company, Person and Scopes let the page speak of roles, names and scopes as the API does.
	Company string   `env:"COMPANY_NAME" envDefault:"Latchkey"`
	Scopes  []string `env:"SCOPES"`
	Person
}

// Feedback is the environment of functions/feedback.
type Feedback struct {
	Table
}

// Function is what a function needs of Lambda, on AWS and in the local run alike.
type Function struct {
	Name     string        // folder under functions/
	Timeout  time.Duration // whole seconds; the invocation is ended after it
	MemoryMB int           // also decides the share of a CPU that Lambda gives

	environment any
}

var functions = []Function{
	{"issue", 10 * time.Second, 256, &Issue{}},
	{"list", 10 * time.Second, 256, &List{}},
	{"get", 10 * time.Second, 256, &Get{}},
	{"revoke", 10 * time.Second, 256, &Revoke{}},
	{"authorize", 5 * time.Second, 256, &Authorize{}},
	{"whoami", 10 * time.Second, 256, &Whoami{}},
	{"console", 10 * time.Second, 256, &Console{}},
	{"remind", 5 * time.Minute, 256, &Remind{}},
	{"feedback", 30 * time.Second, 256, &Feedback{}},
}

// Functions lists all functions.
func Functions() []Function { return slices.Clone(functions) }

// Variable is one environment variable that a function reads.
type Variable struct {
	Name     string
	Default  string
	Required bool
}

// Variables lists what the function reads from its environment.
func (f Function) Variables() ([]Variable, error) {
	fields, err := env.GetFieldParams(f.environment)
	if err != nil {
		return nil, fmt.Errorf("reading the environment of %s: %w", f.Name, err)
	}
	variables := make([]Variable, 0, len(fields))
	for _, field := range fields {
		variables = append(variables, Variable{Name: field.Key, Default: field.DefaultValue, Required: field.NotEmpty})
	}
	return variables, nil
}

// Load reads a function's environment. The error names each variable that is missing,
// and the field of each that is malformed.
func Load[T any]() (T, error) { return env.ParseAs[T]() }
