// Command bundle-page makes the page's script and stylesheet of their sources, where they
// are committed. It is run in the checkout's top folder.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"latchkey/internal/dev/bundle"
	"latchkey/internal/dev/cmd"
)

const usage = `bundle-page makes internal/console/bundle of internal/console/assets.

`

func main() { cmd.Main("bundle-page", run) }

func run(_ context.Context, args []string, _, messages io.Writer) error {
	if err := cmd.Flags("bundle-page", usage, messages).Parse(args); err != nil {
		return err
	}
	files, err := bundle.Make(".")
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join("internal/console/bundle", name)
		if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // G306: it is served to everybody
			return fmt.Errorf("writing the bundle: %w", err)
		}
	}
	return nil
}
