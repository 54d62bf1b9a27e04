package local

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"latchkey/internal/dev/local/child"
)

// sesAccount is what SES's GetAccount answers. The server wants the whole object; the
// functions read MaxSendRate.
const sesAccount = `{
	"DedicatedIpAutoWarmupEnabled": false,
	"Details": {
		"AdditionalContactEmailAddresses": [], "ContactLanguage": "EN", "MailType": "TRANSACTIONAL",
		"ReviewDetails": {"CaseId": "local", "Status": "GRANTED"}, "UseCaseDescription": "local run", "WebsiteURL": "http://127.0.0.1"
	},
	"EnforcementStatus": "HEALTHY",
	"ProductionAccessEnabled": true,
	"SendingEnabled": true,
	"SendQuota": {"Max24HourSend": 50000, "MaxSendRate": 50, "SentLast24Hours": 0},
	"SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
}`

// SESConfig says how to run the SES-compatible server.
type SESConfig struct {
	NodeModules string     // where the package aws-ses-v2-local is; empty: node_modules
	Port        int        // 0: any free port
	Host        string     // address to listen on; empty: 127.0.0.1
	Log         *child.Log // nil: dropped
}

// StartSES starts aws-ses-v2-local: it takes mail as SES's version 2 API does, sends
// none, and shows what it took at its address. It ends with ctx.
func StartSES(ctx context.Context, c SESConfig) (*Server, error) {
	modules := cmp.Or(c.NodeModules, defaultNodeModules)
	program, err := filepath.Abs(filepath.Join(modules, "aws-ses-v2-local", "dist", "cli.js"))
	if err != nil {
		return nil, fmt.Errorf("finding the SES server: %w", err)
	}
	if _, err := os.Stat(program); err != nil {
		return nil, missingModule(modules, "aws-ses-v2-local")
	}
	s, err := StartServer(ctx, "the SES server", c.Port, func(port int) child.Command {
		return child.Command{
			Path: "node", Args: []string{program, "--host", cmp.Or(c.Host, "127.0.0.1"), "--port", strconv.Itoa(port)},
			Env:  []string{"PATH=" + os.Getenv("PATH"), "AWS_SES_ACCOUNT=" + sesAccount},
			Name: "ses", Log: c.Log,
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w. It runs on Node 20 or newer; or have SES_ENDPOINT name a server that runs", err)
	}
	return s, nil
}

// Mail is one mail that the SES server took.
type Mail struct {
	ID      string            `json:"id"` // SES's MessageId
	From    string            `json:"from"`
	To      []string          `json:"to"`
	ReplyTo []string          `json:"reply_to"`
	Subject string            `json:"subject"`
	Text    string            `json:"text"`
	HTML    string            `json:"html"`
	Headers map[string]string `json:"headers"` // those that the sender added
	At      time.Time         `json:"at"`
}

// ReadMail returns all mail that the aws-ses-v2-local at the address took, oldest first.
func ReadMail(ctx context.Context, endpoint string) ([]Mail, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/store", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the mail: %w", err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("reading the mail: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the mail: the SES server answers %s", response.Status)
	}
	var store struct {
		Emails []struct {
			MessageID   string   `json:"messageId"`
			From        string   `json:"from"`
			ReplyTo     []string `json:"replyTo"`
			Destination struct {
				To []string `json:"to"`
			} `json:"destination"`
			Subject string `json:"subject"`
			Body    struct {
				Text string `json:"text"`
				HTML string `json:"html"`
			} `json:"body"`
			Headers []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"headers"`
			At int64 `json:"at"` // epoch seconds
		} `json:"emails"`
	}
	if err := json.NewDecoder(response.Body).Decode(&store); err != nil {
		return nil, fmt.Errorf("reading the mail: %w", err)
	}
	mails := make([]Mail, 0, len(store.Emails))
	for _, e := range store.Emails {
		m := Mail{
			ID: e.MessageID, From: e.From, To: e.Destination.To, ReplyTo: e.ReplyTo, Subject: e.Subject,
			Text: e.Body.Text, HTML: e.Body.HTML, Headers: map[string]string{}, At: time.Unix(e.At, 0).UTC(),
		}
		for _, h := range e.Headers {
			m.Headers[h.Name] = h.Value
		}
		mails = append(mails, m)
	}
	return mails, nil
}
