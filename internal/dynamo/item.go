package dynamo

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Attribute names.
const (
	attrPK           = "pk"
	attrSK           = "sk"
	attrTTL          = "ttl"
	attrID           = "id"
	attrSecretHash   = "secret_hash"
	attrOrganization = "org_id"
	attrOwner        = "owner_id"
	attrOwnerKey     = "owner_key"
	attrName         = "name"
	attrHint         = "hint"
	attrScopes       = "scopes"
	attrCreatedAt    = "created_at"
	attrExpiresAt    = "expires_at"
	attrRevokedAt    = "revoked_at"
	attrRevokedBy    = "revoked_by"
	attrRevokeReason = "revoke_reason"
	attrRotatedFrom  = "rotated_from"
	attrRotatedTo    = "rotated_to"
	attrLastUsedAt   = "last_used_at"
	attrAllowedIPs   = "allowed_ips"
	attrNotices      = "notices"
	attrDueShard     = "due_shard"
	attrDueKey       = "due_key"
	attrEmail        = "email"
	attrAdmin        = "admin"
	attrSeenAt       = "seen_at"
	attrActive       = "active"

	// attrUndeliverable is the address of an owner that mail cannot be delivered to. It
	// says nothing about another address.
	attrUndeliverable = "undeliverable"
	// attrClaim reserves a token's notice for one run of the reminder.
	attrClaim = "claim"
	// attrFailingSince is when sending a token's notice first failed.
	attrFailingSince = "failing_since"
)

// Sort keys of items that are alone in their partition.
const (
	sortToken = "TOKEN"
	sortOwner = "OWNER"
	sortMail  = "MAIL"
)

// Shards is the number of partitions that the index "due" is spread over. Each takes
// 1,000 writes a second, so that a busy day's work is not held up by one of them.
const Shards = 16

func tokenKey(id token.ID) map[string]types.AttributeValue {
	return key("TOKEN#"+string(id), sortToken)
}

func ownerKey(organization, id string) map[string]types.AttributeValue {
	return key("OWNER#"+ownerOf(organization, id), sortOwner)
}

// adminKey is where an organization's admins are found, without asking the issuer.
func adminKey(organization, id string) map[string]types.AttributeValue {
	return key("ORG#"+organization, "ADMIN#"+id)
}

// ownerOf joins what the API's claims check keeps free of '#'.
func ownerOf(organization, id string) string { return organization + "#" + id }

func key(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrPK: stringValue(pk), attrSK: stringValue(sk)}
}

func stringValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numberValue(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

// dueShard spreads tokens evenly over the index "due".
func dueShard(id token.ID) types.AttributeValue { return numberValue(shardOf(id)) }

func shardOf(id token.ID) int { return int(crc32.ChecksumIEEE([]byte(id)) % Shards) }

// dueKey sorts by notice date first, so that what is due is one range.
func dueKey(on token.Date, id token.ID) string { return on.String() + "#" + string(id) }

// tokenItem is a token as the table holds it. Times are epoch seconds.
type tokenItem struct {
	PK           string                `dynamodbav:"pk"`
	SK           string                `dynamodbav:"sk"`
	ID           string                `dynamodbav:"id"`
	SecretHash   []byte                `dynamodbav:"secret_hash,omitempty"`
	Organization string                `dynamodbav:"org_id"`
	Owner        string                `dynamodbav:"owner_id"`
	OwnerKey     string                `dynamodbav:"owner_key"`
	Name         string                `dynamodbav:"name"`
	Hint         string                `dynamodbav:"hint"`
	Scopes       []string              `dynamodbav:"scopes,omitempty"`
	CreatedAt    int64                 `dynamodbav:"created_at"`
	ExpiresAt    int64                 `dynamodbav:"expires_at"`
	RevokedAt    int64                 `dynamodbav:"revoked_at,omitempty"`
	RevokedBy    string                `dynamodbav:"revoked_by,omitempty"`
	RevokeReason string                `dynamodbav:"revoke_reason,omitempty"`
	LastUsedAt   int64                 `dynamodbav:"last_used_at,omitempty"`
	Notices      map[string]noticeItem `dynamodbav:"notices"`
	FailingSince int64                 `dynamodbav:"failing_since,omitempty"`
	TTL          int64                 `dynamodbav:"ttl"`
}

// noticeItem is kept under the notice's number of days before expiry.
type noticeItem struct {
	SentAt    int64  `dynamodbav:"sent_at"`
	MessageID string `dynamodbav:"message_id,omitempty"`
}

func newTokenItem(t token.NewToken) (map[string]types.AttributeValue, error) {
	item, err := attributevalue.MarshalMap(tokenItem{
		PK: "TOKEN#" + string(t.ID), SK: sortToken, ID: string(t.ID), SecretHash: t.Hash[:],
		Organization: t.Organization, Owner: t.Token.Owner, OwnerKey: ownerOf(t.Organization, t.Token.Owner),
		Name: t.Name, Hint: t.Hint, Scopes: t.Scopes,
		CreatedAt: t.CreatedAt.Unix(), ExpiresAt: t.ExpiresAt().Unix(),
		Notices: map[string]noticeItem{}, TTL: t.DeleteAt.Unix(),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding token %s: %w", t.ID, err)
	}
	if t.NoticeOn != 0 {
		item[attrDueShard] = dueShard(t.ID)
		item[attrDueKey] = stringValue(dueKey(t.NoticeOn, t.ID))
	}
	return item, nil
}

func (i tokenItem) token() token.Token {
	t := token.Token{
		ID: token.ID(i.ID), Organization: i.Organization, Owner: i.Owner, Name: i.Name, Hint: i.Hint,
		Scopes: i.Scopes, CreatedAt: moment(i.CreatedAt), ExpiresOn: token.DateOf(moment(i.ExpiresAt)),
		RevokedBy: i.RevokedBy, RevokeReason: i.RevokeReason,
	}
	if i.RevokedAt != 0 {
		t.RevokedAt = moment(i.RevokedAt)
	}
	if i.LastUsedAt != 0 {
		t.LastUsedAt = moment(i.LastUsedAt)
	}
	for days, n := range i.Notices {
		if before, err := strconv.Atoi(days); err == nil {
			t.Notices = append(t.Notices, token.Notice{DaysBefore: before, SentAt: moment(n.SentAt), MessageID: n.MessageID})
		}
	}
	slices.SortFunc(t.Notices, func(a, b token.Notice) int { return cmp.Compare(b.DaysBefore, a.DaysBefore) })
	return t
}

func decodeToken(item map[string]types.AttributeValue) (token.Token, token.Hash, error) {
	var i tokenItem
	if err := attributevalue.UnmarshalMap(item, &i); err != nil {
		return token.Token{}, token.Hash{}, fmt.Errorf("decoding a token: %w", err)
	}
	var hash token.Hash
	if len(i.SecretHash) == len(hash) {
		copy(hash[:], i.SecretHash)
	}
	return i.token(), hash, nil
}

func moment(epoch int64) time.Time { return time.Unix(epoch, 0).UTC() }

// ownerItem is a person as the table holds them. Active maps the ids of their tokens
// to when those expire, which is how the cap on active tokens is held to: expired ones
// drop out without a write.
type ownerItem struct {
	Organization  string           `dynamodbav:"org_id"`
	Owner         string           `dynamodbav:"owner_id"`
	Email         string           `dynamodbav:"email"`
	Admin         bool             `dynamodbav:"admin"`
	SeenAt        int64            `dynamodbav:"seen_at"`
	Active        map[string]int64 `dynamodbav:"active"`
	Undeliverable string           `dynamodbav:"undeliverable,omitempty"`
}

func (i ownerItem) owner() token.Owner {
	return token.Owner{
		Organization: i.Organization, ID: i.Owner, Email: i.Email, Admin: i.Admin,
		Undeliverable: i.Undeliverable != "" && i.Undeliverable == i.Email,
	}
}

// mailRetention is how long a sent e-mail can be traced back to its tokens. Bounces
// come within days.
const mailRetention = 30 * 24 * time.Hour

func mailKey(messageID string) map[string]types.AttributeValue {
	return key("MAIL#"+messageID, sortMail)
}

// mailItem is an e-mail that SES accepted.
type mailItem struct {
	PK         string          `dynamodbav:"pk"`
	SK         string          `dynamodbav:"sk"`
	SentAt     int64           `dynamodbav:"sent_at"`
	Recipients []mailRecipient `dynamodbav:"recipients"`
	Tokens     []string        `dynamodbav:"tokens"`
	TTL        int64           `dynamodbav:"ttl"`
}

type mailRecipient struct {
	Organization string `dynamodbav:"org_id"`
	Owner        string `dynamodbav:"owner_id"`
	Email        string `dynamodbav:"email"`
}

// auditRetention is how long the audit trail is kept.
const auditRetention = 400 * 24 * time.Hour

type auditItem struct {
	PK           string `dynamodbav:"pk"`
	SK           string `dynamodbav:"sk"`
	Organization string `dynamodbav:"org_id"`
	At           string `dynamodbav:"at"` // RFC 3339: events carry it as it is
	Action       string `dynamodbav:"action"`
	Actor        string `dynamodbav:"actor"`
	TokenID      string `dynamodbav:"token_id"`
	TokenName    string `dynamodbav:"token_name"`
	ExpiresOn    string `dynamodbav:"expires_on"`
	Detail       string `dynamodbav:"detail"` // always there: events carry it
	TTL          int64  `dynamodbav:"ttl"`
}

func newAuditItem(a token.Audit) (map[string]types.AttributeValue, error) {
	item, err := attributevalue.MarshalMap(auditItem{
		PK: "AUDIT#" + a.Organization, SK: string(a.ID), Organization: a.Organization, At: a.At.UTC().Format(time.RFC3339),
		Action: string(a.Action), Actor: a.Actor, TokenID: string(a.TokenID), TokenName: a.TokenName,
		ExpiresOn: a.ExpiresOn.String(), Detail: a.Detail, TTL: a.At.Add(auditRetention).Unix(),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding an audit entry: %w", err)
	}
	return item, nil
}
