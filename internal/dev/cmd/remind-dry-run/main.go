// Command remind-dry-run prints who would get which notice at a time. It sends and
// writes nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"latchkey/internal/config"
	"latchkey/internal/dev/cmd"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

const usage = `remind-dry-run prints who would get which notice at a time. It sends and writes nothing.

It reads the table in TABLE_NAME and the days in NOTICE_DAYS (by default 15,7,0) with the
AWS settings of the environment. What it prints has e-mail addresses in it. Of the local run:

  TABLE_NAME=latchkey AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8083 AWS_REGION=us-east-1 \
  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local make remind-dry-run TIME=2026-12-08T00:05:00Z

`

func main() { cmd.Main("remind-dry-run", run) }

func run(ctx context.Context, args []string, out, messages io.Writer) error {
	flags := cmd.Flags("remind-dry-run", usage, messages)
	when := flags.String("time", "", "the time of the run, such as 2026-12-08T00:05:00Z (default now)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	at := time.Now()
	if *when != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, *when); err != nil {
			return fmt.Errorf("-time %q is not as 2026-12-08T00:05:00Z", *when)
		}
	}
	c, err := config.Load[struct {
		config.Table
		config.Notices
		config.Admins
	}]()
	if err != nil {
		return fmt.Errorf("%w (-help says what it reads)", err)
	}
	schedule, err := notice.NewSchedule(c.NoticeDays)
	if err != nil {
		return err
	}
	store, err := open(ctx, c.TableName)
	if err != nil {
		return err
	}
	mails, err := reminder.Plan(ctx, reminder.PlanConfig{
		Reader: store, Schedule: schedule, Shards: dynamo.Shards, Now: time.Now,
		AdminsSeenWithin: time.Duration(c.AdminsSeenWithinDays) * 24 * time.Hour,
	}, at)
	if err != nil {
		return err
	}
	return write(out, at, mails)
}

// open returns a store on a table with what the AWS SDK finds on a developer's machine,
// profiles and single sign-on as well as variables.
func open(ctx context.Context, table string) (*dynamo.Store, error) {
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS settings: %w", err)
	}
	if settings.Region == "" {
		return nil, errors.New("AWS_REGION is missing, the Region of the table (-help says what it reads)")
	}
	if _, err := settings.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("AWS credentials are missing: %w", err)
	}
	// Somebody at a terminal may be far from the table, and can wait longer than a function.
	client := &http.Client{Timeout: time.Minute}
	if found, ok := settings.HTTPClient.(*awshttp.BuildableClient); ok {
		client.Transport = found.GetTransport()
	}
	settings.HTTPClient = client
	return dynamo.New(dynamo.NewClient(settings), table)
}

func write(out io.Writer, at time.Time, mails []reminder.PlannedMail) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	notices := 0
	_, _ = fmt.Fprintln(t, "MAIL\tNOTICE\tDUE SINCE\tTOKEN\tHINT\tORGANIZATION\tOWNER\tEXPIRES ON\tTO")
	for i, m := range mails {
		for _, n := range m.Notices {
			notices++
			_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i+1, n.Kind, since(n, at),
				n.Token.Name, n.Token.Hint, n.Token.Organization, owner(m.For), n.Token.ExpiresOn, recipients(m))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	_, err := fmt.Fprintf(out, "\nAt %s: %d notices in %d e-mails.\n", at.UTC().Format(time.RFC3339), notices, len(mails))
	return err
}

// since says when a notice became due, and until when it waits for another try.
func since(n reminder.PlannedNotice, at time.Time) string {
	if n.HeldUntil.After(at) {
		return n.DueOn.String() + ", waits until " + n.HeldUntil.Format(time.RFC3339)
	}
	return n.DueOn.String()
}

func owner(o token.Person) string {
	switch {
	case o.Email == "":
		return o.ID
	case o.Undeliverable:
		return o.Email + " (undeliverable)"
	default:
		return o.Email
	}
}

func recipients(m reminder.PlannedMail) string {
	to := make([]string, 0, len(m.To))
	for _, o := range m.To {
		to = append(to, o.Email)
	}
	switch {
	case len(to) == 0:
		return "nobody can be reached"
	case m.About == mail.Instead:
		return "admins: " + strings.Join(to, ", ")
	default:
		return to[0]
	}
}
