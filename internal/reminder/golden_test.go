package reminder_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"latchkey/internal/reminder"
	"latchkey/internal/reminder/sample"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newComposer(t *testing.T, s reminder.Style) *reminder.Composer {
	t.Helper()
	c, err := reminder.NewComposer(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// samples composes all of them.
func samples(t *testing.T) map[string]reminder.Mail {
	t.Helper()
	c := newComposer(t, sample.Style)
	mails := map[string]reminder.Mail{}
	for _, s := range sample.Mails() {
		m, err := c.Compose(s.Notice)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		mails[s.Name] = m
	}
	own := sample.Style
	own.Intro, own.Replace = "Dear customer,", "Run “acme keys renew <name>” & deploy again."
	own.Support, own.Closing = "", "Acme Cloud Inc, 1 Main Street, Springfield"
	m, err := newComposer(t, own).Compose(sample.Mails()[0].Notice)
	if err != nil {
		t.Fatal(err)
	}
	mails["own-texts"] = m
	return mails
}

// Every word of every kind of e-mail is in testdata, to be read. `go test -run Golden
// -update` writes it anew.
func TestGolden(t *testing.T) {
	mails := samples(t)
	for name, m := range mails {
		got := "To: " + strings.Join(m.To, ", ") + "\nSubject: " + m.Subject + "\n\n" + m.Text + "\n" + m.HTML
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s. If that is meant: go test ./internal/reminder -run Golden -update\n%s", name, file, got)
		}
	}
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) != len(mails) {
		t.Errorf("%d files for %d samples, %v", len(files), len(mails), err)
	}
}

// Lines are short enough to be read as they are, but where a name or an address is long.
func TestTextFitsTheScreen(t *testing.T) {
	for name, m := range samples(t) {
		for i, l := range strings.Split(m.Text, "\n") {
			if columns := utf8.RuneCountInString(l); columns > 100 && name != "name-longest" {
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
		if strings.ContainsFunc(m.Subject, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
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
	for what, change := range map[string]func(*reminder.Style){
		"no company":         func(s *reminder.Style) { s.Company = "" },
		"a company of lines": func(s *reminder.Style) { s.Company = "Acme\r\nBcc: eve@evil.example" },
		"a support of lines": func(s *reminder.Style) { s.Support = "Ask\nus" },
		"an intro of lines":  func(s *reminder.Style) { s.Intro = "Dear\ncustomer" },
		"steps of lines":     func(s *reminder.Style) { s.Replace = "First\nsecond" },
		"a footer of lines":  func(s *reminder.Style) { s.Closing = "Acme\nInc" },
		"a named color":      func(s *reminder.Style) { s.Color = "blue" },
		"a short color":      func(s *reminder.Style) { s.Color = "#00f" },
		"a color with more":  func(s *reminder.Style) { s.Color = "#0000ff;background:url(x)" },
		"no address":         func(s *reminder.Style) { s.ConsoleURL = "" },
		"a script":           func(s *reminder.Style) { s.ConsoleURL = "javascript:alert(1)" },
		"no host":            func(s *reminder.Style) { s.ConsoleURL = "https:///keys" },
		"a query":            func(s *reminder.Style) { s.ConsoleURL = "https://keys.acme.example/?a=b" },
		"a fragment":         func(s *reminder.Style) { s.ConsoleURL = "https://keys.acme.example/#/" },
	} {
		style := sample.Style
		change(&style)
		if _, err := reminder.NewComposer(style); err == nil {
			t.Errorf("a composer with %s was made", what)
		}
	}
}
