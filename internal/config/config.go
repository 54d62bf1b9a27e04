// Package config says what each function reads from its environment: the variable,
// its default, and why. The stack sets exactly these variables and a test holds it
// to them; the local run sets them all.
//
// A field's tags say all of it: env names the variable; setting names what a deployer
// writes in cdk.json for it, and is "-" where no deployment may set it; default is what
// holds where nothing is set. A field without a setting has a value that the stack works
// out. The stack's own settings embed these structs, so that a variable is described here
// and nowhere else.
//
// Endpoints, region and credentials are not here: the AWS SDK reads its own
// (AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SESV2, AWS_REGION, …). Nor is the format
// of logs: the Lambda library reads AWS_LAMBDA_LOG_FORMAT and AWS_LAMBDA_LOG_LEVEL.
package config

// Table names the DynamoDB table.
type Table struct {
	TableName string `env:"TABLE_NAME,notEmpty"`
}

// Token is how this deployment writes secrets. It cannot change while tokens live:
// secrets with another prefix are turned away.
type Token struct {
	// Prefix matches [a-z][a-z0-9]{1,11}; secret scanners recognise secrets by it.
	Prefix string `env:"TOKEN_PREFIX" setting:"tokenPrefix" default:"lk"`
}

// Issuance bounds new tokens.
type Issuance struct {
	// MaxActive is how many active tokens one owner may have.
	MaxActive int `env:"MAX_ACTIVE_TOKENS" setting:"maxActiveTokens" default:"50"`
	// MaxDaily is how many tokens one person may issue on a UTC day, revoked ones
	// counted: a program that issues and revokes in a loop fills the audit trail.
	MaxDaily int `env:"MAX_NEW_TOKENS_PER_DAY" setting:"maxNewTokensPerDay" default:"200"`
}

// Retention is how long what is over is kept.
type Retention struct {
	// RetentionDays is how long a token stays listed past its expiry date.
	RetentionDays int `env:"RETENTION_DAYS" setting:"retentionDays" default:"90"`
}

// Networks is what is kept of where secrets are used.
type Networks struct {
	// RecordNetworks keeps the network that a token was last used from: of an IPv4 address
	// the first 24 bits, of an IPv6 address the first 48.
	RecordNetworks bool `env:"RECORD_NETWORKS" setting:"recordNetworks" default:"true"`
}

// Offer is what people can choose from when they issue a token.
type Offer struct {
	// Scopes that a token may carry. Empty: tokens carry none.
	Scopes []string `env:"SCOPES" setting:"scopes"`
}

// Explanations are for people who choose scopes.
type Explanations struct {
	// ScopeDescriptions say what scopes allow, separated by semicolons: the scope, a space,
	// the text. Not every scope needs one.
	ScopeDescriptions []string `env:"SCOPE_DESCRIPTIONS" envSeparator:";" setting:"scopeDescriptions"`
}

// Notices are the e-mails before expiry.
type Notices struct {
	// NoticeDays are the days before the expiry date on which the owner is notified;
	// 0 is the expiry date itself.
	NoticeDays []int `env:"NOTICE_DAYS" setting:"noticeDays" default:"15,7,0"`
}

// Person is how a signed-in person's claims are read.
type Person struct {
	// OrganizationClaim holds the organization's id.
	OrganizationClaim string `env:"CLAIM_ORGANIZATION" setting:"claimOrganization" default:"custom:organization"`
	// RolesClaim holds the roles; of its values only org-admin and api-token-manager count.
	RolesClaim string `env:"CLAIM_ROLES" setting:"claimRoles" default:"cognito:groups"`
	// EmailClaim holds the address that notices go to.
	EmailClaim string `env:"CLAIM_EMAIL" setting:"claimEmail" default:"email"`
	// TrustEmail accepts an address that the claim <EmailClaim>_verified does not vouch
	// for, be it absent or false: only for issuers that verify every address themselves.
	TrustEmail bool `env:"TRUST_EMAIL" setting:"trustEmail" default:"false"`
	// UseToken says which of a person's tokens the API takes: "id" or "access". Where
	// the issuer says in the claim token_use what a token is, no other is accepted.
	UseToken string `env:"OIDC_TOKEN" setting:"oidcToken" default:"id"`
}

