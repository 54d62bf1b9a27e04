package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"latchkey/internal/dev/emulator"
	"latchkey/internal/dev/holder"
	"latchkey/internal/dev/local"
)

const root = "../../.."

var dynamoDB, aws string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	database, err := local.StartDynamoDB(context.Background(), local.DynamoDBConfig{NodeModules: root + "/node_modules"})
	if err != nil {
		return 0, err
	}
	defer database.Stop()
	emulated, err := emulator.Start(context.Background(), emulator.Config{Root: root})
	if err != nil {
		return 0, err
	}
	defer emulated.Stop()
	dynamoDB, aws = database.Endpoint(), emulated.Endpoint()
	return m.Run(), nil
}

// vault is a secret in Secrets Manager that holds a token, and the function that rotates it.
type vault struct {
	*holder.Service
	*rotator

	t  *testing.T
	id string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	service := holder.Start(t, dynamoDB, time.Now())
	v := &vault{Service: service, t: t, id: "token-" + rand.Text()}
	v.rotator = &rotator{url: service.URL, log: slog.New(slog.DiscardHandler)}
	v.over(direct)
	value := service.Issue(t, 30)
	if _, err := v.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &v.id, SecretString: &value}); err != nil {
		t.Fatal(err)
	}
	return v
}

func client(endpoint string, calls *http.Client) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
		HTTPClient: calls,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

var steps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// rotate does what Secrets Manager does: a step after the other, none after one that fails.
func (v *vault) rotate(version string) error {
	for _, step := range steps {
		if err := v.handle(v.t.Context(), event{SecretID: v.id, Version: version, Step: step}); err != nil {
			return err
		}
	}
	return nil
}

// current is the token that programs get. It must work.
func (v *vault) current() string {
	v.t.Helper()
	value, _, err := v.labelled(v.t.Context(), v.id, current)
	if err != nil {
		v.t.Fatal(err)
	}
	if !v.Works(v.t, value) {
		v.t.Fatal("the token that programs get does not work")
	}
	return value
}

func TestRotate(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for range 3 {
		old, version := v.current(), rand.Text()+"-for-a-rotation"
		if err := v.rotate(version); err != nil {
			t.Fatal(err)
		}
		fresh := v.current()
		if fresh == old || !v.Works(t, old) {
			t.Error("the token was not rotated, or the old one has ended at once")
		}
		for _, step := range steps { // Secrets Manager may ask again
			if err := v.handle(t.Context(), event{SecretID: v.id, Version: version, Step: step}); err != nil {
				t.Errorf("%s again: %v", step, err)
			}
		}
		if v.current() != fresh {
			t.Error("a step that came again rotated once more")
		}
		v.Pass(24 * time.Hour)
		if v.current(); v.Works(t, old) {
			t.Error("the old token works a day after the new one's first use")
		}
	}
}

// A call that is not made, and one whose answer is lost, at any place: the token that
// programs get works, and the next rotation succeeds, be it the same or another one.
func TestARotationFailsAnywhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ after, same bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		failed := 0
		for at := 1; ; at++ {
			v := newVault(t)
			old, version := v.current(), rand.Text()+"-for-a-rotation"
			v.over(&transport{at: at, after: test.after})
			err := v.rotate(version)
			v.over(direct)
			done := v.current() != old
			if err == nil {
				break
			}
			failed++
			if !test.same {
				if done { // another one would be too soon
					continue
				}
				version = rand.Text() + "-for-a-rotation"
			}
			v.Pass(time.Minute)
			if err := v.rotate(version); err != nil {
				t.Errorf("%+v, call %d: the next rotation: %v", test, at, err)
			}
			if v.current() == old {
				t.Errorf("%+v, call %d: the next rotation did not rotate", test, at)
			}
		}
		if failed != 9 {
			t.Errorf("%+v: a rotation failed at %d places", test, failed)
		}
	}
}

// over has all calls go over a transport.
func (v *vault) over(transport http.RoundTripper) {
	calls := &http.Client{Timeout: 20 * time.Second, Transport: transport}
	v.secrets, v.http = client(aws, calls), calls
}

// transport fails one of the calls that the function makes, to Secrets Manager or to the API,
// however often the SDK tries it.
type transport struct {
	at    int
	after bool
	calls int
	last  string // what the SDK calls the call
}

// direct has a connection for each call: one that was cut must not disturb the next call.
var direct = &http.Transport{DisableKeepAlives: true}

var errCut = errors.New("the connection was cut")

// RoundTrip implements http.RoundTripper.
func (f *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if id := r.Header.Get("Amz-Sdk-Invocation-Id"); id == "" || id != f.last {
		f.calls++
		f.last = id
	}
	if f.calls == f.at && !f.after {
		return nil, errCut
	}
	response, err := direct.RoundTrip(r)
	if f.calls == f.at && err == nil {
		response.Body.Close()
		return nil, errCut
	}
	return response, err
}

func TestNothingSecretIsSaid(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	var log strings.Builder
	v.log = slog.New(slog.NewJSONHandler(&log, nil))
	old := v.current()
	if err := v.rotate(rand.Text() + "-for-a-rotation"); err != nil {
		t.Fatal(err)
	}
	again := v.rotate(rand.Text() + "-for-a-rotation")
	if again == nil || !strings.Contains(again.Error(), "too_soon") {
		t.Errorf("a second rotation at once: %v", again)
	}
	unknown := v.handle(t.Context(), event{SecretID: v.id, Version: "x", Step: "deleteSecret"})
	said := fmt.Sprint(log.String(), again, unknown)
	if unknown == nil || !strings.Contains(said, "finishSecret") || strings.Contains(said, old) || strings.Contains(said, v.current()) {
		t.Errorf("said: %s", said)
	}
}

func TestBuild(t *testing.T) {
	for url, ok := range map[string]bool{"https://keys.acme.example/": true, "": false, "http://keys.acme.example": false} {
		t.Setenv("LATCHKEY_URL", url)
		r, err := build(t.Context())
		if (err == nil) != ok || (ok && r.url != "https://keys.acme.example") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
