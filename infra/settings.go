package main

// Settings are what one deployment may choose. They come from the object "latchkey" in
// cdk.json's context; `-c name=value` on the command line goes before it, lists written
// with commas. A setting that is left out has the default named here; where none is
// named, the function's own default in internal/config holds.
type Settings struct {
	// StackName names the CloudFormation stack, and the namespace of its metrics, so
	// that several deployments can live in one account.
	StackName string `setting:"stackName" default:"Latchkey"`
	// Architecture of the functions: arm64, because it costs a fifth less, or x86_64.
	// cdk.json's "build" makes binaries of both kinds.
	Architecture string `setting:"architecture" default:"arm64"`
	// Removal says what becomes of the table and the user pool when the stack is
	// deleted: retain, which also protects both from deletion, or destroy, for trials.
	Removal string `setting:"removal" default:"retain"`
	// CustomerManagedKey encrypts the table with a KMS key of this stack instead of the
	// one that AWS manages: for those who must be able to withdraw it.
	CustomerManagedKey bool `setting:"customerManagedKey" default:"false"`
	// LogRetentionDays is how long logs are kept; one of the numbers that CloudWatch
	// Logs knows. 90 is a quarter, enough to look into a leaked token.
	LogRetentionDays int `setting:"logRetentionDays" default:"90"`
	// SAM makes a template for `sam local` that must not be deployed: this machine's
	// architecture, a fixed table name, endpoints that --env-vars can set, and refusals
	// as 403, because SAM makes a 502 of the error that API Gateway makes a 401 of.
	SAM bool `setting:"sam" default:"false"`

	// TokenPrefix begins every secret: [a-z][a-z0-9]{1,11}. It cannot change while
	// tokens live: secrets with another prefix are turned away.
	TokenPrefix string `setting:"tokenPrefix"`
	// MaxActiveTokens is how many active tokens one owner may have.
	MaxActiveTokens *int `setting:"maxActiveTokens"`
	// RetentionDays is how long a token stays listed past its expiry date.
	RetentionDays *int `setting:"retentionDays"`
	// Scopes that a token may carry. Empty: tokens carry none.
	Scopes []string `setting:"scopes"`
	// Denial is what a caller without a valid token gets: unauthorized (401) or
	// forbidden (403).
	Denial string `setting:"denial"`
	// AuthorizerCacheSeconds is how long API Gateway may reuse an answer of the
	// authorizer, 0 to 3600. Each second makes revocation that much slower and calls
	// that much cheaper: 0, because revoked must mean revoked.
	AuthorizerCacheSeconds int `setting:"authorizerCacheSeconds" default:"0"`
	// ReservedConcurrency is set aside for the authorizer, and is its limit. 0: none,
	// because new accounts have too little to set any aside and the deployment would
	// fail.
	ReservedConcurrency int `setting:"reservedConcurrency" default:"0"`
	// ThrottleRate and ThrottleBurst are how many requests a second the API takes, as a
	// mean and at once; more get 429. AWS grants an account 10,000 and 5,000 for all
	// its APIs together, so the default leaves room for others.
	ThrottleRate  int `setting:"throttleRate" default:"1000"`
	ThrottleBurst int `setting:"throttleBurst" default:"2000"`

	// ConsoleURL is the address of the management page if it is not the API's own, as
	// with a custom domain in front of it.
	ConsoleURL string `setting:"consoleUrl"`
	// CognitoDomainPrefix is the first label of the sign-in page's address; no other
	// AWS account may use it. Empty: latchkey- and a part of the stack's id.
	CognitoDomainPrefix string `setting:"cognitoDomainPrefix"`
	// OIDCIssuer is the company's own OpenID Connect issuer, https://…, exactly as in
	// its tokens' iss. Empty: the stack makes a Cognito user pool.
	OIDCIssuer string `setting:"oidcIssuer"`
	// OIDCAudience lists the values of aud that the API accepts. Needed with OIDCIssuer.
	OIDCAudience []string `setting:"oidcAudience"`
	// OIDCClientID is the console's public client at the issuer. Needed with OIDCIssuer.
	OIDCClientID string `setting:"oidcClientId"`
	// OIDCScopes are what the console asks the issuer for.
	OIDCScopes string `setting:"oidcScopes"`
	// OIDCToken says which token carries the claims: id or access.
	OIDCToken string `setting:"oidcToken"`
	// OIDCLogoutURL ends the session at an issuer whose discovery document does not say
	// how. Cognito's is known.
	OIDCLogoutURL string `setting:"oidcLogoutUrl"`
	// ConnectOrigins are further origins that the console may call, such as that of
	// the issuer's token endpoint. The issuer's own is always among them.
	ConnectOrigins []string `setting:"connectOrigins"`
	// ClaimOrganization, ClaimRoles and ClaimEmail name the claims that say who a
	// person is.
	ClaimOrganization string `setting:"claimOrganization"`
	ClaimRoles        string `setting:"claimRoles"`
	ClaimEmail        string `setting:"claimEmail"`
	// TrustEmail takes addresses without the claim email_verified: only for an issuer
	// that verifies every address and sends no such claim.
	TrustEmail bool `setting:"trustEmail" default:"false"`

	// CompanyName is whose API the tokens are for, as e-mails and console call it.
	CompanyName string `setting:"companyName"`
	// MailFrom is the sender of the notices, an address or "Name <address>". Always
	// needed; cdk.json holds an example that is to be replaced.
	MailFrom string `setting:"mailFrom"`
	// MailIdentity is a domain or address that SES has verified already. Empty: the
	// stack makes an identity for the sender's domain, and its outputs are the DNS
	// records that prove it.
	MailIdentity string `setting:"mailIdentity"`
	// MailReplyTo is where answers go. Empty: to the sender.
	MailReplyTo string `setting:"mailReplyTo"`
	// MailColor of headings and buttons in the notices, #rrggbb.
	MailColor string `setting:"mailColor"`
	// MailIntro is a text of the company's in the notices, before the tokens. Empty: none.
	// This and the next three are a line each.
	MailIntro string `setting:"mailIntro"`
	// MailReplace says how to replace a token, instead of the steps on the page.
	MailReplace string `setting:"mailReplace"`
	// MailSupport says where to get help. Empty: nothing.
	MailSupport string `setting:"mailSupport"`
	// MailFooter ends the notices, instead of why somebody gets them.
	MailFooter string `setting:"mailFooter"`
	// NoticeDays are the days before the expiry date on which its owner hears of it.
	NoticeDays []int `setting:"noticeDays"`
	// SendRate is how many e-mails a second are sent. 0: as many as SES grants.
	SendRate float64 `setting:"sendRate" default:"0"`
	// AlarmEmail hears of alarms, after confirming a message from AWS.
	AlarmEmail string `setting:"alarmEmail"`
	// AlarmTopicARN is an SNS topic that hears of alarms, such as one that leads to the
	// people on call.
	AlarmTopicARN string `setting:"alarmTopicArn"`
}

// lambdaArchitecture is the functions' architecture in Lambda's words.
func (s Settings) lambdaArchitecture() string {
	if s.SAM {
		return map[string]string{"amd64": "x86_64", "arm64": "arm64"}[hostArchitecture]
	}
	return s.Architecture
}

// buildArchitecture is the functions' architecture in Go's words.
func (s Settings) buildArchitecture() string {
	if s.lambdaArchitecture() == "x86_64" {
		return "amd64"
	}
	return "arm64"
}

func (s Settings) destroy() bool { return s.Removal == "destroy" }

// ownIssuer says that people sign in at an issuer that is not part of the stack.
func (s Settings) ownIssuer() bool { return s.OIDCIssuer != "" }
