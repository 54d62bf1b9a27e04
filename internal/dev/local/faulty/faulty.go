// Package faulty injects faults between the functions and DynamoDB or SES in tests, and
// records the calls.
package faulty

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Proxy is a reverse proxy to a real DynamoDB or SES server. It injects faults into the
// calls that Fail and FailWhen select, and forwards all others. Calls to the table's stream,
// which no function makes, pass uncounted.
type Proxy struct {
	URL string

	mu     sync.Mutex
	rules  []*rule
	counts map[string]int
	seen   func(Call)
}

// Call is a call as it came.
type Call struct {
	Caller    string // whose session token it has: in the local run the function's name
	Operation string // what AWS calls it, such as GetItem
	Body      string // JSON
}

type rule struct {
	operation string
	when      func(body string) bool
	skip, hit int
	fault     Fault
}

// Fault answers a call in place of the real server; forward passes the call on to that.
type Fault func(w http.ResponseWriter, r *http.Request, forward http.Handler)

// NewProxy starts a proxy, which ends with the test.
func NewProxy(tb testing.TB, upstream string) *Proxy {
	tb.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{counts: map[string]int{}}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // the caller has left
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDBStreams") {
			forward.ServeHTTP(w, r) // of the local run itself, which looks for changes all the time
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if fault := p.next(Call{r.Header.Get("X-Amz-Security-Token"), operation(r), string(body)}); fault != nil {
			fault(w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.URL = server.URL
	return p
}

// operation is what AWS calls the call.
func operation(r *http.Request) string {
	switch r.URL.Path {
	case "/v2/email/outbound-emails":
		return "SendEmail"
	case "/v2/email/account":
		return "GetAccount"
	}
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return name
}

// Watch calls seen with every call from now on, before the call is answered.
func (p *Proxy) Watch(seen func(Call)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = seen
}

// Always is the number of calls that stands for every call from now on.
const Always = 1 << 30

// Fail injects the fault into a number of calls of an operation, after letting the first
// skip of them through. Where several faults match a call, the one added first is used.
func (p *Proxy) Fail(operation string, skip, calls int, f Fault) {
	p.FailWhen(operation, func(string) bool { return true }, skip, calls, f)
}

// FailWhen is Fail for the calls whose body matches.
func (p *Proxy) FailWhen(operation string, when func(body string) bool, skip, calls int, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &rule{operation, when, skip, calls, f})
}

// Heal removes all faults.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// Count returns how many calls of an operation have come.
func (p *Proxy) Count(operation string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[operation]
}

func (p *Proxy) next(c Call) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[c.Operation]++
	if p.seen != nil {
		p.seen(c)
	}
	for _, r := range p.rules {
		switch {
		case r.operation != c.Operation || !r.when(c.Body):
		case r.skip > 0:
			r.skip--
		case r.hit > 0:
			r.hit--
			return r.fault
		}
	}
	return nil
}

// Answer answers with an error in AWS's format. The call does not reach the real server.
func Answer(status int, code, message string) Fault {
	return AnswerJSON(status, code, map[string]any{"__type": "com.amazonaws#" + code, "message": message})
}

// AnswerJSON answers with any JSON. The call does not reach the real server.
func AnswerJSON(status int, code string, body any) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if code != "" {
			w.Header().Set("X-Amzn-Errortype", code)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // the caller may have left
	}
}

// Conflict is DynamoDB's answer to a transaction that met another one.
func Conflict(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	AnswerJSON(http.StatusBadRequest, "", map[string]any{
		"__type":  "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
		"message": "Transaction cancelled", "CancellationReasons": []map[string]string{{"Code": "TransactionConflict"}},
	})(w, r, forward)
}

// CutBefore closes the connection without an answer. The call does not reach the real server.
func CutBefore(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// CutAfter closes the connection without an answer after the real server has done the call.
func CutAfter(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// StallBefore calls reached and then keeps the call waiting until the caller gives up. The
// call does not reach the real server.
func StallBefore(reached func()) Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		reached()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// StallAfter is StallBefore after the real server has done the call.
func StallAfter(reached func()) Fault {
	return func(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		reached()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}
