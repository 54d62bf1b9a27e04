package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// rsa are the only algorithms that an HTTP API takes:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
var rsa = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// authorizeJWT checks a person's token: signature, iss, aud or client_id, exp, nbf and
// iat. It does not look at token_use, as API Gateway doesn't.
func (g *gateway) authorizeJWT(e event) (*authorizerContext, *answer) {
	credential := strings.TrimSpace(e.Headers["authorization"])
	if credential == "" {
		return nil, g.challenge(e, "Bearer")
	}
	claims, err := g.verify(credential)
	if err != nil {
		return nil, g.challenge(e, fmt.Sprintf(`Bearer scope="" error="invalid_token" error_description="%v"`, err))
	}
	return &authorizerContext{JWT: &jwtContext{Claims: claims}}, nil
}

func (g *gateway) challenge(e event, challenge string) *answer {
	a := message(e.RequestContext.RequestID, http.StatusUnauthorized, "Unauthorized")
	a.header.Set("Www-Authenticate", challenge)
	return &a
}

// verify returns the claims of a valid token. Its errors' texts go to the caller.
func (g *gateway) verify(credential string) (map[string]string, error) {
	token := credential
	if scheme, rest, ok := strings.Cut(credential, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	signed, err := jose.ParseSignedCompact(token, rsa)
	if err != nil {
		return nil, errors.New("the token is malformed")
	}
	payload, err := signed.Verify(g.Keys())
	if err != nil {
		return nil, errors.New("the token's signature is not valid")
	}
	var known struct {
		jwt.Claims
		ClientID string `json:"client_id"`
	}
	if err := json.Unmarshal(payload, &known); err != nil {
		return nil, errors.New("the token's claims are malformed")
	}
	if err := check(known.Claims, known.ClientID, g.Issuer, g.Audience, g.Now()); err != nil {
		return nil, err
	}
	return textClaims(payload)
}

// check compares the registered claims. client_id stands in for an absent aud.
func check(claims jwt.Claims, clientID, issuer string, audience []string, now time.Time) error {
	if len(claims.Audience) == 0 && clientID != "" {
		claims.Audience = jwt.Audience{clientID}
	}
	if claims.Expiry == nil {
		return errors.New("the token has no expiry")
	}
	err := claims.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: audience, Time: now}, 0)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return errors.New("the token has expired")
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return errors.New("the token's issuer is not accepted")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return errors.New("the token's audience is not accepted")
	case err != nil:
		return errors.New("the token is not valid yet")
	}
	return nil
}

// textClaims turns claims into text as API Gateway does: numbers and booleans in
// digits and words, arrays as "[a b]" with nothing quoted or escaped, objects as JSON;
// a null claim is left out. AWS does not document it; this is what was measured.
func textClaims(payload []byte) (map[string]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		return nil, errors.New("the token's claims are malformed")
	}
	texts := make(map[string]string, len(claims))
	for name, value := range claims {
		if value != nil {
			texts[name] = claimText(value)
		}
	}
	return texts, nil
}

func claimText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = claimText(item)
		}
		return "[" + strings.Join(items, " ") + "]"
	case map[string]any:
		if text, err := json.Marshal(v); err == nil { // it came from JSON
			return string(text)
		}
	}
	return fmt.Sprint(value) // json.Number, bool
}
