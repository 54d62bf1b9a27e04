package token

import (
	"fmt"
	"slices"
	"strings"
	"time"
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
	SelfRotation  bool         // the token may replace its own secret
	Idempotency   *Idempotency // nil: a request that comes again makes another token
}

// validated is a request that breaks no rule.
type validated struct {
	name      string
	expiresOn Date
	scopes    []string // nil: not limited
}

// validate checks everything at once, so that a person sees all that is wrong.
func (r IssueRequest) validate(now time.Time, offered []string, policy Policy) (validated, error) {
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

	if r.ExpiresInDays == nil && r.ExpiresOn == nil {
		add("/expires_in_days", "Say when the token expires: expires_in_days or expires_on.")
	} else {
		v.expiresOn = expiry(r.ExpiresInDays, r.ExpiresOn, DateOf(now), policy.days(), add)
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
	if len(offered) > 0 { // else tokens are not limited
		v.scopes = append([]string{}, r.Scopes...)
	}

	if r.SelfRotation && policy.NoSelfRotation {
		add("/self_rotation", "Your organization does not let tokens replace their own secret.")
	}

	if len(fields) > 0 {
		return validated{}, Invalid(fields...)
	}
	return v, nil
}

// expiry is the date that a request gives in one of two ways, at most so many days ahead.
func expiry(inDays *int, on *string, today Date, most int, add func(pointer, detail string)) Date {
	first, last := today+MinDays, today+Date(most)
	if inDays != nil && on != nil {
		add("/expires_on", "Give either expires_in_days or expires_on, not both.")
		return 0
	}
	if inDays != nil {
		if *inDays < MinDays || *inDays > most {
			add("/expires_in_days", fmt.Sprintf("Must be between %d and %d days.", MinDays, most))
		}
		return today + Date(*inDays)
	}
	date, err := ParseDate(*on)
	switch {
	case err != nil:
		add("/expires_on", "Must be a date as YYYY-MM-DD.")
	case date < first || date > last:
		add("/expires_on", fmt.Sprintf("Must be between %s and %s (UTC).", first, last))
	}
	return date
}

// Invalid is the error for a request that breaks the rules named by fields.
func Invalid(fields ...FieldError) *Error {
	return &Error{Code: CodeInvalidRequest, Detail: "The request is not valid.", Fields: fields}
}
