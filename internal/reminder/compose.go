package reminder

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"

	"latchkey/internal/token"
)

//go:embed templates
var templates embed.FS

// Mail is an e-mail ready to be sent, as text and as HTML with the same content.
type Mail struct {
	To      []string // addresses
	Subject string
	Text    string
	HTML    string
}

// Notice is what one e-mail tells.
type Notice struct {
	Organization string
	Owner        token.Owner   // whose tokens it is about
	To           []token.Owner // whom it goes to
	ForAdmins    bool          // it goes to admins because the owner cannot be reached
	Today        token.Date
	Tokens       []token.Token // at least one
}

// Style is how a company's e-mails look and speak.
type Style struct {
	Company    string // whose API the tokens are for
	ConsoleURL string // the page for managing tokens; links go below it
	Color      string // of the button and the line on top, #rrggbb

	// Texts of the company's, a line each; any may be empty.
	Intro   string // before the tokens
	Replace string // how to replace a token, instead of the steps
	Support string // where to get help
	Closing string // instead of why somebody gets the e-mail
}

// Composer writes notices: what they say is in words.go, their form in templates/.
type Composer struct {
	style   Style
	onColor string
	text    *texttemplate.Template
	html    *htmltemplate.Template
}

var colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// NewComposer checks the style and the templates.
func NewComposer(s Style) (*Composer, error) {
	u, err := url.Parse(s.ConsoleURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("composer: the console's address must be an http(s) URL without query and fragment")
	}
	s.ConsoleURL = strings.TrimSuffix(s.ConsoleURL, "/") + "/"
	if s.Company == "" {
		return nil, errors.New("composer: the company's name is required")
	}
	if own := s.Company + s.Intro + s.Replace + s.Support + s.Closing; line(own) != own {
		return nil, errors.New("composer: the company's name and texts must be single lines")
	}
	if !colorPattern.MatchString(s.Color) {
		return nil, fmt.Errorf("composer: color %q: want #rrggbb", s.Color)
	}
	c := &Composer{style: s, onColor: readableOn(s.Color)}
	functions := texttemplate.FuncMap{"wrap": wrap, "add": func(a, b int) int { return a + b }}
	if c.text, err = texttemplate.New("notice.txt").Funcs(functions).ParseFS(templates, "templates/notice.txt"); err != nil {
		return nil, fmt.Errorf("parsing the text template: %w", err)
	}
	if c.html, err = htmltemplate.ParseFS(templates, "templates/notice.html"); err != nil {
		return nil, fmt.Errorf("parsing the HTML template: %w", err)
	}
	return c, nil
}

// page is what the templates are filled from.
type page struct {
	Style
	words

	OnColor      string
	Subject      string
	Heading      string
	Organization string
	Tokens       []row // expired ones first, then by date
}

type row struct {
	Name, Hint, ExpiresOn, Link string
	DaysLeft                    string // empty: it has expired
}

// Compose writes one e-mail.
func (c *Composer) Compose(n Notice) (Mail, error) {
	tokens := slices.Clone(n.Tokens)
	slices.SortStableFunc(tokens, func(a, b token.Token) int { return cmp.Compare(a.ExpiresOn, b.ExpiresOn) })
	p := page{Style: c.style, OnColor: c.onColor, Organization: line(n.Organization)}
	expired := 0
	for _, t := range tokens {
		r := row{
			Name: line(t.Name), Hint: line(t.Hint), Link: c.style.ConsoleURL + "#/tokens/" + url.PathEscape(string(t.ID)),
			ExpiresOn: t.ExpiresOn.Start().Format("2 January 2006") + " (UTC)",
		}
		if n.Today >= t.ExpiresOn {
			expired++
		} else {
			r.DaysLeft = days(int(t.ExpiresOn - n.Today))
		}
		p.Tokens = append(p.Tokens, r)
	}
	p.Heading = heading(p.Tokens[:expired], p.Tokens[expired:])
	p.Subject = "[" + c.style.Company + "] " + p.Heading
	p.words = write(c.style.Company, expired, len(tokens)-expired)
	if n.ForAdmins {
		p.Subject = "[" + c.style.Company + "] Owner cannot be reached: " + p.Heading
		p.words = p.toAdmins(c.style.Company, p.Organization, n.Owner, len(tokens) == 1)
	}
	if c.style.Replace != "" {
		p.Now, p.First, p.Steps = c.style.Replace, "", nil
	}
	p.Footer = cmp.Or(c.style.Closing, p.Footer)
	m := Mail{Subject: p.Subject}
	for _, o := range n.To {
		m.To = append(m.To, o.Email)
	}
	var text, html strings.Builder
	if err := c.text.Execute(&text, p); err != nil {
		return Mail{}, fmt.Errorf("writing the text: %w", err)
	}
	if err := c.html.Execute(&html, p); err != nil {
		return Mail{}, fmt.Errorf("writing the HTML: %w", err)
	}
	m.Text, m.HTML = text.String(), html.String()
	return m, nil
}

// readableOn picks black or white text for a background: whichever has the higher
// contrast, which is at least 4.5:1 for every color (WCAG 2.2, 1.4.3).
func readableOn(color string) string {
	// Relative luminance at which black and white have the same contrast.
	const middle = 0.179
	if luminance(color) > middle {
		return "#000000"
	}
	return "#ffffff"
}
