package token_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestNewSelfRotatorRefusesHalfAConfiguration(t *testing.T) {
	s := tokentest.New(t, nil)
	for name, err := range map[string]error{
		"no rotator":         second(token.NewSelfRotator(nil, s.Store, 24*time.Hour)),
		"no store":           second(token.NewSelfRotator(s.Rotator, nil, 24*time.Hour)),
		"less than a day":    second(token.NewSelfRotator(s.Rotator, s.Store, 24*time.Hour-1)),
		"all that is needed": second(token.NewSelfRotator(s.Rotator, s.Store, 24*time.Hour)),
	} {
		if (err == nil) != (name == "all that is needed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// mustIssueSelf issues a token that may replace its own secret.
func mustIssueSelf(t *testing.T, s *tokentest.Service, p token.Principal, days int) (token.Token, token.Secret) {
	t.Helper()
	issued, err := s.Issue(t.Context(), p, token.IssueRequest{Name: "x", ExpiresInDays: &days, SelfRotation: true})
	if err != nil {
		t.Fatal(err)
	}
	return issued.Token, issued.Secret
}

// renew has a secret replaced by whoever holds it, after its use was marked.
func renew(t *testing.T, s *tokentest.Service, secret token.Secret) (token.Issued, error) {
	t.Helper()
	c, err := s.Verify(t.Context(), secret.Reveal())
	if err != nil {
		return token.Issued{}, err
	}
	use(t, s, secret)
	return s.RotateSelf(t.Context(), token.Holder{TokenID: secret.ID(), Generation: c.Generation, Address: "203.0.113.7", Client: "ci/1"})
}

func mustRenew(t *testing.T, s *tokentest.Service, secret token.Secret) token.Issued {
	t.Helper()
	issued, err := renew(t, s, secret)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// Noon of a token's first day to midnight of its 30th is 29 days and a half.
func TestRenewAt(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := mustIssueSelf(t, s, tokentest.Bob, 30)
	renewAt := func(secret token.Secret) time.Time {
		t.Helper()
		c, err := s.Verify(t.Context(), secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		now, err := s.Store.Token(t.Context(), made.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now.RenewAt(c)
	}
	if got, want := renewAt(old), tokentest.Noon.Add(19*24*time.Hour+16*time.Hour); !got.Equal(want) {
		t.Errorf("issued: %s, want %s", got, want)
	}
	s.Clock.T = tokentest.Noon.AddDate(0, 0, 20)
	issued := mustRenew(t, s, old)
	if got, want := renewAt(issued.Secret), s.Clock.T.Add(19*24*time.Hour+16*time.Hour); !got.Equal(want) {
		t.Errorf("renewed: %s, want %s", got, want)
	}
	if got := renewAt(old); !got.Equal(s.Clock.T) {
		t.Errorf("replaced: %s, want %s", got, s.Clock.T)
	}
}

func TestRotateSelf(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := mustIssueSelf(t, s, tokentest.Bob, 30)
	s.Clock.T = tokentest.Noon.AddDate(0, 0, 20)
	issued := mustRenew(t, s, old)
	if issued.ExpiresOn != tokentest.Today+50 || issued.LifetimeDays != 30 || issued.Rotation.Overlap != 24*time.Hour || !issued.SelfRotation {
		t.Errorf("token %+v", issued.Token)
	}
	itself := token.Actor{Kind: token.ActorToken, ID: string(made.ID)}
	a := s.Store.Audits()[1]
	if a.Action != token.ActionRotated || a.Actor != itself || a.Address != "203.0.113.7" || a.Client != "ci/1" || issued.Rotation.RotatedBy != itself {
		t.Errorf("audit %+v, by %+v", a, issued.Rotation.RotatedBy)
	}
	change := s.Store.Rotations()[0]
	if change.By != token.PersonOwner("bob") || change.NotifyOn != tokentest.Today+21 || change.Current.ChosenOn != tokentest.Today {
		t.Errorf("change %+v", change)
	}
	use(t, s, old)
	use(t, s, issued.Secret)
	s.Clock.T = s.Clock.T.Add(24 * time.Hour)
	if _, err := s.Verify(t.Context(), old.Reveal()); err == nil {
		t.Error("the old secret works a day after the new one was used")
	}
}

// However often it replaces its secret, none lives beyond a year after a person last chose.
func TestSelfRotationEndsAYearAfterAPersonChose(t *testing.T) {
	s := tokentest.New(t, nil)
	made, secret := mustIssueSelf(t, s, tokentest.Bob, 90)
	for range 10 {
		s.Clock.T = s.Clock.T.AddDate(0, 0, 60)
		issued, err := renew(t, s, secret)
		if s.Clock.T.Before((tokentest.Today + 365).Start()) != (err == nil) {
			t.Fatalf("after %v: %v", s.Clock.T.Sub(tokentest.Noon), err)
		}
		if err != nil {
			break
		}
		if want := min(token.DateOf(s.Clock.T)+90, tokentest.Today+365); issued.ExpiresOn != want {
			t.Errorf("at %v it expires on %s, want %s", s.Clock.T, issued.ExpiresOn, want)
		}
		secret = issued.Secret
	}
	s.Clock.T = (tokentest.Today + 364).Start()
	use(t, s, secret)
	chosen := mustRotate(t, s, made.ID, token.RotateRequest{ExpiresInDays: new(90), Replace: nil})
	s.Clock.T = s.Clock.T.AddDate(0, 0, 80)
	if issued := mustRenew(t, s, chosen.Secret); issued.ExpiresOn != tokentest.Today+364+170 {
		t.Errorf("after a person has chosen again it expires on %s", issued.ExpiresOn)
	}
}

func TestWhatMayNotReplaceItsOwnSecret(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*tokentest.Service, token.Token)
		want   token.Code
	}{
		"as it was issued": {func(*tokentest.Service, token.Token) {}, ""},
		"not allowed": {func(s *tokentest.Service, k token.Token) {
			change(t, s, k.ID, func(c *token.Credential) { c.SelfRotation = false })
		}, token.CodeForbidden},
		"a record that was falsified": {func(s *tokentest.Service, k token.Token) {
			change(t, s, k.ID, func(c *token.Credential) { c.SelfRotation = false })
			k.SelfRotation = true
			s.Store.Put(k)
		}, token.CodeForbidden},
		"the policy forbids it": {func(s *tokentest.Service, _ token.Token) {
			s.Store.PutPolicy("acme", token.Policy{Version: 1, NoSelfRotation: true})
		}, token.CodeForbidden},
		"an end was set": {func(s *tokentest.Service, k token.Token) {
			change(t, s, k.ID, func(c *token.Credential) { c.EndsOn = k.ExpiresOn })
		}, token.CodeForbidden},
		"the owner has lost every role": {func(s *tokentest.Service, _ token.Token) {
			gone := tokentest.Bob
			gone.Role = token.RoleNone
			if _, err := s.List(t.Context(), gone, token.ListRequest{}); err != nil {
				t.Fatal(err)
			}
		}, token.CodeForbidden},
		"the owner is another": {func(s *tokentest.Service, k token.Token) {
			change(t, s, k.ID, func(c *token.Credential) { c.Owner = token.PersonOwner("nobody") })
		}, token.CodeForbidden},
		"the owner has left": {func(s *tokentest.Service, _ token.Token) { tokentest.MustLeave(t, s.Store, "bob") }, token.CodeForbidden},
	} {
		s := tokentest.New(t, nil)
		made, secret := mustIssueSelf(t, s, tokentest.Bob, 30)
		test.change(s, made)
		if _, err := renew(t, s, secret); token.CodeOf(err) != test.want || (err == nil) != (test.want == "") {
			t.Errorf("%s: error %v", name, err)
		}
		use(t, s, secret)
		if made := len(s.Store.Rotations()); made != map[bool]int{true: 1, false: 0}[test.want == ""] {
			t.Errorf("%s: %d rotations", name, made)
		}
	}
	s := tokentest.New(t, nil)
	s.Store.PutPolicy("acme", token.Policy{Version: 1, NoSelfRotation: true})
	_, err := s.Issue(t.Context(), tokentest.Bob, token.IssueRequest{Name: "x", ExpiresInDays: new(1), SelfRotation: true})
	if e, ok := errors.AsType[*token.Error](err); !ok || len(e.Fields) != 1 || e.Fields[0].Pointer != "/self_rotation" {
		t.Errorf("issuing what the policy forbids: %v", err)
	}
}

// change changes the stored credential of a token.
func change(t *testing.T, s *tokentest.Service, id token.ID, f func(*token.Credential)) {
	t.Helper()
	c, err := s.Store.Credential(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f(&c)
	s.Store.PutCredential(c)
}

// No policy has a token that replaces its own secret live longer than another.
func TestSelfRotationWithinThePolicy(t *testing.T) {
	s := tokentest.New(t, nil)
	_, secret := mustIssueSelf(t, s, tokentest.Bob, 60)
	s.Store.PutPolicy("acme", token.Policy{Version: 1, MaxDays: 10})
	if issued := mustRenew(t, s, secret); issued.ExpiresOn != tokentest.Today+10 || issued.LifetimeDays != 60 {
		t.Errorf("expires on %s, lifetime %d", issued.ExpiresOn, issued.LifetimeDays)
	}
}

func TestSelfRotationIsHourly(t *testing.T) {
	s := tokentest.New(t, nil)
	_, first := mustIssueSelf(t, s, tokentest.Bob, 30)
	second := mustRenew(t, s, first)
	for after, wait := range map[time.Duration]time.Duration{
		0: time.Hour, time.Hour - 500*time.Millisecond: time.Second, time.Hour - time.Second: time.Second,
	} {
		s.Clock.T = tokentest.Noon.Add(after)
		_, err := s.RotateSelf(t.Context(), token.Holder{TokenID: first.ID(), Generation: 2})
		if e, ok := errors.AsType[*token.Error](err); !ok || e.Code != token.CodeTooSoon || e.RetryAfter != wait {
			t.Errorf("after %v: %v", after, err)
		}
	}
	s.Clock.T = tokentest.Noon.Add(time.Hour)
	mustRenew(t, s, second.Secret)
}

// Who has lost the answer asks again with the old secret, which goes on working meanwhile.
func TestSelfRotationComesAgain(t *testing.T) {
	s := tokentest.New(t, nil)
	_, old := mustIssueSelf(t, s, tokentest.Bob, 30)
	lost := mustRenew(t, s, old)
	if _, err := renew(t, s, old); token.CodeOf(err) != token.CodeTooSoon {
		t.Errorf("at once: %v", err)
	}
	s.Clock.T = s.Clock.T.Add(time.Minute)
	found := mustRenew(t, s, old)
	if _, err := s.Verify(t.Context(), lost.Secret.Reveal()); err == nil {
		t.Error("the secret that was lost works")
	}
	use(t, s, old)
	use(t, s, found.Secret)
	if rotation := found.Rotation; rotation.OldGeneration != 1 {
		t.Errorf("rotation %+v", rotation)
	}
}

// What a person has made by hand may be on its way to where it is used: the old secret does
// not take it back.
func TestSelfRotationTakesNothingBackFromAPerson(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := mustIssueSelf(t, s, tokentest.Bob, 30)
	use(t, s, old)
	byHand := mustRotate(t, s, made.ID, token.RotateRequest{})
	s.Clock.T = s.Clock.T.Add(2 * time.Hour)
	if _, err := renew(t, s, old); token.CodeOf(err) != token.CodeUnused {
		t.Errorf("error %v", err)
	}
	mustRenew(t, s, byHand.Secret)
}

// The mark of a secret's first use may be lost. Who has it replaced has it, all the same.
func TestSelfRotationOfWhatWasNotMarked(t *testing.T) {
	s := tokentest.New(t, nil)
	_, first := mustIssueSelf(t, s, tokentest.Bob, 30)
	second := mustRenew(t, s, first)
	s.Clock.T = s.Clock.T.Add(2 * time.Hour)
	third, err := s.RotateSelf(t.Context(), token.Holder{TokenID: first.ID(), Generation: second.Rotation.Version})
	if err != nil {
		t.Fatal(err)
	}
	use(t, s, second.Secret)
	use(t, s, third.Secret)
}

// Two hold the same secret: the later one is refused, and owner and admins are notified,
// once a day.
func TestTwoHoldersOfOneSecret(t *testing.T) {
	s := tokentest.New(t, nil)
	away, unreachable, double := tokentest.Alice, tokentest.Alice, tokentest.Alice
	away.Subject, away.Email = "away", "away@acme.example"
	unreachable.Subject, unreachable.Email = "unreachable", "unreachable@acme.example"
	double.Subject, double.Email = "double", "Alice@acme.example"
	for _, p := range []token.Principal{away, unreachable, double, tokentest.Alice, tokentest.Dave} {
		s.Clock.T = tokentest.Noon
		if p == away {
			s.Clock.T = tokentest.Noon.AddDate(0, 0, -31)
		}
		if _, err := s.List(t.Context(), p, token.ListRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	s.Store.PutPerson(token.Person{
		Organization: "acme", ID: "unreachable", Email: unreachable.Email, Role: token.RoleAdmin, Undeliverable: true,
	})
	s.Clock.T = tokentest.Noon
	made, stolen := mustIssueSelf(t, s, tokentest.Bob, 30)
	thiefs := mustRenew(t, s, stolen)
	use(t, s, thiefs.Secret)
	s.Clock.T = s.Clock.T.Add(2 * time.Hour)
	for _, again := range []bool{false, true} {
		if _, err := renew(t, s, stolen); token.CodeOf(err) != token.CodeRefused {
			t.Errorf("again: %v, error %v", again, err)
		}
		refused := s.Store.Refused()
		if len(refused) != 1 {
			t.Fatalf("%d are recorded", len(refused))
		}
		var to []string
		for _, id := range refused[0].Recipients {
			to = append(to, id)
		}
		slices.Sort(to)
		if !slices.Equal(to, []string{"alice", "bob"}) {
			t.Errorf("notified: %v", to)
		}
		a := refused[0].Audit
		if a.Action != token.ActionRotationRefused || a.Actor.ID != string(made.ID) || a.Address != "203.0.113.7" || refused[0].Token.ID != made.ID {
			t.Errorf("audit %+v", a)
		}
	}
	s.Clock.T = tokentest.Noon.Add(12 * time.Hour) // the next day
	if _, err := renew(t, s, stolen); token.CodeOf(err) != token.CodeRefused || len(s.Store.Refused()) != 2 {
		t.Errorf("the next day: %v, recorded %d", err, len(s.Store.Refused()))
	}
	// It is the later one who is refused, whoever that is.
	use(t, s, thiefs.Secret)
}

// An owner who is an admin is notified once.
func TestARefusalGoesToEachOnce(t *testing.T) {
	s := tokentest.New(t, nil)
	_, stolen := mustIssueSelf(t, s, tokentest.Alice, 30)
	use(t, s, mustRenew(t, s, stolen).Secret)
	if _, err := renew(t, s, stolen); token.CodeOf(err) != token.CodeRefused {
		t.Fatal(err)
	}
	if r := s.Store.Refused()[0].Recipients; len(r) != 1 {
		t.Errorf("notified: %v", r)
	}
}

func TestSelfRotationWhenThingsFail(t *testing.T) {
	fire := errors.New("the table is on fire")
	for _, method := range []string{"Token", "Credential", "Previous", "Policy", "PeopleByID", "Rotate", "Admins", "RotationRefused"} {
		s := tokentest.New(t, nil)
		_, stolen := mustIssueSelf(t, s, tokentest.Bob, 30)
		next := mustRenew(t, s, stolen)
		s.Clock.T = s.Clock.T.Add(time.Hour)
		h := token.Holder{TokenID: stolen.ID(), Generation: next.Rotation.Version}
		if method == "Admins" || method == "RotationRefused" {
			use(t, s, next.Secret)
			h.Generation = 1
		}
		s.Store.Fail(method, fire)
		if issued, err := s.RotateSelf(t.Context(), h); !errors.Is(err, fire) || issued.ID != "" {
			t.Errorf("%s: %v", method, err)
		}
	}
	for _, method := range []string{"Token", "Credential", "Previous", "Revoke", "EndPrevious"} {
		s := tokentest.New(t, nil)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		mustRotate(t, s, made.ID, token.RotateRequest{})
		s.Store.Fail(method, fire)
		for _, generation := range []int{1, 2} {
			_, err := s.RevokeSelf(t.Context(), token.Holder{TokenID: made.ID, Generation: generation})
			if other := generation == 2 && (method == "Previous" || method == "EndPrevious") || generation == 1 && method == "Revoke"; errors.Is(err, fire) == other {
				t.Errorf("%s, generation %d: %v", method, generation, err)
			}
		}
	}
}
