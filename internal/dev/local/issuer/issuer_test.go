package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/dev/local/issuer"
)

const (
	home     = "http://127.0.0.1:8080/"
	verifier = "a-verifier-of-at-least-forty-three-characters-x"
)

// browser talks to an issuer and follows no redirect.
type browser struct {
	*issuer.Issuer
	url string
}

func start(t *testing.T) browser {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	i, err := issuer.New(issuer.Config{URL: address, Redirects: []string{home}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = i
	server.Start()
	t.Cleanup(server.Close)
	return browser{i, address}
}

type page struct {
	status int
	header http.Header
	body   string
}

func (b browser) do(t *testing.T, method, address string, form url.Values) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "http://127.0.0.1:8080")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{response.StatusCode, response.Header, string(body)}
}

// authorize starts a sign-in, with its parameters changed.
func (b browser) authorize(t *testing.T, change map[string]string) page {
	t.Helper()
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {issuer.ClientID}, "response_type": {"code"}, "redirect_uri": {home}, "scope": {"openid email profile"},
		"state": {"s1"}, "nonce": {"n1"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	for name, value := range change {
		query.Set(name, value)
	}
	return b.do(t, "GET", b.url+"/authorize?"+query.Encode(), nil)
}

// signIn goes from the console to the code that the console gets back.
func (b browser) signIn(t *testing.T, person string) string {
	t.Helper()
	p := b.authorize(t, nil)
	list := b.do(t, "GET", b.url+p.header.Get("Location"), nil)
	id := regexp.MustCompile(`name="id" value="(\w+)"`).FindStringSubmatch(list.body)
	if id == nil {
		t.Fatalf("no form on the sign-in page: %d %s", list.status, list.body)
	}
	p = b.do(t, "POST", b.url+"/sign-in", url.Values{"id": {id[1]}, "person": {person}})
	p = b.do(t, "GET", p.header.Get("Location"), nil)
	back, err := url.Parse(p.header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), home) || back.Query().Get("state") != "s1" {
		t.Fatalf("sent back to %q (%d %s)", back, p.status, p.body)
	}
	return back.Query().Get("code")
}

func (b browser) exchange(t *testing.T, code, verifier string) page {
	t.Helper()
	return b.do(t, "POST", b.url+"/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {issuer.ClientID}, "redirect_uri": {home}, "code": {code}, "code_verifier": {verifier},
	})
}

