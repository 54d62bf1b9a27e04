package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/localtest"
)

// patience is what the README promises from start to ready, and more than any step takes.
const patience = time.Minute

var program string // built by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "latchkey-local")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		program = filepath.Join(folder, "latchkey-local")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// command returns a command that runs the program on free ports.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c, err := localtest.Complete(ctx, local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "PORT=0", "BINARIES="+c.Binaries, "NODE_MODULES="+c.NodeModules)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// start runs the program until it has printed its message, and returns that.
func start(ctx context.Context, t *testing.T, log *localtest.Log, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := command(ctx, t, args...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, readMessage(t, out, log)
}

// stop ends the program as Ctrl-C does.
func stop(t *testing.T, cmd *exec.Cmd, log *localtest.Log) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, log)
	}
}

// addressOf finds the first address in a text; "" if there is none.
func addressOf(text string) string {
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(text)
}

// What the program prints works, and SIGTERM ends all that it started.
func TestTheStartMessageIsTrue(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var log localtest.Log
	cmd, message := start(ctx, t, &log)

	for _, person := range []string{"alice", "bob", "carol", "dave"} {
		if !strings.Contains(message, "\n    "+person) {
			t.Errorf("the message does not name %s:\n%s", person, message)
		}
	}
	addresses := map[string]string{}
	for _, name := range []string{"Console", "Mailbox", "Table"} {
		line := regexp.MustCompile(name + ` .*`).FindString(message)
		if addresses[name] = addressOf(line); addresses[name] == "" {
			t.Fatalf("the message does not name the %s:\n%s", name, message)
		}
	}
	for _, name := range []string{"Console", "Mailbox"} {
		if status := get(t, addresses[name]+"/"); status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
		}
	}

	// The lines to try, as they stand there.
	lines := strings.Join(regexp.MustCompile(`(?m)^    (?:SECRET|curl) ?(?:.*\\\n)*.*$`).FindAllString(message, -1), "\necho\n")
	var (
		me  struct{ Name string }
		run struct{ Sent int }
	)
	shell(ctx, t, lines, &me, &run)
	if me.Name != "My first token" {
		t.Errorf("whoami says %q", me.Name)
	}
	if run.Sent != 1 {
		t.Errorf("the reminder sent %d notices, want 1", run.Sent)
	}

	stop(t, cmd, &log)
	for name, address := range addresses {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://")); err == nil {
			conn.Close()
			t.Errorf("the %s is served after the end", name)
		}
	}
}

// "The first token" of the README runs as it is pasted.
func TestTheReadmesFirstToken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## The first token\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		script.WriteString(block[1])
	}
	const address = "URL=http://127.0.0.1:8080\n"
	if !strings.HasPrefix(script.String(), address) {
		t.Fatalf("the README's commands do not begin with %q:\n%s", address, &script)
	}
	var log localtest.Log
	cmd, message := start(ctx, t, &log)
	defer stop(t, cmd, &log)
	var (
		issued  struct{ Secret string }
		me      struct{ Name string }
		run     struct{ Sent int }
		mails   []struct{ Text string }
		newer   struct{ Name string }
		older   struct{ Name string }
		revoked struct{ Status string }
		refused struct{ Message string }
	)
	running := "URL=" + addressOf(message) + "\n"
	shell(ctx, t, strings.Replace(script.String(), address, running, 1), &issued, &me, &run, &mails, &newer, &older, &revoked, &refused)
	if issued.Secret == "" || me.Name != "Nightly export" {
		t.Errorf("issued %t, and whoami says %q", issued.Secret != "", me.Name)
	}
	if run.Sent != 1 || len(mails) != 1 || !strings.Contains(mails[0].Text, "Nightly export") {
		t.Errorf("the reminder sent %d notices, and there are %d mails: want one about the token", run.Sent, len(mails))
	}
	if newer.Name != "Nightly export" || older.Name != "Nightly export" {
		t.Errorf("in the overlap whoami says %q and %q", newer.Name, older.Name)
	}
	if revoked.Status != "revoked" || refused.Message != "Unauthorized" {
		t.Errorf("after revoking it is %q, and whoami says %q", revoked.Status, refused.Message)
	}
}

