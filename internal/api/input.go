package api

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"latchkey/internal/text"
	"latchkey/internal/token"
)

// input says how a request becomes a struct, by the tags of its fields:
//
//	json:"name"    a member of the body, which must be there unless every such field has omitzero
//	query:"name"   a query parameter: text, a whole number from 1 on, or a list with commas
//	path:"name"    a part of the path; with json:"-" where there is a body
//	header:"name"  a header, in lower case; with json:"-" where there is a body; nil: it is absent
type input struct {
	query, path, header map[string]int // index of the field, by name
	body                bool
	required            bool
}

// inputOf reads the tags of a struct.
func inputOf(t reflect.Type) input {
	in := input{query: map[string]int{}, path: map[string]int{}, header: map[string]int{}}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if name := tag.Get("query"); name != "" {
			in.query[name] = i
		}
		if name := tag.Get("path"); name != "" {
			in.path[name] = i
		}
		if name := tag.Get("header"); name != "" {
			in.header[name] = i
		}
		if name, options, _ := strings.Cut(tag.Get("json"), ","); name != "" && name != "-" {
			in.body = true
			in.required = in.required || options != "omitzero"
		}
	}
	return in
}

// read fills the struct that v points to.
func (in input) read(c *call, v any) error {
	if err := in.readQuery(c, reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	for name, field := range in.path {
		reflect.ValueOf(v).Elem().Field(field).SetString(c.PathParameters[name])
	}
	for name, field := range in.header {
		if value, there := c.Headers[name]; there {
			reflect.ValueOf(v).Elem().Field(field).Set(reflect.ValueOf(&value))
		}
	}
	if in.body {
		return decode(c.APIGatewayV2HTTPRequest, v, !in.required)
	}
	return nil
}

// readQuery reads the query parameters. One that the route does not know is an error: a
// mistyped filter must not look like a list without matches. So is one that is there twice:
// API Gateway joins such with a comma, which looks like a list.
func (in input) readQuery(c *call, v reflect.Value) error {
	var wrong []token.FieldError
	times := occurrences(c.RawQueryString)
	for _, name := range slices.Sorted(maps.Keys(c.QueryStringParameters)) {
		field, known := in.query[name]
		problem := ""
		switch {
		case !known:
			problem = "There is no such parameter."
			if len(in.query) > 0 {
				problem += " Known are " + strings.Join(slices.Sorted(maps.Keys(in.query)), ", ") + "."
			}
		case times[name] > 1:
			problem = "Is there twice."
		default:
			problem = setParameter(v.Field(field), c.QueryStringParameters[name])
		}
		if problem != "" {
			wrong = append(wrong, token.FieldError{Pointer: name, Detail: problem})
		}
	}
	if len(wrong) > 0 {
		return token.Invalid(wrong...)
	}
	return nil
}

// occurrences counts how often each parameter is in a query as it was sent.
func occurrences(rawQuery string) map[string]int {
	times := map[string]int{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		times[name]++
	}
	return times
}

// setParameter sets a field from a parameter and says what is wrong with it, if anything.
func setParameter(field reflect.Value, value string) (problem string) {
	switch field.Kind() {
	case reflect.String:
		field.SetString(text.Normal(value))
	case reflect.Int:
		n, ok := whole(value)
		if !ok || n < 1 {
			return "Must be a whole number from 1 on."
		}
		field.SetInt(int64(n))
	case reflect.Slice:
		if value == "" {
			break
		}
		items := strings.Split(value, ",")
		list := reflect.MakeSlice(field.Type(), len(items), len(items))
		for i, item := range items {
			list.Index(i).SetString(text.Normal(item))
		}
		field.Set(list)
	default:
		panic(fmt.Sprintf("api: no query parameter can be a %s", field.Kind())) // which any test of the route meets
	}
	return ""
}
