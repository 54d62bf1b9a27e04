// Package localtest starts the local run for tests of other packages.
package localtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"latchkey/internal/dev/local"
)

// Start starts the system on free ports with the real binaries, and ends it with the
// test. What it logs goes to c.Log, or to the test's output.
func Start(tb testing.TB, c local.Config) *local.System {
	tb.Helper()
	c, err := Complete(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	if c.Log == nil {
		c.Log = tb.Output()
	}
	// The test's context ends before its clean-up functions run, which may need the system.
	s, err := local.Start(context.WithoutCancel(tb.Context()), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Complete fills in where the binaries and the Node modules are, wherever the test runs.
// The binaries are those in the folder that the environment variable BINARIES names;
// without it they are built first.
func Complete(ctx context.Context, c local.Config) (local.Config, error) {
	root, err := Root()
	if err != nil {
		return c, err
	}
	if c.NodeModules == "" {
		c.NodeModules = filepath.Join(root, "node_modules")
	}
	if c.Binaries != "" {
		return c, nil
	}
	if c.Binaries = os.Getenv("BINARIES"); c.Binaries == "" {
		c.Binaries = filepath.Join(root, ".build", runtime.GOARCH)
		err = built(ctx, root)
	}
	return c, err
}

// Root is the folder with go.mod.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the project: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("finding the project: there is no go.mod")
		}
		folder = parent
	}
}

var building sync.Mutex

var isBuilt bool // by this process

// built builds the binaries once a process. A lock keeps the test processes of several
// packages from writing them at the same time.
func built(ctx context.Context, root string) error {
	building.Lock()
	defer building.Unlock()
	if isBuilt {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(root, ".build"), 0o755); err != nil { //nolint:gosec // G301: build output, as readable as the sources
		return fmt.Errorf("building the functions: %w", err)
	}
	lock, err := os.Create(filepath.Join(root, ".build", "lock")) //nolint:gosec // G304: a file of this project
	if err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	build := exec.CommandContext(ctx, "make", "--no-print-directory", "build", "ARCH="+runtime.GOARCH) //nolint:gosec // G204: nothing of it comes from outside
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the functions: %w\n%s", err, output)
	}
	isBuilt = true
	return nil
}

// Log keeps what is written to it; several may write and read at once.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
