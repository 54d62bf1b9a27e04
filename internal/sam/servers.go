package sam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dynamo"
	"latchkey/internal/fixture"
	"latchkey/internal/local"
	"latchkey/internal/local/child"
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
	Never                 // it is an error if there are none
)

// table is the template's.
const table = "latchkey"

// Servers are what the functions in their containers talk to on this machine.
type Servers struct {
	DynamoDB string // endpoint
	SES      string // endpoint; its viewer is there, too
	Table    string

	started []*local.Server
}

// StartServers finds or starts DynamoDB Local and the SES server, and creates the table.
// A DynamoDB Local that was started here gets the tokens of package fixture. What was
// started ends with ctx, or by Stop. It listens on all addresses of the machine: the
// containers are not on its loopback.
func StartServers(ctx context.Context, c ServersConfig, now time.Time) (*Servers, error) {
	s := &Servers{DynamoDB: c.DynamoDB, SES: c.SES, Table: table}
	if err := s.start(ctx, c, now); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Servers) start(ctx context.Context, c ServersConfig, now time.Time) error {
	startedDynamoDB, err := s.findOrStart(ctx, c, &s.DynamoDB, kind{
		"DynamoDB Local", "DYNAMODB_ENDPOINT", DynamoDBPort, isDynamoDB, func(port int) (*local.Server, error) {
			return local.StartDynamoDB(ctx, local.DynamoDBConfig{NodeModules: c.NodeModules, Port: port, Log: c.Log})
		},
	})
	if err != nil {
		return err
	}
	_, err = s.findOrStart(ctx, c, &s.SES, kind{
		"an aws-ses-v2-local", "SES_ENDPOINT", SESPort, isSES, func(port int) (*local.Server, error) {
			return local.StartSES(ctx, local.SESConfig{NodeModules: c.NodeModules, Port: port, Host: "0.0.0.0", Log: c.Log})
		},
	})
	if err != nil {
		return err
	}
	if startedDynamoDB {
		return s.Fill(ctx, now)
	}
	return dynamo.CreateTable(ctx, local.NewDynamoDBClient(s.DynamoDB), s.Table)
}

// kind is a kind of server.
type kind struct {
	name     string
	variable string // that names one to use
	port     int
	is       func(ctx context.Context, endpoint string) error
	start    func(port int) (*local.Server, error)
}

// findOrStart sets the endpoint unless it is set, and reports whether it started a server.
func (s *Servers) findOrStart(ctx context.Context, c ServersConfig, endpoint *string, k kind) (started bool, err error) {
	if *endpoint != "" {
		return false, nil
	}
	port := k.port
	if c.Start != Separate {
		if *endpoint, err = k.find(ctx); *endpoint != "" || err != nil {
			return false, err
		}
	}
	switch c.Start {
	case Never:
		return false, fmt.Errorf("%s does not run at port %d: make sam-api starts it", k.name, k.port)
	case Briefly, Separate:
		port = 0
	case IfNone:
	}
	server, err := k.start(port)
	if err != nil {
		return false, err
	}
	s.started = append(s.started, server)
	*endpoint = server.Endpoint()
	return true, nil
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

// Fill empties the table and puts the tokens of package fixture into it.
func (s *Servers) Fill(ctx context.Context, now time.Time) error {
	_, err := fixture.Open(ctx, s.DynamoDB, s.Table, now)
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
