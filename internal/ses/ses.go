// Package ses sends the reminder's e-mails with Amazon SES, API v2.
//
// Trust: SES reads every notice and every owner's address. It never sees a secret.
package ses

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"latchkey/internal/awsenv"
	"latchkey/internal/email"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
)

// sendTimeout bounds one call. SES answers in well under a second.
const sendTimeout = 10 * time.Second

// Config is how e-mails are sent.
type Config struct {
	From             string  // an address or "Name <address>", verified in SES
	ReplyTo          string  // empty: answers go to From
	ConfigurationSet string  // empty: none
	PerSecond        float64 // 0: what SES grants
}

// Mailer sends e-mails. It implements [reminder.Mailer].
type Mailer struct {
	client *sesv2.Client
	c      Config
}

// Open returns a mailer, with region, credentials and endpoint as Lambda has them in the
// environment.
func Open(c Config) (*Mailer, error) {
	a, err := awsenv.Load("SESV2")
	if err != nil {
		return nil, fmt.Errorf("reading the AWS settings: %w", err)
	}
	return New(a, c)
}

// New checks the configuration.
func New(a aws.Config, c Config) (*Mailer, error) {
	var err error
	if c.From, err = mailbox(c.From); err != nil {
		return nil, fmt.Errorf("mailer: the sender is not an address: %w", err)
	}
	if c.ReplyTo != "" {
		if c.ReplyTo, err = mailbox(c.ReplyTo); err != nil {
			return nil, fmt.Errorf("mailer: the reply-to is not an address: %w", err)
		}
	}
	if c.PerSecond < 0 {
		return nil, errors.New("mailer: the send rate must not be negative")
	}
	client := sesv2.NewFromConfig(a, func(o *sesv2.Options) {
		if o.HTTPClient == nil {
			o.HTTPClient = awshttp.NewBuildableClient()
		}
		if h, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = h.WithTimeout(sendTimeout)
		}
	})
	return &Mailer{client, c}, nil
}

// Capacity implements [reminder.Mailer] with GetAccount
// (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html).
func (m *Mailer) Capacity(ctx context.Context) (reminder.Capacity, error) {
	account, err := m.client.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return reminder.Capacity{}, m.classify(err)
	}
	if !account.SendingEnabled {
		return reminder.Capacity{}, fmt.Errorf("%w: SES has sending turned off", reminder.ErrPaused)
	}
	if account.SendQuota == nil {
		return reminder.Capacity{PerSecond: 1}, nil
	}
	q := account.SendQuota
	c := reminder.Capacity{PerSecond: q.MaxSendRate, Remaining: int(q.Max24HourSend - q.SentLast24Hours)}
	if q.Max24HourSend < 0 { // SES's way to say unlimited
		c.Remaining = -1
	} else if c.Remaining < 0 {
		c.Remaining = 0
	}
	if m.c.PerSecond > 0 {
		c.PerSecond = m.c.PerSecond
	}
	if c.PerSecond <= 0 {
		c.PerSecond = 1
	}
	return c, nil
}

// Send implements [reminder.Mailer]. It makes one attempt: SES has no way to know a
// repeated request from a second e-mail.
func (m *Mailer) Send(ctx context.Context, e mail.Message) (string, error) {
	content := func(s string) *types.Content { return &types.Content{Data: &s, Charset: aws.String("UTF-8")} }
	in := &sesv2.SendEmailInput{
		FromEmailAddress: &m.c.From,
		Destination:      &types.Destination{ToAddresses: []string{email.ASCII(e.To)}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: content(e.Subject),
			Body:    &types.Body{Text: content(e.Text), Html: content(e.HTML)},
			Headers: headers(),
		}},
	}
	if m.c.ReplyTo != "" {
		in.ReplyToAddresses = []string{m.c.ReplyTo}
	}
	if m.c.ConfigurationSet != "" {
		in.ConfigurationSetName = &m.c.ConfigurationSet
	}
	out, err := m.client.SendEmail(ctx, in, func(o *sesv2.Options) { o.RetryMaxAttempts = 1 })
	if err != nil {
		return "", m.classify(err)
	}
	return aws.ToString(out.MessageId), nil
}

