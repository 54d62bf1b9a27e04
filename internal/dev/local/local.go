// Package local runs the whole system on one machine: Amazon's DynamoDB Local, an
// SES-compatible server, the functions' real binaries under Lambda's Runtime API, the
// HTTP API in front of them and an OpenID Connect issuer for people to sign in at.
//
// It is for development and tests. It listens on 127.0.0.1 and answers to no other host
// name, since whoever reaches it can be anybody. DynamoDB Local alone listens on all of the
// machine's addresses, and has no option against that.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/internal/api"
	"latchkey/internal/dev/local/child"
	"latchkey/internal/dev/local/gateway"
	"latchkey/internal/dev/local/issuer"
	"latchkey/internal/dev/local/lambda"
	"latchkey/internal/dev/local/stream"
	"latchkey/internal/dynamo"
)

// Config says how to run the system. The zero value of each field means something.
type Config struct {
	// Port of the HTTP API. Those after it, in turn: the issuer, the SES server, DynamoDB
	// Local. 0: any free ports.
	Port int
	// Binaries is the folder with <function>/bootstrap. Empty: the current folder.
	Binaries string
	// NodeModules is the folder that npm filled. Empty: node_modules.
	NodeModules string

	// DynamoDBEndpoint is a server to use. Empty: start one, which keeps its data in
	// DataDir, or in memory if that is empty too.
	DynamoDBEndpoint string
	DataDir          string
	// SESEndpoint is a server to use. Empty: start one.
	SESEndpoint string

	// TableName of the table, which is created if it is not there. Empty: latchkey.
	TableName string
	// Environment overrides variables of the functions, such as DENIAL.
	Environment map[string]string
	// AuthorizerCache is how long the gateway keeps the authorizer's decisions. 0: it
	// asks for every request, as deployed by default.
	AuthorizerCache time.Duration
	// Concurrency is how many events the functions may work on at once, all together, as
	// an AWS account's quota is. 0: no such limit.
	Concurrency int

	// Log gets what the functions and servers print, line by line. Nil: dropped.
	Log io.Writer
	// Quiet leaves out of the log what is neither a warning nor an error.
	Quiet bool
	// Now is the gateway's and the issuer's clock; functions have the machine's. Nil:
	// the machine's clock.
	Now func() time.Time
}

func (c Config) now() time.Time {
	if c.Now == nil {
		return time.Now() //nolint:forbidigo // the local run's clock is the machine's unless a test says otherwise
	}
	return c.Now()
}

// System is the running system.
type System struct {
	// DynamoDB and SES are the servers that were started; nil if Config named another.
	DynamoDB *Server
	SES      *Server

	config           Config
	log              *child.Log
	url              string
	issuerURL        string
	dynamoDBEndpoint string
	sesEndpoint      string
	changes          *stream.Follower // of the table
	lambda           *lambda.Service
	issuer           *issuer.Issuer
	listeners        []net.Listener // of the HTTP API and of the issuer
	servers          []*http.Server
	end              context.CancelFunc
	running          sync.WaitGroup
}

