package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"latchkey/internal/local/child"
)

const (
	readyTimeout  = time.Minute           // of a server, from its start to its first answer
	readyInterval = 20 * time.Millisecond // between two looks
	portAttempts  = 3                     // another process may take a free port first
)

// Server is a child that serves HTTP on a port of this machine.
type Server struct {
	name    string
	command func(port int) child.Command
	life    context.Context // the child ends with it, however often it is started
	port    int

	mu      sync.Mutex
	process *child.Process
}

// startServer starts the command on the port, or on any free one if port is 0. The
// child ends with ctx.
func startServer(ctx context.Context, name string, port int, command func(port int) child.Command) (*Server, error) {
	if port != 0 {
		s := &Server{name: name, command: command, life: ctx, port: port}
		return s, s.Start(ctx)
	}
	var failed error
	for range portAttempts {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		s := &Server{name: name, command: command, life: ctx, port: port}
		if failed = s.Start(ctx); failed == nil {
			return s, nil
		}
	}
	return nil, failed
}

// Endpoint is the server's address, such as http://127.0.0.1:8000.
func (s *Server) Endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

// Start starts the server, at its first time or after Stop, on the same port. When it
// returns, the server answers.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	process, err := child.Start(s.life, s.command(s.port)) //nolint:contextcheck // ctx bounds the wait, the server lives on
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s needs %q, which is not installed", s.name, s.command(s.port).Path)
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	if err := s.waitFor(ctx, process); err != nil {
		process.Stop()
		return err
	}
	s.process = process
	return nil
}

// Stop ends the server. It can be started again.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.Stop()
	}
}

// waitFor returns when the server answers, whatever it answers.
func (s *Server) waitFor(ctx context.Context, process *child.Process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	look := time.NewTicker(readyInterval)
	defer look.Stop()
	for {
		select {
		case <-process.Done():
			return fmt.Errorf("%s ended (%w), saying: %s", s.name, process.Err(), process.LastLine())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", s.name, ctx.Err())
		case <-look.C:
			if answers(ctx, s.Endpoint()) {
				return nil
			}
		}
	}
}

func answers(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// freePort asks the system for a port that is free now.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener has a TCP address
	return port, listener.Close()
}
