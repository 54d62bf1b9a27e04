package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/localtest"
)

// patience bounds the wait for what comes about by itself.
const patience = 30 * time.Second

// site is a service to test.
type site struct {
	url    string
	system *local.System // nil of a deployment
}

// newSite starts a site with a table of its own. change may alter its configuration.
func newSite(t *testing.T, change func(*local.Config)) *site {
	t.Helper()
	if shared.system == nil {
		t.Fatal("this test needs the local run: against a deployment choose those with -run '^TestDeployed'")
	}
	c := local.Config{
		DynamoDBEndpoint: servers.dynamoDB.Endpoint(), SESEndpoint: servers.ses.Endpoint(),
		TableName: strings.ReplaceAll(t.Name(), "/", "."), Log: &log,
	}
	if change != nil {
		change(&c)
	}
	system := localtest.Start(t, c)
	return &site{url: system.URL(), system: system}
}

// client is somebody who calls the API.
type client struct {
	t       *testing.T
	site    *site
	headers http.Header
}

// as is a person who signed in.
func (s *site) as(t *testing.T, person string) client {
	t.Helper()
	var jwt string
	if s.system == nil {
		name := "LATCHKEY_JWT_" + strings.ToUpper(person)
		if jwt = os.Getenv(name); jwt == "" {
			t.Fatalf("set %s to a JWT of somebody like %s in the local run", name, person)
		}
	} else {
		var err error
		if jwt, err = s.system.JWT(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	}
	issued.add(jwt)
	return s.with(t, jwt)
}

// with is a program that has the secret.
func (s *site) with(t *testing.T, secret string) client {
	t.Helper()
	return s.presenting(t, "Bearer "+secret)
}

// presenting is a program that sends the Authorization headers as they are.
func (s *site) presenting(t *testing.T, authorization ...string) client {
	t.Helper()
	c := client{t: t, site: s, headers: http.Header{}}
	if len(authorization) > 0 {
		c.headers["Authorization"] = authorization
	}
	return c
}

// reply is what the API answered.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

func (c client) get(path string) reply            { return c.do(http.MethodGet, path, "", nil) }
func (c client) post(path string, body any) reply { return c.do(http.MethodPost, path, "", body) }

// do sends a request. A string or []byte is sent as it is, anything else as JSON.
func (c client) do(method, path, contentType string, body any) reply {
	c.t.Helper()
	r, err := c.request(c.t.Context(), method, path, contentType, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c client) request(ctx context.Context, method, path, contentType string, body any) (reply, error) {
	var content []byte
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	default:
		var err error
		if content, err = json.Marshal(b); err != nil {
			return reply{}, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.site.url+path, bytes.NewReader(content))
	if err != nil {
		return reply{}, err
	}
	maps.Copy(request.Header, c.headers)
	if len(content) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{c.t, method + " " + path, response.StatusCode, response.Header, text}, err
}

// is fails the test unless the status is as wanted.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: %d %s, want %d", r.what, r.status, r.body, status)
	}
	return r
}

// refusedByAuthorizer tells the authorizer's refusal, which the gateway words, from a 401
// of the function behind it.
func (r reply) refusedByAuthorizer() bool {
	return r.status == http.StatusUnauthorized && string(r.body) == `{"message":"Unauthorized"}`
}

// into reads the JSON body.
func (r reply) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%s: %s: %v", r.what, r.body, err)
	}
}

// problem is an RFC 9457 document.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// isProblem fails the test unless it is a problem document with the status and code.
func (r reply) isProblem(status int, code string) problem {
	r.t.Helper()
	var p problem
	r.is(status).into(&p)
	if r.header.Get("Content-Type") != "application/problem+json" || p.Status != status || p.Code != code || p.Title == "" || p.Type == "" {
		r.t.Fatalf("%s: %s %s, want a problem of code %s", r.what, r.header.Get("Content-Type"), r.body, code)
	}
	return p
}

// token is a token as the API shows it.
type token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hint      string    `json:"hint"`
	Status    string    `json:"status"`
	ExpiresOn string    `json:"expires_on"`
	ExpiresAt time.Time `json:"expires_at"`
	Owner     struct {
		ID string `json:"id"`
	} `json:"owner"`
}

// expiry is the start of the expiry date.
func (k token) expiry() time.Time { return k.ExpiresAt }

// issue issues a token and revokes it at the test's end, so that nobody comes to the
// limit of active tokens.
func (c client) issue(name string, days int) (token, string) {
	c.t.Helper()
	var answer struct {
		Token  token  `json:"token"`
		Secret string `json:"secret"`
	}
	c.post("/v1/tokens", map[string]any{"name": name, "expires_in_days": days}).is(http.StatusCreated).into(&answer)
	issued.add(answer.Secret)
	c.t.Cleanup(func() {
		// The test's own context has ended.
		if _, err := c.request(context.WithoutCancel(c.t.Context()), http.MethodPost, "/v1/tokens/"+answer.Token.ID+"/revoke", "", nil); err != nil {
			c.t.Logf("revoking %s at the end: %v", answer.Token.ID, err)
		}
	})
	return answer.Token, answer.Secret
}

func (c client) revoke(id string) reply {
	c.t.Helper()
	return c.post("/v1/tokens/"+id+"/revoke", nil)
}

// list returns all tokens of all pages.
func (c client) list(query string) []token {
	c.t.Helper()
	var all []token
	cursor := ""
	for {
		var page struct {
			Tokens     []token `json:"tokens"`
			NextCursor *string `json:"next_cursor"`
		}
		c.get("/v1/tokens?" + query + cursor).is(http.StatusOK).into(&page)
		all = append(all, page.Tokens...)
		if page.NextCursor == nil {
			return all
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// statusInList is the status under which the list shows the token; "" if it doesn't.
func (c client) statusInList(query, id string) string {
	c.t.Helper()
	for _, k := range c.list(query) {
		if k.ID == id {
			return k.Status
		}
	}
	return ""
}

// eventually waits until ask answers want: a list may lag behind a change.
func eventually[T comparable](t *testing.T, what string, want T, ask func() T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := ask()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
