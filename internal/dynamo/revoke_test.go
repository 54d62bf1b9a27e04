package dynamo_test

import (
	"testing"

	"latchkey/internal/token"
)

func TestNothingStandsInTheWayOfARevocation(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(table, token.NewToken){
		"no quota":      func(tb table, _ token.NewToken) { tb.delete(t, "QUOTA#YWNtZQ#Ym9i", "QUOTA") },
		"no queue":      func(tb table, n token.NewToken) { tb.delete(t, "TOKEN#"+string(n.Token.ID), "QUEUE") },
		"no credential": func(tb table, n token.NewToken) { tb.delete(t, "SECRET#"+string(n.Token.ID), "CURRENT") },
	} {
		tb := newTable(t)
		n := tb.issue(t, tb.newToken(t, 30))
		gone(tb, n)
		if changed, err := tb.Revoke(t.Context(), tb.revocation(t, n.Token)); err != nil || !changed {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		got, err := tb.Token(t.Context(), n.Token.ID)
		if err != nil || got.RevokedAt.IsZero() || tb.count(t, "SECRET#") != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
