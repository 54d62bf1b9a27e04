package main

import (
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"latchkey/internal/api"
	"latchkey/internal/authorizer"
	"latchkey/internal/config"
	"latchkey/internal/console"
	"latchkey/internal/dynamo"
	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/ses"
	"latchkey/internal/token"
)

// starts are what functions do with their settings before they take their first event.
// Each does what functions/<name>/main.go does, up to the point of serving, so that what a
// function would refuse at its start is refused before anything is deployed.
var starts = map[string]func(Settings) error{
	"authorize": startAuthorize,
	"verify":    startVerify,
	"issue":     startIssue,
	"read":      startPerson,
	"rotate":    startRotate,
	"revoke":    startPerson,
	"console":   startConsole,
	"remind":    startRemind,
}

// needed stands for what every function must have and the stack works out, or what is
// reported as missing elsewhere.
var needed = map[string]string{
	"mailFrom": "tokens@example.com", "consoleUrl": "https://console.example.com/",
	"oidcIssuer": "https://issuer.example.com", "oidcClientId": "console",
}

// speaksOf names settings that mean nothing without others.
var speaksOf = map[string][]string{"scopeDescriptions": {"scopes"}}

// checkStarts tries each setting by itself, which tells whose fault it is, and then all.
func (s Settings) checkStarts(c *checks) {
	for _, name := range slices.Sorted(maps.Keys(s.chosen)) {
		if !c.names(name) {
			c.passes(s.only(append(speaksOf[name], name)...).start(), name)
		}
	}
	if len(*c) == 0 {
		c.passes(s.only(slices.Collect(maps.Keys(s.chosen))...).start(), "settings")
	}
}

// only has some of the settings, and beside them what is needed.
func (s Settings) only(names ...string) Settings {
	values := maps.Clone(needed)
	for _, name := range names {
		if s.chosen[name] != "" {
			values[name] = s.chosen[name]
		}
	}
	// A value that cannot be read is reported as such, with what it should have been.
	some, err := settingsOf(values)
	if err != nil {
		some, _ = settingsOf(needed)
	}
	return some
}

// start starts every function that has settings.
func (s Settings) start() error {
	for _, function := range config.Functions() {
		if begin := starts[function.Name]; begin != nil {
			if err := begin(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func store() (*dynamo.Store, error) {
	return dynamo.New(dynamo.NewClient(aws.Config{}), "latchkey")
}

// clock stands for the functions' own: nothing here happens at a time.
func clock() time.Time { return time.Time{} }

var quiet = slog.New(slog.DiscardHandler)

func startVerify(s Settings) error {
	table, err := store()
	if err != nil {
		return err
	}
	_, err = token.NewVerifier(table, token.Prefix(s.Prefix), clock)
	return err
}

func startAuthorize(s Settings) error {
	table, err := store()
	if err != nil {
		return err
	}
	verifier, err := token.NewVerifier(table, token.Prefix(s.Prefix), clock)
	if err != nil {
		return err
	}
	_, err = authorizer.New(authorizer.Config{
		Verifier: verifier, Recorder: table, Denial: authorizer.Denial(s.Denial), Now: clock, Log: quiet,
	})
	return err
}

func startPerson(s Settings) error {
	_, err := api.NewClaims(api.Claims(s.Person))
	return err
}

func startIssue(s Settings) error {
	if err := startPerson(s); err != nil {
		return err
	}
	schedule, err := notice.NewSchedule(s.NoticeDays)
	if err != nil {
		return err
	}
	table, err := store()
	if err != nil {
		return err
	}
	_, err = token.NewIssuer(token.IssuerConfig{
		Store: table, Prefix: token.Prefix(s.Prefix), NotifyOn: schedule.First, MaxActive: s.MaxActive, MaxDaily: s.MaxDaily,
		RetentionDays: s.RetentionDays, Scopes: s.Scopes, Now: clock, Random: rand.Reader,
	})
	return err
}

func startRotate(s Settings) error {
	if err := startPerson(s); err != nil {
		return err
	}
	schedule, err := notice.NewSchedule(s.NoticeDays)
	if err != nil {
		return err
	}
	table, err := store()
	if err != nil {
		return err
	}
	rotator, err := token.NewRotator(token.RotatorConfig{
		Store: table, Prefix: token.Prefix(s.Prefix), NotifyOn: schedule.First, RetentionDays: s.RetentionDays,
		Now: clock, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	_, err = token.NewSelfRotator(rotator, table, time.Duration(s.AdminsSeenWithinDays)*24*time.Hour)
	return err
}

func startConsole(s Settings) error {
	_, err := console.New(console.Config{Settings: config.Console{
		SignIn: s.SignIn, Person: s.Person, Brand: s.Brand, Offer: s.Offer, Explanations: s.Explanations,
	}, OpenAPI: api.OpenAPI})
	return err
}

func startRemind(s Settings) error {
	schedule, err := notice.NewSchedule(s.NoticeDays)
	if err != nil {
		return err
	}
	composer, err := mail.NewComposer(mail.Style{
		Company: s.Company, ConsoleURL: s.ConsoleURL, SupportURL: s.SupportURL, Color: s.Color,
		Intro: s.Intro, Replace: s.Replace, Support: s.Support, Closing: s.Footer,
	})
	if err != nil {
		return err
	}
	table, err := store()
	if err != nil {
		return err
	}
	mailer, err := ses.New(aws.Config{}, ses.Config{From: s.From, ReplyTo: s.ReplyTo, PerSecond: s.SendRate})
	if err != nil {
		return err
	}
	_, err = reminder.New(reminder.Config{
		Queue: table, Mailer: mailer, Composer: composer, Schedule: schedule,
		Shards: dynamo.Shards, MaxWrites: dynamo.MaxWrites,
		AdminsSeenWithin: time.Duration(s.AdminsSeenWithinDays) * 24 * time.Hour, Now: clock, Log: quiet,
		NewID: func(at time.Time) (token.ID, error) { return token.NewID(at, rand.Reader) },
	})
	return err
}
