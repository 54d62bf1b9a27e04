package sam

import (
	"context"
	"os"
	"strconv"

	"latchkey/internal/dev/local"
	"latchkey/internal/dev/local/child"
)

// StartAPI serves the HTTP API at a port of 127.0.0.1; 0: any free one. It ends with ctx.
func (c CLI) StartAPI(ctx context.Context, port int) (*local.Server, error) {
	return c.serve(ctx, "start-api", port)
}

// StartLambda serves Lambda's Invoke at a port of 127.0.0.1; 0: any free one. It ends
// with ctx.
func (c CLI) StartLambda(ctx context.Context, port int) (*local.Server, error) {
	return c.serve(ctx, "start-lambda", port)
}

func (c CLI) serve(ctx context.Context, what string, port int) (*local.Server, error) {
	variables, err := c.writeVariables()
	if err != nil {
		return nil, err
	}
	defer os.Remove(variables) // once SAM listens it has read them
	return local.StartServer(ctx, "sam local "+what, port, func(port int) child.Command {
		// One container per function is kept; a new one for each event would cost half a second.
		return c.command(variables, what, "--port", strconv.Itoa(port), "--warm-containers", "LAZY")
	})
}
