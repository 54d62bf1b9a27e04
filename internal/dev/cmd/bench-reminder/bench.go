package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/reminder/mail/sample"
	"latchkey/internal/ses"
	"latchkey/internal/token"
)

// schedule is the days before expiry on which owners are notified.
var schedule = notice.Schedule{15, 7, 0}

const (
	table         = "bench"
	tokensOfOwner = 2
	writers       = 4
	batchSize     = 25 // items in one BatchWriteItem
)

// row is what was measured among so many tokens.
type row struct {
	Tokens                int
	Due, Scan, Run, Empty cost
	Result                reminder.Result
}

type report struct {
	Date, Machine, Go, Arguments string
	Due                          int
	Rows                         []row
}

type bench struct {
	meter  *meter
	client *dynamodb.Client
	store  *dynamo.Store
	mailer *ses.Mailer
	clock  func() time.Time
	now    time.Time // when it began
}

func newBench(ctx context.Context, database, mails string, clock func() time.Time) (*bench, error) {
	config := func(endpoint string) aws.Config {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}
	}
	b := &bench{meter: &meter{clock: clock}, clock: clock, now: clock().UTC().Truncate(time.Second)}
	metered := config(database)
	metered.HTTPClient = &http.Client{Timeout: time.Minute} // DynamoDB Local takes its time with much data
	metered.APIOptions = append(metered.APIOptions, b.meter.attach)
	b.client = dynamo.NewClient(metered)
	if err := dynamo.CreateTable(ctx, b.client, table); err != nil {
		return nil, err
	}
	var err error
	if b.store, err = dynamo.New(b.client, table); err != nil {
		return nil, err
	}
	b.mailer, err = ses.New(config(mails), ses.Config{From: "no-reply@latchkey.example", PerSecond: 10_000})
	return b, err
}

// items are a token's record, its entry in the queue and the person who owns it, as the
// store writes them.
type items struct {
	record, entry, person map[string]types.AttributeValue
}

// fill writes tokens as copies of one that the store wrote: the first ones due today,
// the others in the coming year.
func (b *bench) fill(ctx context.Context, tokens, due int) error {
	today := token.DateOf(b.now)
	like, err := b.examples(ctx)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(writers)
	var requests []types.WriteRequest
	flush := func() {
		batch := requests
		requests = nil
		g.Go(func() error { return b.write(ctx, batch) })
	}
	put := func(item map[string]types.AttributeValue) {
		if requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}); len(requests) == batchSize {
			flush()
		}
	}
	for i := range tokens {
		id, err := token.NewID(b.now, rand.Reader)
		if err != nil {
			return err
		}
		owner := fmt.Sprintf("owner-%d", i/tokensOfOwner)
		expires, on := today+15, today
		if i >= due {
			on = today + 1 + token.Date(i%350)
			expires = on + 15
		}
		ttl := number((expires + 90).Start().Unix())
		record := maps.Clone(like.record)
		record["pk"], record["id"] = text("TOKEN#"+string(id)), text(string(id))
		record["owner_id"], record["owner_key"], record["live_owner"] = text(owner), text(organization+"#"+owner), text(organization+"#"+owner)
		record["expires_at"], record["live_key"], record["ttl"] = number(expires.Start().Unix()), text(expires.String()+"#"+string(id)), ttl
		put(record)
		entry := maps.Clone(like.entry)
		entry["pk"], entry["token"], entry["owner_id"] = text("TOKEN#"+string(id)), text(string(id)), text(owner)
		entry["due_shard"], entry["due_key"] = number(int64(i%dynamo.Shards)), text(on.String()+"#"+string(id))
		entry["ttl"] = ttl
		put(entry)
		if i%tokensOfOwner == 0 && i < due {
			person := maps.Clone(like.person)
			person["sk"], person["person_id"], person["email"] = text(encoded(owner)), text(owner), text(owner+"@acme.example")
			put(person)
		}
	}
	flush()
	return g.Wait()
}

// organization is whose the tokens are.
const organization = "acme"

// encoded is a claim as the table's keys have it.
func encoded(claim string) string { return base64.RawURLEncoding.EncodeToString([]byte(claim)) }

// examples are the items of a token that the store issued.
func (b *bench) examples(ctx context.Context) (items, error) {
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Store: b.store, Prefix: "lk", NotifyOn: schedule.First, MaxActive: 1, MaxDaily: 1, RetentionDays: 90,
		Now: func() time.Time { return b.now }, Random: rand.Reader,
	})
	if err != nil {
		return items{}, err
	}
	p := token.Principal{Organization: organization, Subject: "bob", Email: "bob@acme.example", EmailVerified: true, Role: token.RoleManager}
	days := 30
	issued, err := issuer.Issue(ctx, p, token.IssueRequest{Name: "Nightly export of all orders", ExpiresInDays: &days})
	if err != nil {
		return items{}, err
	}
	read := func(pk, sk string) map[string]types.AttributeValue {
		out, failed := b.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(table), Key: map[string]types.AttributeValue{"pk": text(pk), "sk": text(sk)},
		})
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("reading the example %s: %w", pk, failed))
			return nil
		}
		return out.Item
	}
	id := "TOKEN#" + string(issued.ID)
	return items{read(id, "TOKEN"), read(id, "QUEUE"), read("PEOPLE#"+encoded(organization), encoded("bob"))}, err
}

func (b *bench) write(ctx context.Context, requests []types.WriteRequest) error {
	for len(requests) > 0 {
		out, err := b.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: requests},
		})
		if err != nil {
			return fmt.Errorf("writing tokens: %w", err)
		}
		requests = out.UnprocessedItems[table]
	}
	return nil
}

// find reads what is due, as a run does, and says what that cost.
func (b *bench) find(ctx context.Context) (cost, error) {
	return b.meter.measure(func() error {
		for shard := range dynamo.Shards {
			if _, err := b.store.Due(ctx, shard, token.DateOf(b.now), 10_000_000); err != nil {
				return err
			}
		}
		return nil
	})
}

// scan reads the whole table, which is how one would find what is due without the index.
func (b *bench) scan(ctx context.Context) (cost, error) {
	return b.meter.measure(func() error {
		pages := dynamodb.NewScanPaginator(b.client, &dynamodb.ScanInput{TableName: aws.String(table), Select: types.SelectCount})
		for pages.HasMorePages() {
			if _, err := pages.NextPage(ctx); err != nil {
				return fmt.Errorf("scanning: %w", err)
			}
		}
		return nil
	})
}

// run has the reminder send all that is due.
func (b *bench) run(ctx context.Context) (cost, reminder.Result, error) {
	composer, err := mail.NewComposer(sample.Style)
	if err != nil {
		return cost{}, reminder.Result{}, err
	}
	r, err := reminder.New(reminder.Config{
		Queue: b.store, Mailer: b.mailer, Composer: composer, Schedule: schedule,
		Shards: dynamo.Shards, MaxWrites: dynamo.MaxWrites, AdminsSeenWithin: 30 * 24 * time.Hour, Now: b.clock, Log: slog.New(slog.DiscardHandler),
		NewID: func(at time.Time) (token.ID, error) { return token.NewID(at, rand.Reader) },
	})
	if err != nil {
		return cost{}, reminder.Result{}, err
	}
	var result reminder.Result
	c, err := b.meter.measure(func() (err error) {
		result, err = r.Run(ctx, b.now)
		return err
	})
	return c, result, err
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// peak is the most memory that Go had from the system so far, in MB.
func peak() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.Sys >> 20)
}
