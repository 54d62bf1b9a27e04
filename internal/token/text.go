package token

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unseen are characters that show as nothing, or stand for one that was lost: controls,
// formats, line separators, and letters that are blank by definition. Some of them are
// part of what people write; [hidden] knows where.
var unseen = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point,
	{R16: []unicode.Range16{
		{Lo: '\u2800', Hi: '\u2800', Stride: 1}, // the blank braille pattern
		{Lo: '\ufffc', Hi: '\ufffd', Stride: 1}, // replacement characters
	}},
}

// seenFormats are formats that show: the signs that some scripts write around a number.
var seenFormats = unicode.Prepended_Concatenation_Mark

// breaking are the unseen characters that part words.
var breaking = []*unicode.RangeTable{unicode.Cc, unicode.Zl, unicode.Zp}

// rightToLeft are the scripts in which people type directional marks.
var rightToLeft = []*unicode.RangeTable{
	unicode.Adlam, unicode.Arabic, unicode.Hebrew, unicode.Mandaic, unicode.Nko, unicode.Samaritan, unicode.Syriac, unicode.Thaana,
}

const (
	zwnj      = '\u200c'
	zwj       = '\u200d'
	emoji     = '\ufe0f' // the variation selector that asks for a picture
	keycap    = '\u20e3'
	flag      = '\U0001f3f4'
	tagSpace  = '\U000e0020'
	tagCancel = '\U000e007f'
	// maxTags is the longest code of a region in a flag: of a country and a part of it.
	maxTags = 6
)

// directional are the marks that keyboards for right-to-left scripts have; ends are all
// characters that people paste or type at an end without seeing them.
const (
	directional = "\u200e\u200f\u061c"
	ends        = directional + "\ufeff\u200b\u2060"
)

// trim takes off what nobody sees at the ends of a text.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(ends, r) })
}

// hidden yields the characters of a text that may not stand where they do, with their
// places: those that nobody can see, and which could so make one name look like another.
// Not among them is what writing needs: zero-width joiners, as Persian, Hindi and many
// emoji have; variation selectors; keycaps; the flags of regions; and directional marks
// beside a script that runs from right to left.
func hidden(text []rune) iter.Seq2[int, rune] {
	return func(yield func(int, rune) bool) {
		mixed := slices.ContainsFunc(text, func(r rune) bool { return isSeen(r) && unicode.In(r, rightToLeft...) })
		for i, r := range text {
			if isSeen(r) || mixed && strings.ContainsRune(directional, r) || belongs(text, i) {
				continue
			}
			if !yield(i, r) {
				return
			}
		}
	}
}

func isSeen(r rune) bool { return !unicode.In(r, unseen...) || unicode.Is(seenFormats, r) }

// belongs reports whether the unseen character at i changes how the one before it looks.
// ASCII has nothing to join, and nothing to vary but as a keycap.
func belongs(text []rune, i int) bool {
	if i == 0 {
		return false
	}
	r, before := text[i], text[i-1]
	seen := before > unicode.MaxASCII && isSeen(before) && !unicode.IsSpace(before)
	switch {
	case r == zwnj || r == zwj:
		return seen || unicode.Is(unicode.Variation_Selector, before) && belongs(text, i-1)
	case r == emoji && strings.ContainsRune("0123456789#*", before):
		return i+1 < len(text) && text[i+1] == keycap
	case unicode.Is(unicode.Variation_Selector, r):
		return seen
	case isTag(r):
		return inFlag(text, i)
	}
	return false
}

// isTag reports whether r is one of the characters that spell a flag's region.
func isTag(r rune) bool { return tagSpace <= r && r <= tagCancel }

// inFlag reports whether the tag at i is part of the flag of a region: a flag, the letters
// and digits of its code as tags, and the tag that ends them (Unicode UTS #51, ED-14a).
func inFlag(text []rune, i int) bool {
	first := i
	for first > 0 && i-first <= maxTags && isTag(text[first-1]) {
		first--
	}
	if first == 0 || text[first-1] != flag {
		return false
	}
	for n, tag := range text[first:] {
		ascii := tag - tagSpace + ' '
		switch {
		case tag == tagCancel:
			return n > 0 && i <= first+n
		case n == maxTags || (ascii < 'a' || ascii > 'z') && (ascii < '0' || ascii > '9'):
			return false
		}
	}
	return false
}

// Harmless is text of others as it can be shown to people: without what nobody can see,
// and in one line. What writing needs stays as it is. It is the rule that names are
// checked by, for texts whose author cannot be asked.
func Harmless(s string) string {
	const gone = -1
	text := []rune(strings.ToValidUTF8(s, ""))
	clean := slices.Clone(text)
	for i, r := range hidden(text) {
		clean[i] = gone
		if unicode.In(r, breaking...) {
			clean[i] = ' '
		}
	}
	return trim(string(slices.DeleteFunc(clean, func(r rune) bool { return r == gone })))
}

// tidy is Harmless, and cuts what is too long.
func tidy(s string, most int) string {
	s = Harmless(s)
	if utf8.RuneCountInString(s) > most {
		s = Harmless(string([]rune(s)[:most])) // again, for it may have cut a flag
	}
	return s
}

// cleanText trims s and says what is wrong with it, if anything, and where: the place is
// that in s.
func cleanText(s string, most int) (text, problem string) {
	text = trim(s)
	before, _, _ := strings.Cut(s, text)
	switch {
	case !utf8.ValidString(s):
		return "", "Must be valid UTF-8."
	case utf8.RuneCountInString(text) > most:
		return "", fmt.Sprintf("Must be at most %d characters.", most)
	}
	for i, r := range hidden([]rune(text)) {
		place := utf8.RuneCountInString(before) + i + 1
		return "", fmt.Sprintf("Must not hold control or invisible characters: character %d (%U).", place, r)
	}
	return text, ""
}
