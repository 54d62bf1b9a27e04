package console

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

// contentSecurityPolicy lets the page load its own files, and call its own origin and the
// given ones. Of scripts in the document only the one that is named by its hash runs,
// nobody frames the page, no form submits anywhere (it sends with fetch), and no string
// becomes markup or code: the page makes no trusted type.
func contentSecurityPolicy(connectOrigins []string, inlineScript string) (string, error) {
	hash := sha256.Sum256([]byte(inlineScript))
	connect := []string{"'self'"}
	for _, origin := range connectOrigins {
		if err := checkOrigin(origin); err != nil {
			return "", err
		}
		connect = append(connect, origin)
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'",
		"style-src 'self'",
		"img-src 'self'",
		"connect-src " + strings.Join(connect, " "),
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; "), nil
}

// checkOrigin takes scheme://host[:port] and nothing else, so that a setting can't widen
// the policy: https, or http on a loopback address for local runs.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil {
		return fmt.Errorf("origin %q: not a URL", origin)
	}
	local := u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" || u.Hostname() == "::1"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("origin %q: not https", origin)
	}
	if u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"*") || origin != u.Scheme+"://"+u.Host {
		return fmt.Errorf("origin %q: not scheme://host", origin)
	}
	return nil
}

// securityHeaders are on every answer, whatever its status.
func securityHeaders(policy string) map[string]string {
	return map[string]string{
		"Content-Security-Policy":      policy,
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "camera=(), clipboard-read=(), clipboard-write=(self), display-capture=(), geolocation=(), " +
			"microphone=(), payment=(), publickey-credentials-get=(), usb=()",
		"Referrer-Policy": "no-referrer",
		// A year. Browsers ignore it on plain HTTP, so that local runs are left alone.
		"Strict-Transport-Security": "max-age=31536000",
		"X-Content-Type-Options":    "nosniff",
		"X-Frame-Options":           "DENY",
	}
}
