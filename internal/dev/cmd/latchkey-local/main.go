// Command latchkey-local runs the whole of Latchkey on this machine: "make run".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
	"time"

	"latchkey/internal/dev/cmd"
	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/issuer"
)

const usage = `latchkey-local runs DynamoDB Local, an SES-compatible server, the functions' binaries,
the HTTP API and an OpenID Connect issuer on this machine. Ctrl-C ends all of it.

Each flag but -v is also an environment variable, such as DYNAMODB_ENDPOINT for
-dynamodb-endpoint; the flag goes first.

`

func main() { cmd.Main("latchkey-local", run) }

func run(ctx context.Context, args []string, out, log io.Writer) error {
	c, err := parse(args, log)
	if err != nil {
		return err
	}
	c.Log = log
	s, err := local.Start(ctx, c)
	if ctx.Err() != nil {
		return nil // ended while it was starting
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if err := welcome(out, s); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// parse reads flags, and the environment for those that are not given.
func parse(args []string, log io.Writer) (local.Config, error) {
	c := local.Config{Environment: map[string]string{}, Quiet: true}
	flags := cmd.Flags("latchkey-local", usage, log)
	flags.IntVar(&c.Port, "port", 8080, "port of the HTTP API and the page; those after it: sign-in, mailbox, DynamoDB Local; 0: any free ports")
	flags.StringVar(&c.DataDir, "data-dir", "", "folder in which DynamoDB Local keeps its data (default in memory)")
	flags.StringVar(&c.DynamoDBEndpoint, "dynamodb-endpoint", "", "a DynamoDB Local that runs already (default one is started)")
	flags.StringVar(&c.SESEndpoint, "ses-endpoint", "", "an aws-ses-v2-local that runs already (default one is started)")
	flags.StringVar(&c.Binaries, "binaries", filepath.Join(".build", runtime.GOARCH), "folder with the functions' binaries, <function>/bootstrap")
	flags.StringVar(&c.NodeModules, "node-modules", "node_modules", "folder that npm ci filled")
	flags.DurationVar(&c.AuthorizerCache, "authorizer-cache", 0*time.Second, "how long the gateway keeps the authorizer's decisions")
	flags.IntVar(&c.Concurrency, "concurrency", 0, "how many functions may run at once, as 10 in a new AWS account; over it callers get a 503 (default no limit)")
	flags.BoolFunc("v", "log every request and all that functions and servers print, not only warnings and errors", func(string) error {
		c.Quiet = false
		return nil
	})
	flags.Func("set", "`NAME=VALUE` of a function's environment variable, such as DENIAL=forbidden; may be repeated", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("want NAME=VALUE")
		}
		c.Environment[name] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("do not know what to do with %q", flags.Args())
	}
	return c, fromEnvironment(flags)
}

// fromEnvironment sets each flag that was not given from the variable of its name.
func fromEnvironment(flags *flag.FlagSet) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failed error
	flags.VisitAll(func(f *flag.Flag) {
		name := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := os.Getenv(name)
		if given[f.Name] || f.Name == "v" || value == "" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = errors.Join(failed, fmt.Errorf("environment variable %s=%q: %w", name, value, err))
		}
	})
	return failed
}

var message = template.Must(template.New("welcome").Parse(`
Latchkey is running. Ctrl-C ends it.

  Console  {{.URL}}/
  Mailbox  {{.Mailbox}}/
  Table    latchkey at {{.DynamoDB}}

  Sign in as
{{- range .People}}
    {{printf "%-6s" .Name}} {{.About}}
{{- end}}

  Issue a token as bob, and use it:

    SECRET=$(curl -s {{.URL}}/v1/tokens -H 'Content-Type: application/json' \
      -H "Authorization: Bearer $(curl -s '{{.URL}}/_local/jwt?user=bob')" \
      -d '{"name": "My first token", "expires_in_days": 30}' | node -p 'JSON.parse(fs.readFileSync(0)).secret')
    curl -s {{.URL}}/v1/whoami -H "Authorization: Bearer $SECRET"

  Send today the notices that are due in 23 days, seven before it expires:

    curl -s -X POST '{{.URL}}/_local/schedule?time={{.Later}}'

`))

func welcome(out io.Writer, s *local.System) error {
	return message.Execute(out, map[string]any{
		"URL": s.URL(), "Mailbox": s.SESEndpoint(), "DynamoDB": s.DynamoDBEndpoint(), "People": issuer.People(),
		"Later": time.Now().UTC().AddDate(0, 0, 23).Format(time.RFC3339),
	})
}
