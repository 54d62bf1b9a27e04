package main

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// meter counts the calls of a DynamoDB client and the capacity that they consume.
type meter struct {
	clock func() time.Time

	mu    sync.Mutex
	calls map[string]int
	units float64
}

// cost is what something cost.
type cost struct {
	Time  time.Duration
	Units float64
	MB    int // the most that Go had from the system

	calls map[string]int
}

// Calls is how often an operation was called.
func (c cost) Calls(operation string) int { return c.calls[operation] }

// Millis is the time in milliseconds.
func (c cost) Millis() int64 { return c.Time.Milliseconds() }

func (m *meter) measure(do func() error) (cost, error) {
	m.mu.Lock()
	m.calls, m.units = map[string]int{}, 0
	m.mu.Unlock()
	begin := m.clock()
	err := do()
	m.mu.Lock()
	defer m.mu.Unlock()
	return cost{Time: m.clock().Sub(begin), Units: m.units, MB: peak(), calls: m.calls}, err
}

// attach has every call say what it consumed.
func (m *meter) attach(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		switch p := in.Parameters.(type) {
		case *dynamodb.QueryInput:
			p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		case *dynamodb.ScanInput:
			p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		case *dynamodb.BatchGetItemInput:
			p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		case *dynamodb.UpdateItemInput:
			p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		case *dynamodb.TransactWriteItemsInput:
			p.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		}
		out, metadata, err := next.HandleInitialize(ctx, in)
		m.add(awsmiddleware.GetOperationName(ctx), consumed(out.Result))
		return out, metadata, err
	}), middleware.After)
}

func (m *meter) add(operation string, units float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls != nil {
		m.calls[operation]++
		m.units += units
	}
}

func consumed(result any) float64 {
	var all []types.ConsumedCapacity
	one := func(c *types.ConsumedCapacity) {
		if c != nil {
			all = append(all, *c)
		}
	}
	switch out := result.(type) {
	case *dynamodb.QueryOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.ScanOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.UpdateItemOutput:
		one(out.ConsumedCapacity)
	case *dynamodb.BatchGetItemOutput:
		all = out.ConsumedCapacity
	case *dynamodb.TransactWriteItemsOutput:
		all = out.ConsumedCapacity
	}
	sum := 0.0
	for _, c := range all {
		sum += aws.ToFloat64(c.CapacityUnits)
	}
	return sum
}
