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

	"latchkey/internal/token"

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
	color        = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	topicARN     = regexp.MustCompile(`^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$`)
)

// checks collects what is wrong.
type checks []error

func (c *checks) that(ok bool, setting, want string) {
	if !ok {
		*c = append(*c, fmt.Errorf("%s: want %s", setting, want))
	}
}

// passes takes over what the functions themselves would say at their start.
func (c *checks) passes(err error, setting string) {
	if err != nil {
		*c = append(*c, fmt.Errorf("%s: %w", setting, err))
	}
}

func (s Settings) check() []error {
	var c checks
	s.checkDeployment(&c)
	s.checkTokens(&c)
	s.checkSignIn(&c)
	s.checkMail(&c)
	return c
}

func (s Settings) checkDeployment(c *checks) {
	c.that(stackName.MatchString(s.StackName), "stackName", "letters, digits and hyphens, a letter first")
	c.that(oneOf(s.Architecture, "arm64", "x86_64"), "architecture", "arm64 or x86_64")
	c.that(oneOf(s.Removal, "retain", "destroy"), "removal", "retain or destroy")
	c.that(retentions[s.LogRetentionDays] != "", "logRetentionDays",
		"1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731")
	c.that(s.ReservedConcurrency >= 0, "reservedConcurrency", "0 or more")
	c.that(s.ThrottleRate > 0, "throttleRate", "1 or more")
	c.that(s.ThrottleBurst > 0, "throttleBurst", "1 or more")
	c.that(s.AlarmEmail == "" || isAddress(s.AlarmEmail), "alarmEmail", "an e-mail address")
	c.that(s.AlarmTopicARN == "" || topicARN.MatchString(s.AlarmTopicARN), "alarmTopicArn", "the ARN of an SNS topic")
}

func (s Settings) checkTokens(c *checks) {
	if s.TokenPrefix != "" {
		_, err := token.ParsePrefix(s.TokenPrefix)
		c.passes(err, "tokenPrefix")
	}
	c.that(s.MaxActiveTokens == nil || *s.MaxActiveTokens >= 1 && *s.MaxActiveTokens <= token.MaxActiveLimit, "maxActiveTokens",
		fmt.Sprintf("1 to %d", token.MaxActiveLimit))
	c.that(s.RetentionDays == nil || *s.RetentionDays >= 1, "retentionDays", "1 or more")
	c.passes(token.CheckScopes(s.Scopes), "scopes")
	c.that(oneOf(s.Denial, "", "unauthorized", "forbidden"), "denial", "unauthorized or forbidden")
	c.that(s.AuthorizerCacheSeconds >= 0 && s.AuthorizerCacheSeconds <= 3600, "authorizerCacheSeconds", "0 to 3600")
}

func (s Settings) checkSignIn(c *checks) {
	c.that(s.ConsoleURL == "" || isOrigin(strings.TrimSuffix(s.ConsoleURL, "/")), "consoleUrl", "https://host: the page is at its root")
	c.that(s.CognitoDomainPrefix == "" || domainPrefix.MatchString(s.CognitoDomainPrefix) &&
		!containsAny(s.CognitoDomainPrefix, "aws", "amazon", "cognito"), "cognitoDomainPrefix",
		"lower-case letters, digits and hyphens, without aws, amazon and cognito")
	c.that(s.OIDCIssuer == "" || isPlace(s.OIDCIssuer), "oidcIssuer", "https://… without query and fragment")
	c.that(oneOf(s.OIDCToken, "", "id", "access"), "oidcToken", "id or access")
	c.that(s.OIDCLogoutURL == "" || isPlace(s.OIDCLogoutURL), "oidcLogoutUrl", "https://… without query and fragment")
	c.that(all(s.ConnectOrigins, isOrigin), "connectOrigins", "a list of https://host")
	if s.ownIssuer() {
		c.that(len(s.OIDCAudience) > 0, "oidcAudience", "at least one value of aud, because oidcIssuer is set")
		c.that(s.OIDCClientID != "", "oidcClientId", "the console's client id, because oidcIssuer is set")
		c.that(s.CognitoDomainPrefix == "", "cognitoDomainPrefix", "nothing, because oidcIssuer is set")
		return
	}
	for _, foreign := range []struct {
		setting string
		set     bool
	}{
		{"oidcAudience", len(s.OIDCAudience) > 0},
		{"oidcClientId", s.OIDCClientID != ""},
		{"oidcScopes", s.OIDCScopes != ""},
		{"oidcToken", s.OIDCToken != ""},
		{"oidcLogoutUrl", s.OIDCLogoutURL != ""},
		{"claimOrganization", s.ClaimOrganization != ""},
		{"claimRoles", s.ClaimRoles != ""},
		{"claimEmail", s.ClaimEmail != ""},
		{"trustEmail", s.TrustEmail},
	} {
		c.that(!foreign.set, foreign.setting, "nothing, because oidcIssuer is not set and Cognito's is known")
	}
}

func (s Settings) checkMail(c *checks) {
	c.that(s.sender() != "", "mailFrom", `an e-mail address, or "Name <address>": the notices are sent from it`)
	c.that(!strings.ContainsFunc(s.domain(), func(r rune) bool { return r > unicode.MaxASCII }), "mailFrom",
		"a domain in ASCII (Punycode, xn--…): it is compared with what SES has verified")
	c.that(s.MailReplyTo == "" || isAddress(s.MailReplyTo), "mailReplyTo", "an e-mail address")
	c.that(!strings.ContainsFunc(s.CompanyName, unicode.IsControl), "companyName", "a single line")
	for setting, text := range map[string]string{
		"mailIntro": s.MailIntro, "mailReplace": s.MailReplace, "mailSupport": s.MailSupport, "mailFooter": s.MailFooter,
	} {
		c.that(!strings.ContainsFunc(text, unicode.IsControl), setting, "a single line")
	}
	c.that(s.MailColor == "" || color.MatchString(s.MailColor), "mailColor", "#rrggbb")
	c.that(s.MailIdentity == "" || s.MailIdentity == s.sender() || isUnder(s.domain(), s.MailIdentity), "mailIdentity",
		"mailFrom's address or a domain that it is under")
	if len(s.NoticeDays) > 0 {
		_, err := token.NewSchedule(s.NoticeDays)
		c.passes(err, "noticeDays")
	}
	c.that(s.SendRate >= 0, "sendRate", "0 or more")
}

// sender is the bare address in MailFrom, or empty if there is none.
func (s Settings) sender() string {
	a, err := mail.ParseAddress(s.MailFrom)
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

// isPlace says that text is an https URL that something can be appended to.
func isPlace(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

func isOrigin(text string) bool { return isPlace(text) && origin(text) == text }

// origin is the scheme and host of a URL.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func oneOf(value string, choices ...string) bool { return slices.Contains(choices, value) }

func all[T any](items []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !ok(item) })
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
