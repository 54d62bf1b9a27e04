package archtest_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository. The tests themselves read its files and folders, not only a
// child process, so that the cache of `go test` notices when one of them changes.
var root = os.DirFS("../..")

// maxLines is the most lines that a file of Go may have. What is longer wants to be two.
const maxLines = 400

// maxMainLines is the most lines that a function's wiring may have: a page or two.
const maxMainLines = 100

// files lists what belongs to the repository: what is committed, or would be.
func files(t *testing.T) []string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate")
	c.Dir = "../.."
	out, err := c.Output()
	if err != nil {
		t.Fatalf("asking git for the files: %v", err)
	}
	var found []string
	folders := map[string]bool{}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSuffix(name, "\n")
		if _, err := fs.Stat(root, name); err != nil {
			continue // deleted, and that is not committed yet
		}
		found = append(found, name)
		if folder := path.Dir(name); !folders[folder] {
			folders[folder] = true
			if _, err := fs.ReadDir(root, folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !slices.Contains(found, "go.mod") {
		t.Fatalf("%d files, and no go.mod among them", len(found))
	}
	return found
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTopLevel(t *testing.T) {
	known := []string{
		"functions", "infra", "internal", "events", "go.mod", "go.sum", "Makefile", "cdk.json", "package.json", "package-lock.json",
		"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE",
	}
	var odd []string
	for _, name := range files(t) {
		top, _, _ := strings.Cut(name, "/")
		if !slices.Contains(known, top) && !strings.HasPrefix(top, ".") && !slices.Contains(odd, top) {
			odd = append(odd, top)
		}
	}
	if len(odd) > 0 {
		t.Errorf("%q at the top: a newcomer reads this list first, so it stays short", odd)
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, name := range files(t) {
		limit := maxLines
		switch {
		case path.Ext(name) != ".go":
			continue
		case strings.HasPrefix(name, "functions/") && path.Base(name) == "main.go":
			limit = maxMainLines
		}
		if n := bytes.Count(read(t, name), []byte("\n")); n > limit {
			t.Errorf("%s has %d lines, more than %d", name, n, limit)
		}
	}
}

// A function is a folder with its wiring and nothing else: what it does is in internal.
func TestFunctionsAreWiring(t *testing.T) {
	for _, name := range files(t) {
		if rest, ok := strings.CutPrefix(name, "functions/"); ok && strings.Count(rest, "/") != 1 ||
			ok && path.Base(name) != "main.go" && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s: a function is functions/<name>/main.go", name)
		}
	}
}

// The Node tools are fetched from wherever the machine is told to, and checked by hash.
func TestLockfileNamesNoHost(t *testing.T) {
	var lock struct {
		Packages map[string]map[string]any `json:"packages"`
	}
	if err := json.Unmarshal(read(t, "package-lock.json"), &lock); err != nil {
		t.Fatal(err)
	}
	if len(lock.Packages) < 2 {
		t.Fatalf("%d packages", len(lock.Packages))
	}
	for name, p := range lock.Packages {
		if resolved, ok := p["resolved"]; ok {
			t.Errorf("%s is resolved to %v; see omit-lockfile-registry-resolved in .npmrc", name, resolved)
		}
		if name != "" && p["integrity"] == nil && p["link"] == nil && p["inBundle"] == nil {
			t.Errorf("%s has no hash", name)
		}
	}
	for _, name := range []string{".npmrc", "package.json"} {
		if text := string(read(t, name)); strings.Contains(text, "registry=") || strings.Contains(text, "http:") {
			t.Errorf("%s names a registry", name)
		}
	}
}

var (
	code    = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|(?m)^\[[^\]]+\]:\s+(\S+)`)
	heading = regexp.MustCompile(`(?m)^#+\s+(.+?)\s*$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
)

// anchors are the fragments that a page's headings make.
func anchors(page []byte) []string {
	var found []string
	fenced := regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAll(page, nil)
	for _, m := range heading.FindAllSubmatch(fenced, -1) {
		text := strings.ToLower(dropped.ReplaceAllString(string(m[1]), ""))
		found = append(found, strings.ReplaceAll(text, " ", "-"))
	}
	return found
}

func TestLinksResolve(t *testing.T) {
	all := files(t)
	there := map[string]bool{".": true}
	for _, name := range all {
		for ; name != "."; name = path.Dir(name) {
			there[name] = true
		}
	}
	for _, name := range all {
		if path.Ext(name) != ".md" {
			continue
		}
		text := code.ReplaceAll(read(t, name), nil)
		for _, m := range link.FindAllSubmatch(text, -1) {
			target := string(m[1]) + string(m[2])
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(target, "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
			}
			switch {
			case strings.HasPrefix(file, "/") || !there[to]:
				t.Errorf("%s links to %s, which is not there", name, target)
			case fragment != "" && path.Ext(to) == ".md" && !slices.Contains(anchors(read(t, to)), fragment):
				t.Errorf("%s links to %s, where no heading is called so", name, target)
			}
		}
	}
}
