// Package text compares texts as people see them: two spellings of what looks alike are
// one. What a text may hold at all is a rule of package token.
package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Normal is the one spelling in which texts are kept: composed, as most keyboards type it
// (Unicode normalization form NFC, UAX #15).
func Normal(s string) string { return norm.NFC.String(s) }

// Fold makes texts equal that people take for the same when they search: it folds case,
// width, composition and the kinds of spaces, and drops what nobody can see (about the
// form NFKC_Casefold of Unicode, section 3.13.5). The result is for comparing, not for
// showing.
func Fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, s)
	// Each step can undo the one before for a few characters. Twice is enough for all.
	for range 2 {
		s = norm.NFKC.String(cases.Fold().String(norm.NFKD.String(s)))
	}
	return strings.Join(strings.Fields(s), " ")
}
