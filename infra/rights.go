package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/dynamo"
)

// right is something that a function's role may do. Each one is there because the
// function makes that very call; transactions are checked call by call.
//
// AWS documents only by implication what dynamodb:LeadingKeys holds for a transaction: an
// example with the single-valued dynamodb:ReturnValues makes sense only if each part is
// looked at by itself. So all that a function may do by one action is one right: it then
// holds as well if AWS puts the keys of all parts of one action together. What else AWS
// might do, and what that would mean, is a table in evaluator_test.go; whoever meets it
// sets rights to plain (playbooks/access-denied.md).
type right struct {
	actions []string
	on      string // a key of targets
	// keys are the beginnings of partition keys that the call may name. For an index
	// there are none: its partition key is another attribute.
	keys []string
	// attributes, if any, are all that the call may name.
	attributes []string
}

// The places that rights are on, beside the indexes.
const (
	onTable   = "table"
	onSender  = "sender"
	onAccount = "account"
	onKey     = "tableKey"
)

// rights lists all that the functions may do, beside writing to their own logs.
//
// Who makes a secret valid: issue and rotate alone may put a credential, and nobody may
// change what one decides by. revoke may only delete it; authorize and verify may note its use. Who may
// write a quota (issue, revoke, rotate) may also write in it that somebody has left: no key tells
// these apart, and their code is trusted for it.
var rights = map[string][]right{
	"authorize": deciding,
	"verify":    deciding[:1], // the authorizer has noted the use
	"issue": {
		// A request that comes again gets another secret of the token that it has made.
		{actions: get, on: onTable, keys: []string{"PEOPLE#*", "POLICY#*", "QUOTA#*", "REQUEST#*", "SECRET#*", "TOKEN#*"}},
		{actions: batchGet, on: onTable, keys: []string{"PEOPLE#*"}},
		{actions: update, on: onTable, keys: []string{"ADMINS#*", "PEOPLE#*", "QUOTA#*", "TOKEN#*"}},
		{actions: put, on: onTable, keys: []string{"AUDIT#*", "QUOTA#*", "REQUEST#*", "SECRET#*", "TOKEN#*"}},
		{actions: check, on: onTable, keys: []string{"POLICY#*"}},
	},
	"read": {
		{actions: get, on: onTable, keys: []string{"PEOPLE#*", "TOKEN#*"}},
		{actions: batchGet, on: onTable, keys: []string{"PEOPLE#*"}},
		{actions: query, on: "by_org"},
		{actions: query, on: "by_owner"},
		{actions: query, on: "live_org"},
		{actions: query, on: "live_owner"},
		// The audit trail: all of it, and that of one token.
		{actions: query, on: onTable, keys: []string{"AUDIT#*"}},
		{actions: query, on: "audit_by_token"},
		// The caller's own address, as the sign-in says it.
		{actions: update, on: onTable, keys: []string{"ADMINS#*", "PEOPLE#*"}},
	},
	"rotate": {
		{actions: get, on: onTable, keys: []string{"PEOPLE#*", "POLICY#*", "SECRET#*", "TOKEN#*"}},
		{actions: batchGet, on: onTable, keys: []string{"PEOPLE#*"}},
		{actions: update, on: onTable, keys: []string{"ADMINS#*", "PEOPLE#*", "QUOTA#*", "TOKEN#*"}},
		{actions: put, on: onTable, keys: []string{"AUDIT#*", "NOTICE#*", "SECRET#*"}},
		// Whom to notify that two have the same secret.
		{actions: query, on: onTable, keys: []string{"ADMINS#*"}},
		{actions: remove, on: onTable, keys: []string{"SECRET#*"}},
		{actions: check, on: onTable, keys: []string{"POLICY#*", "QUOTA#*"}},
	},
	"revoke": {
		// The quota says which tokens a person has, and is where it is marked that they have left.
		{actions: get, on: onTable, keys: []string{"PEOPLE#*", "QUOTA#*", "SECRET#*", "TOKEN#*"}},
		{actions: batchGet, on: onTable, keys: []string{"PEOPLE#*"}},
		{actions: remove, on: onTable, keys: []string{"SECRET#*"}},
		{actions: update, on: onTable, keys: []string{"ADMINS#*", "PEOPLE#*", "QUOTA#*", "TOKEN#*"}},
		{actions: put, on: onTable, keys: []string{"AUDIT#*", "NOTICE#*", "QUOTA#*"}},
	},
	"console": {},
	"remind": {
		{actions: get, on: onTable, keys: []string{"MAIL#*", "NOTICE#*"}},
		{actions: batchGet, on: onTable, keys: []string{"PEOPLE#*", "TOKEN#*"}},
		{actions: query, on: onTable, keys: []string{"ADMINS#*"}},
		{actions: query, on: "due"},
		{actions: update, on: onTable, keys: []string{"NOTICE#*", "TOKEN#*"}},
		{actions: put, on: onTable, keys: []string{"AUDIT#*", "MAIL#*", "NOTICE#*"}},
		{actions: []string{"ses:SendEmail"}, on: onSender},
		{actions: []string{"ses:GetAccount"}, on: onAccount},
	},
	"feedback": {
		{actions: get, on: onTable, keys: []string{"MAIL#*", "NOTICE#*", "TOKEN#*"}},
		{actions: update, on: onTable, keys: []string{"NOTICE#*", "PEOPLE#*", "TOKEN#*"}},
	},
}

