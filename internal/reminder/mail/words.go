package mail

import (
	"strconv"
	"strings"

	"latchkey/internal/notice"
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

// wordsOf are the words of an e-mail about some groups of keys.
func wordsOf(company string, groups []group) words {
	count, topic := 0, groups[0].topic
	var byDate [2]int // those whose date has come, and those whose has not
	for _, g := range groups {
		count += len(g.Rows)
		if g.topic != topic {
			topic = ""
		}
		if g.come {
			byDate[0] += len(g.Rows)
		} else {
			byDate[1] += len(g.Rows)
		}
	}
	var w words
	one := count == 1
	switch topic {
	case notice.Ends:
		w = expiryWords(company, byDate[0], byDate[1])
	case notice.NotUsed:
		w = unusedWords(company, one, byDate[1] == 0)
	case notice.Topic(notice.OldUsed):
		w = oldUsedWords(company, one)
	case notice.Topic(notice.Renewed):
		w = words{
			What:   either(one, "This key may", "These keys may") + " replace " + either(one, "its", "their") + " own API token, and " + either(one, "has", "have") + " done so.",
			Now:    "If you did not expect this:",
			First:  "and revoke the key.",
			Unused: "Otherwise there is nothing to do.",
		}
	case notice.Topic(notice.Revoked):
		w = revokedWords(company, one)
	case notice.Topic(notice.RotationRefused):
		w = twoHoldersWords(company, one)
	case notice.Topic(notice.RetiredUsed):
		w = retiredUsedWords(company, one)
	default:
		w = words{
			What:   "There is something to say of several API keys; each says below what it is.",
			Now:    "To see more of them:",
			First:  "and open the key.",
			Unused: "If nothing uses one any more, revoke it.",
		}
	}
	if w.Footer == "" {
		w.Footer = company + " sends this by itself, because you made " + either(one, "this API key.", "these API keys.")
	}
	return w
}

// expiryWords are the words about so many expired and expiring keys.
func expiryWords(company string, expired, expiring int) words {
	one := expired+expiring == 1
	it := either(one, "it", "them")
	var w words
	switch {
	case expiring == 0:
		w.What = company + " now refuses every request made with " + it + "."
		w.Now = either(one, "An expired API key cannot be extended. If an application still needs it, make a new one like it:",
			"Expired API keys cannot be extended. Make new ones like those that an application still needs:")
		w.First = either(one, "and choose “New key like this” at the key.", "and choose “New key like this” at each.")
		w.Steps = []string{
			either(one, "Put its API token where the old one was used.", "Put each new API token where the old one was used."),
			either(one, "Check that the application works again.", "Check that the applications work again."),
		}
		w.Unused = "If nothing uses " + it + " any more, there is nothing to do."
	case expired == 0:
		w.What = company + " refuses every request made with " +
			either(one, "it from 00:00 UTC of that date.", "one of them from 00:00 UTC of its date.")
		w.Now = either(one, "To keep your application working, replace its API token before then:",
			"To keep your applications working, replace their API tokens before then:")
		w.First = either(one, "and choose “Replace API token” at the key.", "and choose “Replace API token” at each.")
		w.Steps = []string{
			either(one, "Put the new API token where the old one is used. The old one goes on working meanwhile, until its date.",
				"Put each new API token where the old one is used. The old ones go on working meanwhile, until their dates."),
			either(one, "Check that the page says that the new one is used.", "Check that the page says that the new ones are used."),
		}
		w.Unused = "If nothing uses " + it + " any more, revoke " + it + " now."
	default:
		w.What = company + " refuses every request made with an expired API key, and refuses the others from 00:00 UTC of their dates."
		w.Now = "Replace the API tokens of those that an application needs:"
		w.First = "and choose “Replace API token”, or “New key like this” for one that has expired."
		w.Steps = []string{
			"Put each new API token where the old one is or was used.",
			"Check that the applications work.",
		}
		w.Unused = "If nothing uses one that has not expired yet, revoke it now."
	}
	return w
}

// unusedWords are about keys whose new API token was not used.
func unusedWords(company string, one, ended bool) words {
	w := words{
		What: "The API token of " + either(one, "this key", "these keys") + " was replaced, but the new one has not been used. " +
			either(ended, company+" now refuses the old one.", "The old one works until 00:00 UTC of its date, and "+company+" refuses it from then on."),
		Now:   either(ended, "If an application still needs it:", "To keep your application working:"),
		First: "and look at the key.",
		Steps: []string{
			"Put the new API token where the old one " + either(ended, "was", "is") + " used.",
			"If the new one is lost, choose “Replace API token” once more: that takes back the one that nobody uses.",
		},
		Unused: "If nothing uses " + either(one, "the key", "a key") + " any more, revoke it.",
	}
	return w
}

// oldUsedWords are about keys whose old API token is in use shortly before it ends.
func oldUsedWords(company string, one bool) words {
	return words{
		What: "The new API token of " + either(one, "this key", "each of these keys") + " is in use, but the old one is, too. " +
			company + " refuses the old one from the time below on.",
		Now:    "Something still has the old one:",
		First:  "and look at where it came from.",
		Steps:  []string{"Put the new API token there."},
		Unused: "If you know of nothing that still has the old one, somebody else may: then choose “Replace API token” and end it now.",
	}
}

// twoHoldersWords are about keys of which two have the same API token.
func twoHoldersWords(company string, one bool) words {
	return words{
		What: "An API token of " + either(one, "this key", "these keys") + " asked for another one in its place, although it was replaced before and the new one is in use. " +
			company + " refused. So two have had the same API token, and one of them may be a stranger.",
		Now:   "Unless you know how that came about:",
		First: "and choose “Replace API token”, and there “End it now”.",
		Steps: []string{
			"Put the new API token where the old one was used.",
			"Find out how the old one got away.",
		},
		Unused: "If in doubt, revoke " + either(one, "the key.", "the keys."),
		Footer: company + " sends this by itself, to whoever made the API key and to admins of the organization.",
	}
}

// retiredUsedWords are about keys of which a replaced API token was used after its end.
func retiredUsedWords(company string, one bool) words {
	return words{
		What: "An API token that " + either(one, "this key", "each of these keys") + " had before was used after its end. " +
			company + " refused the request.",
		Now:    "If it was one of your applications, it does not work any more:",
		First:  "and look at the key.",
		Steps:  []string{"Put the current API token there. If it is lost, choose “Replace API token” once more."},
		Unused: "If you know of nothing that still has the old one, somebody else may have it. It is of no use to them any more.",
	}
}

// revokedWords are the words about keys that somebody else has revoked.
func revokedWords(company string, one bool) words {
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

// headline says in a line what there is to say of the keys. It is fit for a subject.
func headline(groups []group) string {
	first := groups[0]
	one := len(groups) == 1 && len(first.Rows) == 1
	count := 0
	for _, g := range groups {
		count += len(g.Rows)
	}
	what := strconv.Itoa(count) + " API keys "
	if one {
		what = "API key " + first.Rows[0].Title + " "
	}
	last := groups[len(groups)-1]
	switch {
	case last.topic != first.topic:
		return what + "need a look"
	case first.topic == notice.Ends && len(groups) > 1:
		return what + "have expired or expire soon"
	case len(groups) > 1:
		return what + "have a new API token that is not used"
	}
	soonest, latest := first.Rows[0].DaysLeft, first.Rows[len(first.Rows)-1].DaysLeft
	switch first.topic {
	case notice.Topic(notice.Revoked):
		return what + either(one, "was revoked", "were revoked")
	case notice.Topic(notice.RotationRefused):
		return what + "may be in a stranger’s hands"
	case notice.Topic(notice.RetiredUsed):
		return what + either(one, "had a replaced API token used", "had replaced API tokens used")
	case notice.Topic(notice.OldUsed):
		return what + either(one, "still has its old API token in use", "still have their old API tokens in use")
	case notice.Topic(notice.Renewed):
		return what + either(one, "replaced its own API token", "replaced their own API tokens")
	case notice.NotUsed:
		return what + either(one, "has a new API token that is not used", "have new API tokens that are not used")
	case notice.Ends:
	}
	switch {
	case first.come:
		return what + either(one, "has expired", "have expired")
	case one:
		return what + "expires in " + soonest
	case soonest == latest:
		return what + "expire in " + soonest
	default:
		return what + "expire soon, the first in " + soonest
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

// times says how often.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
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
