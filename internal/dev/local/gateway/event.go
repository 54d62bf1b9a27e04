package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/internal/api"
)

// Names that AWS puts into events, of an API that does not exist.
const (
	accountID = "123456789012"
	apiID     = "local"
	stage     = "$default"
	routeARN  = "arn:aws:execute-api:us-east-1:" + accountID + ":" + apiID + "/" + stage + "/"
)

// event is a request in payload format 2.0, with exactly the members that AWS sends:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// (The types of aws-lambda-go read it, but write members that AWS leaves out.)
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`        // decoded: AWS decodes it
	RawQueryString        string            `json:"rawQueryString"` // as it came
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string             `json:"accountId"`
	APIID        string             `json:"apiId"`
	Authorizer   *authorizerContext `json:"authorizer,omitempty"`
	DomainName   string             `json:"domainName"`
	DomainPrefix string             `json:"domainPrefix"`
	HTTP         httpContext        `json:"http"`
	RequestID    string             `json:"requestId"`
	RouteKey     string             `json:"routeKey"`
	Stage        string             `json:"stage"`
	Time         string             `json:"time"`      // 12/Mar/2020:19:03:58 +0000
	TimeEpoch    int64              `json:"timeEpoch"` // milliseconds
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// authorizerContext is what an authorizer adds to the event: one of the two.
type authorizerContext struct {
	JWT    *jwtContext    `json:"jwt,omitempty"`
	Lambda map[string]any `json:"lambda,omitempty"`
}

type jwtContext struct {
	Claims map[string]string `json:"claims"`
	// Scopes is null on a route that demands none, whatever the token carries.
	Scopes []string `json:"scopes"`
}

// newEvent describes the request without its body.
func newEvent(r *http.Request, route api.Route, parameters map[string]string, id string, now time.Time) event {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	headers := joinHeaders(r, source)
	cookies := splitCookies(r.Header.Values("Cookie"))
	delete(headers, "cookie")
	domain, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		domain = r.Host
	}
	prefix, _, _ := strings.Cut(domain, ".")
	return event{
		Version:               "2.0",
		RouteKey:              route.Key(),
		RawPath:               r.URL.Path,
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies,
		Headers:               headers,
		QueryStringParameters: joinQuery(r.URL.Query()),
		PathParameters:        maps.Clone(parameters),
		RequestContext: requestContext{
			AccountID:    accountID,
			APIID:        apiID,
			DomainName:   domain,
			DomainPrefix: prefix,
			HTTP: httpContext{
				Method:    r.Method,
				Path:      r.URL.Path,
				Protocol:  r.Proto,
				SourceIP:  source,
				UserAgent: r.UserAgent(),
			},
			RequestID: id,
			RouteKey:  route.Key(),
			Stage:     stage,
			Time:      now.UTC().Format("02/Jan/2006:15:04:05 +0000"),
			TimeEpoch: now.UnixMilli(),
		},
	}
}

// setBody adds the body. AWS hands it over as text for few content types and as base64
// for all others, a missing one and application/x-www-form-urlencoded among them. Text
// that is not UTF-8 cannot be part of an event, so it is base64, too.
func (e *event) setBody(body []byte) {
	if len(body) == 0 {
		return
	}
	if e.IsBase64Encoded = !isText(e.Headers["content-type"]) || !utf8.Valid(body); e.IsBase64Encoded {
		e.Body = base64Of(body)
	} else {
		e.Body = string(body)
	}
}

func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// joinHeaders lower-cases the names, joins repeated headers with commas and adds what
// the gateway adds.
func joinHeaders(r *http.Request, source string) map[string]string {
	headers := make(map[string]string, len(r.Header)+5)
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	headers["host"] = r.Host
	if before := headers["x-forwarded-for"]; before != "" {
		source = before + ", " + source
	}
	headers["x-forwarded-for"] = source
	headers["x-forwarded-proto"] = "http"
	headers["x-forwarded-port"] = "80"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		headers["x-forwarded-port"] = port
	}
	headers["x-amzn-trace-id"] = traceID()
	return headers
}

func splitCookies(values []string) []string {
	var cookies []string
	for _, value := range values {
		for cookie := range strings.SplitSeq(value, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				cookies = append(cookies, cookie)
			}
		}
	}
	return cookies
}

func joinQuery(query url.Values) map[string]string {
	if len(query) == 0 {
		return nil
	}
	parameters := make(map[string]string, len(query))
	for name, values := range query {
		parameters[name] = strings.Join(values, ",")
	}
	return parameters
}

// requestID looks like AWS's: 11 random bytes in base64.
func requestID() string { return base64Of(random(11)) }

func traceID() string {
	b := hex.EncodeToString(random(16))
	return fmt.Sprintf("Root=1-%s-%s", b[:8], b[8:])
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see its documentation
	return b
}
