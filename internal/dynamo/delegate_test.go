package dynamo_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// A token is delegated in the write that makes the notices to admins, or not at all.
func TestDelegatingIsOneWrite(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	k := tb.tokenOf(t, "bob")
	d := tb.entry(t, tb.tomorrow())
	tb.lease(t, d, "run", tb.now)
	subject := notice.Subject{ID: k.ID, Kind: notice.Expires(15), Date: k.EndDate()}
	n := notice.Notice{
		ID: newID(t, tb.now), Kind: notice.Expires(15), Organization: "acme", Recipient: "alice", Tokens: []notice.Subject{subject},
		CreatedAt: tb.now, Actor: token.Service, Instead: true,
	}
	other := n
	other.ID, other.Recipient = newID(t, tb.now), "dave"
	change := notice.Change{Run: "another run", Notices: []notice.Notice{n, other}, Marks: []notice.Mark{{
		Ref: d.Ref, Outcomes: []notice.Outcome{{Kind: subject.Kind, Date: subject.Date, At: tb.now, State: notice.Delegated, Admins: 2}},
	}}}
	if err := tb.Mark(t.Context(), change); !errors.Is(err, notice.ErrLeaseLost) {
		t.Errorf("without a lease: %v", err)
	}
	if _, err := tb.Notice(t.Context(), n.ID); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("a notice was made all the same: %v", err)
	}
	change.Run = "run"
	if err := tb.Mark(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if got, err := tb.Notice(t.Context(), n.ID); err != nil || fmt.Sprint(got) != fmt.Sprint(n) {
		t.Errorf("notice %+v, %v; want %+v", got, err, n)
	}
	// Each is leased, sent and marked like a token's entry. When none of the admins could be
	// notified, nobody was.
	for i, of := range []notice.Notice{n, other} {
		due := notice.Due{
			Ref: notice.Ref{ID: of.ID, Notice: true}, Organization: "acme", Recipient: of.Recipient, Kind: of.Kind, On: token.DateOf(tb.now),
		}
		got, ok := tb.lease(t, due, "run", tb.now)
		if !ok || fmt.Sprint(got.Notice) != fmt.Sprint(of) {
			t.Errorf("leased %+v, %v", got, ok)
		}
		err := tb.Mark(t.Context(), notice.Change{Run: "run", Marks: []notice.Mark{{
			Ref: due.Ref, Subjects: of.Tokens,
			Outcomes: []notice.Outcome{{Kind: of.Kind, Date: token.DateOf(tb.now), At: tb.now, State: notice.Abandoned}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		want := []notice.State{notice.Delegated, notice.Abandoned}[i]
		if got, err := tb.Outcomes(t.Context(), k.ID); err != nil || len(got) != 1 || got[0].State != want || got[0].Admins != 1-i {
			t.Errorf("after %d: outcomes %+v, %v", i+1, got, err)
		}
	}
	// A third one there cannot be: the record of the token is not that of this notice.
	third := notice.Ref{ID: newID(t, tb.now), Notice: true}
	n.ID = third.ID
	if err := tb.Mark(t.Context(), notice.Change{Run: "run", Notices: []notice.Notice{n}}); err != nil {
		t.Fatal(err)
	}
	tb.lease(t, notice.Due{Ref: third, Kind: n.Kind, On: token.DateOf(tb.now)}, "run", tb.now)
	var lost *notice.LostError
	err := tb.Mark(t.Context(), notice.Change{Run: "run", Marks: []notice.Mark{{
		Ref: third, Subjects: n.Tokens, Outcomes: []notice.Outcome{{Kind: n.Kind, Date: 1, At: tb.now, State: notice.Abandoned}},
	}}})
	if !errors.As(err, &lost) || len(lost.Entries) != 0 || !slices.Equal(lost.Subjects, []token.ID{k.ID}) {
		t.Errorf("one admin too many: %v", err)
	}
}

// Whoever revokes another's token has its owner notified of who, when and why.
func TestTheOwnerIsNotifiedOfARevocation(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	k := tb.tokenOf(t, "bob")
	tb.revokedBy(t, "alice", k)
	d := tb.entry(t, tb.tomorrow()-1)
	if !d.Notice || d.Kind != notice.Revoked || d.Recipient != "bob" || d.Organization != "acme" || d.On != token.DateOf(tb.now) {
		t.Errorf("due %+v", d)
	}
	l, ok := tb.lease(t, d, "run", tb.now)
	if n := l.Notice; !ok || n.Kind != notice.Revoked || n.Actor.ID != "alice" || n.Reason != "it leaked" || n.Instead ||
		!n.CreatedAt.Equal(tb.now) || len(n.Tokens) != 1 || n.Tokens[0].ID != k.ID {
		t.Errorf("leased %+v, %v", l, ok)
	}
	o := notice.Outcome{Kind: notice.Revoked, Date: token.DateOf(tb.now), At: tb.now, State: notice.Sent, MessageID: "m-1"}
	mail := &notice.SentMail{ID: newID(t, tb.now), MessageID: "m-1", At: tb.now, Organization: "acme", Recipient: "bob", Entries: []notice.Ref{d.Ref}}
	mark := notice.Mark{Ref: d.Ref, Outcomes: []notice.Outcome{o}, Subjects: l.Notice.Tokens}
	if err := tb.Mark(t.Context(), notice.Change{Run: "run", Mail: mail, Marks: []notice.Mark{mark}}); err != nil {
		t.Fatal(err)
	}
	tb.nothing(t, tb.tomorrow()+400)
	if got, err := tb.Outcomes(t.Context(), k.ID); err != nil || !slices.Equal(got, []notice.Outcome{o}) {
		t.Errorf("the token's outcomes are %+v, %v", got, err)
	}
	if got, err := tb.Outcome(t.Context(), d.ID); err != nil || got != o {
		t.Errorf("the notice's outcome is %+v, %v", got, err)
	}
	o.Bounces = notice.Bounces{Count: 1, Since: tb.now}
	if ok, err := tb.Bounce(t.Context(), d.Ref, o, tb.tomorrow(), tb.now.Add(time.Hour)); err != nil || !ok {
		t.Errorf("bounced: %v, %v", ok, err)
	}
	if got := tb.entry(t, tb.tomorrow()); got.Ref != d.Ref || got.Kind != notice.Revoked {
		t.Errorf("after a bounce %+v", got)
	}
	if _, err := tb.Outcome(t.Context(), newID(t, tb.now)); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("the outcome of no notice: %v", err)
	}
}

// Admins are those seen last first, as many as are asked for and accepted, and no further
// reads are made when these are found.
func TestAdminsSeenLast(t *testing.T) {
	t.Parallel()
	tb := newTable(t)
	for i := range 120 {
		p := token.Person{Organization: "acme", ID: fmt.Sprintf("admin%03d", i), Email: fmt.Sprintf("a%d@acme.example", i), Role: token.RoleAdmin}
		if _, err := tb.KeepPerson(t.Context(), p, tb.now.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	demoted := token.Person{Organization: "acme", ID: "admin118"}
	if _, err := tb.Demote(t.Context(), demoted.Organization, demoted.ID, token.RoleNone); err != nil {
		t.Fatal(err)
	}
	asked := 0
	found, err := tb.Admins(t.Context(), "acme", tb.now.Add(10*time.Minute), 3, func(p token.Person) bool {
		asked++
		return p.ID != "admin117"
	})
	var ids []string
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	if err != nil || !slices.Equal(ids, []string{"admin119", "admin116", "admin115"}) || asked != 4 {
		t.Errorf("found %q by asking %d times, %v", ids, asked, err)
	}
	all, err := tb.Admins(t.Context(), "acme", tb.now.Add(10*time.Minute), 1000, func(token.Person) bool { return true })
	if err != nil || len(all) != 109 {
		t.Errorf("%d admins were seen since, %v", len(all), err)
	}
}
