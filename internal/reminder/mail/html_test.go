package mail_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"latchkey/internal/notice"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/reminder/mail/sample"
)

// parse returns all nodes of a page, in the order of the text.
func parse(t *testing.T, page string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(root.Descendants())
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// The HTML is what a screen reader can work with, and loads nothing.
func TestHTML(t *testing.T) {
	allowed := strings.Fields("html head meta title style body div h1 h2 h3 p table tbody tr th td strong a ol li bdi br span")
	mails := samples(t)
	for _, s := range sample.Mails() {
		m := mails[s.Name]
		var headings, links []string
		for _, n := range parse(t, m.HTML) {
			if n.Type != html.ElementNode {
				continue
			}
			if !slices.Contains(allowed, n.Data) {
				t.Errorf("%s: there is a <%s>", s.Name, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "background" {
					t.Errorf("%s: <%s> has %s", s.Name, n.Data, a.Key)
				}
			}
			switch n.Data {
			case "html", "div":
				if attribute(n, "aria-hidden") == "" && (attribute(n, "lang") != "en" || attribute(n, "dir") != "ltr") {
					t.Errorf("%s: a <%s> does not say its language and direction", s.Name, n.Data)
				}
			case "title":
				if content(n) != m.Subject {
					t.Errorf("%s: the title is %q", s.Name, content(n))
				}
			case "h1", "h2", "h3":
				headings = append(headings, n.Data)
			case "th":
				if scope := attribute(n, "scope"); scope != "row" && scope != "col" {
					t.Errorf("%s: <th> %s has no scope", s.Name, content(n))
				}
			case "a":
				links = append(links, attribute(n, "href"))
				if strings.TrimSpace(content(n)) == "" {
					t.Errorf("%s: the link to %s is empty", s.Name, attribute(n, "href"))
				}
			}
		}
		keys := s.Content.Keys
		if cards := strings.Count(strings.Join(headings, " "), "h3"); headings[0] != "h1" || slices.Contains(headings[1:], "h1") ||
			(len(keys) < 4 && cards != len(keys)) || (len(keys) >= 4 && cards != 0) {
			t.Errorf("%s: the headings of %d keys are %q", s.Name, len(keys), headings)
		}
		want := []string{"https://keys.acme.example/", sample.Style.SupportURL}
		for _, k := range keys {
			want = append(want, leadsTo(s.Content, k))
		}
		slices.Sort(want)
		slices.Sort(links)
		if !slices.Equal(links, want) {
			t.Errorf("%s: links %q, want %q", s.Name, links, want)
		}
		if found := regexp.MustCompile(`url\(|@import|http://`).FindString(m.HTML); found != "" {
			t.Errorf("%s: the HTML holds %s", s.Name, found)
		}
	}
}

// leadsTo is where the link of a key leads: to what there is to be done about it.
func leadsTo(c mail.Content, k mail.Key) string {
	const page = "https://keys.acme.example/#/"
	switch {
	case k.Kind == notice.Revoked, k.Kind == notice.Renewed:
		return page + "tokens/" + string(k.ID)
	case k.Kind.Topic() == notice.Ends && k.ExpiresOn <= c.Today:
		return page + "new?from=" + string(k.ID)
	default:
		return page + "tokens/" + string(k.ID) + "/replace"
	}
}

// Outlook on Windows draws with Word's engine: it takes boxes from tables and their
// attributes, knows no greatest width, no padding of a link and no class that a media
// query alone defines.
func TestOutlookShowsWhatIsMeant(t *testing.T) {
	for name, m := range samples(t) {
		if !strings.Contains(m.HTML, `<!--[if mso]><table role="presentation" width="600"`) || !strings.Contains(m.HTML, "<!--[if mso]></td></tr></table><![endif]-->") {
			t.Errorf("%s: it has no width in Outlook", name)
		}
		for _, n := range parse(t, m.HTML) {
			if n.Type != html.ElementNode {
				continue
			}
			style := attribute(n, "style")
			for _, unknown := range []string{"max-width", "display: inline-block", "flex", "grid", "var("} {
				if strings.Contains(style, unknown) && (unknown != "max-width" || attribute(n, "width") == "") {
					t.Errorf("%s: <%s> is laid out by %s alone", name, n.Data, unknown)
				}
			}
			background := regexp.MustCompile(`background-color: (#[0-9a-f]{6})`).FindStringSubmatch(style)
			switch n.Data {
			case "table":
				if attribute(n, "cellpadding") != "0" || attribute(n, "cellspacing") != "0" || attribute(n, "border") != "0" {
					t.Errorf("%s: a table leaves its gaps to the mail program", name)
				}
				fallthrough
			case "td":
				if background != nil && attribute(n, "bgcolor") != background[1] {
					t.Errorf("%s: <%s> has the color %s in its style only", name, n.Data, background[1])
				}
			case "a", "p", "li", "span", "h1", "h2", "h3":
				if strings.Contains(style, "padding") {
					t.Errorf("%s: <%s> has padding, which Word leaves out", name, n.Data)
				}
			}
			if n.Data == "a" && !strings.Contains(style, "color: #") {
				t.Errorf("%s: a link has no color of its own", name)
			}
		}
	}
}

// The first text of the body is the line that mail programs show beside the subject. It is
// seen nowhere else.
func TestPreheader(t *testing.T) {
	for name, m := range samples(t) {
		var body *html.Node
		for _, n := range parse(t, m.HTML) {
			if n.Type == html.ElementNode && n.Data == "body" {
				body = n
			}
		}
		first := body.FirstChild
		for first.Type != html.ElementNode {
			first = first.NextSibling
		}
		text := content(first)
		if !strings.Contains(attribute(first, "style"), "display: none") || !strings.Contains(attribute(first, "style"), "mso-hide: all") ||
			!strings.Contains(text, "last used: ") || !strings.Contains(text, " on ") {
			t.Errorf("%s: the preheader is %q", name, text)
		}
	}
	if m := samples(t)["fifty-three"]; !strings.Contains(m.HTML, "and 50 more.") {
		t.Error("the preheader of 53 keys does not say how many more")
	}
}

// The text and the HTML say the same.
func TestTextAndHTMLAgree(t *testing.T) {
	words := func(s string) map[string]bool {
		all := map[string]bool{}
		for _, w := range regexp.MustCompile(`[\p{L}\d]+`).FindAllString(s, -1) {
			all[strings.ToLower(w)] = true
		}
		return all
	}
	onlyInText := words("Manage it: Replace it: New key like it: Open https://keys.acme.example/#/tokens/replace/new?from= 1. 2. 3. Get help: " + sample.Style.SupportURL)
	for name, m := range samples(t) {
		root, err := html.Parse(strings.NewReader(m.HTML))
		if err != nil {
			t.Fatal(err)
		}
		inHTML := map[string]bool{}
		for n := range root.Descendants() {
			if n.Type == html.TextNode && n.Parent.Data != "style" && attribute(n.Parent, "aria-hidden") == "" {
				for w := range words(n.Data) {
					inHTML[w] = true
				}
			}
		}
		inText := words(m.Text)
		for w := range inText {
			if !inHTML[w] && !onlyInText[w] && !strings.HasPrefix(w, "01k9") {
				t.Errorf("%s: %q is in the text only", name, w)
			}
		}
		onlyInHTML := words("page What to do API keys key " + m.Subject)
		for w := range inHTML {
			if !inText[w] && !onlyInHTML[w] {
				t.Errorf("%s: %q is in the HTML only", name, w)
			}
		}
	}
}

// contrast is WCAG 2.2's contrast ratio of two colors as #rrggbb.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(color string) float64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
		if err != nil || len(color) != len("#rrggbb") {
			t.Fatalf("%q is no color", color)
		}
		sum := 0.0
		for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
			c := float64(n>>(8*i)&0xff) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// colored is a text or a background of an e-mail: the color of its own and, in the dark
// scheme, that of its classes.
func colored(n *html.Node, property string, dark map[string]string) (light, inDark string) {
	own := regexp.MustCompile(`(?:^|; )` + property + `: (#[0-9a-fA-F]{6})`).FindStringSubmatch(attribute(n, "style"))
	if own != nil {
		light = own[1]
	}
	inDark = light
	for class := range strings.FieldsSeq(attribute(n, "class")) {
		if c := dark["."+class+" "+property]; c != "" {
			inDark = c
		}
	}
	return light, inDark
}

// darkScheme are the colors of a style sheet for the dark scheme: selector and property to
// value.
func darkScheme(t *testing.T, page string) map[string]string {
	t.Helper()
	_, css, found := strings.Cut(page, "@media (prefers-color-scheme: dark) {")
	if !found {
		t.Fatal("there is no dark scheme")
	}
	css, _, _ = strings.Cut(css, "</style>")
	colors := map[string]string{}
	for _, rule := range regexp.MustCompile(`([^{}]+){([^{}]*)}`).FindAllStringSubmatch(css, -1) {
		for _, d := range regexp.MustCompile(`(?:^|[;\s])(color|background-color):\s*(#[0-9a-f]{6}) !important`).FindAllStringSubmatch(rule[2], -1) {
			colors[strings.TrimSpace(rule[1])+" "+d[1]] = d[2]
		}
	}
	return colors
}

// Whatever a company's color, all text can be read in light and dark (WCAG 2.2, 1.4.3).
func TestContrast(t *testing.T) {
	colors := []string{
		"#1d4ed8", "#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#767676", "#777777", "#808080", "#ff9900", "#e11d48",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		colors = append(colors, fmt.Sprintf("#%06x", random.IntN(1<<24)))
	}
	for _, color := range colors {
		style := sample.Style
		style.Color = color
		for _, i := range []int{0, 9} { // cards and a table
			m, err := newComposer(t, style).Compose(sample.Mails()[i].Content)
			if err != nil {
				t.Fatal(err)
			}
			dark := darkScheme(t, m.HTML)
			texts := 0
			for _, n := range parse(t, m.HTML) {
				if n.Type != html.TextNode || strings.TrimSpace(n.Data) == "" || n.Parent.Data == "style" || n.Parent.Data == "title" ||
					attribute(n.Parent, "aria-hidden") != "" {
					continue
				}
				texts++
				var text, back [2]string
				for p := n.Parent; p != nil; p = p.Parent {
					for property, found := range map[string]*[2]string{"color": &text, "background-color": &back} {
						if light, inDark := colored(p, property, dark); found[0] == "" && light != "" {
							*found = [2]string{light, inDark}
						}
					}
				}
				for scheme := range text {
					if ratio := contrast(t, text[scheme], back[scheme]); ratio < 4.5 {
						t.Errorf("scheme %d, company color %s: %q has %s on %s, a contrast of %.2f:1", scheme, color, n.Data, text[scheme], back[scheme], ratio)
					}
				}
			}
			if texts < 10 {
				t.Fatalf("only %d texts", texts)
			}
		}
	}
}

// Groups and their counts, soonest first, behind the steps.
func TestGroups(t *testing.T) {
	text := samples(t)["fifty-three"].Text
	steps, expired, soon := strings.Index(text, "1. Open "), strings.Index(text, "\nExpired (18)\n"), strings.Index(text, "\nExpires soon (35)\n")
	if steps < 0 || expired < steps || soon < expired {
		t.Errorf("steps at %d, expired at %d, expiring at %d:\n%s", steps, expired, soon, text)
	}
	last := 0
	for _, left := range regexp.MustCompile(`, in (\d+) days`).FindAllStringSubmatch(text[soon:], -1) {
		n, err := strconv.Atoi(left[1])
		if err != nil || n < last {
			t.Errorf("%d days after %d", n, last)
		}
		last = n
	}
	if n := strings.Count(text, "Last used:"); n != 53 {
		t.Errorf("%d times last used", n)
	}
}
