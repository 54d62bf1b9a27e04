package config_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/config"
)

// environment sets exactly these variables, each written as NAME=value, for one test.
func environment(t *testing.T, variables ...string) {
	t.Helper()
	for _, f := range config.Functions() {
		known, err := f.Variables()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range known {
			t.Setenv(v.Name, "") // so that it is restored
			if err := os.Unsetenv(v.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

func TestDefaults(t *testing.T) {
	environment(t, "TABLE_NAME=tokens")
	issue, err := config.Load[config.Issue]()
	person := config.Person{OrganizationClaim: "custom:organization", RolesClaim: "cognito:groups", EmailClaim: "email", UseToken: "id"}
	if want := (config.Issue{
		Table: config.Table{TableName: "tokens"}, Token: config.Token{Prefix: "lk"},
		Issuance: config.Issuance{MaxActive: 50, MaxDaily: 200}, Retention: config.Retention{RetentionDays: 90}, Notices: config.Notices{NoticeDays: []int{15, 7, 0}}, Person: person,
	}); err != nil || !reflect.DeepEqual(issue, want) {
		t.Errorf("issue %+v, error %v\nwant  %+v", issue, err, want)
	}
	authorize, err := config.Load[config.Authorize]()
	if err != nil || authorize.Denial != "unauthorized" || authorize.Prefix != "lk" {
		t.Errorf("authorize %+v, error %v", authorize, err)
	}
	for name, load := range map[string]func() (config.Person, error){
		"read":   func() (config.Person, error) { c, err := config.Load[config.Read](); return c.Person, err },
		"revoke": func() (config.Person, error) { c, err := config.Load[config.Revoke](); return c.Person, err },
	} {
		if got, err := load(); err != nil || got != person {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}

	environment(t, "TABLE_NAME=tokens", "CONSOLE_URL=https://tokens.example.com/", "MAIL_FROM=tokens@example.com")
	remind, err := config.Load[config.Remind]()
	if want := (config.Remind{
		Table: config.Table{TableName: "tokens"}, Notices: config.Notices{NoticeDays: []int{15, 7, 0}},
		Admins: config.Admins{AdminsSeenWithinDays: 30}, Page: config.Page{ConsoleURL: "https://tokens.example.com/"},
		Brand: config.Brand{Company: "Latchkey"}, Mail: config.Mail{From: "tokens@example.com", Color: "#1d4ed8"},
	}); err != nil || !reflect.DeepEqual(remind, want) {
		t.Errorf("remind %+v, error %v\nwant   %+v", remind, err, want)
	}

	environment(t, "OIDC_ISSUER=https://issuer.example.com", "OIDC_CLIENT_ID=console")
	console, err := config.Load[config.Console]()
	if want := (config.Console{
		SignIn: config.SignIn{Issuer: "https://issuer.example.com", ClientID: "console", SignInScopes: "openid email profile"},
		Brand:  config.Brand{Company: "Latchkey"}, Person: person,
	}); err != nil || !reflect.DeepEqual(console, want) {
		t.Errorf("console %+v, error %v\nwant    %+v", console, err, want)
	}
}

func TestValues(t *testing.T) {
	environment(t, "TABLE_NAME=tokens", "TOKEN_PREFIX=acme", "MAX_ACTIVE_TOKENS=3", "MAX_NEW_TOKENS_PER_DAY=4", "RETENTION_DAYS=1",
		"NOTICE_DAYS=30,1", "SCOPES=reports:read,reports:write", "CLAIM_ORGANIZATION=org", "CLAIM_ROLES=roles", "CLAIM_EMAIL=mail", "TRUST_EMAIL=true")
	got, err := config.Load[config.Issue]()
	want := config.Issue{
		Table: config.Table{TableName: "tokens"}, Token: config.Token{Prefix: "acme"},
		Issuance: config.Issuance{MaxActive: 3, MaxDaily: 4}, Retention: config.Retention{RetentionDays: 1},
		Offer:   config.Offer{Scopes: []string{"reports:read", "reports:write"}},
		Notices: config.Notices{NoticeDays: []int{30, 1}},
		Person:  config.Person{OrganizationClaim: "org", RolesClaim: "roles", EmailClaim: "mail", TrustEmail: true, UseToken: "id"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, error %v\nwant %+v", got, err, want)
	}
}

// A function that is not configured must not start, and says what it misses.
func TestMissingAndMalformed(t *testing.T) {
	issue := func() error { _, err := config.Load[config.Issue](); return err }
	remind := func() error { _, err := config.Load[config.Remind](); return err }
	for name, test := range map[string]struct {
		variables []string
		load      func() error
		names     []string // in the error
	}{
		"no table":             {nil, issue, []string{"TABLE_NAME"}},
		"an empty table":       {[]string{"TABLE_NAME="}, issue, []string{"TABLE_NAME"}},
		"a limit in words":     {[]string{"TABLE_NAME=t", "MAX_ACTIVE_TOKENS=many"}, issue, []string{"MaxActive"}},
		"half a day":           {[]string{"TABLE_NAME=t", "NOTICE_DAYS=15,7.5"}, issue, []string{"NoticeDays"}},
		"trust, perhaps":       {[]string{"TABLE_NAME=t", "TRUST_EMAIL=perhaps"}, issue, []string{"TrustEmail"}},
		"all that is required": {nil, remind, []string{"TABLE_NAME", "CONSOLE_URL", "MAIL_FROM"}},
		"a rate in words":      {[]string{"TABLE_NAME=t", "CONSOLE_URL=x", "MAIL_FROM=y", "SEND_RATE=fast"}, remind, []string{"SendRate"}},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, test.variables...)
			err := test.load()
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.names {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %s", err, want)
				}
			}
		})
	}
}

func TestFunctionsAreTheFolders(t *testing.T) {
	entries, err := os.ReadDir("../../functions")
	if err != nil {
		t.Fatal(err)
	}
	var folders, names []string
	for _, e := range entries {
		folders = append(folders, e.Name())
	}
	for _, f := range config.Functions() {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	if !slices.Equal(folders, names) {
		t.Errorf("folders %v\nconfigured %v", folders, names)
	}
}

func TestFunctionsFitLambda(t *testing.T) {
	for _, f := range config.Functions() {
		if f.Timeout < time.Second || f.Timeout > 15*time.Minute || f.Timeout%time.Second != 0 {
			t.Errorf("%s: timeout %s", f.Name, f.Timeout)
		}
		if f.MemoryMB < 128 || f.MemoryMB > 10240 {
			t.Errorf("%s: %d MB", f.Name, f.MemoryMB)
		}
	}
	config.Functions()[0].Name = "changed"
	if config.Functions()[0].Name == "changed" {
		t.Error("a caller changed the list")
	}
}

// Every variable has one setting, and every setting one variable, so that a deployer
// writes down one thing once.
func TestVariablesAndSettingsAreOneToOne(t *testing.T) {
	settings := map[string]string{}
	variables := map[string]string{}
	for _, f := range config.Functions() {
		declared, err := f.Variables()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range declared {
			if other, known := settings[v.Name]; known && other != v.Setting {
				t.Errorf("%s is chosen by %q and by %q", v.Name, other, v.Setting)
			}
			settings[v.Name] = v.Setting
			if other, known := variables[v.Setting]; known && other != v.Name && v.Setting != "" && v.Setting != "-" {
				t.Errorf("%s sets %s and %s", v.Setting, other, v.Name)
			}
			variables[v.Setting] = v.Name
		}
	}
	// What no deployment may set, and what the stack works out.
	for variable, want := range map[string]string{
		"ALLOW_FUTURE_SCHEDULE": "-", "TABLE_NAME": "", "SES_CONFIGURATION_SET": "",
		"MAX_NEW_TOKENS_PER_DAY": "maxNewTokensPerDay", "ADMINS_SEEN_WITHIN_DAYS": "adminsSeenWithinDays", "SUPPORT_URL": "supportUrl",
	} {
		if got, known := settings[variable]; !known || got != want {
			t.Errorf("%s is chosen by %q, want %q", variable, got, want)
		}
	}
}

// Variables lists what Load reads: set all of them, and every field is filled.
func TestVariablesAreComplete(t *testing.T) {
	types := map[string]func() (any, error){
		"issue":     func() (any, error) { return config.Load[config.Issue]() },
		"read":      func() (any, error) { return config.Load[config.Read]() },
		"rotate":    func() (any, error) { return config.Load[config.Rotate]() },
		"revoke":    func() (any, error) { return config.Load[config.Revoke]() },
		"authorize": func() (any, error) { return config.Load[config.Authorize]() },
		"verify":    func() (any, error) { return config.Load[config.Verify]() },
		"console":   func() (any, error) { return config.Load[config.Console]() },
		"remind":    func() (any, error) { return config.Load[config.Remind]() },
		"feedback":  func() (any, error) { return config.Load[config.Feedback]() },
	}
	for _, f := range config.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			variables, err := f.Variables()
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, v := range variables {
				all = append(all, v.Name+"=1") // text, number, list and truth alike
				if v.Required && v.Default != "" {
					t.Errorf("%s is required and has a default", v.Name)
				}
			}
			environment(t, all...)
			got, err := types[f.Name]()
			if err != nil {
				t.Fatal(err)
			}
			if empty := zeroFields(reflect.ValueOf(got)); len(empty) != 0 || len(all) != countFields(reflect.TypeOf(got)) {
				t.Errorf("variables %v leave %v empty", all, empty)
			}

			// Without the required ones it does not load, and with them alone it does.
			var required []string
			for _, v := range variables {
				if v.Required {
					required = append(required, v.Name+"=1")
				}
			}
			environment(t, required...)
			if _, err := types[f.Name](); err != nil {
				t.Errorf("with %v: %v", required, err)
			}
			for i := range required {
				environment(t, slices.Delete(slices.Clone(required), i, i+1)...)
				if _, err := types[f.Name](); err == nil {
					t.Errorf("loads without %s", required[i])
				}
			}
		})
	}
}

func zeroFields(v reflect.Value) []string {
	var empty []string
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch {
		case field.Anonymous:
			empty = append(empty, zeroFields(v.Field(i))...)
		case v.Field(i).IsZero():
			empty = append(empty, field.Name)
		}
	}
	return empty
}

func countFields(t reflect.Type) int {
	n := 0
	for field := range t.Fields() {
		if field.Anonymous {
			n += countFields(field.Type)
		} else {
			n++
		}
	}
	return n
}
