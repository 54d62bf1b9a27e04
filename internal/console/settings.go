package console

import (
	"encoding/json"
	"fmt"
	"net/url"

	"latchkey/internal/config"
)

// settings is /assets/config.json: what the page has to know of its deployment. All of it
// is public.
type settings struct {
	Company      string   `json:"company"`
	Issuer       string   `json:"issuer"`
	ClientID     string   `json:"client_id"`
	SignInScopes string   `json:"sign_in_scopes"`
	UseToken     string   `json:"use_token"`  // "id" or "access": which of the person's tokens the API takes
	LogoutURL    string   `json:"logout_url"` // empty: as the issuer's discovery document says
	Claims       claims   `json:"claims"`
	TokenScopes  []string `json:"token_scopes"` // what a new API key may carry
}

// claims are names of claims, for the page to show who is signed in.
type claims struct {
	Organization string `json:"organization"`
	Roles        string `json:"roles"`
	Email        string `json:"email"`
}

func pageSettings(c config.Console) ([]byte, error) {
	if c.UseToken != "id" && c.UseToken != "access" {
		return nil, fmt.Errorf(`OIDC_TOKEN is %q: want "id" or "access"`, c.UseToken)
	}
	for name, address := range map[string]string{"OIDC_ISSUER": c.Issuer, "OIDC_LOGOUT_URL": c.LogoutURL} {
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	scopes := c.Scopes
	if scopes == nil {
		scopes = []string{} // [], not null, for the page
	}
	body, err := json.Marshal(settings{
		Company:      c.Company,
		Issuer:       c.Issuer,
		ClientID:     c.ClientID,
		SignInScopes: c.SignInScopes,
		UseToken:     c.UseToken,
		LogoutURL:    c.LogoutURL,
		Claims:       claims{Organization: c.OrganizationClaim, Roles: c.RolesClaim, Email: c.EmailClaim},
		TokenScopes:  scopes,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
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
