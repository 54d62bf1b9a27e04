package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/dynamo"
)

// who says who may call each route. It is written out, so that a change of the route
// table has to be made twice.
var who = map[string]string{
	"POST /v1/tokens":                    "JWT PersonAuthorizer",
	"GET /v1/tokens":                     "JWT PersonAuthorizer",
	"GET /v1/tokens/{id}":                "JWT PersonAuthorizer",
	"POST /v1/tokens/{id}/revoke":        "JWT PersonAuthorizer",
	"POST /v1/tokens/{id}/rotate":        "JWT PersonAuthorizer",
	"POST /v1/tokens/{id}/rotate/cancel": "JWT PersonAuthorizer",
	"POST /v1/tokens/revoke":             "JWT PersonAuthorizer",
	"POST /v1/people/leave":              "JWT PersonAuthorizer",
	"POST /v1/people/return":             "JWT PersonAuthorizer",
	"GET /v1/audit":                      "JWT PersonAuthorizer",
	"GET /v1/whoami":                     "CUSTOM TokenAuthorizer",
	"POST /v1/whoami/rotate":             "CUSTOM TokenAuthorizer",
	"POST /v1/whoami/revoke":             "CUSTOM TokenAuthorizer",
	"POST /v1/me/notices/resume":         "JWT PersonAuthorizer",
	"GET /v1/openapi.yaml":               "NONE ",
	"GET /":                              "NONE ",
	"GET /assets/{file}":                 "NONE ",
	"HEAD /v1/openapi.yaml":              "NONE ",
	"HEAD /":                             "NONE ",
	"HEAD /assets/{file}":                "NONE ",
}

func TestRoutesAreTheRouteTableAndEachHasItsAuthorizer(t *testing.T) {
	d := of(t, usual)
	integrations := d.all("AWS::ApiGatewayV2::Integration")
	var got, want []string
	for _, r := range d.all("AWS::ApiGatewayV2::Route") {
		key := text(r.Properties["RouteKey"])
		authorizer := strings.TrimPrefix(text(r.Properties["AuthorizerId"]), "Api")
		function := ""
		for id, integration := range integrations {
			if text(r.Properties["Target"]) == "integrations/"+bare(id) {
				function = strings.TrimSuffix(text(integration.Properties["IntegrationUri"]), ".Arn")
			}
		}
		guard := text(r.Properties["AuthorizationType"]) + " " + authorizer
		if guard != who[key] {
			t.Errorf("%s is guarded by %q, want %q", key, guard, who[key])
		}
		got = append(got, key+" → "+function)
	}
	for _, route := range api.Routes() {
		want = append(want, route.Key()+" → "+route.Function)
	}
	same(t, "routes", got, want)
}

func TestNoRouteIsGreedyOrAFallback(t *testing.T) {
	for _, r := range of(t, usual).all("AWS::ApiGatewayV2::Route") {
		if key := text(r.Properties["RouteKey"]); strings.Contains(key, "+}") || strings.Contains(key, "$default") || strings.HasPrefix(key, "ANY") {
			t.Errorf("route %s", key)
		}
	}
}

func TestAuthorizers(t *testing.T) {
	d := of(t, usual)
	d.has(t, "AWS::ApiGatewayV2::Authorizer", map[string]any{
		"Name": "TokenAuthorizer", "AuthorizerType": "REQUEST", "AuthorizerPayloadFormatVersion": "2.0",
		"EnableSimpleResponses": true, "AuthorizerResultTtlInSeconds": 0, "IdentitySource": []any{"$request.header.Authorization"},
	})
	d.has(t, "AWS::ApiGatewayV2::Authorizer", map[string]any{
		"Name": "PersonAuthorizer", "AuthorizerType": "JWT", "IdentitySource": []any{"$request.header.Authorization"},
	})
	for _, r := range d.all("AWS::ApiGatewayV2::Authorizer") {
		switch text(r.Properties["Name"]) {
		case "TokenAuthorizer":
			if uri := text(r.Properties["AuthorizerUri"]); !strings.HasSuffix(uri, "functions/authorize.Arn/invocations") {
				t.Errorf("the token authorizer is %s", uri)
			}
		case "PersonAuthorizer":
			if got := text(at(r.Properties, "JwtConfiguration", "Issuer")); got != "People.ProviderURL" {
				t.Errorf("issuer %s", got)
			}
			same(t, "audience", items(at(r.Properties, "JwtConfiguration", "Audience")), []string{"PeopleConsole"})
		}
	}
	of(t, unusual).has(t, "AWS::ApiGatewayV2::Authorizer", map[string]any{
		"Name": "PersonAuthorizer",
		"JwtConfiguration": map[string]any{
			"Issuer": "https://id.example.test/realms/acme", "Audience": []any{"latchkey", "other"},
		},
	})
	of(t, unusual).has(t, "AWS::ApiGatewayV2::Authorizer", map[string]any{
		"Name": "TokenAuthorizer", "AuthorizerResultTtlInSeconds": 60,
	})
}

