package sam

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"latchkey/internal/dev/local/child"
)

// containerHost is the host name by which a container reaches this machine.
const containerHost = "host.docker.internal"

// endTimeout is how long SAM may take to remove its containers at its end.
const endTimeout = 30 * time.Second

// command is `sam local …` with what all of them need.
func (c CLI) command(variables string, arguments ...string) child.Command {
	arguments = append([]string{"local"}, arguments...)
	arguments = append(
		arguments, "--template", c.Template, "--env-vars", variables, "--region", "us-east-1",
		"--add-host", containerHost+":host-gateway",
		"--skip-pull-image", // the script run has pulled it, if that is possible
	)
	if c.Image != "" {
		arguments = append(arguments, "--invoke-image", c.Image)
	}
	return child.Command{
		Path: c.Path, Args: arguments, Env: environment(), Name: "sam", Log: c.Log, Grace: endTimeout,
		Hide: "Cannot detect function id", // of each of CDK's resources which is no function
	}
}

// writeVariables writes a file with variables for the functions. SAM prefers them to the
// template's values, and to variables of the same names in its own environment.
func (c CLI) writeVariables() (string, error) {
	content, err := json.Marshal(map[string]map[string]string{"Parameters": {
		"AWS_ENDPOINT_URL_DYNAMODB": inContainer(c.Servers.DynamoDB),
		"AWS_ENDPOINT_URL_SESV2":    inContainer(c.Servers.SES),
		"TABLE_NAME":                Table,
	}})
	if err != nil {
		return "", fmt.Errorf("writing the functions' environment: %w", err)
	}
	file, err := os.CreateTemp("", "latchkey-sam-*.json")
	if err != nil {
		return "", fmt.Errorf("writing the functions' environment: %w", err)
	}
	if _, err := file.Write(content); err != nil {
		return "", errors.Join(fmt.Errorf("writing the functions' environment: %w", err), file.Close(), os.Remove(file.Name()))
	}
	return file.Name(), file.Close()
}

// environment is SAM's environment: of this process's only what SAM needs to run and to
// find Docker, since SAM passes variables on to functions. It would pass credentials on,
// too, and ask AWS for their account; without credentials it makes some up.
func environment() []string {
	kept := []string{
		"SAM_CLI_TELEMETRY=0", "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if name == "PATH" || name == "HOME" || name == "TMPDIR" || name == "XDG_RUNTIME_DIR" || strings.HasPrefix(name, "DOCKER_") {
			kept = append(kept, variable)
		}
	}
	return kept
}
