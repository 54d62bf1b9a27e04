package bundle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"latchkey/internal/dev/bundle"
)

const (
	root      = "../../.."
	committed = root + "/internal/console/bundle"
)

// What is deployed is what the sources say.
func TestTheCommittedBundleIsThatOfTheSources(t *testing.T) {
	made, err := bundle.Make(root)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(committed)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if made[entry.Name()] == nil {
			t.Errorf("%s is there, and nothing makes it", entry.Name())
		}
	}
	for name, content := range made {
		found, err := os.ReadFile(filepath.Join(committed, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(found, content) {
			t.Errorf("%s is not what the sources make: run \"make bundle\"", name)
		}
	}
}

// Sources that don't fit together make no bundle.
func TestWhatDoesNotResolveIsAnError(t *testing.T) {
	empty := t.TempDir()
	if made, err := bundle.Make(empty); err == nil {
		t.Errorf("no sources made %d files", len(made))
	}
}
