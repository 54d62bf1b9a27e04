package dynamo_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// What has to hold, whatever met:
//   - After a revocation has answered, no credential of the token exists ever again.
//   - There is no item without the attributes that it was made with: no late write makes one.
//   - Record and credential agree, on whether there is one and whose it is.
//   - A mark never lands on another secret than the one that was used, and none is undone.
//   - A falsified record gets nobody a secret, and lets nobody of another organization revoke.
//   - One run at a time has the lease, and a revocation takes it away for good.

// alive are attributes that an item has from its making to its end.
var alive = map[string][]string{
	"CURRENT":  {"schema", "org_id", "hash", "generation", "version", "expires_at", "use", "ttl"},
	"PREVIOUS": {"schema", "org_id", "hash", "generation", "version", "expires_at", "use", "ttl"},
	"TOKEN":    {"schema", "org_id", "id", "seen", "name", "hint", "created_at", "expires_at", "ttl"},
	"QUEUE":    {"schema", "org_id", "token", "outcomes", "ttl"},
}

// ended reports whether no notice about the token may be sent any more. Of a token whose
// record was falsified the record may not know.
func (k *raced) ended() bool { return k.expired || k.revoked && !k.falsifiable }

// String says what is known of the token.
func (k *raced) String() string {
	return fmt.Sprintf("revoked %v, expired %v, falsifiable %v", k.revoked, k.expired, k.falsifiable)
}

// items are a token's items at one moment, by sort key.
func (r *race) items(ctx context.Context, id token.ID) map[string]map[string]types.AttributeValue {
	var gets []types.TransactGetItem
	for _, k := range itemKeys(id) {
		gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: &r.name, Key: k}})
	}
	out, err := r.direct.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: gets})
	if err != nil {
		r.t.Errorf("reading what is stored of %s: %v", id, err)
		return nil
	}
	items := map[string]map[string]types.AttributeValue{}
	for n, k := range itemKeys(id) {
		if item := out.Responses[n].Item; item != nil {
			items[textOf(k, "sk")] = item
		}
	}
	return items
}

// check reads what is stored of a token and compares it with what is known.
func (r *race) check(ctx context.Context, k *raced) {
	before := r.know(k)
	items := r.items(ctx, k.Token.ID)
	after := r.know(k)
	wrong := func(format string, values ...any) {
		r.t.Errorf("%s (%s): %s\n%s", k.Token.ID, &after, fmt.Sprintf(format, values...), asText(items))
	}
	for sk, item := range items {
		for _, name := range alive[sk] {
			if item[name] == nil {
				wrong("%s is there without %s", sk, name)
			}
		}
	}
	current, previous, record, queue := items["CURRENT"], items["PREVIOUS"], items["TOKEN"], items["QUEUE"]
	if before.revoked && (current != nil || previous != nil) {
		wrong("a credential is there after a revocation")
	}
	if before.expired && len(items) != 0 {
		wrong("an item is there after all were deleted")
	}
	last := r.checkUses(current, wrong)
	r.checkUses(previous, wrong)
	if current != nil {
		generation := numberOf(current, "generation")
		if last < before.last[generation] {
			wrong("the last use of generation %d went back from %d to %d", generation, before.last[generation], last)
		} else {
			r.note(func() { k.last[generation] = max(k.last[generation], last) })
		}
	}
	if after.expiring {
		return
	}
	if record == nil || queue == nil {
		wrong("record or entry is gone")
		return
	}
	isRevoked := record["revoked_at"] != nil
	switch {
	case isRevoked && (current != nil || previous != nil):
		wrong("the record says revoked, and there is a credential")
	case !isRevoked && current == nil && !k.falsifiable:
		wrong("the record says not revoked, and there is no credential")
	case isRevoked != (record["live_org"] == nil) || isRevoked != (record["live_owner"] == nil):
		wrong("the record is in the wrong indexes")
	case isRevoked && !k.falsifiable && before.revokedBy != "" && textOf(record, "revoked_by") != before.revokedBy:
		wrong("the record was revoked again")
	case isRevoked && (queue["due_shard"] != nil || queue["due_key"] != nil || queue["lease"] != nil):
		wrong("a revoked token is in the queue")
	}
	if org := textOf(record, "org_id"); org != "acme" && !k.falsifiable {
		wrong("the record is of %s", org)
	}
	if current != nil && (textOf(current, "org_id") != "acme" || textOf(current, "owner_id") != k.Credential.Owner.ID) {
		wrong("the credential is of another")
	}
	if seen := lastSeen(record); seen < before.seen {
		wrong("the record's last use went back from %d to %d", before.seen, seen)
	} else {
		r.note(func() { k.seen = max(k.seen, seen) })
	}
}

