package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

const (
	// raceOperations is how many operations TestRaces does, unless RACE_OPERATIONS says
	// otherwise.
	raceOperations = 1200
	raceWorkers    = 12
	raceTokens     = 5 // that are alive at a time: few, so that operations meet
	raceDelay      = 4 * time.Millisecond
)

// Everything that writes to a token is done at once, on few tokens, each call delayed by a
// random time, so that every writer's read is old when it writes. What has to hold is in
// races_check_test.go and is checked after each operation.
func TestRaces(t *testing.T) {
	t.Parallel()
	operations := raceOperations
	if n, err := strconv.Atoi(os.Getenv("RACE_OPERATIONS")); err == nil {
		operations = n
	}
	r := newRace(t)
	todo := make(chan struct{})
	var workers sync.WaitGroup
	for range raceWorkers {
		workers.Go(func() {
			for range todo {
				r.operate(t.Context())
			}
		})
	}
	for done := 0; done < operations && !t.Failed(); done++ {
		todo <- struct{}{}
	}
	close(todo)
	workers.Wait()
	r.checkEnd()
	t.Log(r.counts)
}

// race is a table and what is known of it from the answers.
type race struct {
	table // its calls are delayed

	t        *testing.T
	direct   *dynamodb.Client // its calls are not
	verifier *token.Verifier
	manager  *token.Manager
	rotator  *token.Rotator

	mu     sync.Mutex
	tokens []*raced
	counts map[string]int // of operations that had an effect
}

// raced is what is known of one token. The race's mutex guards what changes.
type raced struct {
	token.NewToken

	falsifiable bool // its record may be falsified
	secrets     []token.Secret
	times       int             // of uses, each an hour later
	last        map[int]int     // the last use of each generation that was read while it was current
	seen        int             // the last use that was read from the record
	ending      bool            // somebody of its organization is revoking it
	revoked     bool            // a revocation was answered
	revokedBy   string          // by the answer that changed it
	expiring    bool            // its items are being deleted, as time to live does
	expired     bool            // they are gone
	falsified   bool            // its record is of another organization for now
	rotations   int             // that were begun or have ended
	rotating    int             // that are under way
	leasedAt    int             // rotations when the holder was about to lease it
	reissues    int             // that are under way: none with this id may succeed
	holder      string          // the run that has leased it, until that gives it back
	outcome     *notice.Outcome // of a mark that was answered
}