// headers tell mail programs not to answer (RFC 3834, section 5). Exchange goes by a header
// of its own ([MS-OXCMAIL], X-Auto-Response-Suppress).
func headers() []types.MessageHeader {
	header := func(name, value string) types.MessageHeader { return types.MessageHeader{Name: &name, Value: &value} }
	return []types.MessageHeader{header("Auto-Submitted", "auto-generated"), header("X-Auto-Response-Suppress", "All")}
}

// mailbox writes an address with a name as SES wants it: in ASCII, the name as encoded
// words (RFC 2047).
func mailbox(s string) (string, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || isASCII(s) {
		return s, err
	}
	a.Address = email.ASCII(a.Address)
	if a.Name == "" {
		return a.Address, nil
	}
	return a.String(), nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// classify says what an error means for the e-mail. It keeps SES's code and drops its
// message, which can hold addresses. What it has no word for leaves open whether the
// e-mail was sent.
func (m *Mailer) classify(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return unanswered(err)
	}
	code := api.ErrorCode()
	switch code {
	case "TooManyRequestsException", "ThrottlingException", "Throttling":
		if strings.Contains(api.ErrorMessage(), "quota") { // of the day
			return fmt.Errorf("%w: %s", reminder.ErrPaused, code)
		}
		return fmt.Errorf("%w: %s", reminder.ErrThrottled, code)
	case "LimitExceededException", "SendingPausedException", "AccountSuspendedException",
		"MailFromDomainNotVerifiedException", "NotFoundException":
		return fmt.Errorf("%w: %s", reminder.ErrPaused, code)
	case "MessageRejected":
		// Until the sender's domain is verified, that is how the account is and not the e-mail.
		// In its sandbox SES says the same of recipients, and that is the one e-mail's.
		if strings.Contains(api.ErrorMessage(), "not verified") && m.isOfSender(api.ErrorMessage()) {
			return fmt.Errorf("%w: %s", reminder.ErrPaused, code)
		}
		return fmt.Errorf("%w: %s", reminder.ErrRejected, code)
	case "BadRequestException":
		return fmt.Errorf("%w: %s", reminder.ErrAddress, code)
	}
	status := 0
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	switch {
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s", reminder.ErrThrottled, code)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%w: %s", reminder.ErrPaused, code)
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return fmt.Errorf("%w: %s", reminder.ErrRejected, code)
	default:
		return fmt.Errorf("%w: %s", reminder.ErrBroken, code)
	}
}

// isOfSender reports whether the identities that SES names at the end of a message can be
// the sender's. It names none in some messages.
func (m *Mailer) isOfSender(message string) bool {
	_, identities, named := strings.Cut(message, ":")
	domain := m.c.From[strings.LastIndexByte(m.c.From, '@')+1:]
	return !named || strings.Contains(strings.ToLower(identities), strings.ToLower(strings.TrimSuffix(domain, ">")))
}

// unanswered classifies a call without an answer. Only of a connection that was never
// made, and of a request that was never begun, is it certain that SES knows nothing.
func unanswered(err error) error {
	if network, ok := errors.AsType[*net.OpError](err); ok && network.Op == "dial" {
		return fmt.Errorf("%w: no connection", reminder.ErrUnreachable)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer from SES in time")
	}
	_, begun := errors.AsType[*smithyhttp.RequestSendError](err)
	_, answered := errors.AsType[*awshttp.ResponseError](err)
	_, canceled := errors.AsType[*smithy.CanceledError](err)
	if !begun && !answered && !canceled {
		return fmt.Errorf("%w: the request could not be made", reminder.ErrUnreachable)
	}
	return errors.New("no answer from SES")
}
