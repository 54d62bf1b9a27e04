package sam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

const (
	readyTimeout  = time.Minute // of a service, from its start until it listens
	readyInterval = 50 * time.Millisecond
)

// Service is a running `sam local start-api` or `sam local start-lambda`.
type Service struct {
	URL string

	stop context.CancelFunc
	done chan struct{}
	err  error // set before done is closed
}

// StartAPI serves the HTTP API on a port of 127.0.0.1; 0: any free one. It ends with ctx.
func (c CLI) StartAPI(ctx context.Context, port int) (*Service, error) {
	return c.serve(ctx, "start-api", port)
}

// StartLambda serves Lambda's Invoke on a port of 127.0.0.1; 0: any free one. It ends
// with ctx.
func (c CLI) StartLambda(ctx context.Context, port int) (*Service, error) {
	return c.serve(ctx, "start-lambda", port)
}

func (c CLI) serve(ctx context.Context, what string, port int) (*Service, error) {
	port, err := take(ctx, port)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	// A container a function is kept; a new one for each event would cost half a second.
	cmd, err := c.start(ctx, nil, c.Log.Writer("sam"), what, "--port", strconv.Itoa(port), "--warm-containers", "LAZY")
	if err != nil {
		stop()
		return nil, err
	}
	s := &Service{URL: fmt.Sprintf("http://127.0.0.1:%d", port), stop: stop, done: make(chan struct{})}
	go func() {
		s.err = cmd.wait()
		close(s.done)
	}()
	if err := s.waitUntilReady(ctx, port); err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting sam local %s: %w", what, err)
	}
	return s, nil
}

// waitUntilReady returns when the service listens.
func (s *Service) waitUntilReady(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	look := time.NewTicker(readyInterval)
	defer look.Stop()
	var dialer net.Dialer
	for {
		select {
		case <-s.done:
			return fmt.Errorf("it ended: %w", s.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
			if connection, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				return connection.Close()
			}
		}
	}
}

// Done is closed when the service has ended.
func (s *Service) Done() <-chan struct{} { return s.done }

// Stop ends the service and its containers and waits until they have ended.
func (s *Service) Stop() {
	s.stop()
	<-s.done
}

// take sees that a port is free, or finds one.
func take(ctx context.Context, port int) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, fmt.Errorf("port %d is taken: end what uses it, or set PORT", port)
	}
	if err != nil {
		return 0, fmt.Errorf("listening on port %d: %w", port, err)
	}
	port = listener.Addr().(*net.TCPAddr).Port //nolint:errcheck // a TCP listener has a TCP address
	return port, listener.Close()
}
