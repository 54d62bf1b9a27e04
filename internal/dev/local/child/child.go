// Package child runs other programs as children that never outlive this process:
// each ends with its context, with Stop, and, on Linux, with its parent whatever the
// parent died of.
package child

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// defaultGrace is how long a child may take to end after SIGTERM before it is killed.
const defaultGrace = 3 * time.Second

// Command says what to run.
type Command struct {
	Path   string        // program, absolute or to be found on PATH
	Args   []string      // without the program's name
	Dir    string        // empty: the current folder
	Env    []string      // nil: this process's environment
	Stdin  io.Reader     // nil: there is nothing to read
	Stdout io.Writer     // nil: goes to the log, as standard error does
	Name   string        // begins each line in the log
	Log    *Log          // nil: lines are dropped
	Hide   string        // lines that begin so are not worth logging; empty: none
	Grace  time.Duration // from SIGTERM until the child is killed; 0: 3 seconds
}

// Process is a running child.
type Process struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // set before done is closed
	last *lineWriter
}

// Start runs the command. The child is ended when ctx is.
func Start(ctx context.Context, c Command) (*Process, error) {
	path, err := exec.LookPath(c.Path)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", c.Path, err)
	}
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, c.Args...) //nolint:gosec // G204: running the programs that the caller names is this package's purpose
	cmd.Dir = c.Dir
	cmd.Env = c.Env
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = cmp.Or(c.Grace, defaultGrace)
	output := &lineWriter{log: c.Log, name: c.Name, hide: c.Hide}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, output
	if c.Stdout == nil {
		cmd.Stdout = output
	}
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	p := &Process{stop: stop, done: make(chan struct{}), last: output}
	go func() {
		p.err = cmd.Wait()
		output.flush()
		stop()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the child has ended and all its output is written.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended, such as "exit status 1" or "signal: killed"; nil if it
// succeeded. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// LastLine is the last line that the child has printed: mostly why it ended.
func (p *Process) LastLine() string { return p.last.lastLine() }

// Stop ends the child and waits until it has ended. A child that ended already is fine.
func (p *Process) Stop() {
	p.stop()
	<-p.done
}
