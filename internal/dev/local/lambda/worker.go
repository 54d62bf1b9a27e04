package lambda

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/dev/local/child"
)

// errGone says that the process had ended before it took the event.
var errGone = errors.New("the process has ended")

// worker is one process of a function and the Runtime API that it talks to. It works on
// one event at a time; its methods are not for concurrent use.
type worker struct {
	function Function
	process  *child.Process
	server   *http.Server
	config   Config

	next   chan *invocation    // events on their way to the process
	failed chan *FunctionError // the process said that it cannot start
	spent  bool                // not to be used again
}

// invocation is one event in work.
type invocation struct {
	id     string
	trace  string
	event  []byte
	answer chan answer // holds one
}

type answer struct {
	payload []byte
	err     *FunctionError
}

// start starts a process of the function.
func (s *Service) start(f Function) (*worker, error) {
	var config net.ListenConfig
	listener, err := config.Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for %s: %w", f.Name, err)
	}
	w := &worker{
		function: f,
		config:   s.config,
		next:     make(chan *invocation),
		failed:   make(chan *FunctionError, 1),
	}
	w.server = &http.Server{Handler: w.runtimeAPI(), ReadHeaderTimeout: initTimeout}
	w.process, err = child.Start(s.ctx, child.Command{
		Path: f.Bootstrap,
		Dir:  filepath.Dir(f.Bootstrap),
		Env:  environment(f, listener.Addr().String()),
		Name: f.Name,
		Log:  s.config.Log,
	})
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("starting the function %s: %w", f.Name, err)
	}
	s.running.Go(func() {
		_ = w.server.Serve(listener) // ends with the process, see below
	})
	s.running.Go(func() {
		<-w.process.Done()
		_ = w.server.Close()
	})
	return w, nil
}

func (w *worker) close() { w.process.Stop() }

func newInvocation(event []byte) *invocation {
	id := uuid.NewString()
	trace := uuid.New()
	return &invocation{
		id:     id,
		trace:  fmt.Sprintf("Root=1-%x-%x;Sampled=0", trace[:4], trace[4:]),
		event:  event,
		answer: make(chan answer, 1),
	}
}

// invokeFirst is invoke for a process that has just been started.
func (w *worker) invokeFirst(event []byte) ([]byte, error) {
	in := newInvocation(event)
	starting := time.NewTimer(initTimeout)
	defer starting.Stop()
	select {
	case w.next <- in:
		return w.wait(in)
	case failure := <-w.failed:
		return w.fail(failure)
	case <-w.process.Done():
		return w.fail(exited(in.id, w.process.Err()))
	case <-starting.C:
		return w.fail(timedOut(in.id, initTimeout))
	}
}

// invoke gives the event to the process and waits for its answer. It returns errGone if
// the process had ended before.
func (w *worker) invoke(event []byte) ([]byte, error) {
	in := newInvocation(event)
	select {
	case w.next <- in:
		return w.wait(in)
	case <-w.process.Done():
		return nil, errGone
	}
}

// wait waits for the answer to an event that the process has taken.
func (w *worker) wait(in *invocation) ([]byte, error) {
	timeout := time.NewTimer(w.function.Timeout)
	defer timeout.Stop()
	select {
	case a := <-in.answer:
		if a.err != nil {
			return nil, a.err
		}
		return a.payload, nil
	case <-w.process.Done():
		return w.fail(exited(in.id, w.process.Err()))
	case <-timeout.C:
		return w.fail(timedOut(in.id, w.function.Timeout))
	}
}

// fail gives the process up.
func (w *worker) fail(err *FunctionError) ([]byte, error) {
	w.spent = true
	fmt.Fprintln(w.config.Log.Writer(w.function.Name), err.Message)
	return nil, err
}
