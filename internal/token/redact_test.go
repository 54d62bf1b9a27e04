package token_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"latchkey/internal/token"
)

const redacted = "[secret]"

// holder has a secret where package fmt cannot see its methods.
type holder struct {
	secret  token.Secret
	pointer *token.Secret
	any     any
	list    []token.Secret
}

// shows fails the test if text gives any part of the secret away that matters.
func shows(t *testing.T, text string, s token.Secret) {
	t.Helper()
	if random := s.Reveal()[30:]; strings.Contains(text, random) || strings.Contains(text, fmt.Sprintf("%x", random)) ||
		strings.Contains(text, fmt.Sprintf("%X", random)) {
		t.Errorf("the secret shows: %s", text)
	}
}

func parse(t *testing.T) token.Secret {
	t.Helper()
	s, err := token.ParseSecret("lk", vectors[0].secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSecretIsHiddenFromFmt(t *testing.T) {
	s := parse(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%100s", "%-5v", "%.3s", "%d", "%t", "%U", "%c"} {
		for name, v := range map[string]any{"value": s, "pointer": &s} {
			if got := fmt.Sprintf(verb, v); got != redacted {
				t.Errorf("%s of a %s gives %q", verb, name, got)
			}
		}
		wrapped := holder{s, &s, s, []token.Secret{s}}
		for _, v := range []any{
			wrapped, &wrapped,
			[]any{s},
			[]token.Secret{s},
			map[string]token.Secret{"k": s},
			map[token.Secret]int{s: 1},
			struct{ S token.Secret }{s},
			[1]token.Secret{s},
			errors.Join(fmt.Errorf("with %v", s)),
		} {
			shows(t, fmt.Sprintf(verb, v), s)
		}
	}
	for _, verb := range []string{"%p", "%!", "%z", "%"} { // package fmt answers these itself, without asking
		shows(t, fmt.Sprintf(verb, s), s)
	}
	shows(t, fmt.Sprint(s, &s)+fmt.Sprintln(s)+s.String(), s)
}

func TestSecretIsHiddenFromLogs(t *testing.T) {
	s := parse(t)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		log := slog.New(handler(&b))
		log.InfoContext(t.Context(), "one", "secret", s)
		if !strings.Contains(b.String(), redacted) {
			t.Errorf("%s: no trace of the value: %s", name, b.String())
		}
		log.With("s", s, "p", &s).WithGroup("g").InfoContext(t.Context(), "two", slog.Any("list", []token.Secret{s}),
			slog.Any("map", map[string]any{"k": s}), slog.Group("g", "s", s), slog.Any("holder", holder{s, &s, s, nil}))
		shows(t, b.String(), s)
	}
}

func TestSecretIsHiddenFromEncoders(t *testing.T) {
	s := parse(t)
	for name, v := range map[string]any{
		"value": s, "pointer": &s, "map key": map[token.Secret]int{s: 1}, "map value": map[string]token.Secret{"k": s},
		"field": struct{ S token.Secret }{s}, "embedded": struct{ token.Secret }{s}, "list": []token.Secret{s}, "any": []any{&s},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(string(b), redacted) {
			t.Errorf("%s gives %s", name, b)
		}
		shows(t, string(b), s)
	}
	type element struct {
		S token.Secret `xml:"s"`
	}
	if b, err := xml.Marshal(element{s}); err != nil || !strings.Contains(string(b), redacted) {
		t.Errorf("xml gives %s, error %v", b, err)
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err == nil {
		t.Error("gob encodes what has no exported fields")
	}
	shows(t, b.String(), s)
}

func TestErrorsDoNotRepeatWhatWasSent(t *testing.T) {
	const sent = "lk_01ARYZ6S41TSV4RRFFQ69G5FAV_not-a-secret"
	_, errSecret := token.ParseSecret("lk", sent)
	_, errID := token.ParseID(sent)
	for _, err := range []error{errSecret, errID} {
		if err == nil || strings.Contains(err.Error(), sent) || strings.Contains(err.Error(), sent[3:]) {
			t.Errorf("error %v", err)
		}
	}
}

func TestZeroSecret(t *testing.T) {
	var s token.Secret
	if s.Reveal() != "" || s.ID() != "" || s.String() != redacted || fmt.Sprint(s) != redacted {
		t.Errorf("the zero secret is %q of %q", s.Reveal(), s.ID())
	}
}
