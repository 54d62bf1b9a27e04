package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// creationTimeout bounds the wait for a new table to become active.
const creationTimeout = time.Minute

// CreateTable makes the table from Schema and turns on its time to live, where there is
// no CloudFormation to do it: in the local run and in tests. A table that exists is left
// as it is.
func CreateTable(ctx context.Context, client *dynamodb.Client, name string) error {
	_, err := client.CreateTable(ctx, createInput(name))
	_, exists := errors.AsType[*types.ResourceInUseException](err)
	if err != nil && !exists {
		return fmt.Errorf("creating table %s: %w", name, err)
	}
	described := &dynamodb.DescribeTableInput{TableName: &name}
	if err := dynamodb.NewTableExistsWaiter(client).Wait(ctx, described, creationTimeout); err != nil {
		return fmt.Errorf("waiting for table %s: %w", name, err)
	}
	if exists {
		return nil
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(Schema().TTL), Enabled: aws.Bool(true)},
	})
	if err != nil {
		return fmt.Errorf("turning on time to live of table %s: %w", name, err)
	}
	return nil
}

// EnableStream turns on the table's stream of changes, unless it is on. It is apart from
// CreateTable because in DynamoDB Local each write costs more for each stream that there
// is, and most tests, with a table each, read none.
func EnableStream(ctx context.Context, client *dynamodb.Client, name string) error {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return fmt.Errorf("asking for the stream of table %s: %w", name, err)
	}
	if s := out.Table.StreamSpecification; s != nil && aws.ToBool(s.StreamEnabled) {
		return nil
	}
	_, err = client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:           &name,
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage},
	})
	if err != nil {
		return fmt.Errorf("turning on the stream of table %s: %w", name, err)
	}
	return nil
}

func createInput(name string) *dynamodb.CreateTableInput {
	schema := Schema()
	input := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
	}
	defined := map[string]bool{}
	// keys also defines the attributes, each once, as CreateTable wants it.
	keys := func(partition, sort Attribute) []types.KeySchemaElement {
		for _, a := range []Attribute{partition, sort} {
			if !defined[a.Name] {
				defined[a.Name] = true
				input.AttributeDefinitions = append(input.AttributeDefinitions,
					types.AttributeDefinition{AttributeName: aws.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type)})
			}
		}
		return []types.KeySchemaElement{
			{AttributeName: aws.String(partition.Name), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort.Name), KeyType: types.KeyTypeRange},
		}
	}
	input.KeySchema = keys(schema.PartitionKey, schema.SortKey)
	for _, index := range schema.Indexes {
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName:  aws.String(index.Name),
			KeySchema:  keys(index.PartitionKey, index.SortKey),
			Projection: projection(index),
		})
	}
	return input
}

func projection(i Index) *types.Projection {
	if i.Project == nil {
		return &types.Projection{ProjectionType: types.ProjectionTypeAll}
	}
	return &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: i.Project}
}
