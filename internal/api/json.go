package api

import (
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// tokenJSON is a token as the API shows it. Times are RFC 3339 in UTC; null means that
// it has not happened.
type tokenJSON struct {
	ID           token.ID      `json:"id"`
	Name         string        `json:"name"`
	Hint         string        `json:"hint"`
	Organization string        `json:"org_id"`
	Owner        ownerJSON     `json:"owner"`
	Scopes       []string      `json:"scopes"` // null: not limited; empty: none
	Status       token.Status  `json:"status"`
	CreatedAt    time.Time     `json:"created_at"`
	CreatedBy    string        `json:"created_by"`
	ExpiresOn    token.Date    `json:"expires_on"`
	ExpiresAt    time.Time     `json:"expires_at"`
	EndsOn       *token.Date   `json:"ends_on"`
	RevokedAt    *time.Time    `json:"revoked_at"`
	RevokedBy    *string       `json:"revoked_by"`
	RevokeReason *string       `json:"revoke_reason"`
	LastUsedAt   *time.Time    `json:"last_used_at"`
	LastUsedFrom *string       `json:"last_used_from"`
	Rotation     *rotationJSON `json:"rotation"`
	SelfRotation bool          `json:"self_rotation"`
}

// rotationJSON is the last rotation. The old secret's end is known once the new one was
// used; until then it is the latest that it can be.
type rotationJSON struct {
	Version   int       `json:"version"`
	RotatedAt time.Time `json:"rotated_at"`
	RotatedBy string    `json:"rotated_by"`

	NewSecretUsedAt   *time.Time `json:"new_secret_used_at"`
	NewSecretUsedFrom *string    `json:"new_secret_used_from"`

	OldHint           string     `json:"old_hint"`
	OldSecretEndsAt   time.Time  `json:"old_secret_ends_at"`
	OldSecretUsedAt   *time.Time `json:"old_secret_used_at"`
	OldSecretUsedFrom *string    `json:"old_secret_used_from"`
	OverlapHours      int        `json:"overlap_hours"`
}

func newRotationJSON(t token.Token) *rotationJSON {
	r := t.Rotation
	if r == nil {
		return nil
	}
	fresh, old := t.Uses[r.Version], t.Uses[r.OldGeneration]
	return &rotationJSON{
		Version: r.Version, RotatedAt: r.RotatedAt, RotatedBy: r.RotatedBy.ID,
		NewSecretUsedAt: timeOrNull(fresh.FirstAt), NewSecretUsedFrom: orNull(fresh.From),
		OldHint: r.OldHint, OldSecretEndsAt: t.OldEndsAt(), OverlapHours: int(r.Overlap / time.Hour),
		OldSecretUsedAt: timeOrNull(old.LastAt), OldSecretUsedFrom: orNull(old.From),
	}
}

type ownerJSON struct {
	Type  token.OwnerType `json:"type"`
	ID    *string         `json:"id"` // null: the organization
	Email *string         `json:"email"`
	// Undeliverable says that notices do not reach the owner's address.
	Undeliverable bool `json:"undeliverable"`
	Left          bool `json:"left"` // an admin has said so
}

func newTokenJSON(t token.Shown, now time.Time) tokenJSON {
	out := tokenJSON{
		ID: t.ID, Name: t.Name, Hint: t.Hint, Organization: t.Organization,
		Owner: ownerJSON{
			Type: t.Owner.Type, ID: orNull(t.Owner.ID), Email: orNull(t.Person.Email), Undeliverable: t.Person.Undeliverable, Left: t.Person.Left,
		},
		Scopes: t.Scopes, Status: t.Status(now), CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy,
		ExpiresOn: t.ExpiresOn, ExpiresAt: t.ExpiresAt(),
	}
	if t.EndsOn != 0 {
		out.EndsOn = &t.EndsOn
	}
	if !t.RevokedAt.IsZero() {
		out.RevokedAt, out.RevokedBy, out.RevokeReason = &t.RevokedAt, orNull(t.RevokedBy), orNull(t.RevokeReason)
	}
	last := t.Uses.Last()
	out.LastUsedAt, out.LastUsedFrom = timeOrNull(last.LastAt), orNull(last.From)
	out.Rotation, out.SelfRotation = newRotationJSON(t.Token), t.SelfRotation
	return out
}

// detailJSON is what is shown where the answer is about one token.
type detailJSON struct {
	tokenJSON

	Notices []noticeJSON `json:"notices"`
}

type noticeJSON struct {
	Kind   notice.Kind  `json:"kind"`
	Date   token.Date   `json:"date"` // the token's expiry date that it was about
	SentAt time.Time    `json:"sent_at"`
	State  notice.State `json:"state"`
}

func newDetailJSON(t token.Shown, now time.Time, outcomes []notice.Outcome) detailJSON {
	out := detailJSON{newTokenJSON(t, now), []noticeJSON{}}
	for _, o := range outcomes {
		if o.State != notice.Covered {
			out.Notices = append(out.Notices, noticeJSON{o.Kind, o.Date, o.At, o.State})
		}
	}
	return out
}

// issuedJSON is the answers that hold a secret.
type issuedJSON struct {
	Token  detailJSON `json:"token"`
	Secret string     `json:"secret"`
}

func newIssuedJSON(issued token.Issued, now time.Time) issuedJSON {
	return issuedJSON{newDetailJSON(issued.Shown, now, nil), issued.Secret.Reveal()}
}

// resumedJSON says who gets notices again.
type resumedJSON struct {
	Person personJSON `json:"person"`
}

// pageJSON is a page of a list, with who asked for it.
type pageJSON struct {
	Tokens     []tokenJSON `json:"tokens"`
	NextCursor *string     `json:"next_cursor"`
	Person     personJSON  `json:"person"`
}

func newPageJSON(p token.Principal, page token.Page, now time.Time) pageJSON {
	out := pageJSON{Tokens: []tokenJSON{}, NextCursor: orNull(page.Cursor), Person: newPersonJSON(p, page.Person)}
	for _, t := range page.Tokens {
		out.Tokens = append(out.Tokens, newTokenJSON(t, now))
	}
	return out
}

// bulkJSON is what became of one of several tokens.
type bulkJSON struct {
	ID      string            `json:"id"`
	Name    *string           `json:"name"` // null: not found, or not looked at
	Outcome token.BulkOutcome `json:"outcome"`
}

func newBulkJSON(results []token.BulkResult) []bulkJSON {
	out := make([]bulkJSON, 0, len(results))
	for _, r := range results {
		out = append(out, bulkJSON{r.ID, orNull(r.Name), r.Outcome})
	}
	return out
}

// manyJSON is the answer about several tokens.
type manyJSON struct {
	Results []bulkJSON `json:"results"`
}

// leftJSON is what somebody's leaving has changed, or would change.
type leftJSON struct {
	Person  leaverJSON  `json:"person"`
	LeftAt  *time.Time  `json:"left_at"` // null: they have not left
	Tokens  []tokenJSON `json:"tokens"`  // of a dry run
	Results []bulkJSON  `json:"results"`
}

type leaverJSON struct {
	ID    string  `json:"id"`
	Email *string `json:"email"`
}

func newLeftJSON(l token.Left, now time.Time) leftJSON {
	out := leftJSON{
		leaverJSON{l.Person.ID, orNull(l.Person.Email)}, timeOrNull(l.LeftAt), make([]tokenJSON, 0, len(l.Tokens)), newBulkJSON(l.Results),
	}
	for _, t := range l.Tokens {
		out.Tokens = append(out.Tokens, newTokenJSON(token.Shown{Token: t, Person: l.Person}, now))
	}
	return out
}

// personJSON is who asks, and what they may do.
type personJSON struct {
	ID            string  `json:"id"`
	Organization  string  `json:"org_id"`
	Email         *string `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	Role          *string `json:"role"`
	CanIssue      bool    `json:"can_issue"`
	SeesEveryone  bool    `json:"sees_everyone"`
	Undeliverable bool    `json:"undeliverable"`
}

func newPersonJSON(p token.Principal, known token.Person) personJSON {
	if known.Left {
		p.Role = token.RoleNone
	}
	roles := map[token.Role]string{token.RoleAdmin: roleAdmin, token.RoleManager: roleManager}
	return personJSON{
		ID: p.Subject, Organization: p.Organization, Email: orNull(p.Email), EmailVerified: p.EmailVerified,
		Role: orNull(roles[p.Role]), CanIssue: p.CanIssue(), SeesEveryone: p.Role == token.RoleAdmin,
		Undeliverable: known.Undeliverable,
	}
}

// whoamiJSON is what a token's holder learns of the token.
type whoamiJSON struct {
	TokenID      token.ID        `json:"token_id"`
	Name         string          `json:"name"`
	Organization string          `json:"org_id"`
	Owner        *string         `json:"owner_id"`
	OwnerType    token.OwnerType `json:"owner_type"`
	Scopes       []string        `json:"scopes"` // null: not limited; empty: none
	ExpiresAt    time.Time       `json:"expires_at"`
	RenewAt      *time.Time      `json:"renew_at"` // null: the token may not replace its own secret
}

func newWhoamiJSON(t token.Token, c token.Credential) whoamiJSON {
	w := whoamiJSON{t.ID, t.Name, c.Organization, orNull(c.Owner.ID), c.Owner.Type, c.Scopes, c.EndsAt(), nil}
	if c.SelfRotation {
		at := t.RenewAt(c)
		w.RenewAt = &at
	}
	return w
}

// renewedJSON is a token that has replaced its own secret, with the new one. Its holder
// learns no more of it than before.
type renewedJSON struct {
	Token  whoamiJSON `json:"token"`
	Secret string     `json:"secret"`
}

// endedJSON says what a secret's holder has ended.
type endedJSON struct {
	TokenID token.ID    `json:"token_id"`
	Ended   token.Ended `json:"ended"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
