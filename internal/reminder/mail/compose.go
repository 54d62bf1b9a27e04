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
	"time"

	"latchkey/internal/notice"
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
	Dates       About = iota // to an owner, about dates of their keys
	Instead                  // the same to an admin, because the owners cannot be reached
	Revoked                  // to an owner, about keys that somebody else has revoked
	TwoHolders               // to an owner or admin, about API tokens that two have
	RetiredUsed              // to an owner, about replaced API tokens that were used
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
	Kind  notice.Kind  // what there is to say of it
	Count int          // of [notice.Renewed]: how often
	At    time.Time    // of what has happened: when
	From  string       // of [notice.RetiredUsed]: the network; empty: not known
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

	topic notice.Topic
	come  bool // their date has come
}

type row struct {
	Label    string // what the reader knows it by: the name of their own, the hint of another's
	Title    string // the label as it stands in a sentence
	Link     string
	Action   string // what the link is for
	topic    notice.Topic
	When     string
	DaysLeft string // empty: its date has come, or it has none
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
	slices.SortStableFunc(n.Keys, func(a, b Key) int { return cmp.Compare(a.date(), b.date()) })
	p := page{Style: c.style, OnColor: c.onColor, Organization: line(n.Organization), AsTable: len(n.Keys) >= tableFrom}
	rows := make([]row, 0, len(n.Keys))
	for _, k := range n.Keys {
		rows = append(rows, c.row(n, k))
	}
	p.Groups = groups(rows)
	p.Heading, p.Preview = headline(p.Groups), preview(p.Groups)
	p.words = wordsOf(c.style.Company, p.Groups)
	prefix := "[" + c.style.Company + "] "
	if n.About == Instead {
		prefix += "Owner cannot be reached: "
		p.words = p.toAdmins(c.style.Company, p.Organization, n.Keys)
	}
	p.Subject = prefix + p.Heading
	if c.style.Replace != "" && rows[0].topic == notice.Ends && len(p.Groups[0].Rows) == len(rows) {
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

const (
	dateForm = "2 January 2006"
	timeForm = dateForm + ", 15:04 MST"
)

// date is what a key's notice is about, for sorting.
func (k Key) date() token.Date {
	switch k.Kind.Topic() {
	case notice.NotUsed, notice.Topic(notice.OldUsed):
		return token.DateOf(k.OldEndsAt())
	default:
		return k.EndDate()
	}
}

func (c *Composer) row(n Content, k Key) row {
	page := c.style.ConsoleURL + "#/tokens/" + url.PathEscape(string(k.ID))
	r := row{Link: page + "/replace", Action: "Replace", LastUsed: usedOn(k.Uses.Last()), topic: k.Kind.Topic()}
	hint := line(k.Hint)
	if k.Token.Owner == token.PersonOwner(n.To.ID) && k.CreatedBy == n.To.ID { // the reader's own words
		r.Label = line(k.Name)
		r.Title = "“" + r.Label + "”"
		r.Facts = []fact{{"API token", hint}}
	} else {
		r.Label, r.Title = hint, hint
		r.Facts = []fact{{"Name", unlinked(k.Name)}}
	}
	if n.About == Instead || n.About == TwoHolders && k.Token.Owner != token.PersonOwner(n.To.ID) {
		r.Facts = append(r.Facts, fact{"Owner", cmp.Or(line(k.Owner.Email), unlinked(k.Owner.ID))})
	}
	switch r.topic {
	case notice.Ends:
		c.ends(&r, n.Today, k)
	case notice.NotUsed:
		end := token.DateOf(k.OldEndsAt())
		r.When, r.DaysLeft = end.Start().Format(dateForm)+" (UTC)", left(n.Today, end)
		r.Facts = append(r.Facts, fact{"Replaced on", k.Rotation.RotatedAt.UTC().Format(dateForm)})
	case notice.Topic(notice.OldUsed):
		r.When, r.LastUsed = k.OldEndsAt().UTC().Format(timeForm), usedOn(k.Uses[k.Rotation.OldGeneration])
		r.Facts = append(r.Facts, fact{"Old token", line(k.Rotation.OldHint)})
	case notice.Topic(notice.Renewed):
		r.When, r.Action, r.Link = k.Rotation.RotatedAt.UTC().Format(timeForm), "Manage", page
		r.Facts = append(r.Facts, fact{"Replaced", times(k.Count)})
	case notice.Topic(notice.Revoked):
		r.When, r.Action, r.Link = k.RevokedAt.UTC().Format(timeForm), "Manage", page
		by := cmp.Or(line(k.By.Email), unlinked(k.By.ID))
		if k.By.ID == string(k.ID) {
			by = "whoever has its API token"
		}
		r.Facts = append(r.Facts, fact{"Revoked by", by})
		if k.RevokeReason != "" {
			r.Facts = append(r.Facts, fact{"Reason", unlinked(k.RevokeReason)})
		}
	default: // something that has happened to the key's API tokens
		r.When = k.At.UTC().Format(timeForm)
		if k.From != "" {
			r.Facts = append(r.Facts, fact{"Came from", line(k.From)})
		}
	}
	return r
}

// ends fills in a row about a key that expires.
func (c *Composer) ends(r *row, today token.Date, k Key) {
	end := k.EndDate()
	r.When, r.DaysLeft = end.Start().Format(dateForm)+" (UTC)", left(today, end)
	if r.DaysLeft == "" {
		r.Action, r.Link = "New key like", c.style.ConsoleURL+"#/new?from="+url.QueryEscape(string(k.ID))
	}
	if k.Rotation != nil && k.Rotation.Overlap != 0 && k.Uses[k.Rotation.Version].FirstAt.IsZero() {
		r.Facts = append(r.Facts, fact{"New token", "not used since it was made on " + k.Rotation.RotatedAt.UTC().Format(dateForm)})
	}
}

// left is how long it is until a date; empty if it has come.
func left(today, date token.Date) string {
	if today >= date {
		return ""
	}
	return days(int(date - today))
}

// usedOn says when something was used last, and from where.
func usedOn(u token.Use) string {
	if u.LastAt.IsZero() {
		return "never"
	}
	on := u.LastAt.UTC().Format(dateForm)
	if u.From != "" {
		on += ", from " + u.From
	}
	return on
}

// topics are the groups of an e-mail, in order. What has come to its date is a group of its
// own, and comes first.
var topics = []struct {
	topic         notice.Topic
	come          bool
	heading, when string
}{
	{notice.Topic(notice.RotationRefused), true, "Two have the same API token", "Asked on"},
	{notice.Topic(notice.RetiredUsed), true, "Replaced API token used", "Used on"},
	{notice.Topic(notice.Revoked), true, "Revoked", "Revoked on"},
	{notice.Ends, true, "Expired", "Expired on"},
	{notice.Ends, false, "Expires soon", "Expires on"},
	{notice.NotUsed, true, "Old API token ended, new one not used", "Ended on"},
	{notice.NotUsed, false, "New API token not used yet", "Old one ends on"},
	{notice.Topic(notice.OldUsed), true, "Old API token still in use", "It ends on"},
	{notice.Topic(notice.Renewed), true, "Replaced its own API token", "Last on"},
}

// groups parts rows, which are in the order of their dates.
func groups(rows []row) []group {
	var all []group
	for _, t := range topics {
		own := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.topic != t.topic || (r.DaysLeft == "") != t.come })
		if len(own) > 0 {
			g := newGroup(t.heading, t.when, own, len(rows))
			g.topic, g.come = t.topic, t.come
			all = append(all, g)
		}
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
