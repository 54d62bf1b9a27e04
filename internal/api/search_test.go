package api_test

import (
	"crypto/rand"
	"log/slog"
	"net/url"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/text"
	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// A search finds what people see: words in any order, each in the name, the hint, the id or
// the owner's address, whatever their case, width, spaces and composition.
func TestSearchAsPeopleSeeIt(t *testing.T) {
	s := newService(t)
	manager, err := token.NewManager(token.ManagerConfig{Store: s.Store, Fold: text.Fold, Now: s.Clock.Now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s.handlers[listRoute] = api.Read(slog.New(slog.DiscardHandler), s.claims, manager, records{s.notices, s.Store}, s.Clock.Now)
	made, _ := s.MustIssue(t, tokentest.Bob, "Café Export Straße １", 30)
	s.MustIssue(t, tokentest.Erin, "Kitchen", 30)
	id, hint := string(made.ID), made.Hint
	for q, found := range map[string]bool{
		"Cafe\u0301": true, "CAFÉ": true, "ｃａｆé": true, "\u00a0café\u3000export ": true, "strasse 1": true,
		"export café": true, "1 bob café": true, "bob@acme.example": true, "BOB@ACME": true, "bob export": true,
		id: true, id[20:]: true, hint: true, hint[len(hint)-4:] + " caf": true,
		"cafe": false, "exportcafé": false, "café erin": false, "\U0001f511": false,
	} {
		r := event(t, listRoute, tokentest.Alice, "", "")
		r.QueryStringParameters, r.RawQueryString = map[string]string{"owner": "all", "q": q}, "owner=all&q="+url.QueryEscape(q)
		list := s.send(t, listRoute, r).ok(200)
		tokens, _ := list.json["tokens"].([]any)
		if len(tokens) > 1 || (len(tokens) == 1) != found {
			t.Errorf("%+q finds %d, want the one %t: %s", q, len(tokens), found, list.Body)
		}
	}
}
