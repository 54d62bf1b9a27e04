// Package faulty has DynamoDB and SES go wrong in tests, and tells who called them.
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

// Proxy stands in front of a real DynamoDB or SES server and has the calls go wrong that
// it is told of.
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

// Fault is what goes wrong with a call. forward has the real server work on it.
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

// Watch has every call from then on told of, before it is worked on.
func (p *Proxy) Watch(seen func(Call)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = seen
}

// Always is for Fail: every call from then on.
const Always = 1 << 30

// Fail has the next calls of an operation go wrong, after it let some through. Where
// several faults fit, the one named first counts.
func (p *Proxy) Fail(operation string, skip, calls int, f Fault) {
	p.FailWhen(operation, func(string) bool { return true }, skip, calls, f)
}

// FailWhen is Fail for calls with a certain body.
func (p *Proxy) FailWhen(operation string, when func(body string) bool, skip, calls int, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &rule{operation, when, skip, calls, f})
}

// Heal ends all faults.
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

// Answer answers with an error as AWS writes it, and the real server never hears of the
// call.
func Answer(status int, code, message string) Fault {
	return AnswerJSON(status, code, map[string]any{"__type": "com.amazonaws#" + code, "message": message})
}

// AnswerJSON answers with anything.
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

// CutBefore cuts the connection before the real server has got the call.
func CutBefore(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// CutAfter cuts the connection when the real server has done its work.
func CutAfter(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// StallBefore holds the call, and says so, until the caller has left.
func StallBefore(reached func()) Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		reached()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// StallAfter is StallBefore when the real server has done its work.
func StallAfter(reached func()) Fault {
	return func(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		reached()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}
