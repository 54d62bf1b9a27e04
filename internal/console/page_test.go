package console_test

import (
	"encoding/base64"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each answer, of whatever status, carries the headers that keep others out.
func TestSecurityHeaders(t *testing.T) {
	c := newConsole(t)
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
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
		{"GET /assets/{file}", "main.js"},
		{"GET /assets/{file}", "main.js", "*"}, // 304
		{"GET /assets/{file}", "none.js"},      // 404
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

// The page would not work under its own policy with anything inline in it.
func TestNothingInline(t *testing.T) {
	page := get(t, newConsole(t), "GET /", "", nil).Body
	for _, pattern := range []string{`<style`, `<script(?:[^>]*)>[^<]`, `\sstyle=`, `\son[a-z]+=`, `javascript:`, `https?://`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page holds %q", found)
		}
	}
}

// No file of ours names another host or makes markup from strings.
func TestOwnFilesStayAtHome(t *testing.T) {
	for _, name := range ownFiles(t) {
		content := get(t, newConsole(t), "GET /assets/{file}", name, nil).Body
		content = strings.ReplaceAll(content, "http://www.w3.org/", "") // XML namespaces
		if found := regexp.MustCompile(`https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage`).FindString(content); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
}

// Every file that the page or a module names is served, each module is preloaded, so
// that they don't load one after the other, and nothing lies there unused.
func TestFilesNamedAreServed(t *testing.T) {
	c := newConsole(t)
	page := get(t, c, "GET /", "", nil).Body
	named := map[string]bool{"config.json": true, "oidc-client-ts.license.txt": true}
	for _, match := range regexp.MustCompile(`(?:href|src)="/assets/([^"]+)"`).FindAllStringSubmatch(page, -1) {
		named[match[1]] = true
	}
	for _, module := range ownFiles(t) {
		if !strings.HasSuffix(module, ".js") {
			continue
		}
		for _, match := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(get(t, c, "GET /assets/{file}", module, nil).Body, -1) {
			if !named[match[1]] {
				t.Errorf("%s imports %s, which the page doesn't preload", module, match[1])
			}
		}
	}
	for name := range named {
		if answer := get(t, c, "GET /assets/{file}", name, nil); answer.StatusCode != 200 {
			t.Errorf("%s is named but answers %d", name, answer.StatusCode)
		}
	}
	for _, name := range ownFiles(t) {
		if !named[name] {
			t.Errorf("%s is served but nothing names it", name)
		}
	}
}

// All of the page together is at most 150 KB on the wire; the browser tests measure it again.
func TestTransferSize(t *testing.T) {
	const limit = 150 * 1024
	c := newConsole(t)
	zip := map[string]string{"accept-encoding": "gzip"}
	answers := []string{get(t, c, "GET /", "", zip).Body, get(t, c, "GET /assets/{file}", "config.json", zip).Body}
	for _, name := range append(ownFiles(t), "oidc-client-ts.min.js") {
		answers = append(answers, get(t, c, "GET /assets/{file}", name, zip).Body)
	}
	total := 0
	for _, answer := range answers {
		total += base64.StdEncoding.DecodedLen(len(answer))
	}
	t.Logf("%d bytes compressed in %d files", total, len(answers))
	if total > limit {
		t.Errorf("%d bytes compressed, more than %d", total, limit)
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