func TestStageIsThrottledAndLogsWhoAsked(t *testing.T) {
	d := of(t, usual)
	d.has(t, "AWS::ApiGatewayV2::Stage", map[string]any{
		"StageName": "$default", "AutoDeploy": true,
		"DefaultRouteSettings": map[string]any{"ThrottlingRateLimit": 1000, "ThrottlingBurstLimit": 2000},
	})
	var format map[string]string
	if err := json.Unmarshal([]byte(text(at(d.only(t, "AWS::ApiGatewayV2::Stage").Properties, "AccessLogSettings", "Format"))), &format); err != nil {
		t.Fatal(err)
	}
	// Who asked, and nothing else that is personal.
	if format["subject"] != "$context.authorizer.claims.sub" || format["organization"] != "$context.authorizer.claims.custom:organization" {
		t.Errorf("who asked: %s of %s", format["subject"], format["organization"])
	}
	delete(format, "subject")
	delete(format, "organization")
	for name, value := range format {
		for _, personal := range []string{"claims", "header", "authorizer.email", "authorizer.principalId", "context.path", "userAgent"} {
			if strings.Contains(value, personal) {
				t.Errorf("%s logs %s", name, value)
			}
		}
	}
	if format["requestId"] != "$context.requestId" || format["route"] != "$context.routeKey" || format["status"] != "$context.status" {
		t.Errorf("the access log lacks the essentials: %v", format)
	}
	if d.only(t, "AWS::ApiGatewayV2::Api").Properties["CorsConfiguration"] != nil {
		t.Error("other pages may call the API")
	}
}

func TestFunctionsAreAsConfigSays(t *testing.T) {
	d := of(t, usual)
	logs := d.all("AWS::Logs::LogGroup")
	var roles, groups []string
	for _, function := range config.Functions() {
		properties := d.function(t, function.Name)
		want := map[string]any{
			"Runtime": "provided.al2023", "Handler": "bootstrap",
			"Timeout": function.Timeout.Seconds(), "MemorySize": float64(function.MemoryMB),
		}
		for name, value := range want {
			if properties[name] != value {
				t.Errorf("%s: %s is %v, want %v", function.Name, name, properties[name], value)
			}
		}
		same(t, function.Name+": architecture", items(properties["Architectures"]), []string{"arm64"})
		if got := text(at(properties, "LoggingConfig", "LogFormat")); got != "JSON" {
			t.Errorf("%s logs as %s", function.Name, got)
		}
		if properties["ReservedConcurrentExecutions"] != nil {
			t.Errorf("%s reserves concurrency, which new accounts do not have", function.Name)
		}
		roles = append(roles, text(properties["Role"]))
		groups = append(groups, text(at(properties, "LoggingConfig", "LogGroup")))
	}
	if n := len(d.all("AWS::Lambda::Function")); n != len(config.Functions()) {
		t.Errorf("%d functions, want %d", n, len(config.Functions()))
	}
	slices.Sort(roles)
	slices.Sort(groups)
	if len(slices.Compact(roles)) != len(config.Functions()) || len(slices.Compact(groups)) != len(config.Functions()) {
		t.Errorf("functions share a role or a log group: %v %v", roles, groups)
	}
	for id, group := range logs {
		if group.Properties["RetentionInDays"] != 90.0 {
			t.Errorf("%s keeps logs for %v days", bare(id), group.Properties["RetentionInDays"])
		}
	}
	if len(logs) != len(config.Functions())+1 {
		t.Errorf("%d log groups, want one a function and one for the API", len(logs))
	}
}

func TestTableIsTheSchema(t *testing.T) {
	d := of(t, usual)
	table := d.only(t, "AWS::DynamoDB::GlobalTable")
	schema := dynamo.Schema()
	if got := at(table.Properties, "TimeToLiveSpecification"); text(at(got, "AttributeName")) != schema.TTL || at(got, "Enabled") != true {
		t.Errorf("time to live: %v", got)
	}
	d.has(t, "AWS::DynamoDB::GlobalTable", map[string]any{
		"BillingMode": "PAY_PER_REQUEST",
		"KeySchema": []any{
			map[string]any{"AttributeName": schema.PartitionKey.Name, "KeyType": "HASH"},
			map[string]any{"AttributeName": schema.SortKey.Name, "KeyType": "RANGE"},
		},
		"SSESpecification": map[string]any{"SSEEnabled": true, "SSEType": "KMS"},
	})
	replica := at(table.Properties, "Replicas", "0")
	if at(replica, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
		t.Error("no point-in-time recovery")
	}
	if at(replica, "DeletionProtectionEnabled") != true || table.DeletionPolicy != "Retain" {
		t.Error("the table can be lost")
	}
	if n := len(listOf(table.Properties["Replicas"])); n != 1 {
		t.Errorf("%d Regions: revocation in one would be late in another", n)
	}
	var got, want []string
	for _, index := range listOf(table.Properties["GlobalSecondaryIndexes"]) {
		var projected []string
		for _, name := range listOf(at(index, "Projection", "NonKeyAttributes")) {
			projected = append(projected, text(name))
		}
		slices.Sort(projected)
		got = append(got, text(at(index, "IndexName"))+" "+text(at(index, "KeySchema", "0", "AttributeName"))+" "+
			text(at(index, "Projection", "ProjectionType"))+" "+strings.Join(projected, ","))
	}
	for _, index := range schema.Indexes {
		projected := slices.Sorted(slices.Values(index.Project))
		kind, _ := projection(index)
		want = append(want, index.Name+" "+index.PartitionKey.Name+" "+string(kind)+" "+strings.Join(projected, ","))
	}
	same(t, "indexes", got, want)
}

