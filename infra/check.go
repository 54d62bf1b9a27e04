package main

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
)

// hostArchitecture is this machine's, in Go's words.
const hostArchitecture = runtime.GOARCH

// retentions are the numbers of days that CloudWatch Logs can keep logs for.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = map[int]awslogs.RetentionDays{
	1: awslogs.RetentionDays_ONE_DAY, 3: awslogs.RetentionDays_THREE_DAYS, 5: awslogs.RetentionDays_FIVE_DAYS,
	7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
	60: awslogs.RetentionDays_TWO_MONTHS, 90: awslogs.RetentionDays_THREE_MONTHS, 120: awslogs.RetentionDays_FOUR_MONTHS,
	150: awslogs.RetentionDays_FIVE_MONTHS, 180: awslogs.RetentionDays_SIX_MONTHS, 365: awslogs.RetentionDays_ONE_YEAR,
	400: awslogs.RetentionDays_THIRTEEN_MONTHS, 545: awslogs.RetentionDays_EIGHTEEN_MONTHS, 731: awslogs.RetentionDays_TWO_YEARS,
}

var (
	stackName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
	domainPrefix = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	topicARN     = regexp.MustCompile(`^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$`)
)

// fault is what is wrong with a setting.
type fault struct {
	setting string
	err     error
}

// checks collects what is wrong.
type checks []fault

func (c *checks) that(ok bool, setting, want string) {
	if !ok {
		*c = append(*c, fault{setting, fmt.Errorf("want %s", want)})
	}
}

// passes takes over what others say of a setting.
func (c *checks) passes(err error, setting string) {
	if err != nil {
		*c = append(*c, fault{setting, err})
	}
}

func (c *checks) names(setting string) bool {
	return slices.ContainsFunc(*c, func(f fault) bool { return f.setting == setting })
}

// check says all that is wrong. What a function refuses at its start is left to the
// function: see starts.
func (s Settings) check() []error {
	var c checks
	s.checkDeployment(&c)
	s.checkSignIn(&c)
	s.checkMail(&c)
	s.checkStarts(&c)
	faults := make([]error, 0, len(c))
	for _, f := range c {
		faults = append(faults, fmt.Errorf("%s: %w", f.setting, f.err))
	}
	return faults
}

func (s Settings) checkDeployment(c *checks) {
	c.that(stackName.MatchString(s.StackName), "stackName", "letters, digits and hyphens, a letter first")
	c.that(oneOf(s.Architecture, "arm64", "x86_64"), "architecture", "arm64 or x86_64")
	c.that(oneOf(s.Removal, "retain", "destroy"), "removal", "retain or destroy")
	c.that(oneOf(s.Rights, "keys", "plain"), "rights", "keys or plain")
	c.that(retentions[s.LogRetentionDays] != "", "logRetentionDays",
		"1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731")
	c.that(s.AuthorizerCacheSeconds >= 0 && s.AuthorizerCacheSeconds <= 3600, "authorizerCacheSeconds", "0 to 3600")
	c.that(s.ReservedConcurrency >= 0, "reservedConcurrency", "0 or more")
	c.that(s.ThrottleRate > 0, "throttleRate", "1 or more")
	c.that(s.ThrottleBurst > 0, "throttleBurst", "1 or more")
	c.that(s.AlarmEmail == "" || isAddress(s.AlarmEmail), "alarmEmail", "an e-mail address")
	c.that(s.AlarmTopicARN == "" || topicARN.MatchString(s.AlarmTopicARN), "alarmTopicArn", "the ARN of an SNS topic")
}

