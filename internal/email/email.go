// Package email knows of addresses what SES and those who write them may spell apart, and
// which of them mail can be sent to at all.
package email

import (
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

// ASCII writes the domain of an address as SES wants it and says it, in Punycode
// (RFC 5890; https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html).
// An address that it cannot read is left as it is.
func ASCII(address string) string {
	at := strings.LastIndexByte(address, '@') + 1
	domain, err := idna.Lookup.ToASCII(address[at:])
	if at == 0 || err != nil {
		return address
	}
	return address[:at] + domain
}

// Deliverable reports whether SES takes mail to an address: one address and nothing else,
// without a name or brackets, whose part before the @ is ASCII. It is the one rule for who
// may issue tokens and for whom notices are sent to, so nobody gets a token whose notices
// cannot be sent. It is not stricter than SES: dots may stand anywhere, since some
// providers have long given out addresses like a..b@docomo.ne.jp.
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
		return !strings.ContainsFunc(s, func(r rune) bool {
			return r <= ' ' || r > '~' || strings.ContainsRune(`()<>[]:;@\,"`, r)
		})
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
