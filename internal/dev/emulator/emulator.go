// Package emulator starts ministack, an emulator of AWS, for services that have no local
// counterpart of their own. What is shown with it is shown of the emulator, not of AWS.
package emulator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/child"
)

// Config says how to run the emulator.
type Config struct {
	Root string     // of the project, where make has installed it
	Log  *child.Log // nil: dropped
}

// Start starts an emulator that knows nothing yet, on a free port of 127.0.0.1. It ends with
// ctx.
func Start(ctx context.Context, c Config) (*local.Server, error) {
	program, err := filepath.Abs(filepath.Join(c.Root, ".tools", "ministack", "bin", "ministack"))
	if err != nil {
		return nil, fmt.Errorf("finding the emulator: %w", err)
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("finding the emulator: %w: run \"make .tools/ministack/complete\"", err)
	}
	s, err := local.StartServer(ctx, "the emulator", 0, func(port int) child.Command {
		return child.Command{
			Path: program, Name: "emulator", Log: c.Log,
			Env: append(os.Environ(), "BIND_HOST=127.0.0.1", "MINISTACK_HOST=localhost", "GATEWAY_PORT="+strconv.Itoa(port),
				"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", "AWS_ENDPOINT_URL=http://127.0.0.1:"+strconv.Itoa(port)),
		}
	})
	if err != nil {
		return nil, fmt.Errorf("starting the emulator: %w", err)
	}
	return s, nil
}
