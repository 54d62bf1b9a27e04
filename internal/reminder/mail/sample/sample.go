// Package sample has one e-mail of each kind, for tests and previews.
package sample

import (
	"fmt"
	"strings"
	"time"

	"latchkey/internal/notice"
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
	alice = token.Person{Organization: "acme", ID: "alice", Email: "alice@acme.example", Role: token.RoleAdmin}
)

// expiring is a key of bob's with so many days left.
func expiring(id, name string, days int) mail.Key {
	id = "01K9" + strings.Repeat("0", 18) + id
	k := mail.Key{Token: token.Token{
		ID: token.ID(id), Organization: bob.Organization, Owner: token.PersonOwner(bob.ID), CreatedBy: bob.ID, Name: name,
		Hint: "lk_…" + id[22:] + "_…x4Zq", ExpiresOn: today + token.Date(days),
	}, Owner: bob, Kind: notice.Expires(max(days, 0))}
	if days > -2 {
		k.Uses = token.Uses{1: {LastAt: (today - 3).Start(), From: "203.0.113.0/24"}}
	}
	return k
}

// revoked is a key of bob's that alice has revoked.
func revoked(id, name, reason string) mail.Key {
	k := expiring(id, name, 30)
	k.Kind = notice.Revoked
	k.RevokedAt, k.RevokedBy, k.RevokeReason, k.By = today.Start().Add(9*time.Hour+7*time.Minute), alice.ID, reason, alice
	return k
}

// replaced is a key of bob's that got a new API token, with so many days left for the old
// one.
func replaced(id, name string, days int, kind notice.Kind) mail.Key {
	k := expiring(id, name, 180)
	made := (today - 5).Start().Add(10 * time.Hour)
	k.Kind, k.Uses = kind, token.Uses{1: k.Uses[1], 2: {}}
	k.Rotation = &token.Rotation{
		Version: 2, RotatedAt: made, RotatedBy: token.Actor{Kind: token.ActorPerson, ID: bob.ID}, Overlap: 24 * time.Hour,
		OldHint: "lk_…" + id + "_…9aBc", OldGeneration: 1, OldExpiresAt: (today + token.Date(days)).Start(), OldLifetime: 90,
	}
	return k
}

// bothUsed is one whose API tokens are both in use.
func bothUsed(id, name string) mail.Key {
	k := replaced(id, name, 30, notice.OldUsed)
	first := (today - 1).Start().Add(10*time.Hour + 12*time.Minute)
	k.Uses = token.Uses{1: {LastAt: first.Add(3 * time.Hour), From: "198.51.100.0/24"}, 2: {FirstAt: first, LastAt: first.Add(9 * time.Hour)}}
	return k
}

// happened is what has happened to the API tokens of a key.
func happened(id, name string, kind notice.Kind) mail.Key {
	k := replaced(id, name, -1, kind)
	k.At = today.Start().Add(9*time.Hour + 7*time.Minute)
	return k
}

func renewed(id, name string, times int) mail.Key {
	k := replaced(id, name, 30, notice.Renewed)
	k.Count, k.Rotation.RotatedBy = times, token.Actor{Kind: token.ActorToken, ID: string(k.ID)}
	return k
}

func unusedUntilTheEnd(id, name string) mail.Key {
	k := replaced(id, name, 30, notice.Expires(7))
	k.ExpiresOn = today + 7
	return k
}

func fromNetwork(k mail.Key) mail.Key {
	k.From = "198.51.100.0/24"
	return k
}

func byItself(k mail.Key) mail.Key {
	k.RevokedBy, k.By = string(k.ID), token.Person{Organization: bob.Organization, ID: string(k.ID)}
	return k
}

func to(about mail.About, who token.Person, keys ...mail.Key) mail.Content {
	return mail.Content{About: about, Organization: who.Organization, To: who, Today: today, Keys: keys}
}

func toOwner(keys ...mail.Key) mail.Content { return to(mail.Dates, bob, keys...) }

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
		{"unused-7", toOwner(replaced("7K2Q", "Nightly export", 7, notice.Unused(7)))},
		{"unused-0", toOwner(replaced("7K2Q", "Nightly export", 0, notice.Unused(0)))},
		{"unused-several", toOwner(replaced("7K2Q", "Nightly export", 7, notice.Unused(7)), replaced("9ZT4", "CI pipeline", 0, notice.Unused(0)))},
		{"unused-admin", toAdmin(replaced("7K2Q", "Nightly export", 7, notice.Unused(7)))},
		{"old-used", toOwner(bothUsed("7K2Q", "Nightly export"))},
		{"renewed", toOwner(renewed("7K2Q", "Nightly export", 3))},
		{"expires-unused", toOwner(unusedUntilTheEnd("7K2Q", "Nightly export"))},
		{"topics", toOwner(night, replaced("9ZT4", "CI pipeline", 7, notice.Unused(7)), bothUsed("M3XA", "Partner feed"), renewed("M3XB", "Old feed", 1))},
		{"two-holders", to(mail.TwoHolders, bob, happened("7K2Q", "Nightly export", notice.RotationRefused))},
		{"two-holders-admin", to(mail.TwoHolders, alice, happened("7K2Q", "Nightly export", notice.RotationRefused))},
		{"retired-used", to(mail.RetiredUsed, bob, fromNetwork(happened("7K2Q", "Nightly export", notice.RetiredUsed)))},
		{"revoked-itself", to(mail.Revoked, bob, byItself(revoked("7K2Q", "Nightly export", "")))},
		{"name-html", toOwner(expiring("7K2Q", `</title><script>alert("x")</script> & 'quotes' <b>`, 7))},
		{"name-emoji", toOwner(expiring("7K2Q", "🚀 Déploiement «prod» — 東京 👨‍👩‍👧", 7))},
		{"name-joined", toOwner(expiring("7K2Q", "می\u200cخواهم क्\u200dष", 7))},
		{"name-right-to-left", toOwner(expiring("7K2Q", "ייצוא לילי 24", 7), expiring("9ZT4", "تصدير ليلي", 7))},
		{"name-longest", toOwner(expiring("7K2Q", strings.Repeat("Abcdefghi-", 10), 15))},
		{"name-line-breaks", toOwner(expiring("7K2Q", "Export\r\nBcc: eve@evil.example\r\n\r\n<p>\u2028\u202e\x00x", 7))},
		{"organization-html", elsewhere},
	}
}
