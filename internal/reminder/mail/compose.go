package mail

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

// Message is an e-mail ready to be sent, as text and as HTML with the same content.
type Message struct {
	To      string // address
	Subject string
	Text    string
	HTML    string
}

// About is what kind of e-mail it is.
type About int

// The kinds of e-mails.
const (
	Expiry  About = iota // to an owner, about keys that expire
	Instead              // the same to an admin, because the owners cannot be reached
	Revoked              // to an owner, about keys that somebody else has revoked
)

// Content is what one e-mail says to one recipient.
type Content struct {
	About        About
	Organization string
	To           token.Person
	Today        token.Date
	Keys         []Key // at least one
}

// Key is a token that an e-mail is about.
type Key struct {
	token.Token
	Owner token.Person // as far as they are known
	By    token.Person // who has revoked it, as far as they are known
}

// Style is how a company's e-mails look and speak.
type Style struct {
	Company    string // whose API the keys are for
	ConsoleURL string // the page for managing keys; links go below it
	SupportURL string // where to get help; may be empty
	Color      string // of the button and the line on top, #rrggbb

	// Texts of the company's, a line each; any may be empty.
	Intro   string // before everything else
	Replace string // how to replace a key, instead of the steps
	Support string // where to get help
	Closing string // instead of why somebody gets the e-mail
}

// Composer writes e-mails.
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
	if u, err = url.Parse(s.SupportURL); err != nil || s.SupportURL != "" && (u.Scheme != "https" || u.Host == "") {
		return nil, errors.New("composer: the support page's address must be an https URL")
	}
	if s.Company == "" {
		return nil, errors.New("composer: the company's name is required")
	}
	for _, own := range []string{s.Company, s.Intro, s.Replace, s.Support, s.Closing} {
		if line(own) != own {
			return nil, errors.New("composer: the company's name and texts must be single lines without invisible characters")
		}
	}
	if !colorPattern.MatchString(s.Color) {
		return nil, fmt.Errorf("composer: color %q: want #rrggbb", s.Color)
	}
	c := &Composer{style: s, onColor: readableOn(s.Color)}
	functions := map[string]any{"wrap": wrap, "add": func(a, b int) int { return a + b }, "outlook": outlook, "cards": inColor}
	if c.text, err = texttemplate.New("notice.txt").Funcs(functions).ParseFS(templates, "templates/notice.txt"); err != nil {
		return nil, fmt.Errorf("parsing the text template: %w", err)
	}
	if c.html, err = htmltemplate.New("notice.html").Funcs(functions).ParseFS(templates, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("parsing the HTML template: %w", err)
	}
	return c, nil
}

// outlook is HTML for the engine of Outlook on Windows alone, which knows no greatest width.
func outlook(html string) htmltemplate.HTML {
	return htmltemplate.HTML("<!--[if mso]>" + html + "<![endif]-->") //nolint:gosec // G203: the templates' own text
}

// cards are a group's keys and the colors of their buttons.
type cards struct {
	group

	Color, OnColor string
}

func inColor(s Style, onColor string, g group) cards { return cards{g, s.Color, onColor} }

// page is what the templates are filled from.
type page struct {
	Style
	words

	OnColor      string
	Subject      string
	Heading      string
	Preview      string
	Organization string
	Groups       []group
	AsTable      bool
}

// group is keys to which the same has happened.
type group struct {
	Heading string
	When    string // what its dates are
	Rows    []row  // soonest first
}

type row struct {
	Label    string // what the reader knows it by: the name of their own, the hint of another's
	Title    string // the label as it stands in a sentence
	Link     string
	When     string
	DaysLeft string // empty: it has expired, or was revoked
	LastUsed string
	Facts    []fact // beside when and last used
}

type fact struct{ Name, Value string }

// tableFrom is from how many keys on they are rows of a table.
const tableFrom = 4

