package ses_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	netmail "net/mail"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/reminder/mail/sample"
	"latchkey/internal/ses"
)

// endpoint is a server that takes mail as SES does.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		server, err := local.StartSES(ctx, local.SESConfig{NodeModules: "../../node_modules"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer server.Stop()
		endpoint = server.Endpoint()
		return m.Run()
	}())
}

func awsConfig(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

func newMailer(t *testing.T, endpoint string, c ses.Config) *ses.Mailer {
	t.Helper()
	if c.From == "" {
		c.From = "Acme API <no-reply@acme.example>"
	}
	m, err := ses.New(awsConfig(endpoint), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// taken is the mail that the server took under an id.
func taken(t *testing.T, id string) local.Mail {
	t.Helper()
	all, err := local.ReadMail(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(m local.Mail) bool { return m.ID == id })
	if i < 0 {
		t.Fatalf("there is no mail %q among %d", id, len(all))
	}
	return all[i]
}

func TestSend(t *testing.T) {
	t.Parallel()
	m := newMailer(t, endpoint, ses.Config{ReplyTo: "platform@acme.example", ConfigurationSet: "latchkey"})
	id, err := m.Send(t.Context(), mail.Message{
		To: "jane@bücher.example", Subject: "API token “プロダクション” expires", Text: "as text", HTML: "<p>as HTML</p>",
	})
	if err != nil || id == "" {
		t.Fatalf("id %q, %v", id, err)
	}
	got := taken(t, id)
	if got.From != "Acme API <no-reply@acme.example>" || !slices.Equal(got.ReplyTo, []string{"platform@acme.example"}) ||
		!slices.Equal(got.To, []string{"jane@xn--bcher-kva.example"}) {
		t.Errorf("from %q to %q, reply to %q", got.From, got.To, got.ReplyTo)
	}
	if got.Subject != "API token “プロダクション” expires" || got.Text != "as text" || got.HTML != "<p>as HTML</p>" {
		t.Errorf("content %+v", got)
	}
	if got.Headers["Auto-Submitted"] != "auto-generated" || got.Headers["X-Auto-Response-Suppress"] != "All" {
		t.Errorf("headers %v", got.Headers)
	}
}

// Dots that a header holds in quotes alone go to SES in quotes, and to the same mailbox.
func TestRecipientWithDotsAnywhere(t *testing.T) {
	t.Parallel()
	m := newMailer(t, endpoint, ses.Config{})
	id, err := m.Send(t.Context(), mail.Message{To: "a..b@docomo.ne.jp", Subject: "s", Text: "t", HTML: "h"})
	if err != nil {
		t.Fatal(err)
	}
	message, err := netmail.ReadMessage(bytes.NewReader(eml(t, id)))
	if err != nil {
		t.Fatal(err)
	}
	to, err := message.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != "a..b@docomo.ne.jp" {
		t.Errorf("to %v, error %v", to, err)
	}
}

// A sender beyond ASCII goes to SES as encoded words and Punycode; one in ASCII as it is.
func TestSenderInASCII(t *testing.T) {
	t.Parallel()
	m := newMailer(t, endpoint, ses.Config{From: "Müller API <no-reply@bücher.example>"})
	id, err := m.Send(t.Context(), mail.Message{To: "bob@acme.example", Subject: "s", Text: "t", HTML: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if got := taken(t, id).From; got != "=?utf-8?q?M=C3=BCller_API?= <no-reply@xn--bcher-kva.example>" {
		t.Errorf("from %q", got)
	}
}

// Every sample, as the message that it becomes: a name must not turn into a header.
func TestHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	composer, err := mail.NewComposer(sample.Style)
	if err != nil {
		t.Fatal(err)
	}
	m := newMailer(t, endpoint, ses.Config{})
	for _, s := range sample.Mails() {
		e, err := composer.Compose(s.Content)
		if err != nil {
			t.Fatal(err)
		}
		id, err := m.Send(t.Context(), e)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		message, err := netmail.ReadMessage(bytes.NewReader(eml(t, id)))
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		for name := range message.Header {
			if !slices.Contains([]string{"From", "To", "Subject", "Auto-Submitted", "X-Auto-Response-Suppress", "Message-Id", "Date", "Mime-Version", "Content-Type"}, name) {
				t.Errorf("%s: there is a header %s: %s", s.Name, name, message.Header.Get(name))
			}
		}
		to, err := message.Header.AddressList("To")
		if err != nil || len(to) != 1 {
			t.Errorf("%s: to %v, %v", s.Name, to, err)
		}
	}
}

// eml is the message that a mail becomes.
func eml(t *testing.T, id string) []byte {
	t.Helper()
	address := endpoint + "/get-emlContent?messageId=" + url.QueryEscape(id)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Body struct {
			Data []int `json:"data"`
		} `json:"body"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, response.Status, err)
	}
	message := make([]byte, 0, len(answer.Body.Data))
	for _, b := range answer.Body.Data {
		message = append(message, byte(b))
	}
	return message
}

// What each answer means, and that there is one attempt a call: SES would take a second
// one for a second e-mail.
func TestEveryFailureHasItsMeaning(t *testing.T) {
	t.Parallel()
	const secret = "address bob@acme.example is not welcome"
	const notVerified = "Email address is not verified. The following identities failed the check in region US-EAST-1: "
	for name, c := range map[string]struct {
		fault faulty.Fault
		want  error // nil: open whether it was sent
	}{
		"rate":               {faulty.Answer(429, "TooManyRequestsException", secret), reminder.ErrThrottled},
		"rate, as version 1": {faulty.Answer(400, "ThrottlingException", "Maximum sending rate exceeded."), reminder.ErrThrottled},
		"quota":              {faulty.Answer(400, "LimitExceededException", "Daily message quota exceeded."), reminder.ErrPaused},
		"quota, as version 1": {
			faulty.Answer(400, "ThrottlingException", "Daily message quota exceeded."), reminder.ErrPaused,
		},
		"paused":        {faulty.Answer(400, "SendingPausedException", secret), reminder.ErrPaused},
		"suspended":     {faulty.Answer(400, "AccountSuspendedException", secret), reminder.ErrPaused},
		"mail from":     {faulty.Answer(400, "MailFromDomainNotVerifiedException", secret), reminder.ErrPaused},
		"access denied": {faulty.Answer(403, "AccessDeniedException", secret), reminder.ErrPaused},
		"expired token": {faulty.Answer(403, "ExpiredTokenException", secret), reminder.ErrPaused},
		"no set":        {faulty.Answer(404, "NotFoundException", secret), reminder.ErrPaused},
		"rejected":      {faulty.Answer(400, "MessageRejected", secret), reminder.ErrRejected},
		"not verified":  {faulty.Answer(400, "MessageRejected", secret+" and not verified"), reminder.ErrPaused},
		"sender not verified": {
			faulty.Answer(400, "MessageRejected", notVerified+"NO-REPLY@ACME.EXAMPLE, bob@acme.test"), reminder.ErrPaused,
		},
		"recipient not verified": {faulty.Answer(400, "MessageRejected", notVerified+"bob@acme.test"), reminder.ErrRejected},
		"conflict":               {faulty.Answer(409, "ConflictException", secret), reminder.ErrRejected},
		"bad address":            {faulty.Answer(400, "BadRequestException", secret), reminder.ErrAddress},
		"internal error":         {faulty.Answer(500, "InternalServiceErrorException", secret), reminder.ErrBroken},
		"unavailable":            {faulty.Answer(503, "", secret), reminder.ErrBroken},
		"cut before":             {faulty.CutBefore, nil},
		"cut after":              {faulty.CutAfter, nil},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			_, _ = io.WriteString(w, "<html>bob@acme.example")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := faulty.NewProxy(t, endpoint)
			proxy.Fail("SendEmail", 0, faulty.Always, c.fault)
			_, err := newMailer(t, proxy.URL, ses.Config{}).Send(t.Context(), mail.Message{
				To: "bob@acme.example", Subject: "s", Text: "t", HTML: "h",
			})
			if err == nil {
				t.Fatal("no error")
			}
			for _, kind := range []error{reminder.ErrThrottled, reminder.ErrUnreachable, reminder.ErrPaused, reminder.ErrRejected, reminder.ErrAddress, reminder.ErrBroken} {
				if got, want := errors.Is(err, kind), errors.Is(c.want, kind); got != want {
					t.Errorf("%v: is %q: %v, want %v", err, kind, got, want)
				}
			}
			if strings.Contains(err.Error(), "@") {
				t.Errorf("the error holds an address: %v", err)
			}
			if n := proxy.Count("SendEmail"); n != 1 {
				t.Errorf("%d attempts, want 1", n)
			}
		})
	}
}

// Where no connection could be made, or no request, it is certain that nothing was sent.
func TestNothingWasSentWithoutAConnection(t *testing.T) {
	t.Parallel()
	e := mail.Message{To: "bob@acme.example", Subject: "s", Text: "t", HTML: "h"}
	if _, err := newMailer(t, "http://127.0.0.1:1", ses.Config{}).Send(t.Context(), e); !errors.Is(err, reminder.ErrUnreachable) {
		t.Errorf("without a server: %v", err)
	}
	config := awsConfig(endpoint)
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("none to be had")
	})
	m, err := ses.New(config, ses.Config{From: "no-reply@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Send(t.Context(), e); !errors.Is(err, reminder.ErrUnreachable) {
		t.Errorf("without credentials: %v", err)
	}
	// Of a call that was ended while it was under way that is not certain.
	ctx, cancel := context.WithCancel(t.Context())
	proxy := faulty.NewProxy(t, endpoint)
	proxy.Fail("SendEmail", 0, faulty.Always, faulty.StallAfter(cancel))
	if _, err := newMailer(t, proxy.URL, ses.Config{}).Send(ctx, e); err == nil || errors.Is(err, reminder.ErrUnreachable) {
		t.Errorf("ended under way: %v", err)
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	account := func(enabled bool, most, rate, sent float64) map[string]any {
		return map[string]any{
			"SendingEnabled": enabled,
			"SendQuota":      map[string]float64{"Max24HourSend": most, "MaxSendRate": rate, "SentLast24Hours": sent},
		}
	}
	for name, c := range map[string]struct {
		account    map[string]any
		configured float64
		want       reminder.Capacity
	}{
		"granted":    {account(true, 50000, 14, 20), 0, reminder.Capacity{PerSecond: 14, Remaining: 49980}},
		"configured": {account(true, 50000, 14, 20), 5.5, reminder.Capacity{PerSecond: 5.5, Remaining: 49980}},
		"sandbox":    {account(true, 200, 1, 200), 0, reminder.Capacity{PerSecond: 1, Remaining: 0}},
		"over quota": {account(true, 200, 1, 205), 0, reminder.Capacity{PerSecond: 1, Remaining: 0}},
		"no limit":   {account(true, -1, 100, 5), 0, reminder.Capacity{PerSecond: 100, Remaining: -1}},
		"no rate":    {account(true, 200, 0, 0), 0, reminder.Capacity{PerSecond: 1, Remaining: 200}},
		"no quota":   {map[string]any{"SendingEnabled": true}, 0, reminder.Capacity{PerSecond: 1, Remaining: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := faulty.NewProxy(t, endpoint)
			proxy.Fail("GetAccount", 0, faulty.Always, faulty.AnswerJSON(200, "", c.account))
			got, err := newMailer(t, proxy.URL, ses.Config{PerSecond: c.configured}).Capacity(t.Context())
			if err != nil || got != c.want {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
	if got, err := newMailer(t, endpoint, ses.Config{}).Capacity(t.Context()); err != nil || got.PerSecond <= 0 || got.Remaining <= 0 {
		t.Errorf("of the local server: %+v, %v", got, err)
	}
	off := faulty.NewProxy(t, endpoint)
	off.Fail("GetAccount", 0, faulty.Always, faulty.AnswerJSON(200, "", account(false, 50000, 14, 0)))
	if _, err := newMailer(t, off.URL, ses.Config{}).Capacity(t.Context()); !errors.Is(err, reminder.ErrPaused) {
		t.Errorf("sending off: %v", err)
	}
	proxy := faulty.NewProxy(t, endpoint)
	proxy.Fail("GetAccount", 0, faulty.Always, faulty.Answer(403, "AccessDeniedException", "user bob@acme.example"))
	if _, err := newMailer(t, proxy.URL, ses.Config{}).Capacity(t.Context()); !errors.Is(err, reminder.ErrPaused) || strings.Contains(err.Error(), "@") {
		t.Errorf("denied: %v", err)
	}
}

func TestNewRefusesABadConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]ses.Config{
		"no sender":         {},
		"a bad sender":      {From: "Acme"},
		"two senders":       {From: "a@acme.example, b@acme.example"},
		"a sender of lines": {From: "a@acme.example\r\nBcc: eve@evil.example"},
		"a bad reply-to":    {From: "a@acme.example", ReplyTo: "platform"},
		"a negative rate":   {From: "a@acme.example", PerSecond: -1},
	} {
		if _, err := ses.New(awsConfig(endpoint), c); err == nil {
			t.Errorf("a mailer with %s was made", name)
		}
	}
}
