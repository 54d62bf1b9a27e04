package local

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"latchkey/internal/dev/local/lambda"
)

// withHelpers serves what a developer needs and no deployment has under /_local/, and
// everything else by the HTTP API, with its path untouched.
func (s *System) withHelpers(httpAPI http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_local/jwt", s.serveJWT)
	mux.HandleFunc("POST /_local/schedule", s.serveSchedule)
	mux.HandleFunc("GET /_local/mail", s.serveMail)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_local/") {
			mux.ServeHTTP(w, r)
			return
		}
		httpAPI.ServeHTTP(w, r)
	})
}

// serveJWT answers the JWT of ?user= as text.
func (s *System) serveJWT(w http.ResponseWriter, r *http.Request) {
	token, err := s.issuer.JWT(r.Context(), r.URL.Query().Get("user"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, token) //nolint:gosec // G705: sent as plain text
}

// serveSchedule runs the reminder with a scheduled event of ?time=, by default now, and
// answers its result.
func (s *System) serveSchedule(w http.ResponseWriter, r *http.Request) {
	at := s.config.now()
	if text := r.URL.Query().Get("time"); text != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			http.Error(w, "time is not as 2026-12-08T00:05:00Z", http.StatusBadRequest)
			return
		}
	}
	result, err := s.Schedule(r.Context(), at)
	var failure *lambda.FunctionError
	switch {
	case errors.As(err, &failure):
		writeJSON(w, http.StatusBadGateway, failure.Payload)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

// serveMail answers the mail that was sent, oldest first.
func (s *System) serveMail(w http.ResponseWriter, r *http.Request) {
	mails, err := ReadMail(r.Context(), s.sesEndpoint)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	body, err := json.Marshal(mails)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // G705: sent as JSON
}

// loopbackOnly turns away requests for another host name: a web page whose name was made
// to point at 127.0.0.1 (DNS rebinding) must not read what is served here.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this server answers to 127.0.0.1 and localhost only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
