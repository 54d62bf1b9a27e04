// Package sample has one e-mail of each kind, for tests and previews.
package sample

import (
	"fmt"
	"strings"
	"time"

	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// Style is that of the samples.
var Style = mail.Style{
	Company: "Acme Cloud", ConsoleURL: "https://keys.acme.example", Color: "#1d4ed8",
	Support: "Questions? Write to platform@acme.example.", SupportURL: "https://acme.example/support",
}

// Mail is an e-mail to look at.
type Mail struct {
	Name    string // also of its files
	Content mail.Content
}

// today is the day of all samples: 23 November 2026.
const today token.Date = 20780

var (
	bob   = token.Person{Organization: "acme", ID: "bob", Email: "bob@acme.example"}
	ben   = token.Person{Organization: "acme", ID: "ben", Email: "ben@acme.example"}
	alice = token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Admin: true}
)

// expiring is a key of bob's with so many days left.
func expiring(id, name string, days int) mail.Key {
	id = "01K9" + strings.Repeat("0", 18) + id
	k := mail.Key{Token: token.Token{
		ID: token.ID(id), Organization: bob.Organization, Owner: token.PersonOwner(bob.ID), CreatedBy: bob.ID, Name: name,
		Hint: "lk_…" + id[22:] + "_…x4Zq", ExpiresOn: today + token.Date(days),
	}, Owner: bob}
	if days > -2 {
		k.Uses = token.Uses{1: {LastAt: (today - 3).Start()}}
	}
	return k
}

// revoked is a key of bob's that alice has revoked.
func revoked(id, name, reason string) mail.Key {
	k := expiring(id, name, 30)
	k.RevokedAt, k.RevokedBy, k.RevokeReason, k.By = today.Start().Add(9*time.Hour+7*time.Minute), alice.ID, reason, alice
	return k
}

func to(about mail.About, who token.Person, keys ...mail.Key) mail.Content {
	return mail.Content{About: about, Organization: who.Organization, To: who, Today: today, Keys: keys}
}

func toOwner(keys ...mail.Key) mail.Content { return to(mail.Expiry, bob, keys...) }

func toAdmin(keys ...mail.Key) mail.Content { return to(mail.Instead, alice, keys...) }

// Phishing is a name that would have its reader open another page.
const Phishing = "x” has expired. Your account is locked, sign in at https://evil.example or www.evil.example"

// Mails are one e-mail of each kind, and some with names that try to break them.
func Mails() []Mail {
	night, ci, feed := expiring("7K2Q", "Nightly export", 7), expiring("9ZT4", "CI pipeline", 0), expiring("M3XA", "Partner feed", 15)
	unknown := night
	unknown.Owner = token.Person{Organization: "acme", ID: "9b2f6c1e-4d3a"}
	unknown.Token.Owner = token.PersonOwner(unknown.Owner.ID)
	others := expiring("9ZT4", "CI pipeline", 0)
	others.Owner, others.Token.Owner = ben, token.PersonOwner(ben.ID)
	elsewhere := toOwner(night)
	elsewhere.Organization = "Müller & Söhne <GmbH>"
	var many []mail.Key
	for i := range 53 {
		many = append(many, expiring(fmt.Sprintf("%04d", i), fmt.Sprintf("Worker %d", i), i%3*7))
	}
	return []Mail{
		{"15-days", toOwner(expiring("7K2Q", "Nightly export", 15))},
		{"7-days", toOwner(night)},
		{"1-day", toOwner(expiring("7K2Q", "Nightly export", 1))},
		{"expired", toOwner(expiring("7K2Q", "Nightly export", 0))},
		{"expired-while-nothing-ran", toOwner(expiring("7K2Q", "Nightly export", -3))},
		{"several-on-one-day", toOwner(night, expiring("9ZT4", "CI pipeline", 7))},
		{"several-on-several-days", toOwner(feed, expiring("9ZT4", "CI pipeline", 7), expiring("M3XB", "Old feed", 1))},
		{"several-expired", toOwner(expiring("7K2Q", "Nightly export", 0), expiring("9ZT4", "CI pipeline", -1))},
		{"expired-and-expiring", toOwner(night, ci, feed)},
		{"table", toOwner(night, ci, feed, expiring("QQQQ", strings.Repeat("Abcdefghi-", 10), -4))},
		{"fifty-three", toOwner(many...)},
		{"admin", toAdmin(night)},
		{"admin-expired", toAdmin(expiring("7K2Q", "Nightly export", 0))},
		{"admin-several", toAdmin(night, ci)},
		{"admin-several-owners", toAdmin(night, others)},
		{"admin-table", toAdmin(night, others, feed, expiring("QQQQ", Phishing, 1))},
		{"admin-owner-unknown", toAdmin(unknown)},
		{"admin-phishing", toAdmin(expiring("7K2Q", Phishing, 7))},
		{"revoked", to(mail.Revoked, bob, revoked("7K2Q", "Nightly export", "It was in a public repository."))},
		{"revoked-several", to(mail.Revoked, bob, revoked("7K2Q", "Nightly export", ""), revoked("9ZT4", "CI pipeline", "See "+Phishing))},
		{"revoked-table", to(
			mail.Revoked, bob, revoked("7K2Q", "Nightly export", ""), revoked("9ZT4", "CI pipeline", "Not used any more"),
			revoked("M3XA", "Partner feed", ""), revoked("QQQQ", "Old", ""),
		)},
		{"name-html", toOwner(expiring("7K2Q", `</title><script>alert("x")</script> & 'quotes' <b>`, 7))},
		{"name-emoji", toOwner(expiring("7K2Q", "🚀 Déploiement «prod» — 東京 👨‍👩‍👧", 7))},
		{"name-joined", toOwner(expiring("7K2Q", "می\u200cخواهم क्\u200dष", 7))},
		{"name-right-to-left", toOwner(expiring("7K2Q", "ייצוא לילי 24", 7), expiring("9ZT4", "تصدير ليلي", 7))},
		{"name-longest", toOwner(expiring("7K2Q", strings.Repeat("Abcdefghi-", 10), 15))},
		{"name-line-breaks", toOwner(expiring("7K2Q", "Export\r\nBcc: eve@evil.example\r\n\r\n<p>\u2028\u202e\x00x", 7))},
		{"organization-html", elsewhere},
	}
}
