// Package sample has one e-mail of each kind, for tests and previews.
package sample

import (
	"strings"

	"latchkey/internal/reminder"
	"latchkey/internal/token"
)

// Style is that of the samples.
var Style = reminder.Style{
	Company: "Acme Cloud", ConsoleURL: "https://keys.acme.example", Color: "#1d4ed8",
	Support: "Questions? Write to platform@acme.example.",
}

// Mail is an e-mail to look at.
type Mail struct {
	Name   string // also of its files
	Notice reminder.Notice
}

// today is the day of all samples: 23 November 2026.
const today token.Date = 20780

var (
	bob   = token.Owner{Organization: "acme", ID: "bob", Email: "bob@acme.example"}
	alice = token.Owner{Organization: "acme", ID: "alice", Email: "alice@acme.example", Admin: true}
	dave  = token.Owner{Organization: "acme", ID: "dave", Email: "dave@acme.example", Admin: true}
)

// expiring is a token of bob's with so many days left.
func expiring(id, name string, days int) token.Token {
	id = "01K9" + strings.Repeat("0", 18) + id
	return token.Token{
		ID: token.ID(id), Organization: bob.Organization, Owner: bob.ID, Name: name,
		Hint: "lk_…" + id[22:] + "_…x4Zq", ExpiresOn: today + token.Date(days),
	}
}

func toOwner(tokens ...token.Token) reminder.Notice {
	return reminder.Notice{Organization: bob.Organization, Owner: bob, To: []token.Owner{bob}, Today: today, Tokens: tokens}
}

func toAdmins(tokens ...token.Token) reminder.Notice {
	n := toOwner(tokens...)
	n.To, n.ForAdmins = []token.Owner{alice, dave}, true
	return n
}

// Mails are one e-mail of each kind, and some with names that try to break them.
func Mails() []Mail {
	gone := toAdmins(expiring("7K2Q", "Nightly export", 7))
	gone.Owner = token.Owner{Organization: "acme", ID: "9b2f6c1e-4d3a"}
	elsewhere := toOwner(expiring("7K2Q", "Nightly export", 7))
	elsewhere.Organization = "Müller & Söhne <GmbH>"
	return []Mail{
		{"15-days", toOwner(expiring("7K2Q", "Nightly export", 15))},
		{"7-days", toOwner(expiring("7K2Q", "Nightly export", 7))},
		{"1-day", toOwner(expiring("7K2Q", "Nightly export", 1))},
		{"expired", toOwner(expiring("7K2Q", "Nightly export", 0))},
		{"expired-while-nothing-ran", toOwner(expiring("7K2Q", "Nightly export", -3))},
		{"several-on-one-day", toOwner(expiring("7K2Q", "Nightly export", 7), expiring("9ZT4", "CI pipeline", 7))},
		{"several-on-several-days", toOwner(
			expiring("7K2Q", "Nightly export", 15), expiring("9ZT4", "CI pipeline", 7), expiring("M3XA", "Partner feed", 1))},
		{"several-expired", toOwner(expiring("7K2Q", "Nightly export", 0), expiring("9ZT4", "CI pipeline", -1))},
		{"expired-and-expiring", toOwner(
			expiring("7K2Q", "Nightly export", 7), expiring("9ZT4", "CI pipeline", 0), expiring("M3XA", "Partner feed", 15))},
		{"admins", toAdmins(expiring("7K2Q", "Nightly export", 7))},
		{"admins-expired", toAdmins(expiring("7K2Q", "Nightly export", 0))},
		{"admins-several", toAdmins(expiring("7K2Q", "Nightly export", 7), expiring("9ZT4", "CI pipeline", 0))},
		{"admins-owner-unknown", gone},
		{"name-html", toOwner(expiring("7K2Q", `</title><script>alert("x")</script> & 'quotes' <b>`, 7))},
		{"name-emoji", toOwner(expiring("7K2Q", "🚀 Déploiement «prod» — 東京", 7))},
		{"name-right-to-left", toOwner(expiring("7K2Q", "ייצוא לילי 24", 7), expiring("9ZT4", "تصدير ليلي", 7))},
		{"name-longest", toOwner(expiring("7K2Q", strings.Repeat("Abcdefghi-", 10), 15))},
		{"name-line-breaks", toOwner(expiring("7K2Q", "Export\r\nBcc: eve@evil.example\r\n\r\n<p>\u2028\u202e\x00x", 7))},
		{"organization-html", elsewhere},
	}
}