// claims verifies the token with the published keys.
func (b browser) claims(t *testing.T, token string) map[string]any {
	t.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(b.do(t, "GET", b.url+"/keys", nil).body), &keys); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(keys)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestSigningInGivesTheClaimsOfACognitoPool(t *testing.T) {
	b := start(t)
	answer := b.exchange(t, b.signIn(t, "bob"), verifier)
	if answer.status != 200 || answer.header.Get("Access-Control-Allow-Origin") == "" {
		t.Fatalf("%d %s, CORS %q", answer.status, answer.body, answer.header.Get("Access-Control-Allow-Origin"))
	}
	var tokens struct {
		IDToken     string `json:"id_token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(answer.body), &tokens); err != nil {
		t.Fatal(err)
	}
	got := b.claims(t, tokens.IDToken)
	for name, want := range map[string]string{
		"iss": `"` + b.url + `"`, "aud": `["latchkey-console"]`, "sub": `"b0b00000-0000-4000-8000-000000000002"`, "nonce": `"n1"`,
		"email": `"bob@acme.example"`, "email_verified": `true`, "token_use": `"id"`,
		"custom:organization": `"acme"`, "cognito:groups": `["api-token-manager"]`,
	} {
		if text, err := json.Marshal(got[name]); err != nil || string(text) != want {
			t.Errorf("%s is %s, want %s", name, text, want)
		}
	}
	if tokens.AccessToken == "" || tokens.ExpiresIn < 3500 || tokens.ExpiresIn > 3600 {
		t.Errorf("access token %q, expires in %d s", tokens.AccessToken, tokens.ExpiresIn)
	}
}

func TestPKCEIsRequired(t *testing.T) {
	b := start(t)
	for name, change := range map[string]map[string]string{
		"no challenge":    {"code_challenge": "", "code_challenge_method": ""},
		"plain":           {"code_challenge_method": "plain"},
		"method left out": {"code_challenge_method": ""},
	} {
		p := b.authorize(t, change)
		if !strings.Contains(p.header.Get("Location"), "error=invalid_request") && p.status != 400 {
			t.Errorf("%s: %d, sent to %s", name, p.status, p.header.Get("Location"))
		}
	}
	code := b.signIn(t, "bob")
	for _, wrong := range []string{"", strings.ToUpper(verifier)} {
		if p := b.exchange(t, code, wrong); p.status < 400 || strings.Contains(p.body, "id_token") {
			t.Errorf("verifier %q: %d %s", wrong, p.status, p.body)
		}
	}
}

func TestACodeIsGoodOnce(t *testing.T) {
	b := start(t)
	code := b.signIn(t, "alice")
	if p := b.exchange(t, code, verifier); p.status != 200 {
		t.Fatalf("%d %s", p.status, p.body)
	}
	if p := b.exchange(t, code, verifier); p.status < 400 {
		t.Errorf("a second time: %d", p.status)
	}
}

// The console's session outlives a JWT, until the person signs out.
func TestRefreshing(t *testing.T) {
	b := start(t)
	tokens := func(p page) (idToken, refreshToken string) {
		var answer struct {
			IDToken      string `json:"id_token"`
			RefreshToken string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(p.body), &answer); err != nil || p.status != 200 {
			t.Fatalf("%d %s: %v", p.status, p.body, err)
		}
		return answer.IDToken, answer.RefreshToken
	}
	refresh := func(token string) page {
		return b.do(t, "POST", b.url+"/oauth/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {issuer.ClientID}, "refresh_token": {token}, "scope": {"openid email profile offline_access"},
		})
	}
	before, first := tokens(b.exchange(t, b.signIn(t, "bob"), verifier))
	after, second := tokens(refresh(first))
	for _, name := range []string{"sub", "auth_time", "custom:organization", "cognito:groups", "token_use"} {
		was, is := b.claims(t, before)[name], b.claims(t, after)[name]
		if is == nil || !reflect.DeepEqual(was, is) {
			t.Errorf("%s was %v and is %v", name, was, is)
		}
	}
	refused := func(token, which string) {
		if p := refresh(token); p.status != 400 || !strings.Contains(p.body, `"invalid_grant"`) {
			t.Errorf("%s: %d %s", which, p.status, p.body)
		}
	}
	refused(first, "a second time")
	out := b.do(t, "POST", b.url+"/revoke", url.Values{"client_id": {issuer.ClientID}, "token": {second}, "token_type_hint": {"refresh_token"}})
	if out.status != 200 || out.header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("revoking: %d %s", out.status, out.body)
	}
	refused(second, "after it was revoked")
}

func TestPeopleAreSentBackToTheConsoleOnly(t *testing.T) {
	b := start(t)
	if p := b.authorize(t, map[string]string{"redirect_uri": "https://evil.example/"}); p.header.Get("Location") != "" || p.status != 400 {
		t.Errorf("sign-in: %d, sent to %s", p.status, p.header.Get("Location"))
	}
	out := b.do(t, "GET", b.url+"/end_session?client_id="+issuer.ClientID+"&post_logout_redirect_uri="+url.QueryEscape(home), nil)
	if out.status != 302 || out.header.Get("Location") != home {
		t.Errorf("sign-out: %d, sent to %s", out.status, out.header.Get("Location"))
	}
	out = b.do(t, "GET", b.url+"/end_session?client_id="+issuer.ClientID+"&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F", nil)
	if strings.Contains(out.header.Get("Location"), "evil") {
		t.Errorf("sign-out: sent to %s", out.header.Get("Location"))
	}
}

func TestSigningInAsNobody(t *testing.T) {
	b := start(t)
	if p := b.do(t, "POST", b.url+"/sign-in", url.Values{"id": {"x"}, "person": {"bob"}}); p.status != 400 {
		t.Errorf("unknown sign-in: %d", p.status)
	}
	if p := b.do(t, "POST", b.url+"/sign-in", url.Values{"id": {"x"}, "person": {"mallory"}}); p.status != 400 {
		t.Errorf("unknown person: %d", p.status)
	}
	if _, err := b.JWT(t.Context(), "mallory"); err == nil {
		t.Error("a JWT for nobody")
	}
}

func TestDiscovery(t *testing.T) {
	b := start(t)
	p := b.do(t, "GET", b.url+"/.well-known/openid-configuration", nil)
	var d struct {
		Issuer                string   `json:"issuer"`
		AuthorizationEndpoint string   `json:"authorization_endpoint"`
		TokenEndpoint         string   `json:"token_endpoint"`
		EndSessionEndpoint    string   `json:"end_session_endpoint"`
		JWKS                  string   `json:"jwks_uri"`
		Methods               []string `json:"code_challenge_methods_supported"`
	}
	if err := json.Unmarshal([]byte(p.body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Issuer != b.url || d.AuthorizationEndpoint != b.url+"/authorize" || d.TokenEndpoint != b.url+"/oauth/token" ||
		d.EndSessionEndpoint != b.url+"/end_session" || d.JWKS != b.url+"/keys" || len(d.Methods) == 0 || d.Methods[0] != "S256" {
		t.Errorf("%+v", d)
	}
	if p.header.Get("Access-Control-Allow-Origin") == "" {
		t.Error("the console may not read it: no CORS")
	}
}

func TestJWT(t *testing.T) {
	b := start(t)
	for _, person := range issuer.People() {
		token, err := b.JWT(t.Context(), person.Name)
		if err != nil {
			t.Fatal(err)
		}
		got := b.claims(t, token)
		if got["sub"] != person.Subject || got["email"] != person.Email || got["custom:organization"] != person.Organization || got["token_use"] != "id" {
			t.Errorf("%s: %v", person.Name, got)
		}
		if got["email_verified"] != person.EmailVerified {
			t.Errorf("%s: email_verified %v", person.Name, got["email_verified"])
		}
		if _, has := got["cognito:groups"]; has != (len(person.Groups) > 0) {
			t.Errorf("%s: groups %v", person.Name, got["cognito:groups"])
		}
	}
}