// Quiet is what a newcomer sees; with -v each request is logged.
func TestTheLogIsQuietUnlessItIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		args  []string
		wants bool
	}{
		{nil, false},
		{[]string{"-v"}, true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var log localtest.Log
		cmd, message := start(ctx, t, &log, test.args...)
		get(t, addressOf(message)+"/")
		stop(t, cmd, &log)
		if got := strings.Contains(log.String(), `"msg":"request"`); got != test.wants {
			t.Errorf("%q: the request is logged: %t\n%s", test.args, got, &log)
		}
		if got := strings.Contains(log.String(), "dynamodb |"); got != test.wants {
			t.Errorf("%q: what DynamoDB Local prints is logged: %t\n%s", test.args, got, &log)
		}
	}
}

// The ports that the README names are next to PORT.
func TestThePortsAreNextToEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	port := fourPorts(t)
	var log localtest.Log
	cmd, message := start(ctx, t, &log, "-port", strconv.Itoa(port))
	defer stop(t, cmd, &log)
	for name, place := range map[string]int{"Console": 0, "Mailbox": 2, "Table": 3} {
		want := "http://127.0.0.1:" + strconv.Itoa(port+place)
		if line := regexp.MustCompile(name + ` .*`).FindString(message); addressOf(line) != want {
			t.Errorf("%q, want it at %s", line, want)
		}
	}
}

// fourPorts finds four free ports in a row.
func fourPorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		port, err := local.FreePort(t.Context(), 0)
		for place := 1; err == nil && place < 4; place++ {
			_, err = local.FreePort(t.Context(), port+place)
		}
		if err == nil {
			return port
		}
	}
	t.Fatal("no four ports in a row are free")
	return 0
}

// readMessage reads up to the message's last line.
func readMessage(t *testing.T, out io.Reader, log *localtest.Log) string {
	t.Helper()
	var message bytes.Buffer
	for !regexp.MustCompile(`_local/schedule.*\n`).MatchString(message.String()) {
		piece := make([]byte, 4096)
		n, err := out.Read(piece)
		message.Write(piece[:n])
		if err != nil {
			t.Fatalf("it ended before its message: %v\n%s", err, log)
		}
	}
	return message.String()
}

func get(t *testing.T, address string) int {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// shell runs a script and reads the JSON values that it prints.
func shell(ctx context.Context, t *testing.T, script string, into ...any) {
	t.Helper()
	out, err := exec.CommandContext(ctx, "bash", "-c", script).Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	values := json.NewDecoder(bytes.NewReader(out))
	for _, v := range into {
		if err := values.Decode(v); err != nil {
			t.Fatalf("%s\n%s: %v", script, out, err)
		}
	}
}

func TestMistakesAreOneLineAndStatus1(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-set", "NO_SUCH_VARIABLE=1"}, "NO_SUCH_VARIABLE"},
		{[]string{"-node-modules", "nowhere"}, "npm ci"},
		{[]string{"-binaries", "nowhere"}, "make build"},
		{[]string{"-concurrency", "ten"}, "concurrency"},
		{[]string{"start"}, "start"},
	} {
		cmd := command(t.Context(), t, test.args...)
		out, err := cmd.CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := lines[len(lines)-1]; err == nil || !strings.HasPrefix(last, "latchkey-local: ") || !strings.Contains(last, test.want) {
			t.Errorf("%q: %v, its last line %q, want one with %q", test.args, err, last, test.want)
		}
	}
}

func TestHelpNamesTheVariables(t *testing.T) {
	out, err := command(t.Context(), t, "-help").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	root, err := localtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "internal", "dev", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for flag, documented := range map[string]string{
		"-port": "`PORT`", "-data-dir": "`DATA_DIR`", "-dynamodb-endpoint": "`DYNAMODB_ENDPOINT`", "-ses-endpoint": "`SES_ENDPOINT`",
		"-authorizer-cache": "`AUTHORIZER_CACHE`", "-concurrency": "`CONCURRENCY`", "-v": "`ARGS=-v`", "-set": "ARGS='-set",
	} {
		if !strings.Contains(string(out), "  "+flag) {
			t.Errorf("no %s in the help:\n%s", flag, out)
		}
		if !strings.Contains(string(page), documented) {
			t.Errorf("internal/dev/README.md does not mention %s", documented)
		}
	}
	if !strings.Contains(string(out), "environment variable") {
		t.Errorf("the help does not say that flags are environment variables:\n%s", out)
	}
}
