package reminder_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail/sample"
	"latchkey/internal/ses"
	"latchkey/internal/token"
)

// Addresses of the servers: Amazon's DynamoDB Local, and one that takes mail as SES does.
var dynamoDB, mailServer string

const nodeModules = "../../node_modules"

func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests wait for pauses between tries, whatever the number of processors.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(func() int {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var database, mails *local.Server
		var databaseErr, mailsErr error
		var starting sync.WaitGroup
		starting.Go(func() {
			database, databaseErr = local.StartDynamoDB(ctx, local.DynamoDBConfig{NodeModules: nodeModules})
		})
		starting.Go(func() { mails, mailsErr = local.StartSES(ctx, local.SESConfig{NodeModules: nodeModules}) })
		starting.Wait()
		if err := errors.Join(databaseErr, mailsErr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer database.Stop()
		defer mails.Stop()
		dynamoDB, mailServer = database.Endpoint(), mails.Endpoint()
		return m.Run()
	}())
}

func awsConfig(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient: &http.Client{Timeout: time.Minute}, // for the tests' servers can be slow
	}
}

// site is a table of the test's own and people of its own, with the real store and the
// real mailer, each behind a proxy that can have their calls go wrong. The days before
// expiry of its notices are 15, 7 and 0.
type site struct {
	t        *testing.T
	table    string
	org      string
	domain   string        // of everybody's address
	server   string        // takes the mail
	store    *dynamo.Store // by the proxy
	direct   *dynamo.Store // past it
	mailer   *ses.Mailer   // by the proxy
	dynamoDB *faulty.Proxy
	ses      *faulty.Proxy
	log      *logged
	read     []string // ids of mails that the test has seen

	mu  sync.Mutex
	now time.Time
}

var schedule = notice.Schedule{15, 7, 0}

// start is when each site begins: 00:05 of tomorrow. Were it in the past, DynamoDB's time
// to live would delete what the tests write.
var start = time.Now().UTC().Truncate(day).Add(day + 5*time.Minute)

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteAt(t, mailServer)
}

func newSiteAt(t *testing.T, server string) *site {
	t.Helper()
	id := strings.ToLower(string(newID(t, time.Now())))
	s := &site{t: t, table: "reminder-" + id, org: "org-" + id, domain: id + ".example", server: server, log: &logged{}, now: start}
	if err := dynamo.CreateTable(t.Context(), local.NewDynamoDBClient(dynamoDB), s.table); err != nil {
		t.Fatal(err)
	}
	s.dynamoDB, s.ses = faulty.NewProxy(t, dynamoDB), faulty.NewProxy(t, server)
	s.store, s.direct = newStore(t, s.dynamoDB.URL, s.table), newStore(t, dynamoDB, s.table)
	s.mailer = newMailer(t, s.ses.URL, 1000)
	t.Cleanup(func() {
		if line := regexp.MustCompile(`.*@.*`).FindString(s.log.String()); line != "" {
			t.Errorf("the log holds an address: %s", line)
		}
		if t.Failed() {
			t.Logf("log:\n%s", s.log)
		}
	})
	return s
}