// Start starts the system. It serves when Start returns, and ends with ctx or by Close.
func Start(ctx context.Context, c Config) (*System, error) {
	c.TableName = cmp.Or(c.TableName, "latchkey")
	ctx, end := context.WithCancel(ctx)
	s := &System{config: c, log: child.NewLog(c.Log), end: end}
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// start does first what is quick and can fail for want of something: a port, a binary.
func (s *System) start(ctx context.Context) error {
	if err := errors.Join(s.checkBinaries(), s.checkEnvironment()); err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	if err := s.startServers(ctx); err != nil {
		return err
	}
	return s.serve(ctx)
}

// listen takes the ports of the HTTP API and of the issuer.
func (s *System) listen(ctx context.Context) error {
	var urls []string
	for place := range 2 {
		listener, err := listen(ctx, s.port(place))
		if err != nil {
			return s.portError(err)
		}
		s.listeners = append(s.listeners, listener)
		urls = append(urls, "http://"+listener.Addr().String())
	}
	s.url, s.issuerURL = urls[0], urls[1]
	return nil
}

// Places of the servers' ports after that of the HTTP API; the issuer has the first.
const (
	sesPlace      = 2
	dynamoDBPlace = 3
)

// port is the port of what has a place after the HTTP API; 0: any.
func (s *System) port(place int) int {
	if s.config.Port == 0 {
		return 0
	}
	return s.config.Port + place
}

func (s *System) portError(err error) error {
	return fmt.Errorf("%w (the ports %d to %d are used)", err, s.port(0), s.port(dynamoDBPlace))
}

// startServers starts DynamoDB Local and the SES server unless others are to be used,
// creates the table and finds its stream.
func (s *System) startServers(ctx context.Context) error {
	s.dynamoDBEndpoint, s.sesEndpoint = s.config.DynamoDBEndpoint, s.config.SESEndpoint
	log := s.log
	if s.config.Quiet {
		log = nil // the servers do not say what is a warning; why one ended is in the error
	}
	for place, endpoint := range map[int]string{sesPlace: s.sesEndpoint, dynamoDBPlace: s.dynamoDBEndpoint} {
		if _, err := FreePort(ctx, s.port(place)); err != nil && endpoint == "" {
			return s.portError(err)
		}
	}
	var starting errgroup.Group
	if s.dynamoDBEndpoint == "" {
		starting.Go(func() (err error) {
			s.progress("starting DynamoDB Local")
			s.DynamoDB, err = StartDynamoDB(ctx, DynamoDBConfig{
				NodeModules: s.config.NodeModules, Port: s.port(dynamoDBPlace), DataDir: s.config.DataDir, Log: log,
			})
			if err == nil {
				s.dynamoDBEndpoint = s.DynamoDB.Endpoint()
			}
			return err
		})
	}
	if s.sesEndpoint == "" {
		starting.Go(func() (err error) {
			s.progress("starting the SES server")
			s.SES, err = StartSES(ctx, SESConfig{NodeModules: s.config.NodeModules, Port: s.port(sesPlace), Log: log})
			if err == nil {
				s.sesEndpoint = s.SES.Endpoint()
			}
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	s.progress("creating table " + s.config.TableName)
	client := NewDynamoDBClient(s.dynamoDBEndpoint)
	err := dynamo.CreateTable(ctx, client, s.config.TableName)
	if err == nil {
		err = dynamo.EnableStream(ctx, client, s.config.TableName)
	}
	if err != nil {
		return err
	}
	s.changes, err = stream.Follow(ctx, s.dynamoDBEndpoint, s.config.TableName)
	return err
}

// serve starts the functions' service, the issuer and the HTTP API.
func (s *System) serve(ctx context.Context) error {
	functions, err := s.functions()
	if err != nil {
		return err
	}
	s.lambda, err = lambda.New(ctx, lambda.Config{
		Functions: functions, Concurrency: s.config.Concurrency, Log: s.log, Now: s.config.now,
	})
	if err != nil {
		return err
	}
	home := s.url + "/"
	s.issuer, err = issuer.New(issuer.Config{
		URL: s.issuerURL, Redirects: []string{home, strings.Replace(home, "127.0.0.1", "localhost", 1)}, Now: s.config.now,
	})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(s.log.Writer("gateway"), &slog.HandlerOptions{Level: s.logLevel()}))
	httpAPI := gateway.New(gateway.Config{
		Routes: api.Routes(), Invoke: s.lambda.Invoke,
		Issuer: s.issuerURL, Audience: []string{issuer.ClientID}, Keys: s.issuer.Keys,
		Authorizer: authorizerFunction, AuthorizerCache: s.config.AuthorizerCache,
		Now: s.config.now, Log: log,
	})
	for i, handler := range []http.Handler{s.withHelpers(httpAPI), s.issuer} {
		server := &http.Server{
			Handler: loopbackOnly(handler), ReadHeaderTimeout: time.Minute,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		s.servers = append(s.servers, server)
		s.running.Go(func() {
			_ = server.Serve(s.listeners[i]) // until Close
		})
	}
	s.running.Go(func() { s.changes.Run(ctx, s.notifyAtOnce(log)) })
	return nil
}

// logLevel is from which level on there is something to log.
func (s *System) logLevel() slog.Level {
	if s.config.Quiet {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// URL is the address of the HTTP API and the console, without a slash at the end.
func (s *System) URL() string { return s.url }

// DynamoDBEndpoint is the address of the DynamoDB in use.
func (s *System) DynamoDBEndpoint() string { return s.dynamoDBEndpoint }

// SESEndpoint is the address of the SES server in use; its viewer is there too.
func (s *System) SESEndpoint() string { return s.sesEndpoint }

// JWT returns a JWT of one of the people, signed by the local issuer.
func (s *System) JWT(ctx context.Context, user string) (string, error) {
	return s.issuer.JWT(ctx, user)
}

// Invoke gives the event to the function's real binary. A failed invocation is a
// *lambda.FunctionError.
func (s *System) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	return s.lambda.Invoke(ctx, function, event)
}

// Close ends everything that was started and waits until it has ended. A second time is
// fine.
func (s *System) Close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
	for _, listener := range s.listeners {
		_ = listener.Close()
	}
	s.end()
	s.running.Wait()
	if s.lambda != nil {
		s.lambda.Close()
	}
	for _, server := range []*Server{s.DynamoDB, s.SES} {
		if server != nil {
			server.Stop()
		}
	}
}

func (s *System) progress(text string) { fmt.Fprintln(s.log.Writer("local"), text) }
