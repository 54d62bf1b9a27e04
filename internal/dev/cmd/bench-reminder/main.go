// Command bench-reminder measures what a run of the reminder costs among few and among
// many tokens, on DynamoDB Local and the SES-compatible server, and writes a table.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"

	"latchkey/internal/dev/cmd"
	"latchkey/internal/dev/local"
)

const usage = `bench-reminder measures what a run of the reminder costs among few and among many tokens.
It starts DynamoDB Local and the SES-compatible server and takes some minutes.

`

func main() { cmd.Main("bench-reminder", run) }

func run(ctx context.Context, args []string, out, messages io.Writer) error {
	flags := cmd.Flags("bench-reminder", usage, messages)
	sizes := []int{10_000, 100_000, 1_000_000}
	flags.Func("tokens", "how many tokens there are, such as 10000,100000 (default 10000,100000,1000000)", func(text string) (err error) {
		sizes, err = numbers(text)
		return err
	})
	scan := flags.Int("scan", 100_000, "up to how many tokens the table is also scanned, which takes long")
	due := flags.Int("due", 10_000, "how many of them have a notice due")
	if err := flags.Parse(args); err != nil {
		return err
	}
	report := report{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(), Go: runtime.Version(),
		Arguments: strings.Join(args, " "), Due: *due,
	}
	for _, size := range sizes {
		// A server of its own for each size: what one has filled must not slow the next.
		m, err := measure(ctx, size, *due, size <= *scan, messages)
		if err != nil {
			return fmt.Errorf("among %d tokens: %w", size, err)
		}
		report.Rows = append(report.Rows, m)
	}
	return page.Execute(out, report)
}

func numbers(text string) ([]int, error) {
	var list []int
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of tokens", field)
		}
		list = append(list, n)
	}
	return list, nil
}

// measure fills a table and has the reminder run on it.
func measure(ctx context.Context, size, due int, scan bool, messages io.Writer) (row, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	database, err := local.StartDynamoDB(ctx, local.DynamoDBConfig{})
	if err != nil {
		return row{}, err
	}
	defer database.Stop()
	mails, err := local.StartSES(ctx, local.SESConfig{})
	if err != nil {
		return row{}, err
	}
	defer mails.Stop()
	b, err := newBench(ctx, database.Endpoint(), mails.Endpoint(), time.Now)
	if err != nil {
		return row{}, err
	}
	progress := func(what string, since time.Time) {
		_, _ = fmt.Fprintf(messages, "%d tokens: %s in %s\n", size, what, time.Since(since).Round(time.Millisecond))
	}
	begin := time.Now()
	if err := b.fill(ctx, size, min(due, size)); err != nil {
		return row{}, err
	}
	progress("filled", begin)

	r := row{Tokens: size}
	if r.Due, err = b.find(ctx); err != nil {
		return row{}, err
	}
	progress("found what is due", time.Now().Add(-r.Due.Time))
	if scan {
		if r.Scan, err = b.scan(ctx); err != nil {
			return row{}, err
		}
		progress("scanned", time.Now().Add(-r.Scan.Time))
	}
	if r.Run, r.Result, err = b.run(ctx); err != nil {
		return row{}, err
	}
	progress("ran", time.Now().Add(-r.Run.Time))
	if r.Empty, err = b.find(ctx); err != nil {
		return row{}, err
	}
	return r, nil
}

// machine is what this runs on.
func machine() string {
	model := runtime.GOARCH
	if cpuinfo, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(cpuinfo)) {
			if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores, %s, %s", runtime.NumCPU(), model, runtime.GOOS)
}

var page = template.Must(template.New("report").Funcs(template.FuncMap{"count": count}).Parse(
	`# The reminder: cost follows what is due

{{.Date}} · {{.Machine}} · {{.Go}} · DynamoDB Local 3.3.1 and aws-ses-v2-local on loopback
` + "`go run ./internal/dev/cmd/bench-reminder{{with .Arguments}} {{.}}{{end}} > internal/dev/bench/reminder.md`" + `

{{count .Due}} notices are due, two of each owner. All other tokens have a notice to come, so that
all are in the index ` + "`due`" + `. Capacity units are those that DynamoDB Local states, which takes
nothing for a query that finds nothing; AWS takes at least half a unit. Times are of this machine,
on which other work may be under way: compare them, don't quote them.

## Finding what is due

| tokens | due | calls | read units | time | a scan: calls | read units | time |
|---:|---:|---:|---:|---:|---:|---:|---:|
{{range .Rows}}| {{count .Tokens}} | {{count .Result.Due}} | {{.Due.Calls "Query"}} | {{printf "%.1f" .Due.Units}} | {{.Due.Millis}} ms | {{if .Scan.Time}}{{.Scan.Calls "Scan"}} | {{printf "%.0f" .Scan.Units}} | {{.Scan.Millis}} ms{{else}}not tried | | {{end}} |
{{end}}
## The whole run

| tokens | sent | e-mails | Query | GetItem | BatchGetItem | UpdateItem | TransactWriteItems | units | time | memory |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{{range .Rows}}| {{count .Tokens}} | {{count .Result.Sent}} | {{count .Result.Mails}} | {{.Run.Calls "Query"}} | {{.Run.Calls "GetItem"}} | {{.Run.Calls "BatchGetItem"}} | {{.Run.Calls "UpdateItem"}} | {{.Run.Calls "TransactWriteItems"}} | {{printf "%.0f" .Run.Units}} | {{.Run.Millis}} ms | {{.Run.MB}} MB |
{{end}}
## A run with nothing to do

| tokens | Query | read units | time |
|---:|---:|---:|---:|
{{range .Rows}}| {{count .Tokens}} | {{.Empty.Calls "Query"}} | {{printf "%.1f" .Empty.Units}} | {{.Empty.Millis}} ms |
{{end}}`))

// count writes a number with its thousands apart.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
