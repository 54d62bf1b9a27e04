package e2e_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/config"
	"latchkey/internal/dev/local/faulty"
)

var update = flag.Bool("update", false, "write testdata anew")

// callsFile holds what each function asks of AWS: the call, then what it is on, which is
// an index or the beginning of a partition key; and the attributes that updates name, or
// that items are put with. The stack's test holds each role to it.
const callsFile = "testdata/calls.json"

// calls are as callsFile has them.
type calls map[string]map[string][]string

// recorder keeps what functions call.
type recorder struct {
	mu    sync.Mutex
	calls calls
	fault error
}

// watch records what goes through a proxy.
func (r *recorder) watch(p *faulty.Proxy) {
	p.Watch(func(c faulty.Call) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.ContainsFunc(config.Functions(), func(f config.Function) bool { return f.Name == c.Caller }) {
			return // the test itself
		}
		if err := r.record(c.Caller, c.Operation, []byte(c.Body)); err != nil {
			r.fault = err
		}
	})
}

// request has what matters of all of DynamoDB's requests.
type request struct {
	IndexName     string                       `json:"IndexName"`
	Key           map[string]stringValue       `json:"Key"`
	Item          map[string]stringValue       `json:"Item"`
	Names         map[string]string            `json:"ExpressionAttributeNames"`
	Values        map[string]stringValue       `json:"ExpressionAttributeValues"`
	KeyCondition  string                       `json:"KeyConditionExpression"`
	Update        string                       `json:"UpdateExpression"`
	Condition     string                       `json:"ConditionExpression"`
	RequestItems  map[string]batch             `json:"RequestItems"`
	TransactItems []map[string]json.RawMessage `json:"TransactItems"`
}

type batch struct {
	Keys []map[string]stringValue `json:"Keys"`
}

// stringValue is a value as DynamoDB writes it; empty if it is not a string.
type stringValue struct {
	S string `json:"S"`
}

func (r *recorder) record(function, operation string, body []byte) error {
	var q request
	if operation == "SendEmail" || operation == "GetAccount" {
		r.add(function, "ses:"+operation, "", nil)
		return nil
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return err
	}
	switch operation {
	case "TransactWriteItems": // is allowed or not by what it is made of
		for _, item := range q.TransactItems {
			for kind, part := range item {
				if err := r.record(function, kind+"Item", part); err != nil {
					return err
				}
			}
		}
	case "BatchGetItem":
		for _, table := range q.RequestItems {
			for _, key := range table.Keys {
				r.add(function, "dynamodb:"+operation, kindOf(key["pk"].S), nil)
			}
		}
	case "Query":
		on := q.IndexName
		if on == "" {
			on = kindOf(q.Values[value.FindString(q.KeyCondition)].S)
		}
		r.add(function, "dynamodb:"+operation, on, nil)
	case "PutItem":
		r.add(function, "dynamodb:"+operation, kindOf(q.Item["pk"].S), slices.Collect(maps.Keys(q.Item)))
	case "UpdateItem":
		r.add(function, "dynamodb:"+operation, kindOf(q.Key["pk"].S), q.attributes())
	default:
		r.add(function, "dynamodb:"+operation, kindOf(q.Key["pk"].S), nil)
	}
	return nil
}

// kindOf is the part of a partition key that all items of a kind share, as IAM writes it.
func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, "#")
	return kind + "#*"
}

// path is an attribute in an expression, and what is under it.
var path = regexp.MustCompile(`#\d+(\.#\d+)*`)

// value is one in an expression.
var value = regexp.MustCompile(`:\d+`)

// attributes are those that an update names; of a path the first, as IAM sees it.
func (q request) attributes() []string {
	names := slices.Collect(maps.Keys(q.Key))
	for _, found := range path.FindAllString(q.Update+" "+q.Condition, -1) {
		first, _, _ := strings.Cut(found, ".")
		names = append(names, q.Names[first])
	}
	return names
}

func (r *recorder) add(function, call, on string, attributes []string) {
	if r.calls == nil {
		r.calls = calls{}
	}
	if r.calls[function] == nil {
		r.calls[function] = map[string][]string{}
	}
	call = strings.TrimSpace(call + " " + on)
	all := slices.Concat(r.calls[function][call], attributes)
	slices.Sort(all)
	r.calls[function][call] = slices.Compact(all)
}

// check compares with callsFile, or writes it.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != nil {
		t.Fatal(r.fault)
	}
	if *update {
		text, err := json.MarshalIndent(r.calls, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(callsFile, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(callsFile)
	if err != nil {
		t.Fatal(err)
	}
	var known calls
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	for function := range maps.Keys(known) {
		if !reflect.DeepEqual(r.calls[function], known[function]) {
			t.Errorf("%s called\n%v\nand is known to call (go test -run TestEvents -update ./internal/e2e)\n%v", function, r.calls[function], known[function])
		}
	}
	if len(r.calls) != len(known) {
		t.Errorf("%d functions called something, %d are known to", len(r.calls), len(known))
	}
}
