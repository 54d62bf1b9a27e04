package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/config"
)

func environment(t *testing.T, d *deployment, function string) map[string]any {
	t.Helper()
	variables, _ := at(d.function(t, function), "Environment", "Variables").(map[string]any)
	return variables
}

func TestFunctionsGetWhatConfigDeclares(t *testing.T) {
	for name, made := range map[string]func() (*deployment, error){"usual": usual, "unusual": unusual} {
		d := of(t, made)
		for _, function := range config.Functions() {
			declared, err := function.Variables()
			if err != nil {
				t.Fatal(err)
			}
			got := environment(t, d, function.Name)
			names := map[string]bool{}
			for _, variable := range declared {
				names[variable.Name] = true
				if variable.Required && text(got[variable.Name]) == "" {
					t.Errorf("%s: %s lacks %s", name, function.Name, variable.Name)
				}
				if variable.Setting == "-" && got[variable.Name] != nil {
					t.Errorf("%s: %s is deployed with %s, which is for the local run alone", name, function.Name, variable.Name)
				}
			}
			for variable := range got {
				if !names[variable] {
					t.Errorf("%s: %s gets %s, which it does not read", name, function.Name, variable)
				}
			}
		}
	}
}

// Whatever setting a function names is one of the stack's, and reaches it as it is written.
func TestEverySettingOfAFunctionCanBeChosen(t *testing.T) {
	known := settingNames()
	for _, function := range config.Functions() {
		declared, err := function.Variables()
		if err != nil {
			t.Fatal(err)
		}
		chosen, workedOut := map[string]string{}, map[string]*string{}
		for _, variable := range declared {
			switch variable.Setting {
			case "":
				workedOut[variable.Name] = jsii.String("worked out")
			case "-":
			default:
				chosen[variable.Setting] = "value of " + variable.Setting
				if known[variable.Setting] == "" {
					t.Errorf("%s of %s cannot be chosen: there is no setting %s", variable.Name, function.Name, variable.Setting)
				}
			}
		}
		got, err := environmentOf(function, chosen, workedOut)
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range declared {
			want := map[string]string{"": "worked out", "-": ""}[variable.Setting]
			if variable.Setting != "" && variable.Setting != "-" {
				want = "value of " + variable.Setting
			}
			if value := got[variable.Name]; (value == nil) != (want == "") || value != nil && *value != want {
				t.Errorf("%s gets %v for %s, want %q", function.Name, value, variable.Name, want)
			}
		}
		// Nobody has a value for what is neither chosen nor worked out.
		if len(workedOut) > 0 {
			if _, err := environmentOf(function, chosen, nil); err == nil {
				t.Errorf("%s is deployed without what the stack works out", function.Name)
			}
		}
	}
}

