package token_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"latchkey/internal/token"
)

const (
	scotland = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
	family   = "👨\u200d👩\u200d👧"
)

// What writing needs is not what hides: none of this may be refused or lost.
func TestTextThatWritingNeeds(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                         "Nightly export",
		"typographic quotes":            "“Export” – it’s nightly…",
		"composed":                      "Café",
		"decomposed":                    "Cafe\u0301",
		"keycap":                        "1\ufe0f\u20e3 prod",
		"keycap of a sign":              "#\ufe0f\u20e3 prod *\ufe0f\u20e3",
		"flag of a country":             "🇩🇪 prod",
		"flag of a region":              scotland + " prod",
		"two flags of regions":          scotland + scotland,
		"family":                        family + " prod",
		"heart on fire":                 "❤\ufe0f\u200d🔥 prod",
		"a profession with a skin tone": "👩🏽\u200d💻",
		"Persian":                       "می\u200cخواهم",
		"Hindi, a half form":            "क्\u200dष",
		"Hindi, a half form at the end": "क्\u200d",
		"Sinhala":                       "ශ්\u200dරී",
		"Japanese, a variant of a name": "葛\U000e0100飾区",
		"Hebrew with a mark":            "גרסה 1.0\u200f! prod",
		"Arabic with marks":             "مفتاح\u061c (a\u200eb) ب",
		"Arabic, a sign that shows":     "\u0600١٢",
		"Mongolian":                     "ᠠ\u180b",
	} {
		if got, problem := token.CleanText(text, 100); got != text || problem != "" {
			t.Errorf("%s: %q becomes %q: %s", name, text, got, problem)
		}
		if got := token.Harmless(text); got != text {
			t.Errorf("%s: %q becomes %q in mail", name, text, got)
		}
	}
}

// What people paste or type at an end without seeing it is taken off.
func TestTextIsTrimmed(t *testing.T) {
	for _, end := range []string{" ", "\t", "\r\n", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u2060", "\u200e", "\u200f", "\u061c", " \ufeff \u200f"} {
		for _, text := range []string{end + "prod", "prod" + end, end + "prod" + end} {
			if got, problem := token.CleanText(text, 100); got != "prod" || problem != "" {
				t.Errorf("%q becomes %q: %s", text, got, problem)
			}
			if got := token.Harmless(text); got != "prod" {
				t.Errorf("%q becomes %q in mail", text, got)
			}
		}
		if got, problem := token.CleanText(end, 100); got != "" || problem != "" {
			t.Errorf("%q alone becomes %q: %s", end, got, problem)
		}
	}
}