// deciding is what deciding on a secret takes: reading its credential and, to say why one
// was refused, the token's record; and noting the use of either. Neither mark may name
// anything else, so that it can change no hash, owner or end.
var deciding = []right{
	{actions: get, on: onTable, keys: []string{"SECRET#*", "TOKEN#*"}},
	{actions: update, on: onTable, keys: []string{"SECRET#*"}, attributes: []string{"pk", "sk", "use"}},
	{actions: update, on: onTable, keys: []string{"TOKEN#*"}, attributes: []string{"pk", "seen", "sk"}},
	// That a secret was used which its token no longer has.
	{actions: put, on: onTable, keys: []string{"NOTICE#*"}},
}

// The actions on the table. What is not here nobody may do: scan, PartiQL, batch writes,
// which know no condition, and whatever is done to the table as a whole.
var (
	get      = []string{"dynamodb:GetItem"}
	batchGet = []string{"dynamodb:BatchGetItem"}
	query    = []string{"dynamodb:Query"}
	put      = []string{"dynamodb:PutItem"}
	update   = []string{"dynamodb:UpdateItem"}
	remove   = []string{"dynamodb:DeleteItem"}
	check    = []string{"dynamodb:ConditionCheckItem"}
)

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
		onTable: {arns: []*string{table.TableArn()}},
		// Nobody may send in another name, whatever else SES has verified. The condition says
		// so and not the resource: in its sandbox SES also asks for a right on the identity
		// of the recipient, and it prefers an address that is verified to its domain.
		onSender: {
			arns: []*string{s.arn("ses", "identity", "*"), m.configurationARN},
			when: map[string]any{"StringEquals": map[string]any{"ses:FromAddress": s.settings.sender()}},
		},
		// The account's quota belongs to no resource.
		onAccount: {arns: []*string{jsii.String("*")}},
	}
	for _, index := range dynamo.Schema().Indexes {
		targets[index.Name] = target{arns: []*string{jsii.String(*table.TableArn() + "/index/" + index.Name)}}
	}
	if s.tableKey != nil {
		targets[onKey] = target{arns: []*string{s.tableKey.KeyArn()}, when: map[string]any{
			"StringEquals": map[string]any{"kms:ViaService": "dynamodb." + *s.scope.Region() + "." + *s.scope.UrlSuffix()},
		}}
	}
	return targets
}

// statements are a function's rights as IAM writes them.
func (s *stack) statements(function string, targets map[string]target) ([]awsiam.PolicyStatement, error) {
	granted := rights[function]
	if _, own := targets[onKey]; own && len(granted) > 0 {
		granted = append(slices.Clip(granted), right{actions: tableKeyActions, on: onKey})
	}
	written := make([]awsiam.PolicyStatement, 0, len(granted))
	for _, r := range granted {
		to, known := targets[r.on]
		if !known {
			return nil, fmt.Errorf("rights of %s: the table has no %s", function, r.on)
		}
		when := map[string]any{}
		maps.Copy(when, to.when)
		if s.settings.Rights == "keys" {
			maps.Copy(when, bounds(r))
		}
		written = append(written, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions: jsii.Strings(r.actions...), Resources: &to.arns, Conditions: &when,
		}))
	}
	return written, nil
}

// bounds is the condition that a call names no other keys and attributes than a right's.
// ForAllValues also holds where there are none; that there are some is a condition of its
// own, so that a call of which AWS does not say what it names is refused.
func bounds(r right) map[string]any {
	when, absent := map[string]any{}, map[string]any{}
	if len(r.keys) > 0 {
		when["ForAllValues:StringLike"] = map[string]any{leadingKeys: r.keys}
		absent[leadingKeys] = "false"
	}
	if len(r.attributes) > 0 {
		when["ForAllValues:StringEquals"] = map[string]any{attributes: r.attributes}
		absent[attributes] = "false"
	}
	if len(absent) > 0 {
		when["Null"] = absent
	}
	return when
}

// What IAM calls the partition keys and the attributes that a call names.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
const (
	leadingKeys = "dynamodb:LeadingKeys"
	attributes  = "dynamodb:Attributes"
)
