package reminder

import (
	"strconv"
	"strings"
	"unicode"

	"latchkey/internal/token"
)

// words are the sentences of an e-mail. The templates give them their form, so that the
// text and the HTML say the same.
type words struct {
	Because string   // why admins get it; empty in an e-mail to the owner
	What    string   // what happens to requests
	Now     string   // leads to the steps
	First   string   // the first step, in which the page is a link
	Steps   []string // the others
	Unused  string   // what to do if nothing uses the tokens
	Footer  string
}

// write finds the words for so many expired and expiring tokens.
func write(company string, expired, expiring int) words {
	one := expired+expiring == 1
	// pick chooses between the words for one and for several tokens.
	pick := func(ifOne, ifSeveral string) string {
		if one {
			return ifOne
		}
		return ifSeveral
	}
	it := pick("it", "them")
	var w words
	switch {
	case expiring == 0:
		w.What = company + " now refuses every request made with " + it + "."
		w.Now = pick("An expired token cannot be extended. If an application still needs it, replace it:",
			"Expired tokens cannot be extended. Replace those that an application still needs:")
		w.Steps = []string{
			pick("Put its secret where the old one was used.", "Put each new secret where the old one was used."),
			pick("Check that the application works again.", "Check that the applications work again."),
		}
		w.Unused = "If nothing uses " + it + " any more, there is nothing to do."
	case expired == 0:
		w.What = company + " refuses every request made with " +
			pick("it from 00:00 UTC of that date.", "one of them from 00:00 UTC of its date.")
		w.Now = pick("The date cannot be changed. To keep your application working, replace it before then:",
			"The dates cannot be changed. To keep your applications working, replace them before then:")
		w.Steps = []string{
			pick("Put its secret where the old one is used.", "Put each new secret where the old one is used."),
			pick("Check that the application works, then revoke the old token.",
				"Check that the applications work, then revoke the old tokens."),
		}
		w.Unused = "If nothing uses " + it + " any more, revoke " + it + " now."
	default:
		w.What = company + " refuses every request made with an expired token, and refuses the others from 00:00 UTC of their dates."
		w.Now = "The dates cannot be changed. Replace those that an application needs:"
		w.Steps = []string{
			"Put each new secret where the old one is or was used.",
			"Check that the applications work, then revoke the old tokens that have not expired yet.",
		}
		w.Unused = "If nothing uses one that has not expired yet, revoke it now."
	}
	w.First = pick("and choose “Add new API key”.", "and choose “Add new API key”, once for each.")
	w.Footer = company + " sends this by itself, because you issued " + pick("this token.", "these tokens.")
	return w
}

// toAdmins changes the words for admins who get an e-mail in the owner's place.
func (w words) toAdmins(company, organization string, owner token.Owner, one bool) words {
	issued, it := "these tokens", "they are"
	if one {
		issued, it = "this token", "it is"
	}
	why := "mail to " + line(owner.Email) + ", who issued " + issued + ", does not arrive"
	if owner.Email == "" {
		why = "there is no address of the person who issued " + issued + " (" + line(owner.ID) + ")"
	}
	w.Because = "You get this as an admin of " + organization + ", because " + why + ". Please find out where " + it +
		" used. The owner gets these e-mails again after signing in with an address that works."
	w.Now = strings.Replace(w.Now, " your ", " the ", 1)
	w.Footer = company + " sends this by itself, because you are an admin of " + organization + "."
	return w
}

// heading says in a line what has happened. It is fit for a subject.
func heading(expired, expiring []row) string {
	several := strconv.Itoa(len(expired)+len(expiring)) + " API tokens "
	switch {
	case len(expired) == 1 && len(expiring) == 0:
		return "API token “" + expired[0].Name + "” has expired"
	case len(expired) == 0 && len(expiring) == 1:
		return "API token “" + expiring[0].Name + "” expires in " + expiring[0].DaysLeft
	case len(expiring) == 0:
		return several + "have expired"
	case len(expired) > 0:
		return several + "have expired or expire soon"
	case expiring[0].DaysLeft == expiring[len(expiring)-1].DaysLeft:
		return several + "expire in " + expiring[0].DaysLeft
	default:
		return several + "expire soon, the first in " + expiring[0].DaysLeft
	}
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.Itoa(n) + " days"
}

// line makes one harmless line of what a person has chosen, such as a token's name. The
// API accepts nothing else; but what this package writes becomes headers of an e-mail,
// and must be safe by itself: no line breaks, and nothing that turns the direction of
// the text after it.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar || unicode.In(r, unicode.Cf):
			return -1
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return ' '
		}
		return r
	}, s)
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