func newRace(t *testing.T) *race {
	t.Helper()
	proxy := faulty.NewProxy(t, endpoint)
	r := &race{table: newTableAt(t, proxy.URL), t: t, counts: map[string]int{}}
	for _, operation := range []string{"GetItem", "BatchGetItem", "Query", "UpdateItem", transaction} {
		proxy.Fail(operation, 0, faulty.Always, func(w http.ResponseWriter, req *http.Request, forward http.Handler) {
			time.Sleep(mathrand.N(raceDelay))
			forward.ServeHTTP(w, req)
		})
	}
	r.direct = undelayed()
	now := func() time.Time { return r.now }
	var err error
	if r.verifier, err = token.NewVerifier(r.Store, "lk", now); err != nil {
		t.Fatal(err)
	}
	r.manager, err = token.NewManager(token.ManagerConfig{Store: r.Store, Fold: strings.ToLower, Now: now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	r.rotator, err = token.NewRotator(token.RotatorConfig{
		Store: r.Store, Prefix: "lk", NotifyOn: func(_, today token.Date) token.Date { return today + 1 }, RetentionDays: 90,
		Now: now, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// undelayed is a client that no proxy stands before.
func undelayed() *dynamodb.Client {
	return dynamo.NewClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient: &http.Client{Timeout: time.Minute},
	})
}

// operate does one operation, and checks the token that it was done to.
func (r *race) operate(ctx context.Context) {
	k, living := r.pick()
	if living < raceTokens {
		k = r.issueOne(ctx)
	} else {
		operations := []struct {
			weight int
			do     func(context.Context, *raced)
		}{
			{30, r.use}, {12, r.rotate}, {20, r.send}, {8, r.bounce}, {9, r.revokeAs}, {6, r.falsify}, {4, r.issueAgain}, {2, r.expire},
		}
		n := mathrand.N(91)
		for _, o := range operations {
			if n -= o.weight; n < 0 {
				o.do(ctx, k)
				break
			}
		}
	}
	if k != nil {
		r.check(ctx, k)
	}
}

// pick chooses a token, mostly one that is alive, and says how many of these there are.
func (r *race) pick() (*raced, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var living []*raced
	for _, k := range r.tokens {
		if !k.revoked && !k.expiring {
			living = append(living, k)
		}
	}
	switch {
	case len(r.tokens) == 0:
		return nil, 0
	case len(living) == 0 || mathrand.N(5) == 0:
		return r.tokens[len(r.tokens)-1-mathrand.N(min(len(r.tokens), 3*raceTokens))], len(living)
	default:
		return living[mathrand.N(len(living))], len(living)
	}
}

// note changes what is known of a token.
func (r *race) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *race) did(what string) { r.note(func() { r.counts[what]++ }) }

// know reads what is known of a token.
func (r *race) know(k *raced) raced {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *k
	known.last = maps.Clone(k.last)
	return known
}

// drawn is a new token with its secret, for an organization's person.
func (r *race) drawn(organization, person string) (token.NewToken, token.Secret) {
	n := r.newToken(r.t, 30)
	secret, err := token.NewSecret("lk", n.Token.ID, rand.Reader)
	if err != nil {
		r.t.Error(err)
	}
	owner := token.PersonOwner(person)
	n.Token.Organization, n.Token.Owner, n.Audit.Organization = organization, owner, organization
	n.Token.Fingerprints[0].Sum = secret.Hash().Fingerprint()
	n.Credential.Organization, n.Credential.Owner, n.Credential.Hash = organization, owner, secret.Hash()
	n.MaxActive, n.MaxDaily = 200, 1_000_000
	return n, secret
}

func (r *race) issueOne(ctx context.Context) *raced {
	n, secret := r.drawn("acme", "bob")
	if err := r.Issue(ctx, n); err != nil {
		r.t.Errorf("issuing: %v", err)
		return nil
	}
	k := &raced{NewToken: n, secrets: []token.Secret{secret}, last: map[int]int{}, falsifiable: mathrand.N(3) == 0}
	r.note(func() { r.tokens = append(r.tokens, k) })
	r.did("issued")
	return k
}

// issueAgain tries to get another secret for an id that there is.
func (r *race) issueAgain(ctx context.Context, k *raced) {
	mine := false
	r.note(func() {
		if !k.expiring {
			k.reissues++
			mine = true
		}
	})
	if !mine {
		return
	}
	defer r.note(func() { k.reissues-- })
	n, _ := r.drawn("globex", "dave")
	n.Token.ID, n.Credential.TokenID = k.Token.ID, k.Token.ID
	if err := r.Issue(ctx, n); err == nil {
		r.t.Errorf("%s was issued a second time", k.Token.ID)
	}
	r.did("refused an id that is taken")
}

// use presents a secret and marks its use, as the authorizer does. The uses of a generation
// are in a time of their own, so that a mark says whose it is.
func (r *race) use(ctx context.Context, k *raced) {
	var secret token.Secret
	var at time.Time
	before := r.know(k)
	r.note(func() {
		secret = k.secrets[max(0, len(k.secrets)-1-mathrand.N(2))]
		k.times++
		at = r.now.Add(time.Duration(k.times) * time.Hour)
	})
	c, err := r.verifier.Verify(ctx, secret.Reveal())
	if _, refused := errors.AsType[*token.RefusedError](err); refused {
		return
	}
	if err != nil {
		r.t.Errorf("verifying: %v", err)
		return
	}
	if before.revoked || before.expired || c.Organization != "acme" || c.Owner != k.Credential.Owner {
		r.t.Errorf("%s lets in %s of %s; before: %s", k.Token.ID, c.Owner.ID, c.Organization, &before)
	}
	at = at.Add(time.Duration(c.Generation) * generationTime)
	if err := r.Used(ctx, c, at, "203.0.113.0/24"); err != nil {
		r.t.Errorf("marking a use: %v", err)
	}
	r.did("used")
}

// generationTime keeps the uses of generations apart.
const generationTime = 100_000 * time.Hour

// rotate replaces a token's secret, or takes back a new one.
func (r *race) rotate(ctx context.Context, k *raced) {
	bob := token.Principal{
		Organization: "acme", Subject: k.Credential.Owner.ID, Email: "bob@acme.example", EmailVerified: true, Role: token.RoleManager,
	}
	id := string(k.Token.ID)
	r.note(func() { k.rotations++; k.rotating++ })
	defer r.note(func() { k.rotations++; k.rotating-- })
	if mathrand.N(4) == 0 {
		if _, err := r.rotator.Cancel(ctx, bob, id); r.expected("cancelling a rotation", err) {
			r.did("rotation cancelled")
		}
		return
	}
	request := token.RotateRequest{OldSecret: []token.OldSecret{token.OldOverlaps, token.OldEnds}[mathrand.N(2)]}
	if c, err := r.Credential(ctx, k.Token.ID); err == nil && mathrand.N(2) == 0 {
		request.Replace = &c.Generation
	}
	issued, err := r.rotator.Rotate(ctx, bob, id, request)
	if r.expected("rotating", err) {
		r.note(func() { k.secrets = append(k.secrets, issued.Secret) })
		r.did("rotated")
	}
}

// expected reports whether what was tried was done. It may be refused, as what others do at
// the same time makes it.
func (r *race) expected(what string, err error) bool {
	if code := token.CodeOf(err); err != nil && (code == "" || code == token.CodeInvalidRequest) {
		r.t.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// revokeAs has the owner, an admin or an admin of another organization revoke a token.
func (r *race) revokeAs(ctx context.Context, k *raced) {
	who := []string{"bob", "alice", "dave", "dave"}[mathrand.N(4)]
	p := manager(who)
	if who != "bob" {
		p.Role = token.RoleAdmin
	}
	if who == "dave" {
		p.Organization = "globex"
	} else {
		r.note(func() { k.ending = true })
	}
	shown, err := r.manager.Revoke(ctx, p, string(k.Token.ID), "it leaked")
	after := r.know(k)
	switch {
	case who == "dave":
		if err == nil && !after.ending && !after.expiring {
			r.t.Errorf("another organization revoked %s: %+v", k.Token.ID, shown)
		}
		if err != nil {
			r.did("refused another organization")
		}
		return
	case token.CodeOf(err) == token.CodeNotFound && (k.falsifiable || after.expiring):
		return // the record was another's, or gone
	case err != nil:
		r.t.Errorf("revoking %s: %v", k.Token.ID, err)
		return
	}
	r.note(func() {
		k.revoked = true
		if k.revokedBy == "" {
			k.revokedBy = shown.RevokedBy
		}
		if k.revokedBy != shown.RevokedBy && !k.falsifiable && !k.expiring {
			r.t.Errorf("%s was revoked by %s and by %s", k.Token.ID, k.revokedBy, shown.RevokedBy)
		}
	})
	r.did("revoked")
}
