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
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/local"
	"latchkey/internal/local/localtest"
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

// What the program prints works, and SIGTERM ends all that it started.
func TestTheStartMessageIsTrue(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, t)
	var log localtest.Log
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	message := readMessage(t, out, &log)

	for _, person := range []string{"alice", "bob", "carol", "dave"} {
		if !strings.Contains(message, "\n    "+person) {
			t.Errorf("the message does not name %s:\n%s", person, message)
		}
	}
	addresses := regexp.MustCompile(`http://127\.0\.0\.1:\d+/\n`).FindAllString(message, -1)
	if len(addresses) != 2 {
		t.Fatalf("the message does not name console and mailbox:\n%s", message)
	}
	for _, address := range addresses {
		if status := get(t, strings.TrimSpace(address)); status != http.StatusOK {
			t.Errorf("%s: %d", strings.TrimSpace(address), status)
		}
	}

	// The curl lines, as they stand there.
	commands := regexp.MustCompile(`(?m)^    curl (?:.*\\\n)*.*$`).FindAllString(message, -1)
	if len(commands) != 3 {
		t.Fatalf("the message has %d curl lines:\n%s", len(commands), message)
	}
	var issued struct{ Secret string }
	shell(ctx, t, commands[0], &issued)
	var me struct {
		Name string `json:"name"`
	}
	shell(ctx, t, strings.Replace(commands[1], "<secret>", issued.Secret, 1), &me)
	if me.Name != "My first token" {
		t.Errorf("whoami says %q", me.Name)
	}
	var run struct{ Sent int }
	shell(ctx, t, commands[2], &run)
	if run.Sent != 1 {
		t.Errorf("the reminder sent %d notices, want 1", run.Sent)
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, &log)
	}
	ports := regexp.MustCompile(`Port:\t(\d+)`).FindStringSubmatch(log.String())
	if ports == nil {
		t.Fatalf("DynamoDB Local does not tell its port:\n%s", &log)
	}
	for _, address := range append(addresses, "http://127.0.0.1:"+ports[1]) {
		host := strings.Trim(strings.TrimPrefix(address, "http://"), "/\n")
		if conn, err := net.Dial("tcp", host); err == nil {
			conn.Close()
			t.Errorf("%s is served after the end", host)
		}
	}
}

// readMessage reads up to the message's last line.
func readMessage(t *testing.T, out io.Reader, log *localtest.Log) string {
	t.Helper()
	var message bytes.Buffer
	for !strings.Contains(message.String(), "_local/schedule") {
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

func shell(ctx context.Context, t *testing.T, command string, into any) {
	t.Helper()
	out, err := exec.CommandContext(ctx, "sh", "-c", command).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%s: %s", command, out)
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
	for _, want := range []string{"-port", "-data-dir", "-dynamodb-endpoint", "-ses-endpoint", "-set", "environment variable"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in the help:\n%s", want, out)
		}
	}
}
