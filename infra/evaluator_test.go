package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
	"latchkey/internal/dynamo"
)

// These tests have an evaluator of IAM policies that is not ours (evaluate.mjs) look at what
// the stack grants, with one process for all questions of a test.

// question is whether a function's role allows a call.
type question struct {
	Policy   string              `json:"policy"` // function
	Action   string              `json:"action"`
	Resource string              `json:"resource"`
	Context  map[string][]string `json:"context,omitempty"`

	about string
	want  bool
}

// ask puts questions and reports those that are answered otherwise than wanted.
func ask(t *testing.T, d *deployment, questions []question) {
	t.Helper()
	for i, got := range evaluate(t, d, questions) {
		if q := questions[i]; got != q.want {
			t.Errorf("%s, %s: allowed is %t, want %t (%s %v on %s)", q.Policy, q.about, got, q.want, q.Action, q.Context, q.Resource)
		}
	}
}

// evaluate says of each question whether the call is allowed.
func evaluate(t *testing.T, d *deployment, questions []question) []bool {
	t.Helper()
	policies := map[string]any{}
	for _, function := range config.Functions() {
		policies[function.Name] = d.policyOf(t, roleOf(t, d, function.Name))
	}
	input, err := json.Marshal(map[string]any{"policies": policies, "questions": questions})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "evaluate.mjs")
	var messages bytes.Buffer
	node.Stdin, node.Stderr = bytes.NewReader(input), &messages
	output, err := node.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, messages.Bytes())
	}
	var answers []string
	if err := json.Unmarshal(output, &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(questions) || len(questions) == 0 {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	allowed := make([]bool, 0, len(answers))
	for _, answer := range answers {
		allowed = append(allowed, answer == "Allowed")
	}
	return allowed
}

// policyOf is all that a role may do, as one document with made-up ARNs.
func (d *deployment) policyOf(t *testing.T, role string) map[string]any {
	t.Helper()
	statements := []any{}
	for _, policy := range d.all("AWS::IAM::Policy") {
		if slices.Contains(items(policy.Properties["Roles"]), role) {
			for _, statement := range listOf(at(policy.Properties, "PolicyDocument", "Statement")) {
				statements = append(statements, concrete(statement))
			}
		}
	}
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

const tableARN = "arn:aws:dynamodb:eu-central-1:111122223333:table/Table"

// names of a template's texts, and what they could be in an account.
var (
	pseudo = strings.NewReplacer("AWS::Partition", "aws", "AWS::Region", "eu-central-1", "AWS::AccountId", "111122223333", "AWS::URLSuffix", "amazonaws.com")
	arns   = []struct {
		name *regexp.Regexp
		arn  string
	}{
		{regexp.MustCompile(`^Table\.Arn`), tableARN},
		{regexp.MustCompile(`^(\w+Logs)\.Arn`), "arn:aws:logs:eu-central-1:111122223333:log-group:$1:*"},
		{regexp.MustCompile(`^(TableKey)\.Arn`), "arn:aws:kms:eu-central-1:111122223333:key/$1"},
		{regexp.MustCompile(`^(\w+)\.Arn`), "arn:aws:sqs:eu-central-1:111122223333:$1"},
	}
)

// concrete puts made-up ARNs for a template's references.
func concrete(value any) any {
	switch v := value.(type) {
	case []any:
		made := make([]any, 0, len(v))
		for _, item := range v {
			made = append(made, concrete(item))
		}
		return made
	case map[string]any:
		for name := range v {
			if name == "Ref" || strings.HasPrefix(name, "Fn::") {
				return concrete(text(v))
			}
		}
		made := map[string]any{}
		for name, item := range v {
			made[name] = concrete(item)
		}
		return made
	case string:
		for _, a := range arns {
			v = a.name.ReplaceAllString(v, a.arn)
		}
		return pseudo.Replace(v)
	}
	return value
}

// part is one call, or one part of a transaction.
type part struct {
	action     string
	on         string   // TOKEN# for items of the table, by_org for an index
	attributes []string // that an update names, beside pk and sk
}

// named is what a call tells IAM of the item that it is on.
func (p part) named() map[string][]string {
	context := map[string][]string{leadingKeys: {strings.Replace(p.on, "#", "#01K8", 1)}}
	if p.action == "UpdateItem" {
		context[attributes] = append([]string{"pk", "sk"}, p.attributes...)
	}
	return context
}

func (p part) resource() string {
	if strings.HasSuffix(p.on, "#") {
		return tableARN
	}
	return tableARN + "/index/" + p.on
}

func (p part) question(function, about string, want bool) question {
	return question{function, "dynamodb:" + p.action, p.resource(), p.named(), about, want}
}

// beginnings are those of all partition keys.
var beginnings = []string{"ADMINS#", "AUDIT#", "MAIL#", "NOTICE#", "PEOPLE#", "POLICY#", "QUOTA#", "REFUSED#", "REQUEST#", "SECRET#", "TOKEN#"}

// Of all calls on all items and indexes, each function may make those that it was seen to
// make, and no other.
func TestEveryCallThatWasSeenIsAllowedAndNoOther(t *testing.T) {
	var questions []question
	for _, function := range config.Functions() {
		seen := calls(t)[function.Name]
		add := func(p part, on string) {
			recorded, want := seen["dynamodb:"+p.action+" "+on]
			p.attributes = recorded
			questions = append(questions, p.question(function.Name, p.action+" "+on, want))
		}
		for _, action := range []string{"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"} {
			for _, beginning := range beginnings {
				add(part{action: action, on: beginning}, beginning+"*")
			}
		}
		for _, index := range dynamo.Schema().Indexes {
			add(part{action: "Query", on: index.Name}, index.Name)
		}
		for call := range seen {
			_, on, _ := strings.Cut(call, " ")
			if isTableCall(call) && !slices.Contains(beginnings, strings.TrimSuffix(on, "*")) &&
				!slices.ContainsFunc(dynamo.Schema().Indexes, func(i dynamo.Index) bool { return i.Name == on }) {
				t.Errorf("%s makes a call that was not asked about: %s", function.Name, call)
			}
		}
	}
	ask(t, of(t, usual), questions)
}

// decisive are changes of whatever a credential has but its uses: of what issue was seen to
// put, and of what it only puts where there is something to say, or a rotation will.
func decisive(t *testing.T, change func(on string, attributes ...string) part) []part {
	t.Helper()
	put := calls(t)["issue"]["dynamodb:PutItem SECRET#*"]
	for _, name := range []string{"hash", "org_id", "owner_id", "generation", "version", "expires_at", "use"} {
		if !slices.Contains(put, name) {
			t.Errorf("no %s was seen in a credential: %v", name, put)
		}
	}
	changes := []part{change("SECRET#", "use", "hash")}
	for _, name := range slices.Concat(put, []string{"allowed_ips", "ends_on", "overlap", "owner_type", "scopes"}) {
		if name != "pk" && name != "sk" && name != "use" {
			changes = append(changes, change("SECRET#", name))
		}
	}
	return changes
}

// What must be refused, to whom not. It is written out, so that a right that is given by
// oversight has to be given here, too.
func TestWhatIsRefused(t *testing.T) {
	change := func(on string, attributes ...string) part { return part{"UpdateItem", on, attributes} }
	rows := map[string]struct {
		calls []part
		may   []string
	}{
		"put a credential":                    {[]part{{action: "PutItem", on: "SECRET#"}}, []string{"issue", "rotate"}},
		"delete a credential":                 {[]part{{action: "DeleteItem", on: "SECRET#"}}, []string{"revoke", "rotate"}},
		"read a credential":                   {[]part{{action: "GetItem", on: "SECRET#"}}, []string{"authorize", "issue", "revoke", "rotate", "verify"}},
		"read all credentials":                {[]part{{action: "Query", on: "SECRET#"}, {action: "BatchGetItem", on: "SECRET#"}}, nil},
		"note a secret's use":                 {[]part{change("SECRET#", "use")}, []string{"authorize"}},
		"change what a credential decides by": {decisive(t, change), nil},
		"make a record":                       {[]part{{action: "PutItem", on: "TOKEN#"}}, []string{"issue"}},
		"delete a record":                     {[]part{{action: "DeleteItem", on: "TOKEN#"}}, nil},
		"say that one is revoked":             {[]part{change("TOKEN#", "revoked_at")}, []string{"feedback", "issue", "remind", "revoke", "rotate"}},
		"list an organization":                {[]part{{action: "Query", on: "by_org"}, {action: "Query", on: "live_org"}}, []string{"read"}},
		"list a person":                       {[]part{{action: "Query", on: "by_owner"}, {action: "Query", on: "live_owner"}}, []string{"read"}},
		"find what is due":                    {[]part{{action: "Query", on: "due"}}, []string{"remind"}},
		"query the audit":                     {[]part{{action: "Query", on: "AUDIT#"}, {action: "Query", on: "audit_by_token"}}, []string{"read"}},
		"read an entry of the audit":          {[]part{{action: "GetItem", on: "AUDIT#"}}, nil},
		"change the audit":                    {[]part{change("AUDIT#", "actor"), {action: "DeleteItem", on: "AUDIT#"}}, nil},
		"add to the audit":                    {[]part{{action: "PutItem", on: "AUDIT#"}}, []string{"issue", "remind", "revoke", "rotate"}},
		"write policy":                        {[]part{{action: "PutItem", on: "POLICY#"}, change("POLICY#", "max_days"), {action: "DeleteItem", on: "POLICY#"}}, nil},
		"read policy":                         {[]part{{action: "GetItem", on: "POLICY#"}}, []string{"issue", "rotate"}},
		"let back who has left":               {[]part{change("QUOTA#", "left_at")}, []string{"issue", "revoke", "rotate"}},
		"forget a quota":                      {[]part{{action: "DeleteItem", on: "QUOTA#"}}, nil},
		"mark an address":                     {[]part{change("PEOPLE#", "undeliverable")}, []string{"feedback", "issue", "read", "revoke", "rotate"}},
		"make an admin":                       {[]part{change("ADMINS#", "seen_at")}, []string{"issue", "read", "revoke", "rotate"}},
		"learn who is an admin":               {[]part{{action: "Query", on: "ADMINS#"}}, []string{"remind", "rotate"}},
		"send somebody a notice":              {[]part{{action: "PutItem", on: "NOTICE#"}}, []string{"authorize", "remind", "revoke", "rotate"}},
		"drop a notice":                       {[]part{{action: "DeleteItem", on: "NOTICE#"}}, nil},
		"make up a mail":                      {[]part{{action: "PutItem", on: "MAIL#"}}, []string{"remind"}},
	}
	var questions []question
	for about, row := range rows {
		for _, function := range config.Functions() {
			for _, call := range row.calls {
				questions = append(questions, call.question(function.Name, about, slices.Contains(row.may, function.Name)))
			}
		}
	}
	for _, function := range config.Functions() {
		no := func(about, action, resource string, context map[string][]string) {
			questions = append(questions, question{function.Name, action, resource, context, about, false})
		}
		// What was allowed for one item does not take another along.
		no("read a credential beside people", "dynamodb:BatchGetItem", tableARN, map[string][]string{leadingKeys: {"PEOPLE#1", "SECRET#1"}})
		no("put a credential beside an audit entry", "dynamodb:PutItem", tableARN, map[string][]string{leadingKeys: {"AUDIT#1", "POLICY#1"}})
		no("change nothing that is named", "dynamodb:UpdateItem", tableARN, nil)
		for _, action := range []string{
			"Scan", "BatchWriteItem", "PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete",
			"UpdateTable", "DeleteTable", "UpdateTimeToLive", "ExportTableToPointInTime", "CreateBackup",
		} {
			no("do anything to the whole table", "dynamodb:"+action, tableARN, nil)
		}
		from := func(address string) map[string][]string { return map[string][]string{"ses:FromAddress": {address}} }
		const identity = "arn:aws:ses:eu-central-1:111122223333:identity/example.com"
		questions = append(questions, question{
			function.Name, "ses:SendEmail", identity, from("tokens@example.com"), "send mail", function.Name == "remind",
		})
		no("send mail in another's name", "ses:SendEmail", identity, from("ceo@example.com"))
	}
	ask(t, of(t, usual), questions)
}

// model is something that AWS might do with what the parts of a transaction name. It makes
// of each part what its action is then evaluated with.
type model func(p part, all []part) map[string][]string

// together is what several parts name.
func together(parts []part) map[string][]string {
	context := map[string][]string{}
	for _, p := range parts {
		for key, values := range p.named() {
			context[key] = append(context[key], values...)
		}
	}
	return context
}

// AWS's pages say that a transaction is authorized by the actions of its parts, and only
// imply that each is so with its own keys: an example has the single-valued
// dynamodb:ReturnValues. What if not?
//
//   - each by itself, or those of one action together: all that the functions do is allowed,
//     and no transaction brings anything in that they may not do alone. It is why all keys of
//     one action stand in one right.
//   - all together: what touches items by several actions is refused, so issuing, revoking
//     and the reminder's marks fail with AccessDenied; what is allowed is right. Set rights
//     to plain, and say so to AWS: playbooks/access-denied.md.
//   - nothing is named: the same. That rights demand something to be named is the reason;
//     without it ForAllValues would hold, and any function that may put one item in a
//     transaction could put a credential.
//   - what the first part names counts for all: most is refused as well, but a transaction
//     that begins with an audit entry could also put a credential. Then keys would not bind,
//     and only code would keep revoke and the reminder from it. No page of AWS suggests this.
func TestWhatTransactionsMayDoUnderEachModelOfIAM(t *testing.T) {
	models := map[string]model{
		"each by itself": func(p part, _ []part) map[string][]string { return p.named() },
		"of one action together": func(p part, all []part) map[string][]string {
			return together(slices.DeleteFunc(slices.Clone(all), func(other part) bool { return other.action != p.action }))
		},
		"all together":     func(_ part, all []part) map[string][]string { return together(all) },
		"nothing is named": func(part, []part) map[string][]string { return nil },
		"the first counts": func(_ part, all []part) map[string][]string { return all[0].named() },
	}
	put := func(on string) part { return part{action: "PutItem", on: on} }
	update := func(on string, attributes ...string) part { return part{"UpdateItem", on, attributes} }
	fine := []string{"each by itself", "of one action together"}
	transactions := []struct {
		name, function string
		parts          []part
		allowed        []string // the models under which it passes
	}{
		{"issuing", "issue", []part{
			put("SECRET#"), put("TOKEN#"), put("TOKEN#"), put("AUDIT#"), update("QUOTA#", "active", "left_at"), {action: "ConditionCheckItem", on: "POLICY#"},
		}, fine},
		{"revoking", "revoke", []part{
			{action: "DeleteItem", on: "SECRET#"},
			{action: "DeleteItem", on: "SECRET#"},
			update("TOKEN#", "revoked_at"),
			update("TOKEN#", "due_key", "lease"), update("QUOTA#", "active"), put("AUDIT#"), put("NOTICE#"),
		}, fine},
		{"marking as sent", "remind", []part{update("TOKEN#", "due_key", "lease"), put("AUDIT#"), put("MAIL#")}, fine},
		{"notifying others", "remind", []part{update("TOKEN#", "due_key", "lease"), put("NOTICE#"), put("NOTICE#")}, fine},
		{"taking in a bounce", "feedback", []part{update("TOKEN#", "due_key"), update("NOTICE#", "outcome")}, append([]string{"all together", "the first counts"}, fine...)},
		{"a credential by revoke", "revoke", []part{put("AUDIT#"), put("SECRET#")}, []string{"the first counts"}},
		{"a credential by remind", "remind", []part{put("SECRET#"), put("AUDIT#")}, nil},
		{"a new hash by authorize", "authorize", []part{update("SECRET#", "use"), update("SECRET#", "hash")}, []string{"the first counts"}},
	}
	var questions []question
	for _, c := range transactions {
		for _, name := range slices.Sorted(maps.Keys(models)) {
			for _, p := range c.parts {
				questions = append(questions, question{Policy: c.function, Action: "dynamodb:" + p.action, Resource: p.resource(), Context: models[name](p, c.parts)})
			}
		}
	}
	for rights, c := range map[string]struct{ d *deployment }{"keys": {of(t, usual)}, "plain": {of(t, unusual)}} {
		answers := evaluate(t, c.d, questions)
		for _, c := range transactions {
			for _, name := range slices.Sorted(maps.Keys(models)) {
				// A transaction passes if each of its parts does.
				passes := !slices.Contains(answers[:len(c.parts)], false)
				answers = answers[len(c.parts):]
				// With plain rights, whatever AWS does, all works, and what code must not do is not kept from it.
				if want := slices.Contains(c.allowed, name) || rights == "plain" && mayEach(c.function, c.parts); passes != want {
					t.Errorf("rights %s, %s, AWS looking at parts so: %s: allowed is %t, want %t", rights, c.name, name, passes, want)
				}
			}
		}
	}
}

// mayEach says that a function may take the actions of all parts, on whichever items.
func mayEach(function string, parts []part) bool {
	return !slices.ContainsFunc(parts, func(p part) bool {
		return !slices.ContainsFunc(rights[function], func(r right) bool { return slices.Contains(r.actions, "dynamodb:"+p.action) })
	})
}
