package token_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestNewRotatorRefusesHalfAConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*token.RotatorConfig){
		"no store":      func(c *token.RotatorConfig) { c.Store = nil },
		"no notices":    func(c *token.RotatorConfig) { c.NotifyOn = nil },
		"no clock":      func(c *token.RotatorConfig) { c.Now = nil },
		"no randomness": func(c *token.RotatorConfig) { c.Random = nil },
		"no prefix":     func(c *token.RotatorConfig) { c.Prefix = "" },
		"no retention":  func(c *token.RotatorConfig) { c.RetentionDays = 0 },
	} {
		c := token.RotatorConfig{
			Store: tokentest.NewStore(), Prefix: "lk", NotifyOn: expiry, RetentionDays: 1, Now: time.Now, Random: tokentest.Random(),
		}
		if _, err := token.NewRotator(c); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		if r, err := token.NewRotator(c); err == nil || r != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// mustRotate rotates on behalf of Bob.
func mustRotate(t *testing.T, s *tokentest.Service, id token.ID, r token.RotateRequest) token.Issued {
	t.Helper()
	issued, err := s.Rotate(t.Context(), tokentest.Bob, string(id), r)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// use presents a secret and marks its use.
func use(t *testing.T, s *tokentest.Service, secret token.Secret) {
	t.Helper()
	c, err := s.Verify(t.Context(), secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.Used(t.Context(), c, s.Clock.T, "203.0.113.0/24"); err != nil {
		t.Fatal(err)
	}
}

func TestRotate(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := s.MustIssue(t, tokentest.Bob, "x", 30)
	use(t, s, old)
	s.Clock.T = tokentest.Noon.Add(48 * time.Hour).Add(700 * time.Millisecond)
	now := tokentest.Noon.Add(48 * time.Hour)
	issued := mustRotate(t, s, made.ID, token.RotateRequest{ExpiresInDays: new(60), OverlapHours: new(48)})
	want := made
	want.Hint, want.ExpiresOn, want.LifetimeDays = issued.Secret.Hint(), tokentest.Today+62, 60
	want.Rotation = &token.Rotation{
		Version: 2, RotatedAt: now, RotatedBy: token.Actor{Kind: token.ActorPerson, ID: "bob"}, OldHint: made.Hint,
		OldGeneration: 1, OldExpiresAt: made.ExpiresAt(), Overlap: 48 * time.Hour, OldLifetime: 30,
	}
	first := token.Use{FirstAt: tokentest.Noon, LastAt: tokentest.Noon, From: "203.0.113.0/24"}
	want.Uses = token.Uses{0: first, 1: first, 2: {}}
	want.Fingerprints = append(slices.Clone(made.Fingerprints), token.Fingerprint{
		Generation: 2, Sum: issued.Secret.Hash().Fingerprint(), MadeAt: now,
	})
	if !reflect.DeepEqual(issued.Token, want) {
		t.Errorf("token %+v\nwant  %+v", issued.Token, want)
	}
	c, err := s.Store.Credential(t.Context(), made.ID)
	if err != nil || c.Generation != 2 || c.Version != 2 || c.ChosenOn != tokentest.Today+2 || c.LifetimeDays != 60 || c.Hash != issued.Secret.Hash() {
		t.Errorf("credential %+v, error %v", c, err)
	}
	change := s.Store.Rotations()[0]
	if change.NotifyOn != tokentest.Today+3 || !change.DeleteAt.Equal((tokentest.Today + 62 + 90).Start()) || change.By != token.PersonOwner("bob") {
		t.Errorf("notify on %s, delete at %v, by %+v", change.NotifyOn, change.DeleteAt, change.By)
	}
	if a := change.Audit; a.Action != token.ActionRotated || a.Detail != "overlap" || a.TokenID != made.ID || a.Actor.ID != "bob" {
		t.Errorf("audit %+v", a)
	}
	if old.Reveal() == issued.Secret.Reveal() || issued.Secret.ID() != made.ID {
		t.Error("the new secret is not another one of the same token")
	}
}

// Without a wish, the new secret lives as long as was chosen last and the old one works for
// a day.
func TestRotateAsBefore(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := s.MustIssue(t, tokentest.Bob, "x", 30)
	issued := mustRotate(t, s, made.ID, token.RotateRequest{})
	if issued.ExpiresOn != tokentest.Today+30 || issued.Rotation.Overlap != 24*time.Hour {
		t.Errorf("expires on %s, overlap %v", issued.ExpiresOn, issued.Rotation.Overlap)
	}
	s.Clock.T = tokentest.Noon.Add(time.Hour)
	use(t, s, issued.Secret)
	for after, works := range map[time.Duration]bool{24*time.Hour - time.Second: true, 24 * time.Hour: false} {
		s.Clock.T = tokentest.Noon.Add(time.Hour).Add(after)
		if _, err := s.Verify(t.Context(), old.Reveal()); (err == nil) != works {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

// No rotation makes a secret that the policy would not have allowed.
func TestRotateWithinThePolicy(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 60)
	s.Store.PutPolicy("acme", token.Policy{Version: 1, MaxDays: 10})
	if issued := mustRotate(t, s, made.ID, token.RotateRequest{}); issued.ExpiresOn != tokentest.Today+10 {
		t.Errorf("expires on %s", issued.ExpiresOn)
	}
	_, err := s.Rotate(t.Context(), tokentest.Bob, string(made.ID), token.RotateRequest{ExpiresInDays: new(11), Replace: new(2)})
	if token.CodeOf(err) != token.CodeInvalidRequest {
		t.Errorf("error %v", err)
	}
}

func TestRotateRefusesWhatIsNotAllowed(t *testing.T) {
	date := (tokentest.Today + 9).String()
	for name, test := range map[string]struct {
		request token.RotateRequest
		pointer string
	}{
		"both dates":           {token.RotateRequest{ExpiresInDays: new(1), ExpiresOn: &date}, "/expires_on"},
		"no day":               {token.RotateRequest{ExpiresInDays: new(0)}, "/expires_in_days"},
		"beyond a year":        {token.RotateRequest{ExpiresInDays: new(366)}, "/expires_in_days"},
		"no date":              {token.RotateRequest{ExpiresOn: new("soon")}, "/expires_on"},
		"today":                {token.RotateRequest{ExpiresOn: new(tokentest.Today.String())}, "/expires_on"},
		"another end":          {token.RotateRequest{OldSecret: "later"}, "/old_secret"},
		"an overlap at an end": {token.RotateRequest{OldSecret: token.OldEnds, OverlapHours: new(1)}, "/overlap_hours"},
		"no overlap":           {token.RotateRequest{OverlapHours: new(0)}, "/overlap_hours"},
		"more than a week":     {token.RotateRequest{OverlapHours: new(169)}, "/overlap_hours"},
		"no version":           {token.RotateRequest{Replace: new(0)}, "/replace"},
	} {
		s := tokentest.New(t, nil)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		_, err := s.Rotate(t.Context(), tokentest.Bob, string(made.ID), test.request)
		e, ok := errors.AsType[*token.Error](err)
		if !ok || e.Code != token.CodeInvalidRequest || !slices.ContainsFunc(e.Fields, func(f token.FieldError) bool { return f.Pointer == test.pointer }) {
			t.Errorf("%s: error %+v", name, err)
		}
		if len(s.Store.Rotations()) != 0 {
			t.Errorf("%s: rotated all the same", name)
		}
	}
	for _, hours := range []int{1, 168} {
		s := tokentest.New(t, nil)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		mustRotate(t, s, made.ID, token.RotateRequest{OverlapHours: &hours})
	}
}

// Whose token it is, and who may change it, is what the credential says.
func TestWhoMayRotate(t *testing.T) {
	verified := func(p token.Principal, change func(*token.Principal)) token.Principal {
		change(&p)
		return p
	}
	for name, test := range map[string]struct {
		p    token.Principal
		want token.Code
	}{
		"the owner":                  {tokentest.Bob, ""},
		"an admin":                   {tokentest.Alice, ""},
		"another manager":            {tokentest.Erin, token.CodeNotFound},
		"another organization":       {tokentest.Dave, token.CodeNotFound},
		"without a role":             {verified(tokentest.Bob, func(p *token.Principal) { p.Role = token.RoleNone }), token.CodeForbidden},
		"without a verified address": {verified(tokentest.Bob, func(p *token.Principal) { p.EmailVerified = false }), token.CodeEmailNotVerified},
	} {
		s := tokentest.New(t, nil)
		made, old := s.MustIssue(t, tokentest.Bob, "x", 30)
		_, err := s.Rotate(t.Context(), test.p, string(made.ID), token.RotateRequest{OldSecret: token.OldEnds})
		if token.CodeOf(err) != test.want || (err == nil) != (test.want == "") {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := s.Verify(t.Context(), old.Reveal()); (err == nil) != (test.want != "") {
			t.Errorf("%s: the old secret: %v", name, err)
		}
		_, err = s.Cancel(t.Context(), test.p, string(made.ID))
		if want := map[bool]token.Code{true: token.CodeUsed, false: test.want}[test.want == ""]; token.CodeOf(err) != want {
			t.Errorf("%s: taking back: error %v, want %q", name, err, want)
		}
	}
	s := tokentest.New(t, nil)
	for _, id := range []string{"", "x", string(vectorID)} {
		if _, err := s.Rotate(t.Context(), tokentest.Bob, id, token.RotateRequest{}); token.CodeOf(err) != token.CodeNotFound {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

// A record that was falsified gets nobody else's secret replaced.
func TestTheCredentialSaysWhoseItIs(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
	falsified := made
	falsified.Organization, falsified.Owner = "globex", token.PersonOwner("dave")
	s.Store.Put(falsified)
	if _, err := s.Rotate(t.Context(), tokentest.Dave, string(made.ID), token.RotateRequest{}); token.CodeOf(err) != token.CodeNotFound {
		t.Errorf("error %v", err)
	}
}

func TestWhatHasEndedIsNotRotated(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 1)
	s.Clock.T = made.ExpiresAt()
	if _, err := s.Rotate(t.Context(), tokentest.Bob, string(made.ID), token.RotateRequest{}); token.CodeOf(err) != token.CodeEnded {
		t.Errorf("expired: %v", err)
	}
	made, _ = s.MustIssue(t, tokentest.Bob, "x", 1)
	if _, err := s.Revoke(t.Context(), tokentest.Bob, string(made.ID), ""); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"rotate": func() error {
			_, err := s.Rotate(t.Context(), tokentest.Bob, string(made.ID), token.RotateRequest{})
			return err
		},
		"cancel": func() error { _, err := s.Cancel(t.Context(), tokentest.Bob, string(made.ID)); return err },
	} {
		if err := change(); token.CodeOf(err) != token.CodeEnded {
			t.Errorf("%s of a revoked one: %v", name, err)
		}
	}
}

// Who has left gets no secret, and gives none.
func TestWhoHasLeftRotatesNothing(t *testing.T) {
	for _, gone := range []string{"bob", "alice"} {
		s := tokentest.New(t, nil)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		tokentest.MustLeave(t, s.Store, gone)
		if _, err := s.Rotate(t.Context(), tokentest.Alice, string(made.ID), token.RotateRequest{}); !errors.Is(err, token.ErrLeft) {
			t.Errorf("%s has left: %v", gone, err)
		}
	}
}

// What was taken back leaves no trace in what is shown but its fingerprint.
func TestCancel(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := s.MustIssue(t, tokentest.Bob, "x", 30)
	use(t, s, old)
	issued := mustRotate(t, s, made.ID, token.RotateRequest{ExpiresInDays: new(90)})
	got, err := s.Cancel(t.Context(), tokentest.Alice, string(made.ID))
	if err != nil {
		t.Fatal(err)
	}
	if got.Rotation != nil || got.Hint != made.Hint || got.ExpiresOn != made.ExpiresOn || got.LifetimeDays != 30 || len(got.Fingerprints) != 2 {
		t.Errorf("token %+v", got.Token)
	}
	if _, err := s.Verify(t.Context(), issued.Secret.Reveal()); !errors.As(err, new(*token.RefusedError)) {
		t.Errorf("the new secret: %v", err)
	}
	use(t, s, old)
	if a := s.Store.Audits(); a[len(a)-1].Action != token.ActionRotationCancelled || a[len(a)-1].Actor.ID != "alice" {
		t.Errorf("audit %+v", a[len(a)-1])
	}
	// Another new secret has another generation than the one that was taken back.
	if again := mustRotate(t, s, made.ID, token.RotateRequest{}); again.Rotation.Version <= issued.Rotation.Version {
		t.Errorf("version %d after %d", again.Rotation.Version, issued.Rotation.Version)
	}
}

// A new secret that is in use is not taken back, also if its first use is marked while
// somebody tries.
func TestWhatIsUsedIsNotTakenBack(t *testing.T) {
	s := tokentest.New(t, nil)
	made, old := s.MustIssue(t, tokentest.Bob, "x", 30)
	use(t, s, old)
	issued := mustRotate(t, s, made.ID, token.RotateRequest{})
	s.Store.After("Credential", func() { use(t, s, issued.Secret) })
	if _, err := s.Cancel(t.Context(), tokentest.Bob, string(made.ID)); token.CodeOf(err) != token.CodeUsed {
		t.Errorf("error %v", err)
	}
	use(t, s, issued.Secret)
	use(t, s, old)
}

func TestFingerprintsToKeep(t *testing.T) {
	s := tokentest.New(t, nil)
	made, _ := s.MustIssue(t, tokentest.Bob, "x", 300)
	last := token.Issued{}
	for n := range 60 {
		s.Clock.T = s.Clock.T.Add(time.Minute)
		last = mustRotate(t, s, made.ID, token.RotateRequest{OldSecret: token.OldEnds, ExpiresInDays: new(365)})
		if want := min(n+2, 40); len(last.Fingerprints) != want {
			t.Errorf("%d are kept after %d rotations, want %d", len(last.Fingerprints), n+1, want)
		}
	}
	s.Clock.T = s.Clock.T.Add(31 * 24 * time.Hour)
	last = mustRotate(t, s, made.ID, token.RotateRequest{OldSecret: token.OldEnds})
	if len(last.Fingerprints) != 10 || last.Fingerprints[9].Sum != last.Secret.Hash().Fingerprint() {
		t.Errorf("%d are kept a month later, want the last ten", len(last.Fingerprints))
	}
}

// OldEndsAt is what the decision goes by, as far as the record knows.
func TestOldEndsAt(t *testing.T) {
	at := tokentest.Noon
	rotated1 := token.Token{ExpiresOn: tokentest.Today + 60, Uses: token.Uses{2: {}}, Rotation: &token.Rotation{
		Version: 2, OldGeneration: 1, OldExpiresAt: (tokentest.Today + 20).Start(), Overlap: 24 * time.Hour,
	}}
	for name, test := range map[string]struct {
		change func(*token.Token)
		want   time.Time
	}{
		"unused":                 {func(*token.Token) {}, (tokentest.Today + 20).Start()},
		"the new one's date":     {func(k *token.Token) { k.ExpiresOn = tokentest.Today + 5 }, (tokentest.Today + 5).Start()},
		"in use":                 {func(k *token.Token) { k.Uses = token.Uses{2: {FirstAt: at}} }, at.Add(24 * time.Hour)},
		"in use, near its date":  {func(k *token.Token) { k.Uses = token.Uses{2: {FirstAt: at.AddDate(0, 0, 20)}} }, (tokentest.Today + 20).Start()},
		"ended at once":          {func(k *token.Token) { k.Rotation = &token.Rotation{Version: 2, OldExpiresAt: at} }, at},
		"there was no rotation":  {func(k *token.Token) { k.Rotation = nil }, time.Time{}},
		"the token ends earlier": {func(k *token.Token) { k.EndsOn = tokentest.Today + 2 }, (tokentest.Today + 2).Start()},
	} {
		k := rotated1
		test.change(&k)
		if got := k.OldEndsAt(); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// A rotation that does not end well says so, and gives no secret.
func TestRotateWhenThingsFail(t *testing.T) {
	fire := errors.New("the table is on fire")
	for _, method := range []string{"KeepPerson", "Token", "Credential", "Previous", "Policy", "Rotate"} {
		s := tokentest.New(t, nil)
		made, _ := s.MustIssue(t, tokentest.Bob, "x", 30)
		mustRotate(t, s, made.ID, token.RotateRequest{})
		s.Store.Fail(method, fire)
		issued, err := s.Rotate(t.Context(), tokentest.Bob, string(made.ID), token.RotateRequest{Replace: new(2)})
		if !errors.Is(err, fire) || !reflect.DeepEqual(issued, token.Issued{}) {
			t.Errorf("%s: %+v, error %v", method, issued, err)
		}
		if _, err := s.Cancel(t.Context(), tokentest.Bob, string(made.ID)); !errors.Is(err, fire) {
			t.Errorf("%s: taking back: %v", method, err)
		}
	}
}
