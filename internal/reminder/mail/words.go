package mail

import (
	"strconv"
	"strings"
)

// words are the sentences of an e-mail. The templates give them their form, so that the
// text and the HTML say the same.
type words struct {
	Because string   // why admins get it; empty in an e-mail to the owner
	What    string   // what happens to requests
	Now     string   // leads to the steps
	First   string   // the first step, in which the page is a link
	Steps   []string // the others
	Unused  string   // what to do if nothing uses the keys
	Footer  string
}

// either chooses between the words for one and for several.
func either(one bool, ifOne, ifSeveral string) string {
	if one {
		return ifOne
	}
	return ifSeveral
}

// expiryWords are the words about so many expired and expiring keys.
func expiryWords(company string, expired, expiring int) words {
	one := expired+expiring == 1
	it := either(one, "it", "them")
	var w words
	switch {
	case expiring == 0:
		w.What = company + " now refuses every request made with " + it + "."
		w.Now = either(one, "An expired API key cannot be extended. If an application still needs it, replace it:",
			"Expired API keys cannot be extended. Replace those that an application still needs:")
		w.Steps = []string{
			either(one, "Put its API token where the old one was used.", "Put each new API token where the old one was used."),
			either(one, "Check that the application works again.", "Check that the applications work again."),
		}
		w.Unused = "If nothing uses " + it + " any more, there is nothing to do."
	case expired == 0:
		w.What = company + " refuses every request made with " +
			either(one, "it from 00:00 UTC of that date.", "one of them from 00:00 UTC of its date.")
		w.Now = either(one, "The date cannot be changed. To keep your application working, replace the key before then:",
			"The dates cannot be changed. To keep your applications working, replace the keys before then:")
		w.Steps = []string{
			either(one, "Put its API token where the old one is used.", "Put each new API token where the old one is used."),
			either(one, "Check that the application works, then revoke the old key.",
				"Check that the applications work, then revoke the old keys."),
		}
		w.Unused = "If nothing uses " + it + " any more, revoke " + it + " now."
	default:
		w.What = company + " refuses every request made with an expired API key, and refuses the others from 00:00 UTC of their dates."
		w.Now = "The dates cannot be changed. Replace the keys that an application needs:"
		w.Steps = []string{
			"Put each new API token where the old one is or was used.",
			"Check that the applications work, then revoke the old keys that have not expired yet.",
		}
		w.Unused = "If nothing uses one that has not expired yet, revoke it now."
	}
	w.First = either(one, "and choose “Add new API key”.", "and choose “Add new API key”, once for each.")
	w.Footer = company + " sends this by itself, because you made " + either(one, "this API key.", "these API keys.")
	return w
}

// revokedWords are the words about keys that somebody else has revoked.
func revokedWords(company string, count int) words {
	one := count == 1
	return words{
		What: company + " now refuses every request made with " + either(one, "it.", "them."),
		Now: either(one, "If an application still needs a key, make a new one:",
			"For each application that still needs a key, make a new one:"),
		First: either(one, "and choose “Add new API key”.", "and choose “Add new API key”, once for each."),
		Steps: []string{
			either(one, "Put its API token where the old one was used.", "Put each new API token where the old one was used."),
			either(one, "Check that the application works again.", "Check that the applications work again."),
		},
		Unused: "If you did not expect this, ask whoever revoked " + either(one, "it.", "them."),
		Footer: company + " sends this by itself, because you made " + either(one, "this API key", "these API keys") +
			" and somebody else revoked " + either(one, "it.", "them."),
	}
}

// toAdmins changes the words for an admin who gets an e-mail in the owners' place.
func (w words) toAdmins(company, organization string, keys []Key) words {
	one := len(keys) == 1
	w.Because = "You get this as an admin of " + organization + ", because " + undelivered(keys) + ". Please find out where " +
		either(one, "it is", "they are") + " used. The owner gets these e-mails again after signing in with an address that works."
	w.Now = strings.Replace(w.Now, " your ", " the ", 1)
	w.Footer = company + " sends this by itself, because you are an admin of " + organization + "."
	return w
}

// undelivered says whom mail does not reach.
func undelivered(keys []Key) string {
	made := either(len(keys) == 1, "this API key", "these API keys")
	owner := keys[0].Owner
	for _, k := range keys {
		if k.Owner.ID != owner.ID {
			return "mail to their owners does not arrive"
		}
	}
	if owner.Email == "" {
		return "there is no address of the person who made " + made + " (" + unlinked(owner.ID) + ")"
	}
	return "mail to " + line(owner.Email) + ", who made " + made + ", does not arrive"
}

// headline says in a line what has happened to the keys, which are in the order of their
// dates. It is fit for a subject.
func headline(about About, rows []row, expired int) string {
	one := len(rows) == 1
	what := strconv.Itoa(len(rows)) + " API keys "
	if one {
		what = "API key " + rows[0].Title + " "
	}
	expiring := rows[expired:]
	switch {
	case about == Revoked:
		return what + either(one, "was revoked", "were revoked")
	case len(expiring) == 0:
		return what + either(one, "has expired", "have expired")
	case expired > 0:
		return what + "have expired or expire soon"
	case one:
		return what + "expires in " + rows[0].DaysLeft
	case expiring[0].DaysLeft == expiring[len(expiring)-1].DaysLeft:
		return what + "expire in " + expiring[0].DaysLeft
	default:
		return what + "expire soon, the first in " + expiring[0].DaysLeft
	}
}

// inPreview is how many keys a mail program's list of e-mails names beside the subject.
const inPreview = 3

// preview is the line that mail programs show beside the subject.
func preview(groups []group) string {
	var parts []string
	more := 0
	for _, g := range groups {
		for _, r := range g.Rows {
			if len(parts) == inPreview {
				more++
				continue
			}
			parts = append(parts, r.Title+" "+strings.ToLower(g.When)+" "+r.When+", last used: "+r.LastUsed)
		}
	}
	text := strings.Join(parts, "; ")
	if more > 0 {
		text += "; and " + strconv.Itoa(more) + " more"
	}
	return text + "."
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.Itoa(n) + " days"
}

// lineLength is the most columns of the text that no name is longer than.
const lineLength = 76

// wrap breaks a paragraph into lines. All but the first begin with the indent.
func wrap(indent, s string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(s) {
		length := len([]rune(word))
		switch {
		case i == 0:
		case column+1+length > lineLength:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}
