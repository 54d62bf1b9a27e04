package main

import (
	"testing"
)

func TestPeopleCannotGiveThemselvesRights(t *testing.T) {
	d := of(t, usual)
	d.has(t, "AWS::Cognito::UserPool", map[string]any{
		"AdminCreateUserConfig":       map[string]any{"AllowAdminCreateUserOnly": true},
		"UserAttributeUpdateSettings": map[string]any{"AttributesRequireVerificationBeforeUpdate": []any{"email"}},
		"Schema":                      []any{map[string]any{"Name": "organization", "AttributeDataType": "String", "Mutable": true}},
		"UsernameAttributes":          []any{"email"},
		"UsernameConfiguration":       map[string]any{"CaseSensitive": false},
		"AccountRecoverySetting":      map[string]any{"RecoveryMechanisms": []any{map[string]any{"Name": "verified_email", "Priority": 1}}},
		"DeletionProtection":          "ACTIVE",
		"MfaConfiguration":            "OPTIONAL",
		"EnabledMfas":                 []any{"SOFTWARE_TOKEN_MFA"},
		"Policies": map[string]any{"PasswordPolicy": map[string]any{
			"MinimumLength": 14, "RequireLowercase": true, "RequireUppercase": true, "RequireNumbers": true, "RequireSymbols": true,
		}},
	})
	client := d.only(t, "AWS::Cognito::UserPoolClient").Properties
	// Neither empty, which would mean all, nor with a custom attribute.
	same(t, "attributes that people can write", items(client["WriteAttributes"]), []string{"name"})
	same(t, "attributes that the console reads", items(client["ReadAttributes"]),
		[]string{"custom:organization", "email", "email_verified", "name"})
}

func TestConsoleClientCanOnlyDoTheCodeFlow(t *testing.T) {
	client := of(t, usual).only(t, "AWS::Cognito::UserPoolClient").Properties
	same(t, "OAuth flows", items(client["AllowedOAuthFlows"]), []string{"code"})
	// Without aws.cognito.signin.user.admin.
	same(t, "scopes", items(client["AllowedOAuthScopes"]), []string{"openid", "email", "profile"})
	// Not empty, which would mean SRP and custom flows, too.
	same(t, "other flows", items(client["ExplicitAuthFlows"]), []string{"ALLOW_REFRESH_TOKEN_AUTH"})
	same(t, "callbacks", items(client["CallbackURLs"]), []string{"Api.ApiEndpoint/"})
	same(t, "places to come back to", items(client["LogoutURLs"]), []string{"Api.ApiEndpoint/"})
	same(t, "identity providers", items(client["SupportedIdentityProviders"]), []string{"COGNITO"})
	for name, want := range map[string]any{
		"GenerateSecret": false, "PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": true,
		"AllowedOAuthFlowsUserPoolClient": true, "IdTokenValidity": 60.0, "AccessTokenValidity": 60.0, "RefreshTokenValidity": 600.0,
	} {
		if client[name] != want {
			t.Errorf("%s is %v, want %v", name, client[name], want)
		}
	}
}

func TestGroupsAreTheRoles(t *testing.T) {
	var groups []string
	for _, group := range of(t, usual).all("AWS::Cognito::UserPoolGroup") {
		groups = append(groups, text(group.Properties["GroupName"]))
	}
	same(t, "groups", groups, []string{"org-admin", "api-token-manager"})
}

func TestSignInPageHasABranding(t *testing.T) {
	d := of(t, usual)
	d.has(t, "AWS::Cognito::UserPoolDomain", map[string]any{"ManagedLoginVersion": 2})
	branding := d.only(t, "AWS::Cognito::ManagedLoginBranding").Properties
	if text(branding["ClientId"]) != "PeopleConsole" || branding["UseCognitoProvidedValues"] != true {
		t.Errorf("the sign-in page would not be available: %v", branding)
	}
}
