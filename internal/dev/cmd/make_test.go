package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// run runs a program in the project's folder and returns what it prints and whether it
// succeeded. The environment has nothing but the variables.
func run(t *testing.T, variables []string, name string, args ...string) (string, bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = root
	c.Env = variables
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

// What a target lacks is the first thing that it says, before anything is built or tested.
func TestTargetsSayWhatTheyLack(t *testing.T) {
	path := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	people := []string{"LATCHKEY_JWT_ALICE=a", "LATCHKEY_JWT_BOB=b", "LATCHKEY_JWT_CAROL=c"}
	for _, test := range []struct {
		args      []string
		variables []string
		says      string
	}{
		{[]string{"smoke"}, people, "URL is missing"},
		{[]string{"smoke", "URL="}, people, "URL is missing"},
		{[]string{"smoke", "URL=latchkey.example"}, people, "URL is missing"},
		{[]string{"smoke", "URL=https://latchkey.example"}, people, "LATCHKEY_JWT_DAVE is missing"},
		{[]string{"sam-invoke"}, nil, "FN=issue EVENT="},
		{[]string{"sam-invoke", "FN=issue"}, nil, "FN=issue EVENT="},
		{[]string{"sam-invoke", "FN=fly", "EVENT=events/issue-good.json"}, nil, "no function fly"},
		{[]string{"sam-invoke", "FN=issue", "EVENT=events/fly.json"}, nil, "no file events/fly.json"},
		{[]string{"remind-dry-run"}, nil, "TABLE_NAME is missing"},
	} {
		out, ok := run(t, slices.Concat(path, test.variables), "make", append([]string{"--no-print-directory"}, test.args...)...)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); ok || len(lines) != 1 || !strings.Contains(out, test.says) {
			t.Errorf("make %q: succeeded: %t, and says\n%s\nwant one line with %q", test.args, ok, out, test.says)
		}
	}
}

// The first build takes so long that it has to say that it builds.
func TestTheFirstBuildSaysThatItBuilds(t *testing.T) {
	const says = "the first time this takes a minute or two"
	built := filepath.Join(root, ".build", "tried")
	t.Cleanup(func() { _ = os.RemoveAll(built) })
	for _, first := range []bool{true, false} {
		out, ok := run(t, os.Environ(), "make", "--dry-run", "build", "ARCH=tried")
		if !ok || strings.Contains(out, says) != first {
			t.Errorf("first build %t: %t\n%s", first, ok, out)
		}
		if err := os.MkdirAll(filepath.Join(built, "bin"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// Programs that are missing or too old are one line each, with the version that is needed.
func TestNeed(t *testing.T) {
	folder := t.TempDir() // a PATH with what the script itself needs
	for _, name := range []string{"bash", "dirname", "env", "head", "sed", "sort"} {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(says ...string) {
		t.Helper()
		out, ok := run(t, []string{"PATH=" + folder}, "internal/dev/need", "go", "node", "java", "python", "cc")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if out == "" {
			lines = nil
		}
		if ok != (len(says) == 0) || len(lines) != len(says) {
			t.Errorf("succeeded: %t, and says\n%s\nwant %q", ok, out, says)
			return
		}
		for i, want := range says {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("it says %q, want %q", lines[i], want)
			}
		}
	}
	prints := func(name, line string) {
		t.Helper()
		program := "#!" + filepath.Join(folder, "bash") + "\necho '" + line + "'\n"
		if err := os.WriteFile(filepath.Join(folder, name), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	expect("Go 1.26 or newer is needed and was not found", "Node 20 or newer is needed and was not found",
		"npm 9 or newer is needed and was not found", "Java 17 or newer is needed and was not found",
		"Python 3.11 or newer is needed and was not found", "A C compiler is needed")
	prints("go", "go version go1.22.1 linux/amd64")
	prints("node", "v18.20.1")
	prints("npm", "10.2.4")
	prints("java", `openjdk version "1.8.0_402"`)
	prints("python3", "Python 3.9.2")
	prints("cc", "")
	expect("Go 1.26 or newer is needed, and this is 1.22.1", "Node 20 or newer is needed, and this is 18.20.1",
		"Java 17 or newer is needed, and this is 1.8.0", "Python 3.11 or newer is needed, and this is 3.9.2")
	prints("go", "go version go1.26 linux/amd64")
	prints("node", "v20.0.0")
	prints("java", `openjdk version "17" 2021-09-14`)
	prints("python3", "Python 3.11.0")
	expect()
	prints("go", "go version go1.30.2 darwin/arm64")
	prints("node", "v100.1.0")
	prints("java", `java version "25.0.1" 2025-10-21 LTS`)
	prints("python3", "Python 3.14.0rc1")
	expect()
}
