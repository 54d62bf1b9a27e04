package reminder_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/dev/local"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// mails returns all that SES took for people of this site, oldest first.
func (s *site) mails() []local.Mail {
	s.t.Helper()
	all, err := local.ReadMail(context.WithoutCancel(s.t.Context()), s.server)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m local.Mail) bool {
		return !slices.ContainsFunc(m.To, func(to string) bool { return strings.HasSuffix(to, "@"+s.domain) })
	})
}

// firstMail is the first of these mails; without one the test cannot go on.
func (s *site) firstMail() local.Mail {
	s.t.Helper()
	mails := s.mails()
	if len(mails) == 0 {
		s.t.Fatal("there is no mail")
	}
	return mails[0]
}

var tokenLink = regexp.MustCompile(`#/(?:tokens/|new\?from=)([0-9A-Z]{26})`)

// copies counts the mails about each token.
func (s *site) copies() map[token.ID]int {
	s.t.Helper()
	copies := map[token.ID]int{}
	for _, m := range s.mails() {
		for _, id := range tokensIn(m.Text) {
			copies[id]++
		}
	}
	return copies
}

// tokensIn finds the tokens that a mail is about, by its links.
func tokensIn(text string) []token.ID {
	var ids []token.ID
	for _, link := range tokenLink.FindAllStringSubmatch(text, -1) {
		ids = append(ids, token.ID(link[1]))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func newComposer(t *testing.T, s mail.Style) *mail.Composer {
	t.Helper()
	c, err := mail.NewComposer(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recipients are whom mail went to, in the order of their addresses.
func (s *site) recipients() []string {
	s.t.Helper()
	var to []string
	for _, m := range s.mails() {
		if len(m.To) != 1 {
			s.t.Errorf("one e-mail went to %q", m.To)
		}
		to = append(to, m.To...)
	}
	slices.Sort(to)
	return to
}

// notified checks that there were so many mails about each of the tokens.
func (s *site) notified(tokens []token.Token, want int) {
	s.t.Helper()
	copies := s.copies()
	for _, k := range tokens {
		if copies[k.ID] != want {
			s.t.Errorf("%d mails about token %s of %s, want %d", copies[k.ID], k.ID, k.Owner.ID, want)
		}
	}
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

// logged is a log to look at.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// empty has the site's mail server forget its mail. It must not be shared.
func (s *site) empty() {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.server+"/clear-store", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("emptying the mailbox: %s, %v", response.Status, err)
	}
}

// peek reads a request's body and leaves it there.
func peek(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // the proxy has it in memory
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}
