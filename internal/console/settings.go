package console

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"

	"latchkey/internal/config"
)

// settings is what the page's script has to know of its deployment. All of it is public.
type settings struct {
	Company      string  `json:"company"`
	Issuer       string  `json:"issuer"`
	ClientID     string  `json:"client_id"`
	SignInScopes string  `json:"sign_in_scopes"`
	UseToken     string  `json:"use_token"`    // "id" or "access": which of the person's tokens the API takes
	LogoutURL    string  `json:"logout_url"`   // empty: as the issuer's discovery document says
	EmailClaim   string  `json:"email_claim"`  // to say who is signed in where the API doesn't
	TokenScopes  []scope `json:"token_scopes"` // what a new API key may carry
}

type scope struct {
	Name        string `json:"name"`
	Description string `json:"description"` // may be empty
}

// newDocument writes what this deployment is into the page: the names of its files, the
// company, the way to help, and the settings for the script.
func newDocument(e embedded, c config.Console) ([]byte, error) {
	if c.UseToken != "id" && c.UseToken != "access" {
		return nil, fmt.Errorf(`OIDC_TOKEN is %q: want "id" or "access"`, c.UseToken)
	}
	addresses := map[string]string{"OIDC_ISSUER": c.Issuer, "OIDC_LOGOUT_URL": c.LogoutURL}
	if !strings.HasPrefix(c.SupportURL, "mailto:") {
		addresses["SUPPORT_URL"] = c.SupportURL
	}
	for name, address := range addresses {
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	settings, err := pageSettings(c)
	if err != nil {
		return nil, err
	}
	help := ""
	if c.SupportURL != "" {
		help = `<a href="` + html.EscapeString(c.SupportURL) + `">Help</a>`
	}
	company := html.EscapeString(c.Company)
	// One pass: what is put in is not looked at again.
	return []byte(strings.NewReplacer(
		"{{company}}", company,
		"{{help}}", help,
		"{{icon}}", "/assets/"+e.icon,
		"{{style}}", "/assets/"+e.style,
		"{{script}}", "/assets/"+e.script,
		"{{boot}}", e.boot,
		"{{settings}}", string(settings),
	).Replace(e.document)), nil
}

// pageSettings returns JSON that can stand in the document: no character of it is markup.
func pageSettings(c config.Console) ([]byte, error) {
	descriptions := map[string]string{}
	for _, line := range c.ScopeDescriptions {
		name, description, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !slices.Contains(c.Scopes, name) {
			return nil, fmt.Errorf("SCOPE_DESCRIPTIONS: %q describes no scope of SCOPES", line)
		}
		descriptions[name] = strings.TrimSpace(description)
	}
	scopes := make([]scope, 0, len(c.Scopes)) // [], not null, for the page
	for _, name := range c.Scopes {
		scopes = append(scopes, scope{name, descriptions[name]})
	}
	body, err := json.Marshal(settings{ // which escapes <, > and &
		Company:      c.Company,
		Issuer:       c.Issuer,
		ClientID:     c.ClientID,
		SignInScopes: c.SignInScopes,
		UseToken:     c.UseToken,
		LogoutURL:    c.LogoutURL,
		EmailClaim:   c.EmailClaim,
		TokenScopes:  scopes,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the settings: %w", err)
	}
	return body, nil
}

// checkAddress takes an address that the page may send people to. Empty is fine.
func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%q is not a URL", address)
	}
	return checkOrigin(u.Scheme + "://" + u.Host)
}
