// Package issuer is the OpenID Connect issuer of the local run: the place where the
// people of the local run sign in, with no password. Its ID tokens carry the claims of a
// Cognito user pool with the attribute custom:organization.
//
// The protocol is a library's; this package is its storage and the sign-in page. Its
// signing key is made anew at every start. Authorization code with PKCE (S256) is the
// only flow; a refresh token comes with it, as from Cognito.
package issuer

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// ClientID is the console's client, and so the audience of its tokens.
const ClientID = "latchkey-console"

// lifetime of a JWT, as Cognito's default.
const lifetime = time.Hour

// Config is what an Issuer needs.
type Config struct {
	URL       string           // where it is served, without a slash at the end
	Redirects []string         // where the console may have people sent back to
	Now       func() time.Time //
}

// Issuer serves the OpenID Connect endpoints and the sign-in page.
type Issuer struct {
	http.Handler
	config  Config
	storage *storage
}

// New makes an issuer with a new key.
func New(c Config) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the issuer's key: %w", err)
	}
	s := &storage{config: c, key: signingKey{key, rand.Text()}, requests: map[string]*request{}, refreshable: map[string]*request{}}
	var sealing [32]byte // for its opaque access tokens, which nothing here takes
	_, _ = rand.Read(sealing[:])
	provider, err := op.NewProvider(
		&op.Config{CryptoKey: sealing, CodeMethodS256: true, GrantTypeRefreshToken: true, SupportedScopes: []string{"openid", "email", "profile"}, DefaultLogoutRedirectURI: c.Redirects[0]},
		s, op.StaticIssuer(c.URL), op.WithAllowInsecure())
	if err != nil {
		return nil, fmt.Errorf("making the issuer: %w", err)
	}
	i := &Issuer{config: c, storage: s}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("GET "+signInPath, i.page)
	mux.Handle("POST "+signInPath, op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(i.signIn(op.AuthCallbackURL(provider))))
	i.Handler = mux
	return i, nil
}

// Keys is the key set that verifies its tokens.
func (i *Issuer) Keys() jose.JSONWebKeySet {
	k := i.storage.key
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.RS256), Use: "sig"}}}
}

// JWT returns an ID token of the person, as signing in would give it.
func (i *Issuer) JWT(ctx context.Context, name string) (string, error) {
	person, ok := named(name)
	if !ok {
		return "", fmt.Errorf("there is nobody called %q", name)
	}
	r := &request{scopes: []string{"openid", "email", "profile"}, subject: person.Subject, signedInAt: i.config.Now()}
	token, err := op.CreateIDToken(ctx, i.config.URL, r, lifetime, "", "", i.storage, client{i.config})
	if err != nil {
		return "", fmt.Errorf("signing a JWT for %s: %w", name, err)
	}
	return token, nil
}
