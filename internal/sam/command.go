package sam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// containerHost is this machine, for who is in a container.
const containerHost = "host.docker.internal"

// endTimeout is how long SAM may take to remove its containers at its end.
const endTimeout = 30 * time.Second

// command is a running `sam local`.
type command struct {
	*exec.Cmd

	variables string // file of the functions' environment, which ends with it
}

// start starts `sam local …` with what all of them need. It ends with ctx.
func (c CLI) start(ctx context.Context, in io.Reader, out io.Writer, arguments ...string) (*command, error) {
	variables, err := c.writeVariables()
	if err != nil {
		return nil, err
	}
	arguments = append([]string{"local"}, arguments...)
	arguments = append(
		arguments, "--template", c.Template, "--env-vars", variables, "--region", "us-east-1",
		"--add-host", containerHost+":host-gateway",
		"--skip-pull-image", // the script run has pulled it, if that is possible
	)
	if c.Image != "" {
		arguments = append(arguments, "--invoke-image", c.Image)
	}
	cmd := exec.CommandContext(ctx, c.Path, arguments...) //nolint:gosec // G204: running the developer's SAM is the purpose
	cmd.Env = environment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &quiet{w: c.Log.Writer("sam")}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endTimeout
	// Ctrl-C is for us alone: a second signal would disturb SAM in its clearing up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting sam: %w", err), os.Remove(variables))
	}
	return &command{cmd, variables}, nil
}

// wait returns when SAM has ended.
func (c *command) wait() error { return errors.Join(c.Wait(), os.Remove(c.variables)) }

// writeVariables writes the functions' environment, which goes before the template's, and
// before this process's, of which SAM would hand over what has the same name.
func (c CLI) writeVariables() (string, error) {
	content, err := json.Marshal(map[string]map[string]string{"Parameters": {
		"AWS_ENDPOINT_URL_DYNAMODB": inContainer(c.Servers.DynamoDB),
		"AWS_ENDPOINT_URL_SESV2":    inContainer(c.Servers.SES),
		"TABLE_NAME":                c.Servers.Table,
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

// environment is what SAM gets of this process's: what it needs to run and to find Docker.
// Anything else could become a function's variable. Credentials in particular SAM would
// hand over, and ask AWS whose they are; without any it makes some up.
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

// quiet drops the line of complaint that SAM has for each of CDK's resources which is no
// function.
type quiet struct {
	w    io.Writer
	rest []byte
}

// Write implements io.Writer.
func (q *quiet) Write(p []byte) (int, error) {
	q.rest = append(q.rest, p...)
	for {
		line, rest, found := bytes.Cut(q.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		q.rest = bytes.Clone(rest)
		if bytes.HasPrefix(line, []byte("Cannot detect function id")) {
			continue
		}
		if _, err := q.w.Write(append(bytes.Clone(line), '\n')); err != nil {
			return 0, err
		}
	}
}
