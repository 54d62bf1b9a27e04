package lambda

import (
	"io"
	"net/http"
	"strconv"
	"sync"
)

// runtimeAPI serves the Runtime API to one process:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (w *worker) runtimeAPI() http.Handler {
	var mu sync.Mutex
	var current *invocation // in work

	// finish hands over the answer to the event named in the path; a second one is refused.
	finish := func(rw http.ResponseWriter, r *http.Request, a answer, status int) {
		mu.Lock()
		in := current
		if in != nil && in.id == r.PathValue("id") {
			current = nil
		} else {
			in = nil
		}
		mu.Unlock()
		if in == nil {
			reply(rw, http.StatusBadRequest, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`)
			return
		}
		reply(rw, status, `{"status":"OK"}`)
		in.answer <- a
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET "+apiPrefix+"invocation/next", func(rw http.ResponseWriter, r *http.Request) {
		select {
		case in := <-w.next:
			mu.Lock()
			current = in
			mu.Unlock()
			h := rw.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Lambda-Runtime-Aws-Request-Id", in.id)
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(w.config.Now().Add(w.function.Timeout).UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+region+":"+accountID+":function:"+w.function.Name)
			h.Set("Lambda-Runtime-Trace-Id", in.trace)
			_, _ = rw.Write(in.event) // a process that died is seen by its exit
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST "+apiPrefix+"invocation/{id}/response", func(rw http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxPayload))
		if err != nil {
			finish(rw, r, answer{err: platformError("Function.ResponseSizeTooLarge",
				"Response payload size exceeded maximum allowed payload size ("+strconv.Itoa(maxPayload)+" bytes).")}, http.StatusRequestEntityTooLarge)
			return
		}
		finish(rw, r, answer{payload: payload}, http.StatusAccepted)
	})
	mux.HandleFunc("POST "+apiPrefix+"invocation/{id}/error", func(rw http.ResponseWriter, r *http.Request) {
		finish(rw, r, answer{err: functionError(readAll(rw, r))}, http.StatusAccepted)
	})
	mux.HandleFunc("POST "+apiPrefix+"init/error", func(rw http.ResponseWriter, r *http.Request) {
		select {
		case w.failed <- functionError(readAll(rw, r)):
		default: // it said so already
		}
		reply(rw, http.StatusAccepted, `{"status":"OK"}`)
	})
	return mux
}

// readAll reads an error's JSON, or as much of it as came.
func readAll(rw http.ResponseWriter, r *http.Request) []byte {
	payload, _ := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxPayload))
	return payload
}

func reply(rw http.ResponseWriter, status int, body string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, body) // a process that died is seen by its exit
}
