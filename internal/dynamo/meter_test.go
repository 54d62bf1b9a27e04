package dynamo_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"latchkey/internal/dynamo"
)

// meter counts what calls cost. Reads and single writes are as DynamoDB Local says. Of
// transactions it counts too few, so these are counted here by what is stored before and
// after: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
type meter struct {
	t      *testing.T
	direct table // its own calls are not counted

	calls         int
	writes, reads float64 // units
	read          int     // items, by queries
}

func (m *meter) reset() { *m = meter{t: m.t, direct: m.direct} }

func (m *meter) String() string {
	return fmt.Sprintf("%d calls, %g write units, %g read units", m.calls, m.writes, m.reads)
}

// metered is a store on the same table whose calls are counted.
func (tb table) metered(t *testing.T) (table, *meter) {
	t.Helper()
	m := &meter{t: t, direct: tb}
	options := tb.client.Options()
	options.APIOptions = append(options.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", m.handle), middleware.Before)
	})
	client := dynamodb.New(options)
	store, err := dynamo.New(client, tb.name)
	if err != nil {
		t.Fatal(err)
	}
	return table{store, client, tb.name, tb.now}, m
}

type stored = map[string]types.AttributeValue

func (m *meter) handle(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	m.calls++
	var before []stored
	switch in := in.Parameters.(type) {
	case *dynamodb.GetItemInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *dynamodb.BatchGetItemInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *dynamodb.QueryInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *dynamodb.UpdateItemInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		before = m.stored(ctx, in.Key)
	case *dynamodb.TransactWriteItemsInput:
		before = m.stored(ctx, keysOf(in)...)
	default:
		m.t.Errorf("%T is not counted", in)
	}
	out, metadata, err := next.HandleInitialize(ctx, in)
	if err != nil {
		return out, metadata, err // what it cost is not documented
	}
	switch out := out.Result.(type) {
	case *dynamodb.GetItemOutput:
		m.reads += aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)
	case *dynamodb.BatchGetItemOutput:
		for _, used := range out.ConsumedCapacity {
			m.reads += aws.ToFloat64(used.CapacityUnits)
		}
	case *dynamodb.QueryOutput:
		m.reads += aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)
		m.read += int(out.ScannedCount)
	case *dynamodb.UpdateItemOutput:
		m.writes += aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)
		input, _ := in.Parameters.(*dynamodb.UpdateItemInput)
		if mine := written(1, before, m.stored(ctx, input.Key)); mine != aws.ToFloat64(out.ConsumedCapacity.CapacityUnits) {
			m.t.Errorf("counted %g write units, and DynamoDB Local %g", mine, *out.ConsumedCapacity.CapacityUnits)
		}
	case *dynamodb.TransactWriteItemsOutput:
		input, _ := in.Parameters.(*dynamodb.TransactWriteItemsInput)
		m.writes += written(2, before, m.stored(ctx, keysOf(input)...))
	}
	return out, metadata, err
}

// keysOf are the keys of what a transaction writes or checks.
func keysOf(in *dynamodb.TransactWriteItemsInput) []stored {
	var keys []stored
	for _, i := range in.TransactItems {
		switch {
		case i.Put != nil:
			keys = append(keys, stored{"pk": i.Put.Item["pk"], "sk": i.Put.Item["sk"]})
		case i.Update != nil:
			keys = append(keys, i.Update.Key)
		case i.Delete != nil:
			keys = append(keys, i.Delete.Key)
		case i.ConditionCheck != nil:
			keys = append(keys, i.ConditionCheck.Key)
		}
	}
	return keys
}

func (m *meter) stored(ctx context.Context, keys ...stored) []stored {
	var items []stored
	for _, k := range keys {
		out, err := m.direct.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &m.direct.name, Key: k, ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			m.t.Error(err)
			return nil
		}
		items = append(items, out.Item)
	}
	return items
}

// written counts the units of writes, each of which costs a number of units a KB in the
// table, and one in each index whose copy of the item it changes.
func written(each float64, before, after []stored) float64 {
	units := 0.0
	for n := range before {
		units += each * max(1, kilobytes(before[n]), kilobytes(after[n])) // also of what is only checked, or is not there
		for _, index := range dynamo.Schema().Indexes {
			was, is := copied(index, before[n]), copied(index, after[n])
			moved := was != nil && is != nil && !reflect.DeepEqual(keyIn(index, was), keyIn(index, is))
			switch {
			case reflect.DeepEqual(was, is):
			case moved:
				units += kilobytes(was) + kilobytes(is)
			default:
				units += max(kilobytes(was), kilobytes(is))
			}
		}
	}
	return units
}

// copied is what an index has of an item; nil if it has none.
func copied(index dynamo.Index, item stored) stored {
	if item[index.PartitionKey.Name] == nil || item[index.SortKey.Name] == nil {
		return nil
	}
	if index.Project == nil {
		return item
	}
	has := stored{"pk": item["pk"], "sk": item["sk"]}
	maps.Copy(has, keyIn(index, item))
	for _, name := range index.Project {
		if item[name] != nil {
			has[name] = item[name]
		}
	}
	return has
}

func keyIn(index dynamo.Index, item stored) stored {
	return stored{
		index.PartitionKey.Name: item[index.PartitionKey.Name], index.SortKey.Name: item[index.SortKey.Name],
	}
}

// kilobytes is an item's size, rounded up.
func kilobytes(item stored) float64 { return float64((size(item) + 1023) / 1024) }

func size(item stored) int {
	n := 0
	for name, value := range item {
		n += len(name) + sizeOf(value)
	}
	return n
}

func sizeOf(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	case *types.AttributeValueMemberL:
		n := 3 + len(v.Value)
		for _, element := range v.Value {
			n += sizeOf(element)
		}
		return n
	default:
		return 1
	}
}