func TestOutputs(t *testing.T) {
	common := []string{"ApiUrl", "ConsoleUrl", "Issuer", "ClientId", "TableName", "AuthorizeFunctionArn", "RemindFunction", "ScheduleName"}
	same(t, "outputs", slices.Collect(maps.Keys(of(t, usual).outputs)),
		append([]string{"UserPoolId", "CognitoDomain", "MailDnsRecord1", "MailDnsRecord2", "MailDnsRecord3"}, common...))
	same(t, "outputs with one's own issuer and identity", slices.Collect(maps.Keys(of(t, unusual).outputs)), common)
}

func TestOtherChoices(t *testing.T) {
	d := of(t, unusual)
	table := d.only(t, "AWS::DynamoDB::GlobalTable")
	if table.DeletionPolicy != "Delete" || at(table.Properties, "Replicas", "0", "DeletionProtectionEnabled") != false {
		t.Error("removal destroy keeps the table")
	}
	if got := text(at(table.Properties, "Replicas", "0", "SSESpecification", "KMSMasterKeyId")); got != "TableKey.Arn" {
		t.Errorf("the table's key is %q", got)
	}
	d.has(t, "AWS::KMS::Key", map[string]any{"EnableKeyRotation": true})
	// Logs that API Gateway may write without a line in a policy of the account, which is
	// soon full; under a name that no earlier stack of this name has left behind.
	if got := text(d.named(t, "AWS::Logs::LogGroup", "ApiLogs").Properties["LogGroupName"]); !strings.HasPrefix(got, "/aws/vendedlogs/Trial-ApiLogs-") || !strings.Contains(got, "AWS::StackId") {
		t.Errorf("the access log is %s", got)
	}
	if n := len(d.all("AWS::Cognito::UserPool")) + len(d.all("AWS::SES::EmailIdentity")); n != 0 {
		t.Error("there is a user pool or an identity beside one's own")
	}
	same(t, "architecture", items(d.function(t, "authorize")["Architectures"]), []string{"x86_64"})
	if got := d.function(t, "authorize")["ReservedConcurrentExecutions"]; got != 20.0 {
		t.Errorf("the authorizer reserves %v", got)
	}
	d.has(t, "AWS::ApiGatewayV2::Stage", map[string]any{
		"DefaultRouteSettings": map[string]any{"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 80},
	})
	for _, group := range d.all("AWS::Logs::LogGroup") {
		if group.Properties["RetentionInDays"] != 30.0 {
			t.Errorf("logs are kept for %v days", group.Properties["RetentionInDays"])
		}
	}
}

func TestAnIndexHoldsWholeItemsOrWhatTheSchemaNames(t *testing.T) {
	if kind, names := projection(dynamo.Index{}); kind != "ALL" || names != nil {
		t.Errorf("an index of all: %s %v", kind, names)
	}
	if kind, names := projection(dynamo.Index{Project: []string{"a"}}); kind != "INCLUDE" || len(*names) != 1 || *(*names)[0] != "a" {
		t.Errorf("an index of some: %s %v", kind, names)
	}
}

// A claim that cannot stand in a format is not put there.
func TestAccessLogNamesNoClaimThatItCannot(t *testing.T) {
	for claim, want := range map[string]string{
		"org": "$context.authorizer.claims.org", "custom:organization": "$context.authorizer.claims.custom:organization",
		"https://acme.test/org": "", `a","b":"$context.path`: "", "organization name": "",
	} {
		var format map[string]string
		if err := json.Unmarshal([]byte(*(&accessLog{organization: claim}).Format().ToString()), &format); err != nil {
			t.Fatal(err)
		}
		if format["organization"] != want {
			t.Errorf("%s: %s", claim, format["organization"])
		}
	}
}

// AWS refuses the template for SAM before it makes anything: its rule can't hold for any
// value that its parameter takes.
func TestTheTemplateForSAMCannotBeDeployed(t *testing.T) {
	assertion := at(of(t, local).rules["NotOnAWS"], "Assertions", "0", "Assert", "Fn::Equals")
	if pair := listOf(assertion); len(pair) != 2 || text(pair[0]) != "RunsOn" || pair[1] != "aws" {
		t.Errorf("the rule asserts %v", assertion)
	}
	if at(of(t, local).rules["NotOnAWS"], "RuleCondition") != nil {
		t.Error("the rule holds under a condition only")
	}
	same(t, "values of the parameter", of(t, local).choices("RunsOn"), []string{"sam"})
	for _, made := range []func() (*deployment, error){usual, unusual} {
		if of(t, made).rules["NotOnAWS"] != nil {
			t.Error("a template to deploy cannot be deployed")
		}
	}
}
