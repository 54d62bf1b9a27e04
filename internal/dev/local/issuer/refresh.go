package issuer

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Refresh tokens. Each is good once: a new one comes with the new tokens. Issuers may do
// so (RFC 9700, section 2.2.2; Cognito by a setting), and the console has to live with it.

var _ op.RefreshTokenRequest = (*request)(nil)

// SetCurrentScopes does nothing: new tokens have the scopes of the sign-in.
func (r *request) SetCurrentScopes([]string) {}

func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, asked op.TokenRequest, used string) (string, string, time.Time, error) {
	r, ok := asked.(*request)
	if !ok {
		return "", "", time.Time{}, errors.New("not a sign-in of this issuer")
	}
	access, expires, err := s.CreateAccessToken(ctx, asked)
	if err != nil {
		return "", "", time.Time{}, err
	}
	refresh := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refreshable, used)
	s.refreshable[refresh] = r
	return access, refresh, expires, nil
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.refreshable[token]
	if !ok {
		return nil, op.ErrInvalidRefreshToken
	}
	return r, nil
}

// GetRefreshTokenInfo answers the person and the token's ID, which is the token itself.
func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.refreshable[token]
	if !ok {
		return "", "", op.ErrInvalidRefreshToken
	}
	return r.subject, token, nil
}

// RevokeToken takes a refresh token back. Nothing here takes the access tokens.
func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refreshable, token)
	return nil
}