func newStore(t *testing.T, endpoint, table string) *dynamo.Store {
	t.Helper()
	store, err := dynamo.New(dynamo.NewClient(awsConfig(endpoint)), table)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newMailer(t *testing.T, endpoint string, perSecond float64) *ses.Mailer {
	t.Helper()
	m, err := ses.New(awsConfig(endpoint), ses.Config{From: "Acme API <no-reply@latchkey.example>", PerSecond: perSecond})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newID(t *testing.T, at time.Time) token.ID {
	t.Helper()
	id, err := token.NewID(at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// pass lets time go by.
func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

const day = 24 * time.Hour

func (s *site) email(name string) string { return name + "@" + s.domain }

func (s *site) principal(name string) token.Principal {
	p := token.Principal{
		Organization: s.org, Subject: name, Email: s.email(name), EmailVerified: true, Role: token.RoleManager,
	}
	if strings.HasPrefix(name, "admin") {
		p.Role = token.RoleAdmin
	}
	return p
}

// issue makes a token as the API does.
func (s *site) issue(p token.Principal, days int) token.Token {
	s.t.Helper()
	k, err := s.issuer().Issue(s.t.Context(), p, token.IssueRequest{Name: "Token of " + p.Subject, ExpiresInDays: &days})
	if err != nil {
		s.t.Fatal(err)
	}
	return k.Token
}

func (s *site) issuer() *token.Issuer {
	s.t.Helper()
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Store: s.direct, Prefix: "lk", NotifyOn: schedule.First, MaxActive: 200, MaxDaily: 10000, RetentionDays: 90,
		Now: s.clock, Random: rand.Reader,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return issuer
}

func (s *site) manager() *token.Manager {
	s.t.Helper()
	m, err := token.NewManager(token.ManagerConfig{Store: s.direct, Fold: strings.ToLower, Now: s.clock, Random: rand.Reader})
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// seen has the API see a person, as any call does.
func (s *site) seen(p token.Principal) {
	s.t.Helper()
	if _, err := s.manager().List(s.t.Context(), p, token.ListRequest{Limit: 1}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) revoke(p token.Principal, k token.Token) {
	s.t.Helper()
	if _, err := s.manager().Revoke(s.t.Context(), p, string(k.ID), ""); err != nil {
		s.t.Fatal(err)
	}
}

// delete removes a token's record and its entry, as their time to live does.
func (s *site) delete(id token.ID) {
	for _, sk := range []string{"TOKEN", "QUEUE"} {
		_, err := local.NewDynamoDBClient(dynamoDB).DeleteItem(s.t.Context(), &dynamodb.DeleteItemInput{
			TableName: &s.table,
			Key: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "TOKEN#" + string(id)}, "sk": &types.AttributeValueMemberS{Value: sk},
			},
		})
		if err != nil {
			s.t.Error(err)
		}
	}
}

// unreachable marks people whom mail does not reach.
func (s *site) unreachable(names ...string) {
	s.t.Helper()
	for _, name := range names {
		p := token.Person{Organization: s.org, ID: name, Email: s.email(name)}
		if err := s.direct.MarkUndeliverable(s.t.Context(), p, s.clock()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// outcomes are what became of a token's notices, oldest first.
func (s *site) outcomes(id token.ID) []notice.Outcome {
	s.t.Helper()
	outcomes, err := s.direct.Outcomes(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return outcomes
}

// due is all of the queue that is due.
func (s *site) due() []notice.Due {
	s.t.Helper()
	var all []notice.Due
	for shard := range dynamo.Shards {
		due, err := s.direct.Due(s.t.Context(), shard, token.DateOf(s.clock()), 10000)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, due...)
	}
	return all
}

// reminder is one that works through the proxies, or with what is given instead.
func (s *site) reminder(changes ...func(*reminder.Config)) *reminder.Reminder {
	s.t.Helper()
	style := sample.Style
	style.ConsoleURL = "https://keys." + s.domain
	c := reminder.Config{
		Queue: s.store, Mailer: s.mailer, Composer: newComposer(s.t, style), Schedule: schedule,
		Shards: dynamo.Shards, MaxWrites: dynamo.MaxWrites, AdminsSeenWithin: 30 * day, Now: s.clock,
		NewID: func(at time.Time) (token.ID, error) { return token.NewID(at, rand.Reader) },
		Log:   logger(s.log),
	}
	for _, change := range changes {
		change(&c)
	}
	r, err := reminder.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// run has a reminder run as scheduled now, and checks that its result adds up.
func (s *site) run(changes ...func(*reminder.Config)) reminder.Result {
	s.t.Helper()
	r, err := s.try(s.t.Context(), changes...)
	if err != nil {
		s.t.Fatalf("the run failed: %v", err)
	}
	return r
}

func (s *site) try(ctx context.Context, changes ...func(*reminder.Config)) (reminder.Result, error) {
	s.t.Helper()
	r, err := s.reminder(changes...).Handle(ctx, s.clock())
	s.adds(r)
	return r, err
}

func (s *site) adds(r reminder.Result) {
	s.t.Helper()
	if r.Due != r.Sent+r.Delegated+r.Skipped+r.Failed+r.Deferred || r.Abandoned > r.Failed {
		s.t.Errorf("the result does not add up: %+v", r)
	}
}
