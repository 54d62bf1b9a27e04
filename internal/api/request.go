package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// noNull makes null a value of the wrong type: the contract has it in no request, and
// it would pass for a field that is not there.
var noNull = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ any) error {
	if d.PeekKind() == 'n' {
		return errors.New("null")
	}
	return errors.ErrUnsupported // which means: as usual
}))

// decode reads a JSON object into v. It is strict: unknown and repeated members, a
// name in another case, null, and invalid UTF-8 are errors that name their place. With
// optional, no body at all is fine.
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
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true), noNull); err != nil {
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
		field = token.FieldError{Pointer: string(e.JSONPointer), Detail: "Is not valid JSON in UTF-8."}
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

// parameters returns the query parameters. One that the route does not know is an
// error: a mistyped filter must not look like a list without matches.
func parameters(r events.APIGatewayV2HTTPRequest, known ...string) (map[string]string, error) {
	for name := range r.QueryStringParameters {
		if !slices.Contains(known, name) {
			return nil, token.Invalid(token.FieldError{
				Pointer: name, Detail: "There is no such parameter. Known are " + strings.Join(known, ", ") + ".",
			})
		}
	}
	return r.QueryStringParameters, nil
}
