package console_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each answer, of whatever status, carries the headers that keep others out.
func TestSecurityHeaders(t *testing.T) {
	c := newConsole(t)
	script := loaded(t, c)[".js"]
	inline := sha256.Sum256([]byte(inlineScript(t, get(t, c, "GET /", "", nil).Body)))
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self' 'sha256-" +
			base64.StdEncoding.EncodeToString(inline[:]) + "'; style-src 'self'; img-src 'self'; " +
			"connect-src 'self' https://issuer.example https://login.example; base-uri 'none'; form-action 'none'; " +
			"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"Strict-Transport-Security":    "max-age=31536000",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	}
	for _, route := range [][3]string{
		{"GET /"},
		{"HEAD /"},
		{"GET /assets/{file}", script},
		{"GET /assets/{file}", script, "*"}, // 304
		{"GET /assets/{file}", "none.js"},   // 404
		{"GET /v1/openapi.yaml"},
	} {
		answer := get(t, c, route[0], route[1], map[string]string{"if-none-match": route[2]})
		for name, value := range want {
			if got := answer.Headers[name]; got != value {
				t.Errorf("%v: %s is %q, want %q", route, name, got, value)
			}
		}
		if !strings.Contains(answer.Headers["Permissions-Policy"], "camera=()") {
			t.Errorf("%v: no Permissions-Policy", route)
		}
	}
}

// inlineScript is the one script that stands in the document.
func inlineScript(t *testing.T, page string) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page, -1)
	if len(found) != 1 || found[0][1] == "" {
		t.Fatalf("%d scripts stand in the document, want one", len(found))
	}
	return found[0][1]
}

// The page would not work under its own policy with anything else inline in it.
func TestNothingElseIsInline(t *testing.T) {
	page := get(t, newConsole(t), "GET /", "", nil).Body
	page = strings.Replace(page, inlineScript(t, page), "", 1)
	page = regexp.MustCompile(`<script type="application/json"[^<]*</script>`).ReplaceAllString(page, "")
	for _, pattern := range []string{`<style`, `<script(?:[^>]*)>[^<]`, `\sstyle=`, `\son[a-z]+=`, `javascript:`, `https?://`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page holds %q", found)
		}
	}
}

// No file of ours names another host or makes markup from strings.
func TestOwnFilesStayAtHome(t *testing.T) {
	for _, name := range ownFiles(t) {
		content, err := os.ReadFile(filepath.Join("assets", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), "http://www.w3.org/", "") // XML namespaces
		if found := regexp.MustCompile(`https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage`).FindString(text); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
}

// Nothing lies among the sources that no bundle takes in.
func TestNoSourceIsUnused(t *testing.T) {
	used := map[string]bool{"boot.js": true, "main.js": true, "page.css": true, "icon.svg": true}
	names := ownFiles(t)
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join("assets", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?:from|@import) "\./([^"]+)"`).FindAllStringSubmatch(string(content), -1) {
			used[match[1]] = true
		}
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("nothing takes in %s", name)
		}
	}
}

// The script says where the licences of its parts are.
func TestTheScriptNamesTheLicences(t *testing.T) {
	c := newConsole(t)
	script := get(t, c, "GET /assets/{file}", loaded(t, c)[".js"], nil).Body
	if !strings.Contains(script, "/assets/oidc-client-ts.license.txt") {
		t.Error("the script does not name the licences")
	}
}

// All that a first load takes of ours is four files, and little more than what it is
// today: whatever makes it larger should be meant.
func TestTransferSize(t *testing.T) {
	const limit = 42 * 1024
	c := newConsole(t)
	zip := map[string]string{"accept-encoding": "gzip"}
	answers := []string{get(t, c, "GET /", "", zip).Body}
	for _, name := range loaded(t, c) {
		answers = append(answers, get(t, c, "GET /assets/{file}", name, zip).Body)
	}
	total := 0
	for _, answer := range answers {
		total += base64.StdEncoding.DecodedLen(len(answer))
	}
	t.Logf("%d bytes compressed in %d files", total, len(answers))
	if total > limit || len(answers) != 4 {
		t.Errorf("%d bytes compressed in %d files, want at most %d in 4", total, len(answers), limit)
	}
}

// ownFiles lists the assets that were written here.
func ownFiles(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS("assets"), "*")
	if err != nil || len(names) == 0 {
		t.Fatalf("listing the assets: %v, %d files", err, len(names))
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "oidc-client-ts.") })
}
