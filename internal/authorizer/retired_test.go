package authorizer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/internal/authorizer"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// rotated is a door whose secret was replaced: the old one is refused from now on.
func rotated(t *testing.T) (d *door, old, current string) {
	t.Helper()
	d = newDoor(t, authorizer.Unauthorized)
	issued, err := d.Rotate(t.Context(), tokentest.Bob, string(d.token.ID), token.RotateRequest{OldSecret: token.OldEnds})
	if err != nil {
		t.Fatal(err)
	}
	return d, d.secret, issued.Secret.Reveal()
}

// The owner is notified that a secret is used which was replaced: once a day, however often
// it comes.
func TestAReplacedSecretIsUsed(t *testing.T) {
	d, old, current := rotated(t)
	for _, day := range []int{0, 0, 1, 1, 1, 2} {
		d.Clock.T = tokentest.Noon.AddDate(0, 0, day)
		if _, err := d.ask(t, load(t, httpAPI, "Bearer "+old)); err == nil || err.Error() != "Unauthorized" {
			t.Errorf("error %v", err)
		}
		if len(d.recorder.retired) != day+1 {
			t.Fatalf("on day %d the owner was notified %d times", day, len(d.recorder.retired))
		}
	}
	if r := d.recorder.retired[0]; r.TokenID != d.token.ID || r.Owner != token.PersonOwner("bob") || r.Organization != "acme" {
		t.Errorf("notified of %+v", r)
	}
	if _, err := d.ask(t, load(t, httpAPI, "Bearer "+current)); err != nil {
		t.Errorf("the current one: %v", err)
	}
}

// An old secret whose overlap is over is a replaced one, too.
func TestAnOldSecretIsUsedAfterItsOverlap(t *testing.T) {
	d := newDoor(t, authorizer.Unauthorized)
	issued, err := d.Rotate(t.Context(), tokentest.Bob, string(d.token.ID), token.RotateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Verify(t.Context(), issued.Secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Store.Used(t.Context(), c, tokentest.Noon, ""); err != nil {
		t.Fatal(err)
	}
	d.Clock.T = tokentest.Noon.Add(24 * time.Hour)
	if _, err := d.ask(t, load(t, httpAPI, "Bearer "+d.secret)); err == nil {
		t.Fatal("the old one is let in")
	}
	if len(d.recorder.retired) != 1 || d.recorder.retired[0].Owner != token.PersonOwner("bob") {
		t.Errorf("notified of %+v", d.recorder.retired)
	}
}

// Nobody is notified of what says nothing of a replaced secret.
func TestOtherRefusalsNotifyNobody(t *testing.T) {
	d, old, current := rotated(t)
	forged := current[:len(current)-7] + "0" + current[len(current)-6:]
	if _, err := d.Revoke(t.Context(), tokentest.Bob, string(d.token.ID), ""); err != nil {
		t.Fatal(err)
	}
	for _, presented := range []string{old, current, forged, "garbage"} {
		if _, err := d.ask(t, load(t, httpAPI, "Bearer "+presented)); err == nil {
			t.Error("it is let in")
		}
	}
	if len(d.recorder.retired) != 0 {
		t.Errorf("notified of %+v", d.recorder.retired)
	}
}

// That it cannot be noted changes no answer, and the log says so.
func TestAReplacedSecretIsRefusedWhateverHappens(t *testing.T) {
	d, old, _ := rotated(t)
	d.recorder.err = errors.New("the table is on fire")
	if _, err := d.ask(t, load(t, httpAPI, "Bearer "+old)); err == nil || err.Error() != "Unauthorized" {
		t.Errorf("error %v", err)
	}
	if log := d.log.String(); !strings.Contains(log, "on fire") || !strings.Contains(log, `"level":"WARN"`) {
		t.Errorf("log %s", log)
	}
}
