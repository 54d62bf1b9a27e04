package main

import (
	"latchkey/internal/config"
)

// Settings are what one deployment may choose. They come from the object "latchkey" in
// cdk.json's context; `-c name=value` on the command line goes before it, lists written
// with commas. A setting that is left out has the default named with it.
//
// What the functions read is described where they read it: those structs are part of this
// one, and their tags name the settings. What is chosen reaches a function as it was
// written; what is not is left to the function, which has the same defaults.
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
	// Rights says what binds the functions' rights on the table: keys, to the beginnings
	// of partition keys; or plain, to the actions alone, where an account meets
	// AccessDenied with keys. See playbooks/access-denied.md.
	Rights string `setting:"rights" default:"keys"`
	// SAM makes a template for `sam local`, which AWS refuses to deploy: this machine's
	// architecture, a fixed table name, endpoints that --env-vars can set, and refusals
	// as 403, because SAM makes a 502 of the error that API Gateway makes a 401 of.
	SAM bool `setting:"sam" default:"false"`

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

	// CognitoDomainPrefix is the first label of the sign-in page's address; no other
	// AWS account may use it. Empty: latchkey- and a part of the stack's id.
	CognitoDomainPrefix string `setting:"cognitoDomainPrefix"`
	// OIDCAudience lists the values of aud that the API accepts. Needed with oidcIssuer.
	OIDCAudience []string `setting:"oidcAudience"`
	// MailIdentity is a domain or address that SES has verified already. Empty: the
	// stack makes an identity for the sender's domain, and its outputs are the DNS
	// records that prove it.
	MailIdentity string `setting:"mailIdentity"`
	// AlarmEmail hears of alarms, after confirming a message from AWS.
	AlarmEmail string `setting:"alarmEmail"`
	// AlarmTopicARN is an SNS topic that hears of alarms, such as one that leads to the
	// people on call.
	AlarmTopicARN string `setting:"alarmTopicArn"`

	config.Token
	config.Issuance
	config.Retention
	config.Networks
	config.Offer
	config.Explanations
	config.Notices
	config.Admins
	config.Refusal
	config.Person
	config.SignIn
	config.Page
	config.Brand
	config.Mail // of it, mailFrom is always needed; cdk.json holds an example to be replaced

	chosen map[string]string // settings as they were written, by their names
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
func (s Settings) ownIssuer() bool { return s.Issuer != "" }

// isChosen says that a setting is there, be it empty.
func (s Settings) isChosen(name string) bool {
	_, chosen := s.chosen[name]
	return chosen
}

// warning is something that can be deployed and should not be by oversight. With --strict
// the CDK's command line deploys nothing that it is warned of.
type warning struct{ setting, says string }

func (s Settings) warnings() []warning {
	if s.SAM {
		return nil
	}
	var found []warning
	if s.isExample() {
		found = append(found, warning{"mailFrom", "mailFrom is still an example: no notice can be sent from it. Set it in cdk.json before you deploy."})
	}
	if !s.isChosen("tokenPrefix") {
		found = append(found, warning{"tokenPrefix", "tokenPrefix is not chosen, so secrets begin with lk_, as anybody's may. " +
			"It cannot change while tokens live: choose one of your own, or write lk."})
	}
	if !s.isChosen("alarmEmail") && !s.isChosen("alarmTopicArn") {
		found = append(found, warning{"alarmEmail", "Nobody hears of alarms. Set alarmEmail or alarmTopicArn, or write an empty alarmEmail if nobody shall."})
	}
	if s.Rights == "plain" {
		found = append(found, warning{"rights", "rights is plain: nothing but the functions' own code keeps one that may write records from writing " +
			"credentials. It is meant for the time that playbooks/access-denied.md describes."})
	}
	return found
}
