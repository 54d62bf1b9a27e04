package mail_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"latchkey/internal/reminder/mail"
	"latchkey/internal/reminder/mail/sample"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newComposer(t *testing.T, s mail.Style) *mail.Composer {
	t.Helper()
	c, err := mail.NewComposer(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// samples composes all of them.
func samples(t *testing.T) map[string]mail.Message {
	t.Helper()
	c := newComposer(t, sample.Style)
	mails := map[string]mail.Message{}
	for _, s := range sample.Mails() {
		m, err := c.Compose(s.Content)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		mails[s.Name] = m
	}
	own := sample.Style
	own.Intro, own.Replace = "Dear customer,", "Run “acme keys renew <name>” & deploy again."
	own.Support, own.SupportURL, own.Closing = "", "", "Acme Cloud Inc, 1 Main Street, Springfield"
	m, err := newComposer(t, own).Compose(sample.Mails()[0].Content)
	if err != nil {
		t.Fatal(err)
	}
	mails["own-texts"] = m
	return mails
}

// asHTML are the samples whose HTML is kept, too: the others have the same elements.
var asHTML = []string{"7-days", "table", "admin-phishing", "revoked", "own-texts"}

// Every word of every kind of e-mail is in testdata, to be read. `go test -run Golden
// -update` writes it anew.
func TestGolden(t *testing.T) {
	want := map[string]string{}
	for name, m := range samples(t) {
		want[name+".txt"] = "To: " + m.To + "\nSubject: " + m.Subject + "\n\n" + m.Text
		if slices.Contains(asHTML, name) {
			want[name+".html"] = m.HTML
		}
	}
	for name, content := range want {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if content != string(golden) {
			t.Errorf("%s differs. If that is meant: go test ./internal/reminder/mail -run Golden -update\n%s", file, content)
		}
	}
	files, err := os.ReadDir("testdata")
	if err != nil || len(files) != len(want) {
		t.Errorf("%d files for %d samples, %v", len(files), len(want), err)
	}
}

// Lines are short enough to be read as they are, but where a name or an address is long.
func TestTextFitsTheScreen(t *testing.T) {
	for name, m := range samples(t) {
		for i, l := range strings.Split(m.Text, "\n") {
			if columns := utf8.RuneCountInString(l); columns > 100 && !strings.Contains(l, "Abcdefghi-Abcdefghi-") && !strings.Contains(l, "evil[.]example") {
				t.Errorf("%s: line %d of the text has %d columns: %s", name, i+1, columns, l)
			}
			if trimmed := strings.TrimRight(l, " "); trimmed != l && l != "-- " {
				t.Errorf("%s: line %d of the text ends with spaces", name, i+1)
			}
		}
		if strings.Contains(m.Text, "\n\n\n") {
			t.Errorf("%s: the text has two empty lines in a row:\n%s", name, m.Text)
		}
	}
}

// What a person chose as a name cannot become a header, another line or turned-around
// text, even if it got past the API's checks.
func TestNamesCannotBreakOut(t *testing.T) {
	for name, m := range samples(t) {
		if strings.ContainsFunc(m.Subject, func(r rune) bool {
			return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !strings.ContainsRune("\u200c\u200d", r)
		}) {
			t.Errorf("%s: the subject %q holds control characters", name, m.Subject)
		}
		lines := strings.Split(m.Text, "\n")
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "Bcc:") }) {
			t.Errorf("%s: a name made a line of its own:\n%s", name, m.Text)
		}
		for _, part := range []string{m.Text, m.HTML} {
			if strings.ContainsFunc(part, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == '\u2028' }) {
				t.Errorf("%s: control characters got through", name)
			}
		}
	}
}

func TestComposerRefusesABadStyle(t *testing.T) {
	for what, change := range map[string]func(*mail.Style){
		"no company":         func(s *mail.Style) { s.Company = "" },
		"a company of lines": func(s *mail.Style) { s.Company = "Acme\r\nBcc: eve@evil.example" },
		"a support of lines": func(s *mail.Style) { s.Support = "Ask\nus" },
		"an intro of lines":  func(s *mail.Style) { s.Intro = "Dear\ncustomer" },
		"steps of lines":     func(s *mail.Style) { s.Replace = "First\nsecond" },
		"a footer of lines":  func(s *mail.Style) { s.Closing = "Acme\nInc" },
		"a named color":      func(s *mail.Style) { s.Color = "blue" },
		"a short color":      func(s *mail.Style) { s.Color = "#00f" },
		"a color with more":  func(s *mail.Style) { s.Color = "#0000ff;background:url(x)" },
		"no address":         func(s *mail.Style) { s.ConsoleURL = "" },
		"a script":           func(s *mail.Style) { s.ConsoleURL = "javascript:alert(1)" },
		"no host":            func(s *mail.Style) { s.ConsoleURL = "https:///keys" },
		"a query":            func(s *mail.Style) { s.ConsoleURL = "https://keys.acme.example/?a=b" },
		"a fragment":         func(s *mail.Style) { s.ConsoleURL = "https://keys.acme.example/#/" },
		"a support script":   func(s *mail.Style) { s.SupportURL = "javascript:alert(1)" },
		"support in clear":   func(s *mail.Style) { s.SupportURL = "http://acme.example/support" },
		"an unseen company":  func(s *mail.Style) { s.Company = "Ac\u00adme" },
	} {
		style := sample.Style
		change(&style)
		if _, err := mail.NewComposer(style); err == nil {
			t.Errorf("a composer with %s was made", what)
		}
	}
}

// Persian, Hindi and families of emoji are written with characters that show as nothing.
func TestNamesStayAsTheyAre(t *testing.T) {
	mails := samples(t)
	for name, want := range map[string]string{"name-joined": "می\u200cخواهم क\u094d\u200dष", "name-emoji": "👨\u200d👩\u200d👧"} {
		m := mails[name]
		for part, text := range map[string]string{"subject": m.Subject, "text": m.Text, "HTML": m.HTML} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the %s has no %q", name, part, want)
			}
		}
	}
}
