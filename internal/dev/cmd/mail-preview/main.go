// Command mail-preview writes every kind of notice to files, to be looked at.
package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"

	"latchkey/internal/dev/cmd"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/reminder/mail/sample"
)

const usage = `mail-preview writes every kind of notice to files: <name>.html, <name>.txt and an index.html
that leads to them. The style is a deployment's own, if it is given.

`

func main() { cmd.Main("mail-preview", run) }

func run(_ context.Context, args []string, out, messages io.Writer) error {
	style := sample.Style
	flags := cmd.Flags("mail-preview", usage, messages)
	folder := flags.String("out", "mail-preview", "folder to write to")
	flags.StringVar(&style.Company, "company", style.Company, "name of the company (COMPANY_NAME)")
	flags.StringVar(&style.Color, "color", style.Color, "color of buttons, #rrggbb (MAIL_COLOR)")
	flags.StringVar(&style.Intro, "intro", style.Intro, "a text before the tokens (MAIL_INTRO)")
	flags.StringVar(&style.Replace, "replace", style.Replace, "how to replace a token, instead of the steps (MAIL_REPLACE)")
	flags.StringVar(&style.Closing, "footer", style.Closing, "the last sentence (MAIL_FOOTER)")
	flags.StringVar(&style.Support, "support", style.Support, "where to get help (MAIL_SUPPORT)")
	flags.StringVar(&style.SupportURL, "support-url", style.SupportURL, "address of a page where people get help (SUPPORT_URL)")
	flags.StringVar(&style.ConsoleURL, "console-url", style.ConsoleURL, "address of the console (CONSOLE_URL)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	composer, err := mail.NewComposer(style)
	if err != nil {
		return err
	}
	mails := map[string]mail.Message{}
	for _, s := range sample.Mails() {
		if mails[s.Name], err = composer.Compose(s.Content); err != nil {
			return fmt.Errorf("composing %s: %w", s.Name, err)
		}
	}
	if err := write(*folder, mails); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, filepath.Join(*folder, "index.html"))
	return err
}

func write(folder string, mails map[string]mail.Message) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // G301: nothing in it is secret
		return fmt.Errorf("making the folder: %w", err)
	}
	save := func(name, content string) error {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil { //nolint:gosec // G306: nothing in it is secret
			return fmt.Errorf("writing a preview: %w", err)
		}
		return nil
	}
	for name, m := range mails {
		if err := save(name+".html", m.HTML); err != nil {
			return err
		}
		if err := save(name+".txt", m.Text); err != nil {
			return err
		}
	}
	index, err := os.Create(filepath.Join(folder, "index.html")) //nolint:gosec // G304: the caller names the folder
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	if err := page.Execute(index, mails); err != nil {
		return errors.Join(fmt.Errorf("writing the index: %w", err), index.Close())
	}
	return index.Close()
}

var page = template.Must(template.New("index").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notices</title>
<style>:root { color-scheme: light dark; font-family: system-ui, sans-serif } td, th { text-align: left; padding: 4px 16px 4px 0; vertical-align: top }</style>
<h1>Notices</h1>
<table>
<tr><th>Sample<th>Subject<th>To<th>
{{range $name, $m := .}}<tr><td><a href="{{$name}}.html">{{$name}}</a><td>{{$m.Subject}}<td>{{$m.To}}<td><a href="{{$name}}.txt">as text</a>
{{end}}</table>
</html>
`))
