package text_test

import (
	"strings"
	"testing"

	"latchkey/internal/text"
)

func TestNormal(t *testing.T) {
	for s, want := range map[string]string{
		"":                   "",
		"Nightly export":     "Nightly export",
		"Cafe\u0301":         "Café",
		"Café":               "Café",
		"e\u0323\u0302":      "ệ",
		"e\u0302\u0323":      "ệ",
		"\u1112\u1161\u11ab": "한",
		"ＡＢＣ":                "ＡＢＣ", // another character, not another spelling
		"ﬁ":                  "ﬁ",
	} {
		if got := text.Normal(s); got != want {
			t.Errorf("%+q becomes %+q, want %+q", s, got, want)
		}
	}
}

// Each line is what people take for one text.
func TestFoldMakesOne(t *testing.T) {
	for _, same := range [][]string{
		{"Café", "Cafe\u0301", "CAFÉ", "cafe\u0301", "ｃａｆé"},
		{"Straße", "STRASSE", "strasse", "STRAẞE"},
		{"ΟΔΟΣ", "οδος", "οδοσ"},
		{"API １２３", "api 123", "Api\u00a0123", "ＡＰＩ　123", "api  123", " api\t123\n"},
		{"ガス", "ｶﾞｽ", "カ\u3099ス"},
		{"한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"},
		{"ﬁle", "file", "FILE"},
		{"\ufeffprod", "prod", "pro\u00add", "prod\u200f"},
		{"می\u200cخواهم", "میخواهم"},
		{"❤", "❤\ufe0f"},
		{"lk_…7K2Q", "LK_...7k2q"},
		{"Ἄι", "ᾌ", "ἄι"},
	} {
		for _, s := range same[1:] {
			if a, b := text.Fold(same[0]), text.Fold(s); a != b {
				t.Errorf("%+q and %+q become %+q and %+q", same[0], s, a, b)
			}
		}
	}
}

func TestFoldKeepsApart(t *testing.T) {
	for _, other := range [][2]string{{"Cafe", "Café"}, {"resume", "résumé"}, {"a b", "ab"}, {"о", "o"}, {"カ", "ガ"}, {"1", "l"}} {
		if a, b := text.Fold(other[0]), text.Fold(other[1]); a == b {
			t.Errorf("%q and %q both become %q", other[0], other[1], a)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "Cafe\u0301", "ｶﾞ", "ΰ", "\u0345\u0390", "ǰ\u0323", "İ", "\xff", "ᾼ\u0300"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		if once := text.Normal(s); text.Normal(once) != once || text.Fold(once) != text.Fold(s) {
			t.Errorf("%+q becomes %+q, and then %+q", s, once, text.Normal(once))
		}
		if once := text.Fold(s); text.Fold(once) != once {
			t.Errorf("%+q becomes %+q, and then %+q", s, once, text.Fold(once))
		}
	})
}
