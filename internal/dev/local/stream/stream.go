// Package stream follows the stream of a table in DynamoDB Local: what DynamoDB reports of
// each change, and on AWS an EventBridge pipe reads.
package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// interval is how long the follower waits before it looks for changes again.
const interval = 100 * time.Millisecond

// Follower reads a table's stream from where it ended when the follower was made.
type Follower struct {
	client    *dynamodbstreams.Client
	table     string
	arn       string
	iterators map[string]*string      // where to read on, by shard; nil: the shard is read to its end
	from      types.ShardIteratorType // where to begin when it is opened
	last      string                  // sequence number of the last change that was handed over
	split     bool                    // a shard is read to its end, and those that follow it are not known yet
}

// Follow returns a follower of the table's stream in the DynamoDB Local at an endpoint. It
// is an error if the table has no stream.
func Follow(ctx context.Context, endpoint, table string) (*Follower, error) {
	f := &Follower{table: table, from: types.ShardIteratorTypeLatest, client: dynamodbstreams.New(dynamodbstreams.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		Retryer: aws.NopRetryer{}, // Run tries again
	})}
	return f, f.open(ctx)
}

// open finds the stream, and where to begin: at first at its end.
func (f *Follower) open(ctx context.Context) error {
	out, err := f.client.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: &f.table})
	if err != nil {
		return fmt.Errorf("finding the stream of table %s: %w", f.table, err)
	}
	if len(out.Streams) == 0 {
		return fmt.Errorf("table %s has no stream", f.table)
	}
	f.arn, f.split = *out.Streams[len(out.Streams)-1].StreamArn, false
	found := map[string]*string{}
	if err := f.addShards(ctx, found, f.from); err != nil {
		return err
	}
	f.iterators = found
	return nil
}

// addShards adds the shards that are not among the known, to be read from their beginning
// or their end.
func (f *Follower) addShards(ctx context.Context, known map[string]*string, from types.ShardIteratorType) error {
	for in := (&dynamodbstreams.DescribeStreamInput{StreamArn: &f.arn}); ; {
		out, err := f.client.DescribeStream(ctx, in)
		if err != nil {
			return fmt.Errorf("reading the shards of table %s: %w", f.table, err)
		}
		for _, shard := range out.StreamDescription.Shards {
			if _, ok := known[*shard.ShardId]; ok {
				continue
			}
			iterator, err := f.client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
				StreamArn: &f.arn, ShardId: shard.ShardId, ShardIteratorType: from,
			})
			if err != nil {
				return fmt.Errorf("starting to read a shard of table %s: %w", f.table, err)
			}
			known[*shard.ShardId] = iterator.ShardIterator
		}
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return nil
		}
	}
}

// Run gives handle each change, one after the other, until ctx ends. While the server does
// not answer it waits. Where the stream has forgotten its place, which DynamoDB Local also
// does with a place at its end, it reads from the beginning and leaves out what it has
// handed over.
func (f *Follower) Run(ctx context.Context, handle func(context.Context, types.Record)) {
	look := time.NewTicker(interval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		err := f.read(ctx, handle)
		_, expired := errors.AsType[*types.ExpiredIteratorException](err)
		_, trimmed := errors.AsType[*types.TrimmedDataAccessException](err)
		_, gone := errors.AsType[*types.ResourceNotFoundException](err)
		if expired || trimmed || gone {
			f.iterators, f.from = nil, types.ShardIteratorTypeTrimHorizon
		}
	}
}

// read hands over what has come since.
func (f *Follower) read(ctx context.Context, handle func(context.Context, types.Record)) error {
	if f.iterators == nil {
		return f.open(ctx)
	}
	for shard, iterator := range f.iterators {
		if iterator == nil {
			continue
		}
		out, err := f.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			return fmt.Errorf("reading the stream of table %s: %w", f.table, err)
		}
		f.iterators[shard] = out.NextShardIterator
		f.split = f.split || out.NextShardIterator == nil
		for _, record := range out.Records {
			if number := aws.ToString(record.Dynamodb.SequenceNumber); later(number, f.last) {
				f.last = number
				handle(ctx, record)
			}
		}
	}
	if !f.split {
		return nil
	}
	if err := f.addShards(ctx, f.iterators, types.ShardIteratorTypeTrimHorizon); err != nil {
		return err
	}
	f.split = false
	return nil
}

// later compares sequence numbers, which are decimal numbers of any length.
func later(a, b string) bool { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) > 0 }
