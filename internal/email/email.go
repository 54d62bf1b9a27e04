// Package email knows of addresses what SES and those who write them may spell apart, and
// which of them mail can be sent to at all.
package email

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Longest parts of an address (RFC 5321, section 4.5.3.1) and of a domain (RFC 1035,
// section 2.3.4), in bytes.
const (
	maxAddress = 254
	maxLocal   = 64
	maxLabel   = 63
)

// ASCII writes an address as a header of mail can hold it and SES wants it: the domain in
// Punycode (RFC 5890; https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html),
// and what is before the @ in quotes if its dots stand where only quotes allow them
// (RFC 5322, section 3.4.1): a..b@docomo.ne.jp is "a..b"@docomo.ne.jp, the same mailbox.
// A part that it cannot read is left as it is.
func ASCII(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	local, domain := address[:at], address[at+1:]
	if isAtoms(local) && slices.Contains(strings.Split(local, "."), "") {
		local = `"` + local + `"`
	}
	if punycode, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = punycode
	}
	return local + "@" + domain
}

// Deliverable reports whether SES takes mail to an address: one address and nothing else,
// without a name or brackets, whose part before the @ is ASCII. It is the one rule for who
// may issue tokens and for whom notices are sent to, so nobody gets a token whose notices
// cannot be sent. Dots may stand anywhere, since some providers have long given out
// addresses like a..b@docomo.ne.jp; [ASCII] puts them in quotes.
func Deliverable(address string) bool {
	address = ASCII(address)
	at := strings.LastIndexByte(address, '@')
	return at >= 0 && len(address) <= maxAddress && isLocal(address[:at]) && isDomain(address[at+1:])
}

// isLocal takes atoms and dots in any order, or a quoted string (RFC 5321, section 4.1.2).
func isLocal(s string) bool {
	if s == "" || len(s) > maxLocal {
		return false
	}
	quoted, ok := strings.CutPrefix(s, `"`)
	if !ok {
		return isAtoms(s)
	}
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; {
		case c == '"':
			return i > 0 && i == len(quoted)-1
		case c < ' ' || c > '~':
			return false
		case c == '\\':
			i++ // whatever it escapes, also a quote
			if i < len(quoted) && (quoted[i] < ' ' || quoted[i] > '~') {
				return false
			}
		}
	}
	return false
}

// isAtoms takes what needs no quotes but for its dots.
func isAtoms(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`()<>[]:;@\,"`, r)
	})
}

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
			}) {
			return false
		}
	}
	return true
}
