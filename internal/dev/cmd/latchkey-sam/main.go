// Command latchkey-sam runs Latchkey's functions by AWS's SAM CLI: "make sam-api",
// "make sam-invoke" and "make sam-seed".
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/template"
	"time"

	"latchkey/internal/dev/cmd"
	"latchkey/internal/dev/fixture"
	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/child"
	"latchkey/internal/dev/sam"
)

const usage = `latchkey-sam TEMPLATE api                     serves the HTTP API until Ctrl-C (PORT)
latchkey-sam TEMPLATE invoke FUNCTION EVENT   prints what the function answers to the file EVENT
latchkey-sam TEMPLATE seed                    puts the tokens of the events back into the table

DYNAMODB_ENDPOINT and SES_ENDPOINT name servers to use`

func main() { cmd.Main("latchkey-sam", run) }

func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) < 2 {
		return errors.New("want\n" + usage)
	}
	lines := child.NewLog(log)
	path, what, rest := args[0], args[1], args[2:]
	switch {
	case what == "api" && len(rest) == 0:
		return api(ctx, path, out, lines)
	case what == "invoke" && len(rest) == 2:
		return invoke(ctx, path, rest[0], rest[1], out, lines)
	case what == "seed" && len(rest) == 0:
		return seed(ctx, out)
	default:
		return errors.New("want\n" + usage)
	}
}

func servers(ctx context.Context, start sam.Start, log *child.Log) (*sam.Servers, error) {
	return sam.StartServers(ctx, sam.ServersConfig{
		DynamoDB: os.Getenv("DYNAMODB_ENDPOINT"), SES: os.Getenv("SES_ENDPOINT"), Start: start, Log: log,
	}, time.Now())
}

func api(ctx context.Context, path string, out io.Writer, log *child.Log) error {
	port := 3000
	if text := os.Getenv("PORT"); text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("PORT is %q: want a number", text)
		}
	}
	if _, err := local.FreePort(ctx, port); err != nil {
		return err
	}
	s, err := servers(ctx, sam.IfNone, log)
	if err != nil {
		return err
	}
	defer s.Stop()
	cli, err := sam.FromEnvironment(path, s, log)
	if err != nil {
		return err
	}
	service, err := cli.StartAPI(ctx, port)
	if err != nil {
		return err
	}
	defer service.Stop()
	if err := welcome(out, service, s); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-service.Done():
		return errors.New("sam local start-api ended")
	}
}

func invoke(ctx context.Context, path, function, file string, out io.Writer, log *child.Log) error {
	event, err := os.ReadFile(file) //nolint:gosec // G304: the developer's choice
	if err != nil {
		return fmt.Errorf("reading the event: %w", err)
	}
	s, err := servers(ctx, sam.Briefly, log)
	if err != nil {
		return err
	}
	defer s.Stop()
	cli, err := sam.FromEnvironment(path, s, log)
	if err != nil {
		return err
	}
	answer, err := cli.Invoke(ctx, function, event)
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer, "", "  ") == nil {
		answer = append(pretty.Bytes(), '\n')
	}
	if _, failed := out.Write(answer); failed != nil {
		return failed
	}
	return err
}

func seed(ctx context.Context, out io.Writer) error {
	endpoint := os.Getenv("DYNAMODB_ENDPOINT")
	if endpoint == "" {
		var err error
		if endpoint, err = sam.FindDynamoDB(ctx); err != nil {
			return err
		}
	}
	if err := sam.Seed(ctx, endpoint, time.Now()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "Table %s at %s holds the tokens of the events, and nothing else.\n", sam.Table, endpoint)
	return err
}

var message = template.Must(template.New("").Parse(`
Latchkey by SAM. Ctrl-C ends it.

  API       {{.URL}}
  Mailbox   {{.SES}}
{{if .Found}}
  The table was there already, and was left as it was. make sam-seed empties it and fills in
  the tokens that these lines need.
{{end}}
  Who is this token? It is one of those that the events know:

    curl -s {{.URL}}/v1/whoami -H 'Authorization: Bearer {{.Active}}'

  A revoked one, and none:

    curl -s {{.URL}}/v1/whoami -H 'Authorization: Bearer {{.Revoked}}'
    curl -s {{.URL}}/v1/whoami

  SAM has no JWT authorizer and passes no claims, so people's routes answer 401 here:

    curl -s {{.URL}}/v1/tokens

  Use events instead, which hold claims, in another terminal:

    make sam-invoke FN=issue EVENT=events/issue-good.json
    make sam-invoke FN=read EVENT=events/read-list-own.json
    make sam-invoke FN=remind EVENT=events/remind-7-days.json

`))

func welcome(out io.Writer, service *local.Server, s *sam.Servers) error {
	values := map[string]any{"URL": service.Endpoint(), "SES": s.SES, "Found": s.Found}
	for _, t := range fixture.Tokens() {
		switch {
		case !t.RevokedAt.IsZero():
			values["Revoked"] = t.Secret.Reveal()
		case t.Name == "Nightly export":
			values["Active"] = t.Secret.Reveal()
		}
	}
	return message.Execute(out, values)
}
