package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/events"
)

const (
	// noStore keeps the page out of every cache and, with it, out of the browser's
	// memory of pages left: going back starts it anew, without what it showed.
	noStore = "no-store"
	// revalidate lets a browser keep a file but ask each time whether it still holds.
	revalidate = "no-cache"
	// immutable lets everybody keep a file for a year: another content has another name.
	immutable = "public, max-age=31536000, immutable"
)

// The sources of the bundle stay out of the binary.
//
//go:embed index.html bundle/* assets/icon.svg assets/oidc-client-ts.license.txt
var static embed.FS

// contentTypes are the types of the files that are served, by suffix. It is a closed set:
// what the system's MIME table says must not decide how a browser reads our files.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// licencesFile holds the licences of what is in the script; the script names it.
const licencesFile = "oidc-client-ts.license.txt"

// file is one answer's content.
type file struct {
	plain       []byte
	compressed  func() []byte // gzip of plain, made when first asked for
	contentType string
	cache       string // Cache-Control
	hash        string // of plain, for the ETag and for names
}

func newFile(content []byte, contentType, cache string) file {
	sum := sha256.Sum256(content)
	return file{
		plain:       content,
		compressed:  sync.OnceValue(func() []byte { return compress(content) }),
		contentType: contentType,
		cache:       cache,
		hash:        base64.RawURLEncoding.EncodeToString(sum[:12]),
	}
}

// embedded is what the binary carries.
type embedded struct {
	document string // with places for what only a deployment knows
	boot     string // the script that stands in the document itself

	// The names under which the document loads its files: with their hashes in them, so
	// that script, style and document are always of one deployment.
	script, style, icon string
	assets              map[string]file // all that is served under /assets/, by name
}

func readEmbedded() (embedded, error) {
	e := embedded{assets: map[string]file{}}
	texts := map[string]*string{"index.html": &e.document, "bundle/boot.js": &e.boot}
	for name, text := range texts {
		content, err := static.ReadFile(name)
		if err != nil {
			return embedded{}, fmt.Errorf("reading %s: %w", name, err)
		}
		*text = string(content)
	}
	hashed := map[string]*string{"bundle/page.js": &e.script, "bundle/page.css": &e.style, "assets/icon.svg": &e.icon}
	for name, served := range hashed {
		content, err := static.ReadFile(name)
		if err != nil {
			return embedded{}, fmt.Errorf("reading %s: %w", name, err)
		}
		suffix := path.Ext(name)
		f := newFile(content, contentTypes[suffix], immutable)
		*served = strings.TrimSuffix(path.Base(name), suffix) + "-" + f.hash + suffix
		e.assets[*served] = f
	}
	licences, err := static.ReadFile("assets/" + licencesFile)
	if err != nil {
		return embedded{}, fmt.Errorf("reading the licences: %w", err)
	}
	e.assets[licencesFile] = newFile(licences, contentTypes[".txt"], revalidate)
	return e, nil
}

// answer makes the response for a request with these headers.
func (f file) answer(acceptEncoding, ifNoneMatch string) events.APIGatewayV2HTTPResponse {
	headers := map[string]string{"Cache-Control": f.cache, "Vary": "Accept-Encoding"}
	zip := acceptsGzip(acceptEncoding)
	if f.cache != noStore {
		// One tag for each encoding: a strong tag names bytes, not just content.
		headers["ETag"] = `"` + f.hash + `"`
		if zip {
			headers["ETag"] = `"` + f.hash + `-gzip"`
		}
		if matches(ifNoneMatch, headers["ETag"]) {
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusNotModified, Headers: headers}
		}
	}
	headers["Content-Type"] = f.contentType
	if !zip {
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK, Headers: headers, Body: string(f.plain)}
	}
	headers["Content-Encoding"] = "gzip"
	return events.APIGatewayV2HTTPResponse{
		StatusCode:      http.StatusOK,
		Headers:         headers,
		Body:            base64.StdEncoding.EncodeToString(f.compressed()),
		IsBase64Encoded: true,
	}
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	// Writing to a bytes.Buffer cannot fail.
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

// header returns a request header. API Gateway lower-cases names; other runners of
// Lambda functions don't.
func header(r events.APIGatewayV2HTTPRequest, name string) string {
	for k, v := range r.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// acceptsGzip reports whether an Accept-Encoding value takes gzip (RFC 9110, 12.5.3).
func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, parameter, weighted := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		if !weighted {
			return true
		}
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(parameter), "q="), 64)
		return err == nil && weight > 0
	}
	return false
}

// matches reports whether an If-None-Match value names the tag (RFC 9110, 13.1.2: by weak
// comparison, since proxies weaken tags).
func matches(ifNoneMatch, tag string) bool {
	for part := range strings.SplitSeq(ifNoneMatch, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}
