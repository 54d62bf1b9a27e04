// Package dynamo keeps credentials, records, people, notices and the audit trail in one
// DynamoDB table.
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

// Index is a global secondary index. Project lists what it holds
// beside the keys; nil: all of its items' attributes.
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
	IndexByOrganization   = "by_org"
	IndexByOwner          = "by_owner"
	IndexLiveOrganization = "live_org"
	IndexLiveOwner        = "live_owner"
	IndexDue              = "due"
	IndexAuditByToken     = "audit_by_token"
)

// Schema returns the table's definition. CloudFormation adds one index at a time to a table
// that exists, so all of them are there from the first deployment on. No index holds the
// hash of a secret: credentials are in none.
func Schema() TableSchema {
	return TableSchema{
		PartitionKey: Attribute{attrPK, String},
		SortKey:      Attribute{attrSK, String},
		TTL:          attrTTL,
		Indexes: []Index{
			{IndexByOrganization, Attribute{attrOrganization, String}, Attribute{attrID, String}, nil},
			{IndexByOwner, Attribute{attrOwnerKey, String}, Attribute{attrID, String}, nil},
			{IndexLiveOrganization, Attribute{attrLiveOrg, String}, Attribute{attrLiveKey, String}, nil},
			{IndexLiveOwner, Attribute{attrLiveOwner, String}, Attribute{attrLiveKey, String}, nil},
			{IndexDue, Attribute{attrDueShard, Number}, Attribute{attrDueKey, String}, []string{
				attrToken, attrNotice, attrKind, attrOrganization, attrOwner, attrOwnerType, attrFailingSince, attrLease,
			}},
			{IndexAuditByToken, Attribute{attrTokenID, String}, Attribute{attrSK, String}, nil},
		},
	}
}
