package dynamo

import (
	"encoding/base64"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Attribute names. An index takes an item in if the item has both of its keys, so an
// attribute that is an index's key is on the items that belong there and on no others.
const (
	attrPK     = "pk"
	attrSK     = "sk"
	attrSchema = "schema" // version of the item's form
	attrTTL    = "ttl"    // epoch seconds after which DynamoDB may delete the item

	attrOrganization = "org_id"
	attrOwner        = "owner_id"   // the person's subject; of what the organization owns: empty
	attrOwnerType    = "owner_type" // a person, where it is not there
	attrScopes       = "scopes"
	attrExpiresAt    = "expires_at"
	attrEndsOn       = "ends_on"
	attrLifetime     = "lifetime_days"
	attrSelfRotation = "self_rotation" // true, or not there

	// Of a credential.
	attrHash       = "hash"
	attrGeneration = "generation"
	attrVersion    = "version"
	attrOverlap    = "overlap" // seconds
	attrUse        = "use"     // by generation
	attrFirstAt    = "first_at"
	attrLastAt     = "last_at"
	attrFrom       = "from" // the network of the last use
	attrChosenOn   = "chosen_on"

	// Of a record.
	attrID           = "id"
	attrOwnerKey     = "owner_key"
	attrLiveOrg      = "live_org"   // while the token is not revoked
	attrLiveOwner    = "live_owner" // the same
	attrLiveKey      = "live_key"   // <end date>#<id>
	attrName         = "name"
	attrHint         = "hint"
	attrBody         = "body"
	attrCreatedAt    = "created_at"
	attrCreatedBy    = "created_by"
	attrRevokedAt    = "revoked_at"
	attrRevokedBy    = "revoked_by"
	attrRevokeReason = "revoke_reason"
	attrSeen         = "seen" // uses by generation, at most a day behind
	attrRotation     = "rotation"
	attrFingerprints = "fingerprints"

	// Of a record's rotation.
	attrOldExpiresAt  = "old_expires_at"
	attrOldGeneration = "old_generation"

	// Of a token's entry in the queue.
	attrToken        = "token"
	attrDueShard     = "due_shard"
	attrDueKey       = "due_key" // <notice date>#<id>
	attrLease        = "lease"
	attrFailingSince = "failing_since"
	attrOutcomes     = "outcomes" // by <kind>@<date>
	attrClosed       = "closed"   // nothing is to come, whatever comes back

	// Of a notice of its own; what has become of it is as in one of attrOutcomes.
	attrNotice  = "notice" // its id
	attrKind    = "kind"
	attrInstead = "instead" // it goes to an admin in an owner's place
	attrAbout   = "about"   // tokens, as <id>#<kind>@<date>
	attrOutcome = "outcome" // what has become of it

	// Of a person.
	attrPerson          = "person_id"
	attrEmail           = "email"
	attrRole            = "role" // last seen: admin, manager or none
	attrSeenAt          = "seen_at"
	attrUndeliverable   = "undeliverable"    // the address that mail does not reach; it says nothing of another
	attrUndeliverableAt = "undeliverable_at" // since when that is known

	// Of a quota.
	attrActive = "active"    // ids of tokens, with when they expire
	attrDay    = "issued_on" // the day that attrIssued counts on
	attrIssued = "issued"
	attrLeftAt = "left_at" // when the person left; also of a person

	attrMaxDays = "max_days" // of a policy
	attrTokenID = "token_id" // of an audit entry
)

// schemaVersion is the form of items that this code writes.
const schemaVersion = 1

// Sort keys of items that are alone in their partition, or one of two.
const (
	sortCurrent  = "CURRENT"
	sortPrevious = "PREVIOUS"
	sortToken    = "TOKEN"
	sortQueue    = "QUEUE"
	sortQuota    = "QUOTA"
	sortRequest  = "REQUEST"
	sortPolicy   = "POLICY"
	sortMail     = "MAIL"
	sortNotice   = "NOTICE"
)

// Shards is the number of partitions that the index "due" is spread over. Each takes
// 1,000 writes a second, so that a busy day's work is not held up by one of them.
const Shards = 16

type item = map[string]types.AttributeValue

func currentKey(id token.ID) item  { return key("SECRET#"+string(id), sortCurrent) }
func previousKey(id token.ID) item { return key("SECRET#"+string(id), sortPrevious) }
func tokenKey(id token.ID) item    { return key("TOKEN#"+string(id), sortToken) }
func queueKey(id token.ID) item    { return key("TOKEN#"+string(id), sortQueue) }
func noticeKey(id token.ID) item   { return key("NOTICE#"+string(id), sortNotice) }
func mailKey(messageID string) item {
	return key("MAIL#"+messageID, sortMail)
}

func personKey(organization, id string) item {
	return key("PEOPLE#"+encoded(organization), encoded(id))
}

// adminKey is where an organization's admins are found, without asking the issuer.
func adminKey(organization, id string) item { return key("ADMINS#"+encoded(organization), encoded(id)) }

func quotaKey(organization string, o token.Owner) item {
	return key("QUOTA#"+ownerKey(organization, o), sortQuota)
}

func policyKey(organization string) item { return key("POLICY#"+encoded(organization), sortPolicy) }

// ownerKey names an owner. What the organization owns has an empty second part.
func ownerKey(organization string, o token.Owner) string {
	return encoded(organization) + "#" + encoded(o.ID)
}

// encoded writes a claim for use in a key: no separator, and of a bounded length, whatever
// it holds.
func encoded(claim string) string { return base64.RawURLEncoding.EncodeToString([]byte(claim)) }

func key(pk, sk string) item { return item{attrPK: stringValue(pk), attrSK: stringValue(sk)} }

func stringValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numberValue[N int | int64](n N) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// dueShard spreads tokens and notices evenly over the index "due".
func dueShard(id token.ID) types.AttributeValue { return numberValue(shardOf(id)) }

func shardOf(id token.ID) int { return int(crc32.ChecksumIEEE([]byte(id)) % Shards) }

// dateKey sorts by date first, so that what is due, or living, is one range.
func dateKey(on token.Date, id token.ID) string { return on.String() + "#" + string(id) }

func moment(epoch int64) time.Time { return time.Unix(epoch, 0).UTC() }

// text and number read an attribute; what is not there, or is of another type, is empty.
func text(i item, name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func number(i item, name string) int64 {
	if n, ok := i[name].(*types.AttributeValueMemberN); ok {
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return v
		}
	}
	return 0
}

// momentOf reads epoch seconds; zero if they are not there.
func momentOf(i item, name string) time.Time {
	if epoch := number(i, name); epoch != 0 {
		return moment(epoch)
	}
	return time.Time{}
}

func ownerOf(i item) token.Owner {
	if text(i, attrOwnerType) == string(token.OwnerOrganization) {
		return token.Owner{Type: token.OwnerOrganization}
	}
	return token.PersonOwner(text(i, attrOwner))
}

func putOwner(i item, organization string, o token.Owner) {
	i[attrOrganization] = stringValue(organization)
	i[attrOwner] = stringValue(o.ID)
	if o.Type == token.OwnerOrganization {
		i[attrOwnerType] = stringValue(string(o.Type))
	}
}

// scopesOf tells no limit, where there is no list, from an empty one.
func scopesOf(i item) []string {
	list, ok := i[attrScopes].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	scopes := make([]string, 0, len(list.Value))
	for _, v := range list.Value {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			scopes = append(scopes, s.Value)
		}
	}
	return scopes
}

func putScopes(i item, scopes []string) {
	if scopes == nil {
		return
	}
	list := make([]types.AttributeValue, 0, len(scopes))
	for _, s := range scopes {
		list = append(list, stringValue(s))
	}
	i[attrScopes] = &types.AttributeValueMemberL{Value: list}
}

// putEnd keeps when a token ends whatever its secrets' dates; 0: nobody has said so.
func putEnd(i item, on token.Date) {
	if on != 0 {
		i[attrEndsOn] = numberValue(int(on))
	}
}

// putFlag keeps what is so; what is not has no attribute.
func putFlag(i item, name string, set bool) {
	if set {
		i[name] = &types.AttributeValueMemberBOOL{Value: true}
	}
}

// newItem begins an item of the current form.
func newItem(k item) item {
	k[attrSchema] = numberValue(schemaVersion)
	return k
}
