// Package sam runs the functions by AWS's SAM CLI, as an alternative to the local run of
// package local: in containers, with AWS's own emulator of the Lambda runtime.
//
// The script run beside it prepares a machine for that. cdk.json holds the settings of the
// template, so that what a deployment chooses in its own cdk.json changes no test.
package sam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"latchkey/internal/dev/local/child"
)

// CLI runs SAM on one template.
type CLI struct {
	Path     string // of SAM's program
	Image    string // to run functions in; empty: SAM's own choice
	Template string // path of the synthesised template
	Servers  *Servers
	Log      *child.Log // what SAM and the functions print; nil: dropped
}

// FromEnvironment is a CLI with what the script run found: SAM and SAM_IMAGE.
func FromEnvironment(template string, servers *Servers, log *child.Log) (CLI, error) {
	path := os.Getenv("SAM")
	if path == "" {
		return CLI{}, errors.New("SAM is not set: start this by internal/dev/sam/run")
	}
	if _, err := os.Stat(template); err != nil {
		return CLI{}, fmt.Errorf("there is no template: run this through make: %w", err)
	}
	return CLI{Path: path, Image: os.Getenv("SAM_IMAGE"), Template: template, Servers: servers, Log: log}, nil
}

// FunctionError is an invocation that failed: the function answered an error, crashed or
// ran out of time.
type FunctionError struct{ Answer []byte }

func (e *FunctionError) Error() string { return "the function answered with an error" }

// Invoke gives the event to the function in a container of its own and returns what it
// answers, also beside a [FunctionError].
func (c CLI) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	variables, err := c.writeVariables()
	if err != nil {
		return nil, err
	}
	defer os.Remove(variables)
	var output bytes.Buffer
	command := c.command(variables, "invoke", function, "--event", "-")
	command.Stdin, command.Stdout = bytes.NewReader(event), &output
	process, err := child.Start(ctx, command)
	if err != nil {
		return nil, err
	}
	if err := process.Err(); err != nil {
		return nil, fmt.Errorf("invoking %s: sam: %w, saying: %s", function, err, process.LastLine())
	}
	// SAM succeeds although the function did not.
	answer := bytes.TrimSpace(output.Bytes())
	if len(answer) == 0 {
		return nil, &FunctionError{}
	}
	var failure struct {
		Message *string `json:"errorMessage"`
	}
	if err := json.Unmarshal(answer, &failure); err == nil && failure.Message != nil {
		return answer, &FunctionError{answer}
	}
	return answer, nil
}
