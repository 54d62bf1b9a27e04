package api

import (
	"time"

	"latchkey/internal/token"
)

// tokenJSON is a token as the API shows it. Times are RFC 3339 in UTC; null means that
// it has not happened.
type tokenJSON struct {
	ID           token.ID     `json:"id"`
	Name         string       `json:"name"`
	Hint         string       `json:"hint"`
	Organization string       `json:"org_id"`
	Owner        ownerJSON    `json:"owner"`
	Scopes       []string     `json:"scopes"`
	Status       token.Status `json:"status"`
	CreatedAt    time.Time    `json:"created_at"`
	ExpiresOn    token.Date   `json:"expires_on"`
	ExpiresAt    time.Time    `json:"expires_at"`
	RevokedAt    *time.Time   `json:"revoked_at"`
	RevokedBy    *string      `json:"revoked_by"`
	RevokeReason *string      `json:"revoke_reason"`
	LastUsedAt   *time.Time   `json:"last_used_at"`
	Notices      []noticeJSON `json:"notices"`
}

type ownerJSON struct {
	ID    string  `json:"id"`
	Email *string `json:"email"`
	// Undeliverable says that notices do not reach the owner's address.
	Undeliverable bool `json:"undeliverable"`
}

type noticeJSON struct {
	DaysBefore int       `json:"days_before"`
	SentAt     time.Time `json:"sent_at"`
}

func newTokenJSON(t token.Owned, now time.Time) tokenJSON {
	out := tokenJSON{
		ID: t.ID, Name: t.Name, Hint: t.Hint, Organization: t.Organization,
		Owner:  ownerJSON{ID: t.Token.Owner, Email: orNull(t.Owner.Email), Undeliverable: t.Owner.Undeliverable},
		Scopes: orEmpty(t.Scopes), Status: t.Status(now),
		CreatedAt: t.CreatedAt, ExpiresOn: t.ExpiresOn, ExpiresAt: t.ExpiresAt(),
		Notices: []noticeJSON{},
	}
	if !t.RevokedAt.IsZero() {
		out.RevokedAt, out.RevokedBy, out.RevokeReason = &t.RevokedAt, orNull(t.RevokedBy), orNull(t.RevokeReason)
	}
	if !t.LastUsedAt.IsZero() {
		out.LastUsedAt = &t.LastUsedAt
	}
	for _, n := range t.Notices {
		if n.MessageID == "" {
			continue // covered by a tighter one, or nobody could be reached
		}
		out.Notices = append(out.Notices, noticeJSON{n.DaysBefore, n.SentAt})
	}
	return out
}

// whoamiJSON is what a token's holder learns of the token.
type whoamiJSON struct {
	TokenID      token.ID  `json:"token_id"`
	Name         string    `json:"name"`
	Organization string    `json:"org_id"`
	Owner        string    `json:"owner_id"`
	Scopes       []string  `json:"scopes"`
	ExpiresAt    time.Time `json:"expires_at"`
}

func newWhoamiJSON(t token.Token) whoamiJSON {
	return whoamiJSON{t.ID, t.Name, t.Organization, t.Owner, orEmpty(t.Scopes), t.ExpiresAt()}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
