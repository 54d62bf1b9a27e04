package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// answer is what goes back to the caller.
type answer struct {
	requestID string
	status    int
	header    http.Header
	body      []byte
}

// message is an answer of the gateway's own. An HTTP API's texts cannot be changed.
func message(requestID string, status int, text string) answer {
	return answer{requestID, status, http.Header{"Content-Type": {"application/json"}}, fmt.Appendf(nil, `{"message":%q}`, text)}
}

func internalError(requestID string) answer {
	return message(requestID, http.StatusInternalServerError, "Internal Server Error")
}

// parseAnswer reads what a function answered in payload format 2.0. JSON without a
// statusCode is taken as the body of a 200.
func parseAnswer(payload []byte) (answer, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil || members["statusCode"] == nil {
		return inferAnswer(payload)
	}
	var response struct {
		StatusCode      int            `json:"statusCode"`
		Headers         map[string]any `json:"headers"`
		Cookies         []string       `json:"cookies"`
		Body            string         `json:"body"`
		IsBase64Encoded bool           `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(payload, &response); err != nil {
		return answer{}, fmt.Errorf("reading the response: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return answer{}, fmt.Errorf("status code %d", response.StatusCode)
	}
	a := answer{status: response.StatusCode, header: http.Header{}, body: []byte(response.Body)}
	for name, value := range response.Headers {
		switch value.(type) {
		case string, float64, bool:
			a.header.Set(name, fmt.Sprint(value))
		default:
			return answer{}, fmt.Errorf("header %s is neither text, number nor boolean", name)
		}
	}
	for _, cookie := range response.Cookies {
		a.header.Add("Set-Cookie", cookie)
	}
	if a.header.Get("Content-Type") == "" && len(a.body) > 0 {
		a.header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if response.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			return answer{}, fmt.Errorf("decoding the body: %w", err)
		}
		a.body = body
	}
	return a, nil
}

func inferAnswer(payload []byte) (answer, error) {
	if !json.Valid(payload) {
		return answer{}, errors.New("the answer is not JSON")
	}
	body := bytes.TrimSpace(payload)
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	}
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: body}, nil
}

// dropCORS removes the CORS headers of the function: a gateway with CORS of its own
// ignores them.
func (a *answer) dropCORS() {
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			a.header.Del(name)
		}
	}
}
