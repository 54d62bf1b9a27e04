package main

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

func TestSettingsHaveDefaults(t *testing.T) {
	got, err := parseSettings(map[string]any{"latchkey": map[string]any{"mailFrom": "tokens@acme.test"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.StackName != "Latchkey" || got.Architecture != "arm64" || got.Removal != "retain" || got.LogRetentionDays != 90 ||
		got.AuthorizerCacheSeconds != 0 || got.ReservedConcurrency != 0 || got.SAM || got.TrustEmail || got.CustomerManagedKey {
		t.Errorf("defaults: %+v", got)
	}
}

func TestCommandLineGoesBeforeFile(t *testing.T) {
	got, err := parseSettings(map[string]any{
		"latchkey":   map[string]any{"mailFrom": "tokens@acme.test", "companyName": "Acme", "sendRate": 2.5},
		"sendRate":   "14",
		"noticeDays": "20,5",
		"trustEmail": "false",
		// CDK's own context has other names.
		"@aws-cdk/core:something": true, "aws:cdk:bundling-stacks": []any{"**"}, "cli-telemetry": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.SendRate != 14 || len(got.NoticeDays) != 2 || got.NoticeDays[0] != 20 || got.Company != "Acme" {
		t.Errorf("settings: %+v", got)
	}
}

func TestEveryBadSettingIsNamed(t *testing.T) {
	bad := map[string]any{
		"stackName": "1", "architecture": "riscv", "removal": "maybe", "rights": "none", "logRetentionDays": 91.0, "reservedConcurrency": -1.0,
		"throttleRate": 0.0, "throttleBurst": 0.0, "alarmEmail": "ops", "alarmTopicArn": "ops",
		"tokenPrefix": "LK", "maxActiveTokens": -1.0, "maxNewTokensPerDay": 0.0, "adminsSeenWithinDays": 0.0, "retentionDays": -1.0, "scopes": []any{"a b"}, "denial": "no",
		"authorizerCacheSeconds": 3601.0, "consoleUrl": "http://acme.test", "supportUrl": "help@acme.test", "oidcIssuer": "acme", "oidcToken": "refresh",
		"oidcLogoutUrl": "https://acme.test/?x", "connectOrigins": []any{"https://acme.test/path"},
		"mailFrom": "Acme", "mailReplyTo": "help", "mailColor": "blue", "companyName": "Acme\nInc", "mailSupport": "a\nb",
		"mailIntro": "a\nb", "mailReplace": "a\nb", "mailFooter": "a\nb",
		"noticeDays": []any{-1.0}, "sendRate": -1.0, "mailIdentity": "Acme.test",
	}
	_, err := parseSettings(map[string]any{"latchkey": bad})
	if err == nil {
		t.Fatal("no error")
	}
	for name := range bad {
		if !strings.Contains("\n"+err.Error(), "\n"+name+": ") {
			t.Errorf("nothing said of %s in:\n%v", name, err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for name, c := range map[string]struct {
		set  map[string]any
		want string
	}{
		"sender missing":               {map[string]any{"mailFrom": ""}, "mailFrom: want an e-mail address"},
		"misspelt":                     {map[string]any{"mailForm": "a@acme.test"}, "mailForm: there is no such setting"},
		"not a number":                 {map[string]any{"maxActiveTokens": "many"}, "maxActiveTokens: want a whole number"},
		"not a list of numbers":        {map[string]any{"noticeDays": "7,one"}, "noticeDays: want a list, each item a whole number"},
		"not a boolean":                {map[string]any{"sam": "maybe"}, "sam: want true or false"},
		"an object":                    {map[string]any{"scopes": map[string]any{}}, "scopes: want a text, number"},
		"a company with a soft hyphen": {map[string]any{"companyName": "Ac\u00adme"}, "companyName: composer: "},
		"an override of direction":     {map[string]any{"mailFooter": "Acme \u202eInc"}, "mailFooter: composer: "},
		"one claim for no name":        {map[string]any{"oidcIssuer": "https://id.acme.test", "oidcToken": "refresh"}, "oidcToken: claims: token use"},
		"a page in capitals":           {map[string]any{"consoleUrl": "https://Keys.Acme.example"}, "consoleUrl: want https://host, the host as browsers write it"},
		"a page with a port":           {map[string]any{"consoleUrl": "https://keys.acme.test:443/"}, "consoleUrl: want https://host, the host as browsers write it"},
		"a page in another script":     {map[string]any{"consoleUrl": "https://schlüssel.acme.test"}, "consoleUrl: want https://host, the host as browsers write it"},
		"a page with a dot":            {map[string]any{"consoleUrl": "https://keys.acme.test."}, "consoleUrl: want https://host, the host as browsers write it"},
		"a page with a mark":           {map[string]any{"consoleUrl": "https://keys.acme.test?"}, "consoleUrl: want https://host, the host as browsers write it"},
		"a sender in capitals":         {map[string]any{"mailFrom": "tokens@Acme.test"}, "mailFrom: want a domain in lower case"},
		"an origin in capitals":        {map[string]any{"connectOrigins": "https://ID.acme.test"}, "connectOrigins: want a list of https://host"},
		"two scopes in one item":       {map[string]any{"scopes": []any{"a,b"}}, `scopes: want items without ","`},
		"issuer alone":                 {map[string]any{"oidcIssuer": "https://id.acme.test"}, "oidcAudience: want at least one"},
		"claims without issuer":        {map[string]any{"claimRoles": "roles"}, "claimRoles: want nothing, because oidcIssuer is not set"},
		"foreign identity":             {map[string]any{"mailIdentity": "other.test"}, "mailIdentity: want mailFrom's address"},
		"Cognito's own word":           {map[string]any{"cognitoDomainPrefix": "my-cognito"}, "cognitoDomainPrefix: want"},
		"pool and issuer":              {map[string]any{"oidcIssuer": "https://id.acme.test", "cognitoDomainPrefix": "x"}, "cognitoDomainPrefix: want nothing"},
		"scope with a quote":           {map[string]any{"scopes": `a"b`}, "scopes: issuer: scope"},
		"scope there twice":            {map[string]any{"scopes": "a,a"}, "scopes: issuer: scope \"a\" is there twice"},
		"too many scopes":              {map[string]any{"scopes": "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u"}, "scopes: issuer: more than 20"},
		"long scope":                   {map[string]any{"scopes": strings.Repeat("a", 65)}, "scopes: issuer: scope"},
		"notice day there twice":       {map[string]any{"noticeDays": "7,7"}, "noticeDays: notice days: 7 is there twice"},
		"nobody may issue":             {map[string]any{"maxActiveTokens": 0.0}, "maxActiveTokens: issuer: an owner must be allowed 1 to 200"},
		"no retention":                 {map[string]any{"retentionDays": 0.0}, "retentionDays: issuer: a token must stay"},
		"retention of no number":       {map[string]any{"logRetentionDays": 2.0}, "logRetentionDays: want 1, 3, 5"},
	} {
		set := map[string]any{"mailFrom": "tokens@acme.test"}
		maps.Copy(set, c.set)
		if _, err := parseSettings(map[string]any{"latchkey": set}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		// The same mistake on the command line.
		if _, err := parseSettings(map[string]any{"mailFrom": "tokens@acme.test", "latchkey": map[string]any{}, first(c.set): c.set[first(c.set)]}); len(c.set) == 1 && err == nil {
			t.Errorf("%s on the command line: no error", name)
		}
	}
}

// A list is written as one, whatever separates its items in a variable.
func TestListsAreKeptApart(t *testing.T) {
	got, err := parseSettings(map[string]any{
		"mailFrom": "tokens@acme.test", "scopes": []any{"read", "write"},
		"scopeDescriptions": []any{"read See reports, and their history", "write Change them"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Scopes) != 2 || len(got.ScopeDescriptions) != 2 || got.ScopeDescriptions[0] != "read See reports, and their history" {
		t.Errorf("scopes %q, descriptions %q", got.Scopes, got.ScopeDescriptions)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range settingNames() {
		// sam makes a template that cannot be deployed: it is no setting for deployers.
		if name != "sam" && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("README.md says nothing of %s", name)
		}
	}
}

func first(set map[string]any) string {
	for name := range set {
		return name
	}
	return ""
}

func TestMissingBinariesAreNamed(t *testing.T) {
	settings, err := parseSettings(map[string]any{"mailFrom": "tokens@acme.test"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = newStack(awscdk.NewApp(nil), settings, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "authorize: no binary in ") || !strings.Contains(err.Error(), "run `make build ARCH=arm64` first") {
		t.Errorf("error %v", err)
	}
}
