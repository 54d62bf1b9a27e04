package gateway_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-jose/go-jose/v4"
)

// sign returns a JWT that is valid at noon, with the changes to its claims; nil removes one.
func (b *harness) sign(t *testing.T, change map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: b.key, KeyID: "one"}}, change)
}

func signWith(t *testing.T, key jose.SigningKey, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": "https://issuer.example", "aud": "console", "sub": "user-1",
		"iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Unix() + 3600,
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAJWTIsChecked(t *testing.T) {
	b := newHarness(t, nil)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	valid := b.sign(t, nil)
	signature := valid[strings.LastIndex(valid, "."):]
	for _, test := range []struct {
		name, header, want string // want: part of the challenge, empty if let in
	}{
		{"valid", "Bearer " + valid, ""},
		{"valid without Bearer", valid, ""},
		{"client_id in place of aud", "Bearer " + b.sign(t, map[string]any{"aud": nil, "client_id": "console"}), ""},
		{"one of several aud", "Bearer " + b.sign(t, map[string]any{"aud": []string{"x", "console"}}), ""},
		{"no nbf and iat", "Bearer " + b.sign(t, map[string]any{"nbf": nil, "iat": nil}), ""},

		{"nothing", "", "Bearer"},
		{"garbage", "Bearer garbage", "malformed"},
		{"two headers' values", "Bearer " + valid + ",Bearer " + valid, "malformed"},
		{"expired", "Bearer " + b.sign(t, map[string]any{"exp": noon.Unix() - 1}), "has expired"},
		{"no exp", "Bearer " + b.sign(t, map[string]any{"exp": nil}), "has no expiry"},
		{"other issuer", "Bearer " + b.sign(t, map[string]any{"iss": "https://evil.example"}), "issuer is not accepted"},
		{"other audience", "Bearer " + b.sign(t, map[string]any{"aud": "billing"}), "audience is not accepted"},
		{"aud before client_id", "Bearer " + b.sign(t, map[string]any{"aud": "billing", "client_id": "console"}), "audience is not accepted"},
		{"neither aud nor client_id", "Bearer " + b.sign(t, map[string]any{"aud": nil}), "audience is not accepted"},
		{"nbf to come", "Bearer " + b.sign(t, map[string]any{"nbf": noon.Unix() + 60}), "not valid yet"},
		{"iat to come", "Bearer " + b.sign(t, map[string]any{"iat": noon.Unix() + 60}), "not valid yet"},
		{"other claims, same signature", "Bearer " + strings.Join(strings.Split(b.sign(t, map[string]any{"sub": "admin"}), ".")[:2], ".") + signature, "signature is not valid"},
		{"other key", "Bearer " + signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other, KeyID: "one"}}, nil), "signature is not valid"},
		{"unknown kid", "Bearer " + signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: b.key, KeyID: "two"}}, nil), "signature is not valid"},
		{"HMAC", "Bearer " + signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: make([]byte, 32)}, nil), "malformed"},
		{"alg none", "Bearer eyJhbGciOiJub25lIn0." + strings.Split(valid, ".")[1] + ".", "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := b.calls("person")
			response, body := b.do(t, "GET", "/person", "", authorization(test.header))
			challenge := response.Header.Get("Www-Authenticate")
			if test.want == "" {
				if response.StatusCode != 204 {
					t.Fatalf("%d %s %s, want 204", response.StatusCode, body, challenge)
				}
				return
			}
			if response.StatusCode != 401 || body != `{"message":"Unauthorized"}` || !strings.Contains(challenge, test.want) {
				t.Errorf("%d %s %s, want 401 and a challenge with %q", response.StatusCode, body, challenge, test.want)
			}
			if b.calls("person") != before {
				t.Error("the function was called")
			}
		})
	}
}

func TestClaimsBecomeText(t *testing.T) {
	b := newHarness(t, nil)
	b.do(t, "GET", "/person", "", authorization(b.sign(t, map[string]any{
		"cognito:groups": []string{"org-admin", "api-token-manager"},
		"one":            []string{"only one"},
		"none":           []string{},
		"email_verified": true,
		"exp":            int64(9999999999),
		"address":        map[string]any{"country": "JP"},
		"nickname":       json.RawMessage("null"),
	})))
	var e events.APIGatewayV2HTTPRequest
	decode(t, b.event(t, "person"), &e)
	claims := e.RequestContext.Authorizer.JWT.Claims
	for name, want := range map[string]string{
		"sub":            "user-1",
		"cognito:groups": "[org-admin api-token-manager]",
		"one":            "[only one]",
		"none":           "[]",
		"email_verified": "true",
		"exp":            "9999999999",
		"address":        `{"country":"JP"}`,
	} {
		if claims[name] != want {
			t.Errorf("%s is %q, want %q", name, claims[name], want)
		}
	}
	if _, ok := claims["nickname"]; ok {
		t.Error("a null claim was not left out")
	}
}
