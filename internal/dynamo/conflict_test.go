package dynamo_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/dev/local/faulty"
	"latchkey/internal/token"
)

// DynamoDB Local never has two transactions conflict, so a proxy says that they did.

// contested is a table of which some transactions lose to others that nobody sees.
func contested(t *testing.T) (table, *faulty.Proxy) {
	t.Helper()
	proxy := faulty.NewProxy(t, endpoint)
	return newTableAt(t, proxy.URL), proxy
}

const transaction = "TransactWriteItems"

// sdkTries is how often the SDK tries a call by itself.
const sdkTries = 4

// revoke revokes a token as an admin does.
func (tb table) revoke(t *testing.T, k token.Token) (bool, error) {
	t.Helper()
	return tb.Revoke(t.Context(), tb.revocation(t, k))
}

func TestLostRacesAreRunAgain(t *testing.T) {
	t.Parallel()
	tb, proxy := contested(t)
	proxy.Fail(transaction, 0, sdkTries+2, faulty.Conflict)
	n := tb.issue(t, tb.newToken(t, 30))

	proxy.Fail(transaction, 0, sdkTries+2, faulty.Conflict)
	if changed, err := tb.revoke(t, n.Token); !changed || err != nil {
		t.Errorf("revoking: %v, %v", changed, err)
	}
}

func TestRacesThatAreAlwaysLostEndAsBusy(t *testing.T) {
	t.Parallel()
	tb, proxy := contested(t)
	n := tb.issue(t, tb.newToken(t, 30))

	proxy.Fail(transaction, 0, faulty.Always, faulty.Conflict)
	if err := tb.Issue(t.Context(), tb.newToken(t, 30)); !errors.Is(err, token.ErrBusy) {
		t.Errorf("issuing: %v", err)
	}
	if changed, err := tb.revoke(t, n.Token); changed || !errors.Is(err, token.ErrBusy) {
		t.Errorf("revoking: %v, %v", changed, err)
	}
	proxy.Heal()
	if got, err := tb.Token(t.Context(), n.Token.ID); err != nil || !got.RevokedAt.IsZero() {
		t.Errorf("what was refused had an effect: %+v, %v", got, err)
	}
	if n := tb.count(t, "SECRET#"); n != 1 {
		t.Errorf("%d credentials, want 1", n)
	}
}

// Somebody who issues without end cannot keep an admin from revoking: the count of active
// tokens is given up, not the revocation.
func TestABusyOwnerDoesNotStandInTheWayOfRevoking(t *testing.T) {
	t.Parallel()
	tb, proxy := contested(t)
	n := tb.issue(t, tb.newToken(t, 30))

	onOwner := func(body string) bool { return strings.Contains(body, "QUOTA#") }
	proxy.FailWhen(transaction, onOwner, 0, faulty.Always, faulty.Conflict)
	if changed, err := tb.revoke(t, n.Token); !changed || err != nil {
		t.Fatalf("revoking: %v, %v", changed, err)
	}
	if got, err := tb.Token(t.Context(), n.Token.ID); err != nil || got.Status(tb.now) != token.StatusRevoked {
		t.Errorf("%+v, %v", got, err)
	}
	if n := tb.count(t, "AUDIT#"); n != 2 {
		t.Errorf("%d audit entries, want those of issue and revocation", n)
	}
}

func TestAThrottledTableIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	tb, proxy := contested(t)
	n := tb.issue(t, tb.newToken(t, 30))
	before := proxy.Count("GetItem")
	proxy.Fail("GetItem", 0, faulty.Always,
		faulty.Answer(http.StatusBadRequest, "ProvisionedThroughputExceededException", "slow down"))
	if _, err := tb.Token(t.Context(), n.Token.ID); err == nil {
		t.Error("no error")
	}
	if tries := proxy.Count("GetItem") - before; tries != sdkTries {
		t.Errorf("%d tries, want %d", tries, sdkTries)
	}
}
