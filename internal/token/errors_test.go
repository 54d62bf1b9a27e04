package token_test

import (
	"errors"
	"fmt"
	"testing"

	"latchkey/internal/token"
)

func TestCodeOf(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want token.Code
	}{
		{"nothing", nil, ""},
		{"any other error", errors.New("x"), ""},
		{"not found", token.ErrNotFound, token.CodeNotFound},
		{"wrapped", fmt.Errorf("reading: %w", fmt.Errorf("again: %w", token.ErrBusy)), token.CodeUnavailable},
		{"the first of two", errors.Join(token.ErrBusy, token.ErrNotFound), token.CodeUnavailable},
		{"a refusal has none", &token.RefusedError{Reason: token.ReasonExpired}, ""},
	} {
		if got := token.CodeOf(test.err); got != test.want {
			t.Errorf("%s: code %q, want %q", test.name, got, test.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := token.Invalid(token.FieldError{Pointer: "/name", Detail: "Is short."}, token.FieldError{Pointer: "limit", Detail: "Is odd."})
	if got, want := err.Error(), "invalid_request: The request is not valid.; name: Is short.; limit: Is odd."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
