package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/caarlos0/env/v11"
)

// readSettings reads the settings from CDK's context and checks them. Its error names
// every setting that is wrong.
func readSettings(node constructs.Node) (Settings, error) {
	all, _ := node.GetAllContext(nil).(map[string]any)
	s, err := parseSettings(all)
	if err != nil {
		return Settings{}, fmt.Errorf("settings (cdk.json, context.latchkey, or -c name=value):\n%w", err)
	}
	return s, nil
}

// plainName is how settings are named. Other names in the context are CDK's own.
var plainName = regexp.MustCompile(`^[A-Za-z]+$`)

func parseSettings(context map[string]any) (Settings, error) {
	separators := settingNames()
	values := map[string]string{}
	var faults []error
	take := func(from map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(from)) {
			separator, known := separators[name]
			text, err := asText(from[name], separator)
			switch {
			case !known:
				faults = append(faults, fmt.Errorf("%s: there is no such setting", name))
			case err != nil:
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			default:
				values[name] = text
			}
		}
	}
	object, ok := context["latchkey"].(map[string]any)
	if !ok && context["latchkey"] != nil {
		faults = append(faults, errors.New("latchkey: want an object"))
	}
	take(object)
	overrides := maps.Clone(context)
	maps.DeleteFunc(overrides, func(name string, _ any) bool { return name == "latchkey" || !plainName.MatchString(name) })
	take(overrides)

	s, unread := settingsOf(values)
	faults = append(faults, inWords(unread)...)
	return s, errors.Join(append(faults, s.check()...)...)
}

// settingNames are the names of all settings, each with what separates the items of one that
// is a list.
func settingNames() map[string]string {
	separators := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Settings]()) {
		if name := field.Tag.Get("setting"); name != "" && name != "-" {
			separators[name] = cmp.Or(field.Tag.Get("envSeparator"), ",")
		}
	}
	return separators
}

// settingsOf reads settings as they were written.
func settingsOf(values map[string]string) (Settings, error) {
	s := Settings{chosen: values}
	return s, env.ParseWithOptions(&s, options(values))
}

func options(values map[string]string) env.Options {
	return env.Options{Environment: values, TagName: "setting", DefaultValueTagName: "default"}
}

// asText writes a JSON value the way -c does, lists with what separates their items.
func asText(value any, separator string) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		texts := make([]string, 0, len(v))
		for _, item := range v {
			text, err := asText(item, separator)
			switch {
			case err != nil:
				return "", err
			case strings.Contains(text, separator):
				return "", fmt.Errorf("want items without %q", separator)
			}
			texts = append(texts, text)
		}
		return strings.Join(texts, separator), nil
	default:
		return "", errors.New("want a text, number, true or false, or a list")
	}
}

// inWords says which setting could not be read, and what it should have been.
func inWords(err error) []error {
	if err == nil {
		return nil
	}
	var aggregate env.AggregateError
	if !errors.As(err, &aggregate) {
		return []error{err}
	}
	faults := make([]error, 0, len(aggregate.Errors))
	for _, e := range aggregate.Errors {
		if parse, ok := errors.AsType[env.ParseError](e); ok {
			if field, found := reflect.TypeFor[Settings]().FieldByName(parse.Name); found {
				e = fmt.Errorf("%s: want %s", field.Tag.Get("setting"), typeInWords(field.Type))
			}
		}
		faults = append(faults, e)
	}
	return faults
}

func typeInWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, each item " + typeInWords(t.Elem())
	default:
		return t.String()
	}
}
