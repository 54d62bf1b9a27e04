package main

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/dynamo"
)

// right is something that a function's role may do. Each one is there because the
// function makes that very call; transactions are checked call by call. AWS does not say
// whether a condition then sees the keys of one item or of all, so all that a function may
// write by one call is one right.
type right struct {
	actions []string
	on      string // a key of targets
	// keys are the beginnings of partition keys that the call may name. For an index
	// there are none: its partition key is another attribute.
	keys []string
	// attributes, if any, are all that the call may name.
	attributes []string
	// never makes it the opposite: no call may name any of the attributes on any of the
	// keys. It can only take away.
	never bool
}

// settled are attributes of a token that nobody changes once it is issued: with them any
// secret could be made valid, for any owner and for ever.
var settled = []string{
	"allowed_ips", "created_at", "expires_at", "hint", "id", "name", "owner_id", "owner_key", "scopes", "secret_hash", "ttl",
}

// rights lists all that the functions may do, beside writing to their own logs.
var rights = map[string][]right{
	"issue": {
		{actions: []string{"dynamodb:GetItem"}, on: "table", keys: []string{"OWNER#*"}},
		{actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"OWNER#*", "ORG#*"}},
		{actions: []string{"dynamodb:PutItem"}, on: "table", keys: []string{"TOKEN#*", "AUDIT#*"}},
	},
	"list": {
		{actions: []string{"dynamodb:Query"}, on: dynamo.IndexByOrganization},
		{actions: []string{"dynamodb:Query"}, on: dynamo.IndexByOwner},
		{actions: []string{"dynamodb:GetItem", "dynamodb:BatchGetItem"}, on: "table", keys: []string{"OWNER#*"}},
		{actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"OWNER#*", "ORG#*"}},
	},
	"get": {
		{actions: []string{"dynamodb:GetItem"}, on: "table", keys: []string{"TOKEN#*", "OWNER#*"}},
		{actions: []string{"dynamodb:BatchGetItem"}, on: "table", keys: []string{"OWNER#*"}},
		{actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"OWNER#*", "ORG#*"}},
	},
	"revoke": {
		{actions: []string{"dynamodb:GetItem"}, on: "table", keys: []string{"TOKEN#*", "OWNER#*"}},
		{actions: []string{"dynamodb:BatchGetItem"}, on: "table", keys: []string{"OWNER#*"}},
		{actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"TOKEN#*", "OWNER#*", "ORG#*"}},
		{never: true, actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"TOKEN#*"}, attributes: settled},
		{actions: []string{"dynamodb:PutItem"}, on: "table", keys: []string{"AUDIT#*"}},
	},
	"authorize": {
		{actions: []string{"dynamodb:GetItem"}, on: "table", keys: []string{"TOKEN#*"}},
		// It notes a token's last use and must not touch the hash, the expiry or the
		// revocation.
		{
			actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"TOKEN#*"},
			attributes: []string{"pk", "sk", "last_used_at"},
		},
	},
	"whoami": {
		{actions: []string{"dynamodb:GetItem"}, on: "table", keys: []string{"TOKEN#*"}},
	},
	"console": {},
	"remind": {
		{actions: []string{"dynamodb:Query"}, on: dynamo.IndexDue},
		{actions: []string{"dynamodb:Query"}, on: "table", keys: []string{"ORG#*"}},
		{actions: []string{"dynamodb:BatchGetItem"}, on: "table", keys: []string{"OWNER#*"}},
		{actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"TOKEN#*"}},
		// Nor may it bring back what was revoked.
		{
			never: true, actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"TOKEN#*"},
			attributes: append([]string{"org_id", "revoked_at"}, settled...),
		},
		{actions: []string{"dynamodb:PutItem"}, on: "table", keys: []string{"AUDIT#*", "MAIL#*"}},
		{actions: []string{"ses:SendEmail"}, on: "sender"},
		{actions: []string{"ses:GetAccount"}, on: "account"},
	},
	"feedback": {
		{actions: []string{"dynamodb:GetItem"}, on: "table", keys: []string{"MAIL#*", "TOKEN#*"}},
		{actions: []string{"dynamodb:BatchGetItem"}, on: "table", keys: []string{"OWNER#*"}},
		{actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"OWNER#*", "TOKEN#*"}},
		{
			never: true, actions: []string{"dynamodb:UpdateItem"}, on: "table", keys: []string{"TOKEN#*"},
			attributes: append([]string{"org_id"}, settled...),
		},
	},
}

// tableKeyActions are what DynamoDB does with a customer-managed key in the name of the
// caller. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
var tableKeyActions = []string{
	"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
}

// target is what rights are on.
type target struct {
	arns []*string
	when map[string]any // a condition of IAM
}

// targets gives the names in rights their resources.
func (s *stack) targets(table awsdynamodb.TableV2, m mailing) map[string]target {
	targets := map[string]target{
		"table": {arns: []*string{table.TableArn()}},
		// Nobody may send in another name, whatever else SES has verified. The condition says
		// so and not the resource: in its sandbox SES also asks for a right on the identity
		// of the recipient, and it prefers an address that is verified to its domain.
		"sender": {
			arns: []*string{s.arn("ses", "identity", "*"), m.configurationARN},
			when: map[string]any{"StringEquals": map[string]any{"ses:FromAddress": s.settings.sender()}},
		},
		// The account's quota belongs to no resource.
		"account": {arns: []*string{jsii.String("*")}},
	}
	for _, index := range dynamo.Schema().Indexes {
		targets[index.Name] = target{arns: []*string{jsii.String(*table.TableArn() + "/index/" + index.Name)}}
	}
	if s.tableKey != nil {
		targets["tableKey"] = target{arns: []*string{s.tableKey.KeyArn()}, when: map[string]any{
			"StringEquals": map[string]any{"kms:ViaService": "dynamodb." + *s.scope.Region() + "." + *s.scope.UrlSuffix()},
		}}
	}
	return targets
}

// statements are a function's rights as IAM writes them.
func statements(function string, targets map[string]target) []awsiam.PolicyStatement {
	granted := rights[function]
	if _, own := targets["tableKey"]; own && len(granted) > 0 {
		granted = append(slices.Clip(granted), right{actions: tableKeyActions, on: "tableKey"})
	}
	written := make([]awsiam.PolicyStatement, 0, len(granted))
	for _, r := range granted {
		to := targets[r.on]
		when := map[string]any{}
		maps.Copy(when, to.when)
		// ForAllValues holds for a call without keys, too; of these actions none is.
		effect, values := awsiam.Effect_ALLOW, "ForAllValues"
		if r.never {
			effect, values = awsiam.Effect_DENY, "ForAnyValue"
		}
		if len(r.keys) > 0 {
			when[values+":StringLike"] = map[string]any{"dynamodb:LeadingKeys": r.keys}
		}
		if len(r.attributes) > 0 {
			when[values+":StringEquals"] = map[string]any{"dynamodb:Attributes": r.attributes}
		}
		written = append(written, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Effect: effect, Actions: jsii.Strings(r.actions...), Resources: &to.arns, Conditions: &when,
		}))
	}
	return written
}
