package child_test

import (
	"bytes"
	"context"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/dev/local/child"
)

func TestOutputIsWrittenLineByLineUnderTheName(t *testing.T) {
	var out buffer
	p, err := child.Start(t.Context(), child.Command{
		Path: "sh", Args: []string{"-c", `echo one; echo two >&2; printf three; exit 3`},
		Name: "job", Log: child.NewLog(&out),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("ended with %v, want exit status 3", err)
	}
	for _, want := range []string{"job | one\n", "job | two\n", "job | three\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log %q lacks %q", out.String(), want)
		}
	}
	if p.LastLine() != "three" {
		t.Errorf("last line %q, want three", p.LastLine())
	}
}

func TestAnswersAreKeptFromTheLog(t *testing.T) {
	var out, log buffer
	p, err := child.Start(t.Context(), child.Command{
		Path: "sh", Args: []string{"-c", `cat; echo noise of no use >&2; echo trouble >&2`},
		Stdin: strings.NewReader("answer"), Stdout: &out, Hide: "noise", Name: "job", Log: child.NewLog(&log),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err != nil || out.String() != "answer" || log.String() != "job | trouble\n" {
		t.Errorf("%v, stdout %q, log %q", err, out.String(), log.String())
	}
}

func TestStopEndsAChildThatIgnoresSIGTERM(t *testing.T) {
	p, err := child.Start(t.Context(), child.Command{Path: "sh", Args: []string{"-c", `trap "" TERM; echo ready; while :; do sleep 0.1; done`}, Name: "stubborn"})
	if err != nil {
		t.Fatal(err)
	}
	for p.LastLine() != "ready" {
		runtime.Gosched()
	}
	p.Stop()
	p.Stop() // a second time is fine
	if p.Err() == nil {
		t.Error("a killed child ended without an error")
	}
}

func TestTheContextEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := child.Start(ctx, child.Command{Path: "sleep", Args: []string{"3600"}, Name: "sleeper"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-p.Done()
}

func TestAMissingProgramIsAnError(t *testing.T) {
	_, err := child.Start(t.Context(), child.Command{Path: "no-such-program-here", Name: "x"})
	if err == nil || !strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		t.Errorf("got %v, want it to say that the program was not found", err)
	}
}

// buffer is a bytes.Buffer that two goroutines may use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