// What is refused is named with its place in what was sent, and does not get into mail.
func TestTextThatHides(t *testing.T) {
	for _, test := range []struct{ name, text, place, harmless string }{
		{"an override", "prod\u202egnp", "character 5 (U+202E)", "prodgnp"},
		{"an override at the end", "prod\u202e", "character 5 (U+202E)", "prod"},
		{"after what was trimmed", " \ufeffab\u202ec", "character 5 (U+202E)", "abc"},
		{"after wide characters", "é😀\u202ec", "character 3 (U+202E)", "é😀c"},
		{"the first of two", "a\u202eb\u202d", "character 2 (U+202E)", "ab"},
		{"an isolate", "a\u2066b\u2069", "character 2 (U+2066)", "ab"},
		{"a line break", "a\nb", "character 2 (U+000A)", "a b"},
		{"a tab", "a\tb", "character 2 (U+0009)", "a b"},
		{"NUL", "a\x00b", "character 2 (U+0000)", "a b"},
		{"a C1 control", "a\u0085b", "character 2 (U+0085)", "a b"},
		{"a line separator", "a\u2028b", "character 2 (U+2028)", "a b"},
		{"a byte order mark inside", "a\ufeffb", "character 2 (U+FEFF)", "ab"},
		{"a zero-width space inside", "a\u200bb", "character 2 (U+200B)", "ab"},
		{"a soft hyphen", "a\u00adb", "character 2 (U+00AD)", "ab"},
		{"a joiner in ASCII", "a\u200db", "character 2 (U+200D)", "ab"},
		{"a joiner in front", "\u200dé", "character 1 (U+200D)", "é"},
		{"two joiners", "é\u200d\u200dé", "character 3 (U+200D)", "é\u200dé"},
		{"a joiner on a space", "é\u2000\u200dé", "character 3 (U+200D)", "é\u2000é"},
		{"a joiner on what hides", "é\u200b\u200dé", "character 2 (U+200B)", "éé"},
		{"a variation of ASCII", "a\ufe0f", "character 2 (U+FE0F)", "a"},
		{"a variation of a digit that is no keycap", "1\ufe0f2", "character 2 (U+FE0F)", "12"},
		{"two variations", "❤\ufe0f\ufe0f", "character 3 (U+FE0F)", "❤\ufe0f"},
		{"a right-to-left mark in ASCII", "a\u200fb", "character 2 (U+200F)", "ab"},
		{"a mark beside a mark of that script", "a\u200e\u061cb", "character 2 (U+200E)", "ab"},
		{"a tag alone", "a\U000e0061b", "character 2 (U+E0061)", "ab"},
		{"words in tags", "🏴\U000e0061\U000e0020\U000e0062\U000e007f", "character 2 (U+E0061)", "🏴"},
		{"a flag without its end", "🏴\U000e0067\U000e0062 x", "character 2 (U+E0067)", "🏴 x"},
		{"a flag with an end alone", "🏴\U000e007f", "character 2 (U+E007F)", "🏴"},
		{"a flag that is too long", "🏴" + strings.Repeat("\U000e0061", 7) + "\U000e007f", "character 2 (U+E0061)", "🏴"},
		{"an end too many", scotland + "\U000e007f", "character 8 (U+E007F)", scotland},
		{"a blank letter", "a\u3164b", "character 2 (U+3164)", "ab"},
		{"the blank braille pattern", "a\u2800b", "character 2 (U+2800)", "ab"},
		{"what was lost before", "a\ufffdb", "character 2 (U+FFFD)", "ab"},
	} {
		if got, problem := token.CleanText(test.text, 100); got != "" || !strings.Contains(problem, test.place) {
			t.Errorf("%s: %q becomes %q: %s", test.name, test.text, got, problem)
		}
		if got := token.Harmless(test.text); got != test.harmless {
			t.Errorf("%s: %q becomes %q in mail, want %q", test.name, test.text, got, test.harmless)
		}
	}
}

func TestTextLimits(t *testing.T) {
	if got, problem := token.CleanText(" "+strings.Repeat("é", 100)+"\ufeff", 100); utf8.RuneCountInString(got) != 100 || problem != "" {
		t.Errorf("%q: %s", got, problem)
	}
	for text, want := range map[string]string{
		strings.Repeat("é", 101): "at most 100 characters", "a\xffb": "UTF-8", "a \xff": "UTF-8",
	} {
		if got, problem := token.CleanText(text, 100); got != "" || !strings.Contains(problem, want) {
			t.Errorf("%q: %q: %s", text, got, problem)
		}
	}
	if got := token.Harmless("a\xffb\xff"); got != "ab" {
		t.Errorf("%q", got)
	}
}

// Whatever is sent in: what comes out is accepted as a name, and stays as it is.
func FuzzHarmless(f *testing.F) {
	for _, seed := range []string{"", "prod", scotland, family, "1\ufe0f\u20e3", "a\u200db\u202e\xff", "\u200f א \u200f", "é\u200b\u200d", "🏴\U000e0061"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := token.Harmless(s)
		if clean, problem := token.CleanText(got, len(got)); clean != got || problem != "" {
			t.Errorf("%q becomes %q, of which %q is left: %s", s, got, clean, problem)
		}
		if again := token.Harmless(got); again != got {
			t.Errorf("%q becomes %q, and then %q", s, got, again)
		}
		if clean, problem := token.CleanText(s, len(s)); problem == "" && clean != got {
			t.Errorf("%q is the name %q and becomes %q in mail", s, clean, got)
		}
	})
}
