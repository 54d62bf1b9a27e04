package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/dynamo"
)

// newTable makes the table that internal/dynamo describes.
func (s *stack) newTable() awsdynamodb.TableV2 {
	schema := dynamo.Schema()
	indexes := make([]*awsdynamodb.GlobalSecondaryIndexPropsV2, 0, len(schema.Indexes))
	for _, index := range schema.Indexes {
		made := &awsdynamodb.GlobalSecondaryIndexPropsV2{
			IndexName:    jsii.String(index.Name),
			PartitionKey: attribute(index.PartitionKey), SortKey: attribute(index.SortKey),
		}
		made.ProjectionType, made.NonKeyAttributes = projection(index)
		indexes = append(indexes, made)
	}
	table := awsdynamodb.NewTableV2(s.scope, jsii.String("Table"), &awsdynamodb.TablePropsV2{
		PartitionKey: attribute(schema.PartitionKey), SortKey: attribute(schema.SortKey),
		GlobalSecondaryIndexes:           &indexes,
		TimeToLiveAttribute:              jsii.String(schema.TTL),
		DynamoStream:                     awsdynamodb.StreamViewType_NEW_IMAGE, // for newEvents
		Billing:                          awsdynamodb.Billing_OnDemand(nil),
		Encryption:                       awsdynamodb.TableEncryptionV2_AwsManagedKey(),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		DeletionProtection:               jsii.Bool(!s.settings.destroy()),
		RemovalPolicy:                    s.removal(),
	})
	if s.settings.CustomerManagedKey {
		s.tableKey = awskms.NewKey(s.scope, jsii.String("TableKey"), &awskms.KeyProps{
			Description: jsii.String("Encrypts Latchkey's table"), EnableKeyRotation: jsii.Bool(true), RemovalPolicy: s.keptOnceMade(),
		})
		// The construct takes a key only where it knows the Region at synthesis.
		if made, ok := table.Node().DefaultChild().(awsdynamodb.CfnGlobalTable); ok {
			made.AddPropertyOverride(jsii.String("Replicas.0.SSESpecification"), map[string]any{"KMSMasterKeyId": s.tableKey.KeyArn()})
		}
	}
	return table
}

// projection is what an index holds: whole items if the schema names no attributes.
func projection(index dynamo.Index) (awsdynamodb.ProjectionType, *[]*string) {
	if index.Project == nil {
		return awsdynamodb.ProjectionType_ALL, nil
	}
	return awsdynamodb.ProjectionType_INCLUDE, jsii.Strings(index.Project...)
}

func attribute(a dynamo.Attribute) *awsdynamodb.Attribute {
	types := map[dynamo.AttributeType]awsdynamodb.AttributeType{
		dynamo.String: awsdynamodb.AttributeType_STRING, dynamo.Number: awsdynamodb.AttributeType_NUMBER,
	}
	return &awsdynamodb.Attribute{Name: jsii.String(a.Name), Type: types[a.Type]}
}
