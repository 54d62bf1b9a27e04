package token

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what a request may hold.
const (
	MaxNameLength   = 100 // characters, after trimming
	MaxReasonLength = 200 // characters, after trimming
	MinDays         = 1
	MaxDays         = 365 // from the date of issue to the expiry date
	MaxScopes       = 20
)

// IssueRequest asks for a new token. Exactly one of ExpiresInDays and ExpiresOn is given.
type IssueRequest struct {
	Name          string
	ExpiresInDays *int
	ExpiresOn     *string // YYYY-MM-DD, UTC
	Scopes        []string
}

// validated is a request that breaks no rule.
type validated struct {
	name      string
	expiresOn Date
	scopes    []string
}

// validate checks everything at once, so that a person sees all that is wrong.
func (r IssueRequest) validate(now time.Time, offered []string) (validated, error) {
	var v validated
	var fields []FieldError
	add := func(pointer, detail string) { fields = append(fields, FieldError{pointer, detail}) }

	name, problem := cleanText(r.Name, MaxNameLength)
	switch {
	case problem != "":
		add("/name", problem)
	case name == "":
		add("/name", "Give the token a name.")
	}
	v.name = name

	today := DateOf(now)
	first, last := today+MinDays, today+MaxDays
	switch {
	case r.ExpiresInDays != nil && r.ExpiresOn != nil:
		add("/expires_on", "Give either expires_in_days or expires_on, not both.")
	case r.ExpiresInDays != nil:
		if *r.ExpiresInDays < MinDays || *r.ExpiresInDays > MaxDays {
			add("/expires_in_days", fmt.Sprintf("Must be between %d and %d days.", MinDays, MaxDays))
			break
		}
		v.expiresOn = today + Date(*r.ExpiresInDays)
	case r.ExpiresOn != nil:
		on, err := ParseDate(*r.ExpiresOn)
		switch {
		case err != nil:
			add("/expires_on", "Must be a date as YYYY-MM-DD.")
		case on < first || on > last:
			add("/expires_on", fmt.Sprintf("Must be between %s and %s (UTC).", first, last))
		}
		v.expiresOn = on
	default:
		add("/expires_in_days", "Say when the token expires: expires_in_days or expires_on.")
	}

	if len(r.Scopes) > MaxScopes {
		add("/scopes", fmt.Sprintf("At most %d scopes.", MaxScopes))
	} else {
		for i, scope := range r.Scopes {
			pointer := fmt.Sprintf("/scopes/%d", i)
			switch {
			case !slices.Contains(offered, scope) && len(offered) == 0:
				add(pointer, "Tokens carry no scopes here.")
			case !slices.Contains(offered, scope):
				add(pointer, "Must be one of: "+strings.Join(offered, ", ")+".")
			case slices.Contains(r.Scopes[:i], scope):
				add(pointer, "Is there twice.")
			}
		}
	}
	v.scopes = slices.Clone(r.Scopes)

	if len(fields) > 0 {
		return validated{}, Invalid(fields...)
	}
	return v, nil
}

// Invalid is the error for a request that breaks the rules named by fields.
func Invalid(fields ...FieldError) *Error {
	return &Error{Code: CodeInvalidRequest, Detail: "The request is not valid.", Fields: fields}
}

// unseen are characters that show as nothing, or stand for one that was lost: controls,
// formats, line separators, and letters that are blank by definition.
var unseen = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point,
	{R16: []unicode.Range16{
		{Lo: '\u2800', Hi: '\u2800', Stride: 1}, // the blank braille pattern
		{Lo: '\ufffc', Hi: '\ufffd', Stride: 1}, // replacement characters
	}},
}

// joining are characters that show as nothing and change how their neighbours look, as
// Persian and many emoji need: the zero-width joiners and the variation selectors.
var joining = []*unicode.RangeTable{
	unicode.Variation_Selector, {R16: []unicode.Range16{{Lo: '\u200c', Hi: '\u200d', Stride: 1}}},
}

// hides reports whether text has characters that nobody can see. ASCII has nothing to join.
func hides(text string) bool {
	before := ' '
	for _, r := range text {
		if joins := unicode.In(r, joining...); joins && before <= unicode.MaxASCII || !joins && unicode.In(r, unseen...) {
			return true
		}
		before = r
	}
	return false
}

// cleanText trims s and says what is wrong with it, if anything. Control and format
// characters are refused: they can make one name look like another.
func cleanText(s string, most int) (text, problem string) {
	text = strings.TrimSpace(s)
	switch {
	case !utf8.ValidString(text):
		return "", "Must be valid UTF-8."
	case utf8.RuneCountInString(text) > most:
		return "", fmt.Sprintf("Must be at most %d characters.", most)
	case hides(text):
		return "", "Must not hold control or invisible characters."
	}
	return text, ""
}
