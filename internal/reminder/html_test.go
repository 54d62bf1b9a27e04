package reminder_test

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

	"latchkey/internal/reminder/sample"
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
	allowed := strings.Fields("html head meta title style body div h1 h2 p table tbody tr th td strong a ol li bdi")
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
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" {
					t.Errorf("%s: <%s> has %s", s.Name, n.Data, a.Key)
				}
			}
			switch n.Data {
			case "html", "div":
				if class := attribute(n, "class"); class != "token" && (attribute(n, "lang") != "en" || attribute(n, "dir") != "ltr") {
					t.Errorf("%s: <%s class=%q> does not say its language and direction", s.Name, n.Data, class)
				}
			case "title":
				if content(n) != m.Subject {
					t.Errorf("%s: the title is %q", s.Name, content(n))
				}
			case "h1", "h2":
				headings = append(headings, n.Data+" "+content(n))
			case "th":
				if attribute(n, "scope") != "row" {
					t.Errorf("%s: <th> %s has no scope", s.Name, content(n))
				}
			case "a":
				links = append(links, attribute(n, "href"))
				if strings.TrimSpace(content(n)) == "" {
					t.Errorf("%s: the link to %s is empty", s.Name, attribute(n, "href"))
				}
			}
		}
		if len(headings) != len(s.Notice.Tokens)+2 || !strings.HasPrefix(headings[0], "h1 ") ||
			slices.ContainsFunc(headings[1:], func(h string) bool { return !strings.HasPrefix(h, "h2 ") }) {
			t.Errorf("%s: the headings are %q", s.Name, headings)
		}
		want := []string{"https://keys.acme.example/"}
		for _, k := range s.Notice.Tokens {
			want = append(want, "https://keys.acme.example/#/tokens/"+string(k.ID))
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

// The text and the HTML say the same.
func TestTextAndHTMLAgree(t *testing.T) {
	words := func(s string) map[string]bool {
		all := map[string]bool{}
		for _, w := range regexp.MustCompile(`[\p{L}\d]+`).FindAllString(s, -1) {
			all[strings.ToLower(w)] = true
		}
		return all
	}
	onlyInText := words("Manage it: Open https://keys.acme.example/#/tokens/ 1. 2. 3.")
	for name, m := range samples(t) {
		root, err := html.Parse(strings.NewReader(m.HTML))
		if err != nil {
			t.Fatal(err)
		}
		inHTML := map[string]bool{}
		for n := range root.Descendants() {
			if n.Type == html.TextNode && n.Parent.Data != "style" {
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
		onlyInHTML := words("page What to do API keys " + m.Subject)
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

// styles are the colors of a style sheet: selector and property to value, once for the
// light scheme and once for the dark one.
func styles(t *testing.T, page string) (light, dark map[string]string) {
	t.Helper()
	css := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	if css == nil {
		t.Fatal("there is no style sheet")
	}
	base, media, found := strings.Cut(css[1], "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("there is no dark scheme")
	}
	light, dark = map[string]string{}, map[string]string{}
	read := func(css string, into ...map[string]string) {
		for _, rule := range regexp.MustCompile(`([^{}]+){([^{}]*)}`).FindAllStringSubmatch(css, -1) {
			for selector := range strings.SplitSeq(rule[1], ",") {
				for _, d := range regexp.MustCompile(`(?:^|[;\s])(color|background):\s*(#[0-9a-f]{6})`).FindAllStringSubmatch(rule[2], -1) {
					for _, m := range into {
						m[strings.TrimSpace(selector)+" "+d[1]] = d[2]
					}
				}
			}
		}
	}
	read(base, light, dark)
	read(media, dark)
	return light, dark
}

// Whatever a company's color, all text can be read in light and dark (WCAG 2.2, 1.4.3).
func TestContrast(t *testing.T) {
	colors := []string{
		"#1d4ed8", "#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#767676", "#777777", "#808080", "#ff9900", "#e11d48",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		colors = append(colors, fmt.Sprintf("#%06x", random.IntN(1<<24)))
	}
	for _, color := range colors {
		style := sample.Style
		style.Color = color
		m, err := newComposer(t, style).Compose(sample.Mails()[0].Notice)
		if err != nil {
			t.Fatal(err)
		}
		light, dark := styles(t, m.HTML)
		for scheme, css := range map[string]map[string]string{"light": light, "dark": dark} {
			button := css[".button color"]
			if special := css["a.button color"]; special != "" {
				button = special // more specific than "a"
			}
			if css[".button background"] != color {
				t.Fatalf("%s: the button's color is %q, not %s", scheme, css[".button background"], color)
			}
			for what, pair := range map[string][2]string{
				"text":   {css["body color"], css[".card background"]},
				"page":   {css["body color"], css["body background"]},
				"muted":  {css[".muted color"], css[".card background"]},
				"link":   {css["a color"], css[".card background"]},
				"button": {button, css[".button background"]},
			} {
				if ratio := contrast(t, pair[0], pair[1]); ratio < 4.5 {
					t.Errorf("%s scheme, company color %s: %s has %s on %s, a contrast of %.2f:1", scheme, color, what, pair[0], pair[1], ratio)
				}
			}
		}
	}
}

func TestMailGoesToEveryRecipient(t *testing.T) {
	for _, s := range sample.Mails() {
		m, err := newComposer(t, sample.Style).Compose(s.Notice)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, o := range s.Notice.To {
			want = append(want, o.Email)
		}
		if !slices.Equal(m.To, want) {
			t.Errorf("%s: to %q, want %q", s.Name, m.To, want)
		}
	}
}