// Compose writes one e-mail.
func (c *Composer) Compose(n Content) (Message, error) {
	if len(n.Keys) == 0 {
		return Message{}, errors.New("composing an e-mail about nothing")
	}
	n.Keys = slices.Clone(n.Keys)
	slices.SortStableFunc(n.Keys, func(a, b Key) int { return cmp.Compare(a.EndDate(), b.EndDate()) })
	p := page{Style: c.style, OnColor: c.onColor, Organization: line(n.Organization), AsTable: len(n.Keys) >= tableFrom}
	var rows []row
	expired := 0
	for _, k := range n.Keys {
		r := c.row(n, k)
		if n.About != Revoked && r.DaysLeft == "" {
			expired++
		}
		rows = append(rows, r)
	}
	p.Groups = groups(n.About, rows, expired)
	p.Heading, p.Preview = headline(n.About, rows, expired), preview(p.Groups)
	prefix := "[" + c.style.Company + "] "
	p.words = expiryWords(c.style.Company, expired, len(rows)-expired)
	switch n.About {
	case Instead:
		prefix += "Owner cannot be reached: "
		p.words = p.toAdmins(c.style.Company, p.Organization, n.Keys)
	case Revoked:
		p.words = revokedWords(c.style.Company, len(rows))
	case Expiry:
	}
	p.Subject = prefix + p.Heading
	if c.style.Replace != "" && n.About != Revoked {
		p.Now, p.First, p.Steps = c.style.Replace, "", nil
	}
	p.Footer = cmp.Or(c.style.Closing, p.Footer)
	var text, html strings.Builder
	if err := c.text.Execute(&text, p); err != nil {
		return Message{}, fmt.Errorf("writing the text: %w", err)
	}
	if err := c.html.Execute(&html, p); err != nil {
		return Message{}, fmt.Errorf("writing the HTML: %w", err)
	}
	return Message{To: n.To.Email, Subject: p.Subject, Text: text.String(), HTML: html.String()}, nil
}

const dateForm = "2 January 2006"

func (c *Composer) row(n Content, k Key) row {
	r := row{Link: c.style.ConsoleURL + "#/tokens/" + url.PathEscape(string(k.ID)), LastUsed: "never"}
	if last := k.Uses.Last(); !last.LastAt.IsZero() {
		r.LastUsed = last.LastAt.UTC().Format(dateForm)
	}
	hint := line(k.Hint)
	if k.Token.Owner == token.PersonOwner(n.To.ID) && k.CreatedBy == n.To.ID { // the reader's own words
		r.Label = line(k.Name)
		r.Title = "“" + r.Label + "”"
		r.Facts = []fact{{"API token", hint}}
	} else {
		r.Label, r.Title = hint, hint
		r.Facts = []fact{{"Name", unlinked(k.Name)}}
	}
	switch n.About {
	case Revoked:
		r.When = k.RevokedAt.UTC().Format(dateForm + ", 15:04 MST")
		r.Facts = append(r.Facts, fact{"Revoked by", cmp.Or(line(k.By.Email), unlinked(k.By.ID))})
		if k.RevokeReason != "" {
			r.Facts = append(r.Facts, fact{"Reason", unlinked(k.RevokeReason)})
		}
		return r
	case Instead:
		r.Facts = append(r.Facts, fact{"Owner", cmp.Or(line(k.Owner.Email), unlinked(k.Owner.ID))})
	case Expiry:
	}
	end := k.EndDate()
	r.When = end.Start().Format(dateForm) + " (UTC)"
	if n.Today < end {
		r.DaysLeft = days(int(end - n.Today))
	}
	return r
}

// groups parts rows, of which the first so many have expired.
func groups(about About, rows []row, expired int) []group {
	if about == Revoked {
		return []group{newGroup("Revoked", "Revoked on", rows, len(rows))}
	}
	var all []group
	if expired > 0 {
		all = append(all, newGroup("Expired", "Expired on", rows[:expired], len(rows)))
	}
	if expired < len(rows) {
		all = append(all, newGroup("Expires soon", "Expires on", rows[expired:], len(rows)))
	}
	return all
}

func newGroup(heading, when string, rows []row, all int) group {
	g := group{Heading: heading, When: when, Rows: rows}
	if all > 1 {
		g.Heading = fmt.Sprintf("%s (%d)", heading, len(rows))
	}
	return g
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
