package mail_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"mvdan.cc/xurls/v2"

	"latchkey/internal/reminder/mail"
	"latchkey/internal/reminder/mail/sample"
	"latchkey/internal/token"
)

// hostile are names that a mail program would make a link of.
var hostile = []string{
	sample.Phishing, "https://evil.example/a?b=c#d", "HTTPS://EVIL.COM", "evil.com", "www.evil.com/login", "sign in at evil.co.uk.",
	"mailto:eve@evil.com", "eve@evil.com", "ftp://evil.com", "http://192.0.2.1/x", "192.0.2.1", "tel:+4930123456", "//evil.com",
	"evil。com", "evil．com", "bücher.de", "evil.com:8080", "x.evil.com,y", "(evil.com)", "evil.com”", "javascript:alert(1)", "evil.xn--p1ai", "a.b.c.d.evil.com",
}

// In mail to anybody but its owner, a key's name stands in no subject and no heading, and
// nothing of it can become a link: none is made here, and a mail program finds none to make.
func TestNamesOfOthersLeadNowhere(t *testing.T) {
	strict, relaxed := xurls.Strict(), xurls.Relaxed()
	c := newComposer(t, sample.Style)
	for _, name := range hostile {
		contents := map[string]mail.Content{}
		for _, s := range sample.Mails() {
			if s.Name == "admin" || s.Name == "admin-table" || s.Name == "revoked" || s.Name == "revoked-table" {
				contents[s.Name] = s.Content
			}
		}
		for kind, content := range contents {
			content.Keys = append([]mail.Key{}, content.Keys...)
			for i := range content.Keys {
				if content.About == mail.Revoked {
					content.Keys[i].RevokeReason = name // the name is the reader's own
				} else {
					content.Keys[i].Name = name
				}
			}
			m, err := c.Compose(content)
			if err != nil {
				t.Fatal(err)
			}
			for word := range strings.FieldsSeq(name) {
				if len(word) > 3 && (strings.Contains(m.Subject, word) || strings.Contains(headings(t, m.HTML), word)) {
					t.Errorf("%s: %q is in the subject %q or a heading", kind, word, m.Subject)
				}
			}
			own := func(found string) bool {
				return strings.HasPrefix(found, "https://keys.acme.example") || found == sample.Style.SupportURL || strings.HasSuffix(found, "@acme.example") || found == "203.0.113.0/24"
			}
			for _, find := range []func(string, int) []string{strict.FindAllString, relaxed.FindAllString} {
				for _, found := range append(find(m.Text, -1), find(shown(t, m.HTML), -1)...) {
					if !own(found) {
						t.Errorf("%s: a mail program makes a link of %q, in the name %q", kind, found, name)
					}
				}
			}
			for _, n := range parse(t, m.HTML) {
				if n.Type == html.ElementNode && n.Data == "a" && strings.Contains(shownIn(n), "[.]") {
					t.Errorf("%s: the name %q is in a link", kind, name)
				}
			}
		}
	}
}

// Names without anything to link stay as they are for others, too.
func TestHarmlessNamesStayAsTheyAre(t *testing.T) {
	c := newComposer(t, sample.Style)
	for _, name := range []string{"Nightly export v1.2", "CI: main", "A. B. Example", "10.5 GB", "prod…", "3:1 is not :a", "می\u200cخواهم"} {
		want := strings.ReplaceAll(name, "3:1", "3[:]1")
		want = strings.ReplaceAll(want, ":a", "[:]a")
		content := sample.Mails()[11].Content
		content.Keys = []mail.Key{content.Keys[0]}
		content.Keys[0].Name = name
		m, err := c.Compose(content)
		if err != nil || content.About != mail.Instead || !strings.Contains(m.Text, "Name:         "+want+"\n") {
			t.Errorf("%q: %v\n%s", name, err, m.Text)
		}
	}
}

// A name is its reader's own only if they own the key and made it.
func TestWhoseWordsANameIs(t *testing.T) {
	c := newComposer(t, sample.Style)
	content := sample.Mails()[0].Content
	for who, change := range map[string]func(k *mail.Key){
		"own":             func(*mail.Key) {},
		"made by another": func(k *mail.Key) { k.CreatedBy = "eve" },
		"of another":      func(k *mail.Key) { k.Token.Owner = token.PersonOwner("eve") },
	} {
		k := content.Keys[0]
		change(&k)
		content := content
		content.Keys = []mail.Key{k}
		m, err := c.Compose(content)
		if own := strings.Contains(m.Subject, k.Name); err != nil || own != (who == "own") {
			t.Errorf("%s: %q, %v", who, m.Subject, err)
		}
	}
}

func headings(t *testing.T, page string) string {
	t.Helper()
	var all strings.Builder
	for _, n := range parse(t, page) {
		if n.Type == html.ElementNode && (n.Data == "h1" || n.Data == "h2" || n.Data == "h3" || n.Data == "title") {
			all.WriteString(shownIn(n) + "\n")
		}
	}
	return all.String()
}

// shown is the text of a page, without its style.
func shown(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return shownIn(root)
}

func shownIn(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return b.String()
}
