package mail

import (
	"strings"
	"unicode"

	"latchkey/internal/token"
)

// line makes one harmless line of what a person has chosen, such as a key's name. The API
// accepts nothing else; but what this package writes becomes headers of an e-mail, and must
// be safe by itself.
func line(s string) string { return token.Harmless(s) }

// dots are the characters that part a domain's labels (UTS #46, section 2.3).
const dots = ".。．｡"

// unlinked is a line in which mail programs find nothing to make a link of: evil.example
// becomes evil[.]example and https:// becomes https[:]//, as is the habit where such
// addresses are written about. Nothing invisible would do, since programs drop that before
// they look for links.
func unlinked(s string) string {
	text := []rune(line(s))
	var b strings.Builder
	for i, r := range text {
		after := i+1 < len(text) && !unicode.IsSpace(text[i+1])
		switch {
		case after && (r == ':' || r == '@'), after && i > 0 && strings.ContainsRune(dots, r) && linkable(text, i):
			b.WriteString("[" + string(r) + "]")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// linkable reports whether the dot at i can part the labels of a domain or a number of an
// address. In v1.2 it does not: no top-level domain begins with a digit, and an address of
// numbers has three dots.
func linkable(text []rune, i int) bool {
	if !unicode.IsDigit(text[i+1]) {
		return true
	}
	word := string(text)
	start := strings.LastIndexFunc(string(text[:i]), unicode.IsSpace) + 1
	word = word[start:]
	if end := strings.IndexFunc(word, unicode.IsSpace); end >= 0 {
		word = word[:end]
	}
	count := 0
	for _, r := range word {
		if strings.ContainsRune(dots, r) {
			count++
		}
	}
	return count > 2 || strings.ContainsFunc(word[strings.LastIndexAny(word, dots)+1:], unicode.IsLetter)
}
