package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Authorize is the environment of functions/authorize.
type Authorize struct {
	Table
	Token
	Refusal
	Networks
}

// Verify is the environment of functions/verify.
type Verify struct {
	Table
	Token
}

// Issue is the environment of functions/issue.
type Issue struct {
	Table
	Token
	Issuance
	Retention
	Offer
	Notices
	Person
}

// Read is the environment of functions/read.
type Read struct {
	Table
	Person
}

// Revoke is the environment of functions/revoke.
type Revoke struct {
	Table
	Token
	Person
}

// Rotate is the environment of functions/rotate.
type Rotate struct {
	Table
	Token
	Retention
	Notices
	Admins
	Person
}

// Console is the environment of functions/console.
type Console struct {
	SignIn
	Person
	Brand
	Offer
	Explanations
}

// Remind is the environment of functions/remind.
type Remind struct {
	Table
	Notices
	Admins
	Page
	Brand
	Mail
	Rehearsal
}

// Feedback is the environment of functions/feedback.
type Feedback struct {
	Table
}

// Function is what a function needs of Lambda, on AWS and in the local run alike.
type Function struct {
	Name     string        // folder under functions/, binary, role and log group
	Timeout  time.Duration // whole seconds; the invocation is ended after it
	MemoryMB int           // also decides the share of a CPU that Lambda gives

	environment any
}

// functions has a function for each set of rights that routes and events need.
var functions = []Function{
	{"authorize", 5 * time.Second, 256, &Authorize{}},
	{"verify", 10 * time.Second, 256, &Verify{}},
	{"issue", 10 * time.Second, 256, &Issue{}},
	{"read", 10 * time.Second, 256, &Read{}},
	{"rotate", 10 * time.Second, 256, &Rotate{}},
	{"revoke", 28 * time.Second, 256, &Revoke{}}, // many at once; API Gateway waits for 30 seconds
	{"console", 10 * time.Second, 256, &Console{}},
	{"remind", 5 * time.Minute, 256, &Remind{}},
	{"feedback", 30 * time.Second, 256, &Feedback{}},
}

// Functions lists all functions.
func Functions() []Function { return slices.Clone(functions) }

// Variable is one environment variable that a function reads.
type Variable struct {
	Name     string
	Setting  string // of the stack; empty: the stack works it out; "-": never set there
	Default  string
	Required bool
}

// Variables lists what the function reads from its environment.
func (f Function) Variables() ([]Variable, error) {
	fields, err := env.GetFieldParamsWithOptions(f.environment, options)
	if err != nil {
		return nil, fmt.Errorf("reading the environment of %s: %w", f.Name, err)
	}
	settings := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(f.environment).Elem()) {
		name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		settings[name] = field.Tag.Get("setting")
	}
	variables := make([]Variable, 0, len(fields))
	for _, field := range fields {
		variables = append(variables, Variable{
			Name: field.Key, Setting: settings[field.Key], Default: field.DefaultValue, Required: field.NotEmpty,
		})
	}
	return variables, nil
}

// options name the tag of defaults; the stack's settings are read with the same.
var options = env.Options{DefaultValueTagName: "default"}

// Load reads a function's environment. The error names each variable that is missing,
// and the field of each that is malformed.
func Load[T any]() (T, error) { return env.ParseAsWithOptions[T](options) }
