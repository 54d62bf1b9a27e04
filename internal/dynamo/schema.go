// Package dynamo keeps tokens, owners and the audit trail in one DynamoDB table.
//
// Trust: who can write to the table can make any token valid; who can read it learns
// names, owners' addresses and SHA-256 hashes of secrets, from which no secret can be
// made.
package dynamo

// AttributeType is a DynamoDB key attribute type.
type AttributeType string

// The key attribute types in use (DynamoDB's "S" and "N").
const (
	String AttributeType = "S"
	Number AttributeType = "N"
)

// Attribute is a key attribute.
type Attribute struct {
	Name string
	Type AttributeType
}

// Index is a global secondary index. Project lists what it holds beside the keys.
type Index struct {
	Name         string
	PartitionKey Attribute
	SortKey      Attribute
	Project      []string
}

// TableSchema is what both the stack and the local run create the table from.
type TableSchema struct {
	PartitionKey Attribute
	SortKey      Attribute
	TTL          string // attribute that DynamoDB's time to live reads, epoch seconds
	Indexes      []Index
}

// Names of the indexes.
const (
	IndexByOrganization = "by_org"
	IndexByOwner        = "by_owner"
	IndexDue            = "due"
)

// Schema returns the table's definition. No index holds the hash of a secret: a
// function that may only query an index cannot check, nor leak, a secret.
func Schema() TableSchema {
	listed := func(except string) []string {
		all := []string{
			attrOrganization, attrOwner, attrName, attrHint, attrScopes, attrCreatedAt, attrExpiresAt,
			attrRevokedAt, attrRevokedBy, attrRevokeReason, attrRotatedFrom, attrRotatedTo, attrLastUsedAt, attrAllowedIPs,
		}
		kept := make([]string, 0, len(all))
		for _, name := range all {
			if name != except {
				kept = append(kept, name)
			}
		}
		return kept
	}
	return TableSchema{
		PartitionKey: Attribute{attrPK, String},
		SortKey:      Attribute{attrSK, String},
		TTL:          attrTTL,
		Indexes: []Index{
			{IndexByOrganization, Attribute{attrOrganization, String}, Attribute{attrID, String}, listed(attrOrganization)},
			{IndexByOwner, Attribute{attrOwnerKey, String}, Attribute{attrID, String}, listed("")},
			{IndexDue, Attribute{attrDueShard, Number}, Attribute{attrDueKey, String}, []string{
				attrID, attrOrganization, attrOwner, attrFailingSince, attrClaim,
			}},
		},
	}
}
