// Package console serves the page on which people manage their API keys: static files,
// embedded in the binary, with the headers that keep a stranger's script out of it, and
// the OpenAPI document beside them.
//
// The page holds no rights of its own. It signs people in at the issuer, keeps their
// token in the tab, and calls the API as any other client does; the API decides.
//
// It is plain HTML, CSS and JavaScript modules, in index.html and assets. A browser asks
// for few files: one script and one stylesheet, which internal/dev/bundle makes of the
// assets and which are committed in the folder bundle, so that a clean checkout builds with
// Go alone. What the page has to know of its deployment stands in the document. New
// accounts of AWS run ten functions at once, and one load of the page must not need them
// all.
package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/config"
)

// Config is what a console needs.
type Config struct {
	// Settings are the environment of functions/console.
	Settings config.Console
	// OpenAPI is the API's contract, YAML, served as it is. Empty: the route answers 404.
	OpenAPI []byte
}

// Console answers the console's routes.
type Console struct {
	page     file
	assets   map[string]file
	openAPI  file
	security map[string]string // headers that every answer carries
}

// New reads the embedded files and makes the page's settings and headers. The error says
// which setting is malformed.
func New(c Config) (*Console, error) {
	embedded, err := readEmbedded()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded files: %w", err)
	}
	policy, err := contentSecurityPolicy(c.Settings.ConnectOrigins, embedded.boot)
	if err != nil {
		return nil, fmt.Errorf("making the content security policy: %w", err)
	}
	page, err := newDocument(embedded, c.Settings)
	if err != nil {
		return nil, fmt.Errorf("making the page: %w", err)
	}
	return &Console{
		page:     newFile(page, contentTypes[".html"], noStore),
		assets:   embedded.assets,
		openAPI:  newFile(c.OpenAPI, "application/yaml", revalidate),
		security: securityHeaders(policy),
	}, nil
}

// Handle answers one request. It goes by the route key alone, never by the raw path, and
// serves names of a closed set; anything else is 404. HEAD is answered as GET is, without
// the content. It returns no error.
func (c *Console) Handle(_ context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	method, path, _ := strings.Cut(r.RouteKey, " ")
	answer := c.notFound()
	if f, ok := c.find(path, r.PathParameters["file"]); ok && (method == http.MethodGet || method == http.MethodHead) {
		answer = f.answer(header(r, "accept-encoding"), header(r, "if-none-match"))
	}
	if method == http.MethodHead {
		answer.Body, answer.IsBase64Encoded = "", false
	}
	maps.Copy(answer.Headers, c.security)
	return answer, nil
}

func (c *Console) find(path, asset string) (file, bool) {
	switch path {
	case "/":
		return c.page, true
	case "/assets/{file}":
		f, ok := c.assets[asset]
		return f, ok
	case "/v1/openapi.yaml":
		return c.openAPI, len(c.openAPI.plain) > 0
	}
	return file{}, false
}

func (c *Console) notFound() events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusNotFound,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": noStore},
		Body:       `{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such file.","code":"not_found"}`,
	}
}
