package issuer

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// storage is what the library keeps its state in: memory. The end of the process ends
// all sign-ins.
type storage struct {
	config Config
	key    signingKey

	mu          sync.Mutex
	requests    map[string]*request
	refreshable map[string]*request // sign-ins by their refresh tokens
}

var _ op.Storage = (*storage)(nil)

var errNotFound = errors.New("not found")

func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if asked.CodeChallenge == "" || asked.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is required")
	}
	// Cognito gives a refresh token unasked; the library wants to be asked by this scope.
	r := &request{id: rand.Text(), asked: *asked, scopes: append(slices.Clone(asked.Scopes), oidc.ScopeOfflineAccess)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[r.id] = r
	return r, nil
}

// signIn notes that the person is who answers the request.
func (s *storage) signIn(id, name string) error {
	person, ok := named(name)
	if !ok {
		return fmt.Errorf("there is nobody called %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if !ok {
		return errors.New("this sign-in is over: start again from the console")
	}
	signedIn := *r
	signedIn.subject, signedIn.signedInAt = person.Subject, s.config.Now()
	s.requests[id] = &signedIn
	return nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	return s.find(func(r *request) bool { return r.id == id })
}

func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	return s.find(func(r *request) bool { return code != "" && r.code == code })
}

func (s *storage) find(is func(*request) bool) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if is(r) {
			return r, nil
		}
	}
	return nil, errNotFound
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if !ok {
		return errNotFound
	}
	coded := *r
	coded.code = code
	s.requests[id] = &coded
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), s.config.Now().Add(lifetime), nil
}

func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{s.key}}, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errNotFound
	}
	return client{s.config}, nil
}

// SetUserinfoFromScopes puts a Cognito user pool's claims into the ID token. As there,
// custom attributes come with the scope profile only
// (https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html).
func (s *storage) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, subject, _ string, scopes []string) error {
	person, ok := withSubject(subject)
	if !ok {
		return errNotFound
	}
	info.Subject = person.Subject
	info.Email = person.Email
	info.AppendClaims("email_verified", person.EmailVerified) // the library's field leaves false out
	info.AppendClaims("token_use", "id")
	info.AppendClaims("cognito:username", person.Name)
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.AppendClaims("custom:organization", person.Organization)
	}
	if len(person.Groups) > 0 {
		info.AppendClaims("cognito:groups", person.Groups)
	}
	return nil
}

func (s *storage) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	return s.SetUserinfoFromScopes(ctx, info, subject, ClientID, nil)
}

func (s *storage) Health(context.Context) error { return nil }

// signingKey signs.
type signingKey struct {
	private *rsa.PrivateKey
	id      string
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) ID() string                                  { return k.id }

// publicKey verifies what signingKey signed.
type publicKey struct{ signing signingKey }

func (k publicKey) ID() string                         { return k.signing.id }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.signing.private.Public() }
