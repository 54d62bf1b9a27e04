package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"mime"
	"regexp"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"latchkey/internal/text"
	"latchkey/internal/token"
)

// MaxBody is the most bytes that a request body may have.
const MaxBody = 16 << 10

var errTooLarge = &Error{Code: CodePayloadTooLarge, Detail: fmt.Sprintf("The body must be at most %d bytes.", MaxBody)}

// header looks a header up in any case: API Gateway sends names in lower case, other
// senders of the same event do not.
func header(r events.APIGatewayV2HTTPRequest, name string) string {
	for key, value := range r.Headers {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func body(r events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if !r.IsBase64Encoded {
		if len(r.Body) > MaxBody {
			return nil, errTooLarge
		}
		return []byte(r.Body), nil
	}
	if len(r.Body) > base64.StdEncoding.EncodedLen(MaxBody) { // before spending memory on it
		return nil, errTooLarge
	}
	b, err := base64.StdEncoding.DecodeString(r.Body)
	if err != nil {
		return nil, token.Invalid(token.FieldError{Detail: "The body is not valid base64."})
	}
	if len(b) > MaxBody {
		return nil, errTooLarge
	}
	return b, nil
}

// values are what the members of a body are read with. The contract has null in no
// request, and it would pass for a field that is not there. Text is kept in one spelling.
// A whole number is one however it is written: 30, 30.0 or 3e1.
var values = json.WithUnmarshalers(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ any) error {
		if d.PeekKind() == 'n' {
			return errors.New("null")
		}
		return errors.ErrUnsupported // which means: as usual
	}),
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, s *string) error {
		if d.PeekKind() != '"' {
			return errors.ErrUnsupported
		}
		t, err := d.ReadToken()
		*s = text.Normal(t.String())
		return err
	}),
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, n *int) error {
		if d.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		v, err := d.ReadValue()
		if err != nil {
			return err
		}
		i, ok := whole(string(v))
		if !ok {
			return errors.New("not a whole number")
		}
		*n = i
		return nil
	}),
))

// number is a number of JSON whose exponent is worth reading.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

// whole reads a whole number as JSON and JSON Schema have it.
func whole(s string) (int, bool) {
	if !number.MatchString(s) {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || !r.Num().IsInt64() || int64(int(r.Num().Int64())) != r.Num().Int64() {
		return 0, false
	}
	return int(r.Num().Int64()), true
}

// decode reads a JSON object into v. It is strict: unknown and repeated members, a name in
// another case, and null are errors that name their place. With optional, no body at all is
// fine. What is not Unicode becomes the replacement character: no name may hold it, no other
// field knows it, and the text of a reason, which is cleaned, never stops a revocation.
func decode(r events.APIGatewayV2HTTPRequest, v any, optional bool) error {
	b, err := body(r)
	if err != nil {
		return err
	}
	if optional && len(b) == 0 {
		return nil
	}
	kind, parameters, err := mime.ParseMediaType(header(r, "content-type"))
	if charset := parameters["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &Error{Code: CodeUnsupportedMediaType, Detail: "Send the body as application/json, in UTF-8."}
	}
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true), jsontext.AllowInvalidUTF8(true), values); err != nil {
		return undecodable(err)
	}
	return nil
}

// undecodable says what is wrong with a body, and where.
func undecodable(err error) *Error {
	var field token.FieldError
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		field = token.FieldError{Pointer: string(e.JSONPointer), Detail: "Is of the wrong type."}
	} else if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		field = token.FieldError{Pointer: string(e.JSONPointer), Detail: "Is not valid JSON."}
	}
	switch {
	case field.Pointer == "":
		field.Detail = "The body is not one JSON object."
	case errors.Is(err, json.ErrUnknownName):
		field.Detail = "There is no such field."
	case errors.Is(err, jsontext.ErrDuplicateName):
		field.Detail = "Is there twice."
	}
	return token.Invalid(field)
}