// lastSeen is the latest use that a record knows of.
func lastSeen(record map[string]types.AttributeValue) int {
	last := 0
	if seen, ok := record["seen"].(*types.AttributeValueMemberM); ok {
		for _, entry := range seen.Value {
			if use, ok := entry.(*types.AttributeValueMemberM); ok {
				last = max(last, numberOf(use.Value, "last_at"))
			}
		}
	}
	return last
}

// checkUses checks that a credential has the entry of its own generation and no other, with
// uses of the secret of that generation. It returns when that was used last.
func (r *race) checkUses(credential map[string]types.AttributeValue, wrong func(string, ...any)) int {
	if credential == nil {
		return 0
	}
	generation := numberOf(credential, "generation")
	uses, ok := credential["use"].(*types.AttributeValueMemberM)
	if !ok || len(uses.Value) != 1 {
		wrong("entries for uses: %v", credential["use"])
		return 0
	}
	use, ok := uses.Value[strconv.Itoa(generation)].(*types.AttributeValueMemberM)
	if !ok {
		wrong("generation %d has the entries %v", generation, uses.Value)
		return 0
	}
	begins := r.now.Add(time.Duration(generation) * generationTime)
	for _, name := range []string{"first_at", "last_at"} {
		if use.Value[name] == nil {
			continue
		}
		at := time.Unix(int64(numberOf(use.Value, name)), 0)
		if at.Before(begins) || !at.Before(begins.Add(generationTime)) {
			wrong("generation %d has the use of another: %s is %v", generation, name, at)
		}
	}
	first, last := numberOf(use.Value, "first_at"), numberOf(use.Value, "last_at")
	if (first == 0) != (last == 0) {
		wrong("generation %d was used first at %d and last at %d", generation, first, last)
	}
	return last
}

// asText is how a failure shows what is stored.
func asText(items map[string]map[string]types.AttributeValue) string {
	var b strings.Builder
	for sk, item := range items {
		fmt.Fprintf(&b, "  %s", sk)
		for _, name := range slices.Sorted(maps.Keys(item)) {
			switch v := item[name].(type) {
			case *types.AttributeValueMemberS:
				fmt.Fprintf(&b, " %s=%s", name, v.Value)
			case *types.AttributeValueMemberN:
				fmt.Fprintf(&b, " %s=%s", name, v.Value)
			case *types.AttributeValueMemberM:
				fmt.Fprintf(&b, " %s=(%d)", name, len(v.Value))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// checkEnd checks what is counted and audited once everything is over.
func (r *race) checkEnd() {
	r.t.Helper()
	ctx := r.t.Context()
	out, err := r.direct.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &r.name, Key: key("QUOTA#YWNtZQ#Ym9i", "QUOTA"), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	active, ok := out.Item["active"].(*types.AttributeValueMemberM)
	if !ok {
		r.t.Fatalf("quota %v", out.Item)
	}
	actions := map[string]int{}
	pages := dynamodb.NewQueryPaginator(r.direct, &dynamodb.QueryInput{
		TableName: &r.name, KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": textValue("AUDIT#YWNtZQ")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, item := range page.Items {
			actions[textOf(item, "token_id")+" "+textOf(item, "action")]++
		}
	}
	for _, k := range r.tokens {
		r.check(ctx, k)
		id := string(k.Token.ID)
		issued, revoked := actions[id+" token.issued"], actions[id+" token.revoked"]
		if issued != 1 || revoked > 1 || !k.falsifiable && !k.expiring && (revoked == 1) != k.revoked {
			r.t.Errorf("%s (%s): %d audit entries of issues, %d of revocations", id, k, issued, revoked)
		}
		if counted := active.Value[id] != nil; !k.falsifiable && !k.expiring && counted == k.revoked {
			r.t.Errorf("%s (%s) is counted as active: %v", id, k, counted)
		}
	}
}

func textOf(item map[string]types.AttributeValue, name string) string {
	if s, ok := item[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
