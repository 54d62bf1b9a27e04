package dynamo

import (
	"time"

	"latchkey/internal/token"
)

// auditRetention is how long the audit trail is kept.
const auditRetention = 400 * 24 * time.Hour

// newAuditItem is an audit entry as the table holds it. All of its attributes are always
// there, since events are made of them as they are, but for the key of an index, which cannot
// be empty.
func newAuditItem(a token.Audit) item {
	i := newItem(key("AUDIT#"+encoded(a.Organization), string(a.ID)))
	for name, value := range map[string]string{
		attrOrganization: a.Organization, "at": a.At.UTC().Format(time.RFC3339), "action": string(a.Action),
		"actor_kind": string(a.Actor.Kind), "actor": a.Actor.ID, "address": a.Address, "client": a.Client,
		"about_token": string(a.TokenID), "about_person": a.Person, "token_name": a.TokenName, "expires_on": "", "detail": a.Detail,
	} {
		i[name] = stringValue(value)
	}
	if a.TokenID != "" {
		i[attrTokenID], i["expires_on"] = stringValue(string(a.TokenID)), stringValue(a.ExpiresOn.String())
	}
	i[attrTTL] = numberValue(a.At.Add(auditRetention).Unix())
	return i
}
