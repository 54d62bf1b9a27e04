package main

import (
	"encoding/json"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/jsii-runtime-go"

	"latchkey/internal/api"
)

// bearerHeader is where both authorizers find a token. Without it a request is turned
// away before any function runs.
var bearerHeader = jsii.Strings("$request.header.Authorization")

// newGateway makes the HTTP API and its one stage, still without routes. There is no
// CORS: the console comes from the same origin, and other pages have no business here.
func (s *stack) newGateway() awsapigatewayv2.HttpApi {
	gateway := awsapigatewayv2.NewHttpApi(s.scope, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName: &s.settings.StackName, CreateDefaultStage: jsii.Bool(false),
	})
	awsapigatewayv2.NewHttpStage(s.scope, jsii.String("Stage"), &awsapigatewayv2.HttpStageProps{
		HttpApi: gateway, StageName: jsii.String("$default"), AutoDeploy: jsii.Bool(true),
		Throttle: &awsapigatewayv2.ThrottleSettings{
			RateLimit: jsii.Number(s.settings.ThrottleRate), BurstLimit: jsii.Number(s.settings.ThrottleBurst),
		},
		DetailedMetricsEnabled: jsii.Bool(true),
		AccessLogSettings: &accessLog{
			destination:  awsapigatewayv2.NewLogGroupLogDestination(s.newLogs("ApiLogs", s.accessLogName())),
			organization: s.settings.OrganizationClaim,
		},
	})
	return gateway
}

// accessLogName is under the one prefix for which AWS adds nothing to a policy of the
// account, which is full after a dozen APIs; and is new for each stack, as a name that
// CloudFormation makes is.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
func (s *stack) accessLogName() *string {
	return jsii.String("/aws/vendedlogs/" + s.settings.StackName + "-ApiLogs-" + *s.idPart())
}

// accessLog says what is noted of each request: who asked, by organization and subject,
// which are personal data and kept as long as logs are; the route instead of the path;
// nothing else of claims, headers and body.
type accessLog struct {
	destination  awsapigatewayv2.IAccessLogDestination
	organization string // claim
}

// plainClaim is a claim's name that can stand in a format. With another, such as a URL, a
// format would not be what it seems; the functions' logs have the organization, too.
var plainClaim = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_:-]*$`)

func (l *accessLog) Destination() awsapigatewayv2.IAccessLogDestination { return l.destination }

func (l *accessLog) Format() awsapigateway.AccessLogFormat {
	fields := map[string]string{
		"requestId":          "$context.requestId",
		"time":               "$context.requestTime",
		"sourceIp":           "$context.identity.sourceIp",
		"route":              "$context.routeKey",
		"status":             "$context.status",
		"responseLatency":    "$context.responseLatency",
		"integrationLatency": "$context.integrationLatency",
		"integrationStatus":  "$context.integrationStatus",
		"integrationError":   "$context.integrationErrorMessage",
		"authorizerError":    "$context.authorizer.error",
		"error":              "$context.error.message",
		"subject":            "$context.authorizer.claims.sub",
	}
	if plainClaim.MatchString(l.organization) {
		fields["organization"] = "$context.authorizer.claims." + l.organization
	}
	format, err := json.Marshal(fields)
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return awsapigateway.AccessLogFormat_Custom(jsii.String(string(format)))
}

// addRoutes adds the route table, each route with its function and its authorizer.
func (s *stack) addRoutes(gateway awsapigatewayv2.HttpApi, people signIn) {
	authorizers := map[api.Auth]awsapigatewayv2.IHttpRouteAuthorizer{
		api.AuthNone: awsapigatewayv2.NewHttpNoneAuthorizer(),
		api.AuthPerson: awsapigatewayv2authorizers.NewHttpJwtAuthorizer(jsii.String("PersonAuthorizer"), people.issuer,
			&awsapigatewayv2authorizers.HttpJwtAuthorizerProps{JwtAudience: people.audience, IdentitySource: bearerHeader}),
		// Each property is explicit: the construct's own defaults are the old payload
		// format and a cache of five minutes, in which a revoked token would live on.
		api.AuthToken: awsapigatewayv2authorizers.NewHttpLambdaAuthorizer(jsii.String("TokenAuthorizer"), s.functions["authorize"],
			&awsapigatewayv2authorizers.HttpLambdaAuthorizerProps{
				ResponseTypes:   &[]awsapigatewayv2authorizers.HttpLambdaResponseType{awsapigatewayv2authorizers.HttpLambdaResponseType_SIMPLE},
				IdentitySource:  bearerHeader,
				ResultsCacheTtl: awscdk.Duration_Seconds(jsii.Number(s.settings.AuthorizerCacheSeconds)),
			}),
	}
	integrations := map[string]awsapigatewayv2.HttpRouteIntegration{}
	for _, route := range api.Routes() {
		if integrations[route.Function] == nil {
			integrations[route.Function] = awsapigatewayv2integrations.NewHttpLambdaIntegration(
				jsii.String(route.Function), s.functions[route.Function], nil)
		}
		gateway.AddRoutes(&awsapigatewayv2.AddRoutesOptions{
			Path: jsii.String(route.Path), Methods: &[]awsapigatewayv2.HttpMethod{awsapigatewayv2.HttpMethod(route.Method)},
			Integration: integrations[route.Function], Authorizer: authorizers[route.Auth],
		})
	}
}

// consoleURL is the address of the management page, with a slash at its end.
func (s *stack) consoleURL(gateway awsapigatewayv2.HttpApi) *string {
	if s.settings.ConsoleURL != "" {
		return jsii.String(withSlash(s.settings.ConsoleURL))
	}
	return jsii.String(*gateway.ApiEndpoint() + "/")
}
