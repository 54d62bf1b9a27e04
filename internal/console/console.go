// Package console serves the page on which people manage their API keys: static files,
// embedded in the binary, with the headers that keep a stranger's script out of it, and
// the OpenAPI document beside them.
//
// The page holds no rights of its own. It signs people in at the issuer, keeps their
// token in the tab, and calls the API as any other client does; the API decides.
//
// It is plain HTML, CSS and JavaScript modules; nothing has to be built. Its one library,
// oidc-client-ts, lies in assets as its npm package holds it, with its licence, so that a
// clean checkout builds with Go alone. A browser test compares it with the package, which
// package-lock.json pins.
package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"

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
	policy, err := contentSecurityPolicy(c.Settings.ConnectOrigins)
	if err != nil {
		return nil, fmt.Errorf("making the content security policy: %w", err)
	}
	page, assets, err := embedded()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded files: %w", err)
	}
	settings, err := pageSettings(c.Settings)
	if err != nil {
		return nil, fmt.Errorf("making the page's settings: %w", err)
	}
	assets["config.json"] = newFile(settings, "application/json", noStore)
	return &Console{
		page:     page,
		assets:   assets,
		openAPI:  newFile(c.OpenAPI, "application/yaml", revalidate),
		security: securityHeaders(policy),
	}, nil
}

// Handle answers one request. It goes by the route key alone, never by the raw path, and
// serves names of a closed set; anything else is 404. It returns no error.
func (c *Console) Handle(_ context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	f, ok := c.find(r)
	if !ok {
		return c.notFound(), nil
	}
	answer := f.answer(header(r, "accept-encoding"), header(r, "if-none-match"))
	c.secure(&answer)
	return answer, nil
}

func (c *Console) find(r events.APIGatewayV2HTTPRequest) (file, bool) {
	switch r.RouteKey {
	case "GET /":
		return c.page, true
	case "GET /assets/{file}":
		f, ok := c.assets[r.PathParameters["file"]]
		return f, ok
	case "GET /v1/openapi.yaml":
		return c.openAPI, len(c.openAPI.plain) > 0
	}
	return file{}, false
}

func (c *Console) notFound() events.APIGatewayV2HTTPResponse {
	answer := events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusNotFound,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": noStore},
		Body:       `{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such file.","code":"not_found"}`,
	}
	c.secure(&answer)
	return answer
}

func (c *Console) secure(answer *events.APIGatewayV2HTTPResponse) {
	maps.Copy(answer.Headers, c.security)
}