func (s Settings) checkSignIn(c *checks) {
	c.that(s.ConsoleURL == "" || isOrigin(strings.TrimSuffix(s.ConsoleURL, "/")), "consoleUrl",
		"https://host, the host as browsers write it: in lower case, in Punycode, without :443. The page is at its root")
	c.that(s.SupportURL == "" || isLink(s.SupportURL), "supportUrl", "https://…")
	c.that(s.CognitoDomainPrefix == "" || domainPrefix.MatchString(s.CognitoDomainPrefix) &&
		!containsAny(s.CognitoDomainPrefix, "aws", "amazon", "cognito"), "cognitoDomainPrefix",
		"lower-case letters, digits and hyphens, without aws, amazon and cognito")
	c.that(s.Issuer == "" || isPlace(s.Issuer), "oidcIssuer", "https://… without query and fragment, exactly as in its tokens' iss")
	c.that(s.LogoutURL == "" || isPlace(s.LogoutURL), "oidcLogoutUrl", "https://… without query and fragment")
	c.that(all(s.ConnectOrigins, isOrigin), "connectOrigins", "a list of https://host, as browsers write it")
	if s.ownIssuer() {
		c.that(len(s.OIDCAudience) > 0, "oidcAudience", "at least one value of aud, because oidcIssuer is set")
		c.that(s.ClientID != "", "oidcClientId", "the console's client id, because oidcIssuer is set")
		c.that(s.CognitoDomainPrefix == "", "cognitoDomainPrefix", "nothing, because oidcIssuer is set")
		return
	}
	for _, foreign := range []string{
		"oidcAudience", "oidcClientId", "oidcScopes", "oidcToken", "oidcLogoutUrl",
		"claimOrganization", "claimRoles", "claimEmail", "trustEmail",
	} {
		c.that(oneOf(s.chosen[foreign], "", "false"), foreign, "nothing, because oidcIssuer is not set and Cognito's is known")
	}
}

func (s Settings) checkMail(c *checks) {
	c.that(s.sender() != "", "mailFrom", `an e-mail address, or "Name <address>": the notices are sent from it`)
	// IAM and SES compare it as text with what SES has verified.
	c.that(isPlainDomain(s.domain()), "mailFrom", "a domain in lower case and ASCII (Punycode, xn--…)")
	c.that(isPlainDomain(s.MailIdentity[strings.LastIndex(s.MailIdentity, "@")+1:]), "mailIdentity", "a domain in lower case and ASCII (Punycode, xn--…)")
	c.that(s.MailIdentity == "" || s.MailIdentity == s.sender() || isUnder(s.domain(), s.MailIdentity), "mailIdentity",
		"mailFrom's address or a domain that it is under")
}

// sender is the bare address in mailFrom, or empty if there is none.
func (s Settings) sender() string {
	a, err := mail.ParseAddress(s.From)
	if err != nil {
		return ""
	}
	return a.Address
}

// domain is the sender's.
func (s Settings) domain() string {
	sender := s.sender()
	return sender[strings.LastIndex(sender, "@")+1:]
}

// isExample says that the sender is still cdk.json's example (RFC 2606, section 3).
func (s Settings) isExample() bool {
	return isUnder(s.domain(), "example.com") || isUnder(s.domain(), "example.org") || isUnder(s.domain(), "example.net")
}

func isUnder(domain, parent string) bool {
	return parent != "" && (domain == parent || strings.HasSuffix(domain, "."+parent))
}

func isAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}

// isLink says that text is an https URL.
func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// isPlace says that text is an https URL that something can be appended to.
func isPlace(text string) bool { return isLink(text) && !strings.ContainsAny(text, "?#") }

// isOrigin says that text is an origin as browsers write it: Cognito and the API compare
// what the page says with what is set here letter by letter.
func isOrigin(text string) bool { return isPlace(text) && origin(text) == text }

// origin is the origin of a URL as browsers write it (RFC 6454, section 6.2), or empty.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil || !isPlainDomain(strings.ToLower(u.Host)) {
		return ""
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), ":443")
}

// isPlainDomain says that a domain is spelt in the one way that every program spells it.
func isPlainDomain(domain string) bool {
	return !strings.HasSuffix(domain, ".") && !strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsUpper(r) })
}

func oneOf(value string, choices ...string) bool { return slices.Contains(choices, value) }

func all[T any](items []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !ok(item) })
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
