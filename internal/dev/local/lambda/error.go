package lambda

import (
	"encoding/json"
	"fmt"
	"time"
)

// FunctionError is a failed invocation: the function answered an error, crashed or ran
// out of time. Lambda marks it by the header x-amz-function-error.
type FunctionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
	Payload []byte `json:"-"` // the JSON that Lambda's caller gets
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("function error %s: %s", e.Type, e.Message)
}

// functionError reads what the function answered as its error.
func functionError(payload []byte) *FunctionError {
	e := &FunctionError{}
	if err := json.Unmarshal(payload, e); err != nil {
		return platformError("Unhandled", string(payload))
	}
	e.Payload = payload
	return e
}

// platformError is an error that Lambda itself words.
func platformError(kind, message string) *FunctionError {
	e := &FunctionError{Type: kind, Message: message}
	if payload, err := json.Marshal(e); err == nil { // two strings always marshal
		e.Payload = payload
	}
	return e
}

func timedOut(requestID string, after time.Duration) *FunctionError {
	return platformError("Sandbox.Timedout",
		fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, after.Seconds()))
}

func exited(requestID string, how error) *FunctionError {
	text := "Runtime exited without providing a reason"
	if how != nil {
		text = "Runtime exited with error: " + how.Error()
	}
	return platformError("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", requestID, text))
}
