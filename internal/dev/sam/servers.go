package sam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dev/fixture"
	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/child"
)

// Ports at which the servers are looked for, and started for StartAPI. The template's own
// endpoints have them, too.
const (
	DynamoDBPort = 8000
	SESPort      = 8005
)

// probeTimeout is how long a server that runs may take to answer.
const probeTimeout = 3 * time.Second

// ServersConfig says which servers to use. By default those at DynamoDBPort and SESPort,
// started if there are none.
type ServersConfig struct {
	DynamoDB    string // endpoint of a DynamoDB Local that runs; empty: by the port
	SES         string // endpoint of an aws-ses-v2-local that runs; empty: by the port
	Start       Start
	NodeModules string     // empty: node_modules
	Log         *child.Log // nil: dropped
}

// Start says when servers are started, and at which ports.
type Start int

// The ways to start servers.
const (
	IfNone   Start = iota // where there are none, at the ports where others look for them
	Briefly               // where there are none, at any ports, so that nobody comes to rely on them
	Separate              // always, at any ports
)

// Table is the name of the template's table.
const Table = "latchkey"

// Servers are what the functions in their containers talk to on this machine.
type Servers struct {
	DynamoDB string // endpoint
	SES      string // endpoint; its viewer is there, too
	Found    bool   // the table was there already, and is unchanged

	started []*local.Server
}

// StartServers finds or starts DynamoDB Local and the SES server. If the table is not there,
// it is made and gets the tokens of package fixture. What was started ends with ctx, or by
// Stop. It listens on all addresses of the machine: the containers are not on its loopback.
func StartServers(ctx context.Context, c ServersConfig, now time.Time) (*Servers, error) {
	s := &Servers{DynamoDB: c.DynamoDB, SES: c.SES}
	if err := s.start(ctx, c, now); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Servers) start(ctx context.Context, c ServersConfig, now time.Time) error {
	err := s.findOrStart(ctx, c.Start, &s.DynamoDB, dynamoDB, func(port int) (*local.Server, error) {
		return local.StartDynamoDB(ctx, local.DynamoDBConfig{NodeModules: c.NodeModules, Port: port, Log: c.Log})
	})
	if err != nil {
		return err
	}
	err = s.findOrStart(ctx, c.Start, &s.SES, ses, func(port int) (*local.Server, error) {
		return local.StartSES(ctx, local.SESConfig{NodeModules: c.NodeModules, Port: port, Host: "0.0.0.0", Log: c.Log})
	})
	if err != nil {
		return err
	}
	tables, err := local.NewDynamoDBClient(s.DynamoDB).ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return fmt.Errorf("looking for the table: %w", err)
	}
	if s.Found = slices.Contains(tables.TableNames, Table); s.Found {
		return nil
	}
	return Seed(ctx, s.DynamoDB, now)
}

// kind is a kind of server.
type kind struct {
	name     string
	variable string // that names one to use
	port     int
	is       func(ctx context.Context, endpoint string) error
}

var (
	dynamoDB = kind{"DynamoDB Local", "DYNAMODB_ENDPOINT", DynamoDBPort, isDynamoDB}
	ses      = kind{"aws-ses-v2-local", "SES_ENDPOINT", SESPort, isSES}
)

// findOrStart sets the endpoint unless it is set.
func (s *Servers) findOrStart(ctx context.Context, when Start, endpoint *string, k kind, start func(port int) (*local.Server, error)) (err error) {
	if *endpoint != "" {
		return nil
	}
	if when != Separate {
		if *endpoint, err = k.find(ctx); *endpoint != "" || err != nil {
			return err
		}
	}
	port := 0
	if when == IfNone {
		port = k.port
	}
	server, err := start(port)
	if err != nil {
		return err
	}
	s.started = append(s.started, server)
	*endpoint = server.Endpoint()
	return nil
}

// find returns the endpoint of the server at its port, or "" if nothing listens there.
func (k kind) find(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	address := fmt.Sprintf("127.0.0.1:%d", k.port)
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", nil // nothing listens
	}
	endpoint := "http://" + address
	if err := errors.Join(connection.Close(), k.is(ctx, endpoint)); err != nil {
		return "", fmt.Errorf("port %d is taken, and not by %s: end what uses it, or set %s", k.port, k.name, k.variable)
	}
	return endpoint, nil
}

// FindDynamoDB is the endpoint of the DynamoDB Local that runs at DynamoDBPort.
func FindDynamoDB(ctx context.Context) (string, error) {
	endpoint, err := dynamoDB.find(ctx)
	if err == nil && endpoint == "" {
		err = fmt.Errorf("no DynamoDB Local answers on port %d: make sam-api starts one", DynamoDBPort)
	}
	return endpoint, err
}

// Seed empties the table of the DynamoDB Local at an endpoint and puts the tokens of package
// fixture into it. The table is made if it is not there.
func Seed(ctx context.Context, endpoint string, now time.Time) error {
	_, err := fixture.Open(ctx, endpoint, Table, now)
	return err
}

// Stop ends the servers that were started here.
func (s *Servers) Stop() {
	for _, server := range s.started {
		server.Stop()
	}
}

func isDynamoDB(ctx context.Context, endpoint string) error {
	_, err := local.NewDynamoDBClient(endpoint).ListTables(ctx, &dynamodb.ListTablesInput{})
	return err
}

func isSES(ctx context.Context, endpoint string) error {
	_, err := local.ReadMail(ctx, endpoint)
	return err
}

// inContainer is an endpoint of this machine as a container sees it.
func inContainer(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		u.Host = net.JoinHostPort(containerHost, cmp.Or(u.Port(), "80"))
	}
	return u.String()
}
