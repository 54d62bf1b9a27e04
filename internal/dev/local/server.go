package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"latchkey/internal/dev/local/child"
)

const (
	readyTimeout  = time.Minute           // of a server, from its start until it listens
	readyInterval = 20 * time.Millisecond // between two looks
	portAttempts  = 3                     // another process may take a free port first
)

// Server is a child that serves HTTP at a port of this machine.
type Server struct {
	name    string
	command func(port int) child.Command
	life    context.Context // the child ends with it, however often it is started
	port    int

	mu      sync.Mutex
	process *child.Process
}

// StartServer starts the command at the port, or at any free one if port is 0. The
// child ends with ctx.
func StartServer(ctx context.Context, name string, port int, command func(port int) child.Command) (*Server, error) {
	if port != 0 {
		s := &Server{name: name, command: command, life: ctx, port: port}
		return s, s.Start(ctx)
	}
	var failed error
	for range portAttempts {
		port, err := FreePort(ctx, 0)
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
func (s *Server) Endpoint() string { return "http://" + s.address() }

func (s *Server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Start starts the server, at its first time or after Stop, on the same port. When it
// returns, the server listens.
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

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Done()
}

// waitFor returns when the server listens.
func (s *Server) waitFor(ctx context.Context, process *child.Process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	look := time.NewTicker(readyInterval)
	defer look.Stop()
	var dialer net.Dialer
	for {
		select {
		case <-process.Done():
			return fmt.Errorf("%s ended (%w), saying: %s", s.name, process.Err(), process.LastLine())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", s.name, ctx.Err())
		case <-look.C:
			if connection, err := dialer.DialContext(ctx, "tcp", s.address()); err == nil {
				return connection.Close()
			}
		}
	}
}

// FreePort sees that a port of 127.0.0.1 is free, or finds one if it is 0.
func FreePort(ctx context.Context, port int) (int, error) {
	listener, err := listen(ctx, port)
	if err != nil {
		return 0, err
	}
	port = listener.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener has a TCP address
	return port, listener.Close()
}

// listen takes a port of 127.0.0.1, or any free one if it is 0.
func listen(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken: end what uses it, or set PORT", port)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on port %d: %w", port, err)
	}
	return listener, nil
}
