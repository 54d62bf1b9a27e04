// Package lambda runs function binaries as AWS Lambda does: as processes that fetch
// their events from the public Lambda Runtime API (version 2018-06-01), with Lambda's
// environment, one event at a time each. The bytes that run here are those that deploy.
//
// Not emulated: the memory limit, the read-only file system, IAM.
package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"latchkey/internal/dev/local/child"
)

// Limits that Lambda documents for synchronous invocation.
const (
	maxPayload   = 6 * 1024 * 1024        // request and response, bytes
	initTimeout  = 10 * time.Second       // from the start of a process to its first event
	maxProcesses = 16                     // of one function; more callers wait
	unlimited    = 1 << 20                // events in work at once
	accountID    = "123456789012"         // AWS's own example account
	region       = "us-east-1"            // where the functions believe they are
	version      = "$LATEST"              // of every function
	apiPrefix    = "/2018-06-01/runtime/" // of the Runtime API
)

// ErrClosed is what Invoke answers once the service is closed.
var ErrClosed = errors.New("the functions were ended")

// ErrThrottled is what Invoke answers where as many events are in work as an account may
// have at once. Lambda's own status for it is 429:
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var ErrThrottled = errors.New("Rate Exceeded.") //nolint:revive,staticcheck // ST1005: it is Lambda's own text

// ErrTooLarge is an event that is over Lambda's 6 MB.
var ErrTooLarge = fmt.Errorf("the request must be smaller than %d bytes", maxPayload)

// Function is one function to run.
type Function struct {
	Name        string
	Bootstrap   string            // path of the binary
	Timeout     time.Duration     // of one event; the process is ended after it
	MemoryMB    int               // what the function reads; not enforced
	Environment map[string]string // its own variables, beside Lambda's
}

// Config is what a Service needs. All of it is required but Concurrency.
type Config struct {
	Functions []Function
	// Concurrency is how many events may be in work at once, of all functions together:
	// an account's quota of concurrent executions. 0: no such limit.
	Concurrency int
	Log         *child.Log       // what the functions print
	Now         func() time.Time // for the functions' deadlines
}

// Service runs functions. A function's first process starts with its first event.
type Service struct {
	config    Config
	functions map[string]*pool
	account   chan struct{}   // holds one for each event in work
	ctx       context.Context // of all processes, which outlive the call that started them
	end       context.CancelFunc
	running   sync.WaitGroup
}

// pool holds a function's processes.
type pool struct {
	Function
	slots chan struct{} // holds one for each event in work

	mu   sync.Mutex
	idle []*worker
}

// New returns a service for the functions. All processes end with ctx.
func New(ctx context.Context, c Config) (*Service, error) {
	ctx, end := context.WithCancel(ctx)
	s := &Service{
		config: c, functions: map[string]*pool{}, account: make(chan struct{}, cmp.Or(c.Concurrency, unlimited)), ctx: ctx, end: end,
	}
	for _, f := range c.Functions {
		path, err := filepath.Abs(f.Bootstrap)
		if err != nil {
			end()
			return nil, fmt.Errorf("finding the binary of %s: %w", f.Name, err)
		}
		f.Bootstrap = path
		s.functions[f.Name] = &pool{Function: f, slots: make(chan struct{}, maxProcesses)}
	}
	return s, nil
}

// Invoke gives the event to the function and returns its answer. What the function
// answers as an error, and a crash or a timeout, is a *FunctionError; over the account's
// concurrency it is ErrThrottled. ctx bounds only the wait for a free process: as on
// Lambda, an event in work is worked to its end.
func (s *Service) Invoke(ctx context.Context, name string, event []byte) ([]byte, error) {
	select {
	case s.account <- struct{}{}:
		return s.invokeWithin(ctx, name, event)
	default:
		return nil, fmt.Errorf("invoking %s: %w", name, ErrThrottled)
	}
}

// InvokeQueued is Invoke as Lambda does it for EventBridge: over the account's concurrency
// the event waits until another one is done.
func (s *Service) InvokeQueued(ctx context.Context, name string, event []byte) ([]byte, error) {
	select {
	case s.account <- struct{}{}:
		return s.invokeWithin(ctx, name, event)
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to invoke %s: %w", name, ctx.Err())
	case <-s.ctx.Done():
		return nil, ErrClosed
	}
}

// invokeWithin invokes the function as one of the events that are counted in account.
func (s *Service) invokeWithin(ctx context.Context, name string, event []byte) ([]byte, error) {
	defer func() { <-s.account }()
	p, ok := s.functions[name]
	if !ok {
		return nil, fmt.Errorf("invoking %s: there is no such function", name)
	}
	if len(event) > maxPayload {
		return nil, fmt.Errorf("invoking %s: %w", name, ErrTooLarge)
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a free process of %s: %w", name, ctx.Err())
	case <-s.ctx.Done():
		return nil, ErrClosed
	}
	answer, err := s.invoke(p, event)
	if err != nil && s.ctx.Err() != nil {
		return nil, ErrClosed
	}
	return answer, err
}

// invoke takes an idle process or starts one.
func (s *Service) invoke(p *pool, event []byte) ([]byte, error) {
	// A process may have ended since its last event; then the event goes to the next one.
	for w := p.take(); w != nil; w = p.take() {
		if answer, err := w.invoke(event); !errors.Is(err, errGone) {
			s.release(p, w)
			return answer, err
		}
	}
	w, err := s.start(p.Function)
	if err != nil {
		return nil, err
	}
	answer, err := w.invokeFirst(event)
	s.release(p, w)
	return answer, err
}

// release keeps the process for the next event unless it must not be used again.
func (s *Service) release(p *pool, w *worker) {
	if w.spent {
		s.running.Go(w.close)
	} else {
		p.give(w)
	}
}

// Close ends all processes and waits for their ends.
func (s *Service) Close() {
	s.end()
	s.running.Wait()
}

// take returns an idle process, the one used last, or nil.
func (p *pool) take() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	w := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return w
}

func (p *pool) give(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, w)
}

// environment is what Lambda sets for a function on a provided runtime, and the
// function's own variables; nothing of this process's environment but PATH gets in.
func environment(f Function, runtimeAPI string) []string {
	variables := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON", // as the stack sets it
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "local",
		"AWS_REGION":                      region,
		"AWS_DEFAULT_REGION":              region,
		"AWS_ACCESS_KEY_ID":               "local",
		"AWS_SECRET_ACCESS_KEY":           "local",
		"AWS_SESSION_TOKEN":               f.Name, // of its role, as on AWS: it says who calls
		"LAMBDA_TASK_ROOT":                filepath.Dir(f.Bootstrap),
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"_HANDLER":                        "bootstrap",
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"PATH":                            os.Getenv("PATH"),
	}
	maps.Copy(variables, f.Environment)
	list := make([]string, 0, len(variables))
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	return list
}