// Refusal is how callers without a valid token are refused.
type Refusal struct {
	// Denial chooses what they get: "unauthorized" is an error that API Gateway turns into
	// 401, "forbidden" is a refusal that it turns into 403.
	Denial string `env:"DENIAL" setting:"denial" default:"unauthorized"`
}

// Brand is whose API the tokens are for, as page and e-mails show it.
type Brand struct {
	// Company is the name.
	Company string `env:"COMPANY_NAME" setting:"companyName" default:"Latchkey"`
	// SupportURL is the https address of a page where people get help. Empty: none.
	SupportURL string `env:"SUPPORT_URL" setting:"supportUrl"`
}

// Page is where people manage their tokens.
type Page struct {
	// ConsoleURL is the address of the page that the e-mails link to. As a setting it is
	// needed only where it is not the API's own, as with a domain in front of it.
	ConsoleURL string `env:"CONSOLE_URL,notEmpty" setting:"consoleUrl"`
}

// SignIn is where people sign in.
type SignIn struct {
	// Issuer is the OpenID Connect issuer, https://…, exactly as in its tokens' iss. As a
	// setting it is the company's own; without it the stack makes a Cognito user pool.
	Issuer string `env:"OIDC_ISSUER,notEmpty" setting:"oidcIssuer"`
	// ClientID is the console's public client there.
	ClientID string `env:"OIDC_CLIENT_ID,notEmpty" setting:"oidcClientId"`
	// SignInScopes are what the console asks for. Cognito puts custom attributes, such as
	// the organization, into the ID token only for the scope profile.
	SignInScopes string `env:"OIDC_SCOPES" setting:"oidcScopes" default:"openid email profile"`
	// LogoutURL ends the session at the issuer, where discovery names no end-session
	// endpoint (Cognito: https://<domain>/logout). Empty: as discovered.
	LogoutURL string `env:"OIDC_LOGOUT_URL" setting:"oidcLogoutUrl"`
	// ConnectOrigins are the origins, beside its own, that the page may call: the issuer's
	// and its token endpoint's. As a setting, those beside the issuer's own.
	ConnectOrigins []string `env:"CONNECT_ORIGINS" setting:"connectOrigins"`
}

// Mail is how notices are sent and what they look like.
type Mail struct {
	// From is the sender, an address or "Name <address>", verified in SES.
	From string `env:"MAIL_FROM,notEmpty" setting:"mailFrom"`
	// ReplyTo is where answers go. Empty: to From.
	ReplyTo string `env:"MAIL_REPLY_TO" setting:"mailReplyTo"`
	// Color of headings and buttons in the e-mails, #rrggbb.
	Color string `env:"MAIL_COLOR" setting:"mailColor" default:"#1d4ed8"`
	// Intro, Replace, Support and Footer are texts of the company's in the e-mails, a line
	// each: before the tokens; how to replace one, instead of the steps; where to get help;
	// and the last sentence. Empty: none, the steps, none, why somebody gets the e-mail.
	Intro   string `env:"MAIL_INTRO" setting:"mailIntro"`
	Replace string `env:"MAIL_REPLACE" setting:"mailReplace"`
	Support string `env:"MAIL_SUPPORT" setting:"mailSupport"`
	Footer  string `env:"MAIL_FOOTER" setting:"mailFooter"`
	// ConfigurationSet is the SES configuration set to send with. Empty: none.
	ConfigurationSet string `env:"SES_CONFIGURATION_SET"`
	// SendRate is how many e-mails a second are sent. 0: what SES grants (GetAccount).
	SendRate float64 `env:"SEND_RATE" setting:"sendRate" default:"0"`
}

// Admins says which of an organization's admins get what its owners cannot be sent.
type Admins struct {
	// AdminsSeenWithinDays is how long ago they may have used the page last. Somebody who
	// has moved to another organization is written to about the old one for so long.
	AdminsSeenWithinDays int `env:"ADMINS_SEEN_WITHIN_DAYS" setting:"adminsSeenWithinDays" default:"30"`
}

// Rehearsal is for trying out what will be, and for the local run alone.
type Rehearsal struct {
	// AllowFutureSchedule takes a scheduled time that is more than a day ahead of the
	// clock. In a deployment that would send, and mark as sent, what is not so yet.
	AllowFutureSchedule bool `env:"ALLOW_FUTURE_SCHEDULE" setting:"-" default:"false"`
}