func TestSettingsReachTheFunctions(t *testing.T) {
	want := map[string]map[string]string{
		"issue": {
			"TABLE_NAME": "Table", "TOKEN_PREFIX": "acme", "MAX_ACTIVE_TOKENS": "5", "MAX_NEW_TOKENS_PER_DAY": "20", "RETENTION_DAYS": "30",
			"SCOPES": "read,write", "NOTICE_DAYS": "30,1,0",
			"CLAIM_ORGANIZATION": "org", "CLAIM_ROLES": "roles", "CLAIM_EMAIL": "mail", "TRUST_EMAIL": "true",
		},
		"authorize": {"TABLE_NAME": "Table", "TOKEN_PREFIX": "acme", "DENIAL": "forbidden"},
		"remind": {
			"CONSOLE_URL": "https://tokens.example.test/", "MAIL_FROM": "tokens@mail.acme.test", "MAIL_REPLY_TO": "help@acme.test",
			"MAIL_COLOR": "#123abc", "MAIL_SUPPORT": "Ask the help desk.",
			"MAIL_INTRO": "Dear customer,", "MAIL_REPLACE": "Run acme keys renew.", "MAIL_FOOTER": "Acme Inc, Springfield.", "COMPANY_NAME": "Acme", "NOTICE_DAYS": "30,1,0",
			"SES_CONFIGURATION_SET": "Mail", "SEND_RATE": "2.5", "ADMINS_SEEN_WITHIN_DAYS": "14", "SUPPORT_URL": "https://help.acme.test/keys?x=1",
		},
		"console": {
			"OIDC_ISSUER": "https://id.example.test/realms/acme", "OIDC_CLIENT_ID": "console", "OIDC_SCOPES": "openid email profile",
			"OIDC_TOKEN": "access", "OIDC_LOGOUT_URL": "https://id.example.test/logout", "COMPANY_NAME": "Acme", "SUPPORT_URL": "https://help.acme.test/keys?x=1", "SCOPES": "read,write",
			"CONNECT_ORIGINS": "https://login.example.test,https://id.example.test",
		},
		"feedback": {"TABLE_NAME": "Table"},
	}
	d := of(t, unusual)
	for function, variables := range want {
		got := environment(t, d, function)
		for name, value := range variables {
			if text(got[name]) != value {
				t.Errorf("%s: %s is %q, want %q", function, name, text(got[name]), value)
			}
		}
	}
}

func TestCognitoReachesTheConsole(t *testing.T) {
	got := environment(t, of(t, usual), "console")
	for name, want := range map[string]string{
		"OIDC_ISSUER":     "People.ProviderURL",
		"OIDC_CLIENT_ID":  "PeopleConsole",
		"OIDC_LOGOUT_URL": "https://PeopleDomain.auth.AWS::Region.amazoncognito.com/logout",
		"CONNECT_ORIGINS": "https://cognito-idp.AWS::Region.AWS::URLSuffix,https://PeopleDomain.auth.AWS::Region.amazoncognito.com",
	} {
		if text(got[name]) != want {
			t.Errorf("%s is %q, want %q", name, text(got[name]), want)
		}
	}
	if got := text(environment(t, of(t, usual), "remind")["CONSOLE_URL"]); got != "Api.ApiEndpoint/" {
		t.Errorf("the notices link to %q", got)
	}
}

// In a deployment a run at a time that has not come would send what is not so yet.
func TestOnlyTheTemplateForSAMAllowsTheFuture(t *testing.T) {
	for _, made := range []func() (*deployment, error){usual, unusual} {
		if value, there := environment(t, of(t, made), "remind")["ALLOW_FUTURE_SCHEDULE"]; there {
			t.Errorf("the reminder would be deployed with ALLOW_FUTURE_SCHEDULE=%v", value)
		}
	}
	if value := environment(t, of(t, local), "remind")["ALLOW_FUTURE_SCHEDULE"]; value != "true" {
		t.Errorf("the reminder in SAM has ALLOW_FUTURE_SCHEDULE=%v", value)
	}
}

func TestOnlyTheTemplateForSAMHasEndpoints(t *testing.T) {
	endpoints := []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SESV2"}
	for _, function := range config.Functions() {
		for _, made := range []func() (*deployment, error){usual, unusual} {
			for name := range environment(t, of(t, made), function.Name) {
				if strings.HasPrefix(name, "AWS_") {
					t.Errorf("%s would be deployed with %s", function.Name, name)
				}
			}
		}
		got := slices.Collect(maps.Keys(environment(t, of(t, local), function.Name)))
		for _, endpoint := range endpoints {
			if !slices.Contains(got, endpoint) {
				t.Errorf("%s cannot be given %s", function.Name, endpoint)
			}
		}
	}
	if got := environment(t, of(t, local), "authorize"); got["TABLE_NAME"] != "latchkey" || got["DENIAL"] != "forbidden" {
		t.Errorf("the authorizer in SAM: %v", got)
	}
	want := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[hostArchitecture]
	same(t, "architecture in SAM", items(of(t, local).function(t, "authorize")["Architectures"]), []string{want})
}
