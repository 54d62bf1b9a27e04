package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscognito"
	"github.com/aws/jsii-runtime-go"
)

// signIn is where people sign in.
type signIn struct {
	issuer    *string
	audience  *[]*string
	clientID  *string
	logoutURL *string   // of the stack's own pool; nil: as it is set, or as the issuer's discovery document says
	origins   []*string // that the console calls

	pool   awscognito.UserPool // nil: not of this stack
	domain *string             // of Cognito's sign-in page
}

// roles are the user pool's groups. Nothing else gives a right.
var roles = []string{"org-admin", "api-token-manager"}

// newSignIn makes a user pool, or takes the company's own issuer.
func (s *stack) newSignIn(consoleURL *string) signIn {
	further := *jsii.Strings(s.settings.ConnectOrigins...)
	if s.settings.ownIssuer() {
		return signIn{
			issuer: &s.settings.Issuer, audience: jsii.Strings(s.settings.OIDCAudience...), clientID: &s.settings.ClientID,
			origins: append(further, jsii.String(origin(s.settings.Issuer))),
		}
	}
	pool := s.newUserPool(consoleURL)
	client := newConsoleClient(pool, consoleURL)
	domain := s.newSignInPage(pool, client)
	issuer := pool.UserPoolProviderUrl()
	return signIn{
		issuer: issuer, audience: &[]*string{client.UserPoolClientId()}, clientID: client.UserPoolClientId(),
		logoutURL: jsii.String(*domain + "/logout"),
		// Discovery document and keys are at the issuer, the token endpoint at the domain.
		origins: append(further, jsii.String("https://cognito-idp."+*s.scope.Region()+"."+*s.scope.UrlSuffix()), domain),
		pool:    pool, domain: domain,
	}
}

// newUserPool makes the people's directory: only administrators add people to it.
func (s *stack) newUserPool(consoleURL *string) awscognito.UserPool {
	yes, no := jsii.Bool(true), jsii.Bool(false)
	pool := awscognito.NewUserPool(s.scope, jsii.String("People"), &awscognito.UserPoolProps{
		SelfSignUpEnabled: no,
		SignInAliases:     &awscognito.SignInAliases{Email: yes}, SignInCaseSensitive: no,
		AutoVerify: &awscognito.AutoVerifiedAttrs{Email: yes},
		// A new address counts once it is verified; until then the old one stays.
		KeepOriginal: &awscognito.KeepOriginalAttrs{Email: yes},
		// Mutable, so that an administrator can move a person. Nobody else can: the
		// client below may not write it.
		CustomAttributes: &map[string]awscognito.ICustomAttribute{
			"organization": awscognito.NewStringAttribute(&awscognito.StringAttributeProps{
				MinLen: jsii.Number(1), MaxLen: jsii.Number(64), Mutable: yes,
			}),
		},
		PasswordPolicy: &awscognito.PasswordPolicy{
			MinLength: jsii.Number(14), RequireDigits: yes, RequireLowercase: yes, RequireUppercase: yes, RequireSymbols: yes,
			TempPasswordValidity: awscdk.Duration_Days(jsii.Number(3)),
		},
		UserInvitation: &awscognito.UserInvitationConfig{
			EmailSubject: jsii.String("Your account for API tokens"),
			EmailBody: jsii.String("You can now manage API tokens at " + *consoleURL +
				"<br>Sign in as {username} with the temporary password {####} within three days."),
		},
		Mfa: awscognito.Mfa_OPTIONAL, MfaSecondFactor: &awscognito.MfaSecondFactor{Otp: yes, Sms: no},
		AccountRecovery:    awscognito.AccountRecovery_EMAIL_ONLY,
		FeaturePlan:        awscognito.FeaturePlan_ESSENTIALS, // managed login needs it
		DeletionProtection: jsii.Bool(!s.settings.destroy()), RemovalPolicy: s.removal(),
	})
	for _, role := range roles {
		pool.AddGroup(jsii.String(pascal(role)), &awscognito.UserPoolGroupOptions{GroupName: jsii.String(role)})
	}
	return pool
}

// newConsoleClient makes the console's client: public, authorization code only. What is
// left out here Cognito grants, so nothing is left out.
func newConsoleClient(pool awscognito.UserPool, consoleURL *string) awscognito.UserPoolClient {
	yes, no := jsii.Bool(true), jsii.Bool(false)
	return pool.AddClient(jsii.String("Console"), &awscognito.UserPoolClientOptions{
		GenerateSecret: no,
		// One flow named, even as absent, makes the list explicit: all but refresh are off.
		AuthFlows: &awscognito.AuthFlow{UserPassword: no},
		OAuth: &awscognito.OAuthSettings{
			Flows:        &awscognito.OAuthFlows{AuthorizationCodeGrant: yes, ImplicitCodeGrant: no, ClientCredentials: no},
			Scopes:       &[]awscognito.OAuthScope{awscognito.OAuthScope_OPENID(), awscognito.OAuthScope_EMAIL(), awscognito.OAuthScope_PROFILE()},
			CallbackUrls: &[]*string{consoleURL}, LogoutUrls: &[]*string{consoleURL},
		},
		SupportedIdentityProviders: &[]awscognito.UserPoolClientIdentityProvider{awscognito.UserPoolClientIdentityProvider_COGNITO()},
		ReadAttributes: awscognito.NewClientAttributes().
			WithStandardAttributes(&awscognito.StandardAttributesMask{Email: yes, EmailVerified: yes, Fullname: yes}).
			WithCustomAttributes(jsii.String("organization")),
		// An empty list would mean all, and people could change their organization.
		WriteAttributes:            awscognito.NewClientAttributes().WithStandardAttributes(&awscognito.StandardAttributesMask{Fullname: yes}),
		PreventUserExistenceErrors: yes, EnableTokenRevocation: yes,
		IdTokenValidity: awscdk.Duration_Hours(jsii.Number(1)), AccessTokenValidity: awscdk.Duration_Hours(jsii.Number(1)),
		RefreshTokenValidity: awscdk.Duration_Hours(jsii.Number(10)), // a working day
	})
}

// newSignInPage makes Cognito's managed login and returns its address. Without a
// branding of its own for each client it would say "Login pages unavailable".
func (s *stack) newSignInPage(pool awscognito.UserPool, client awscognito.UserPoolClient) *string {
	prefix := s.settings.CognitoDomainPrefix
	if prefix == "" {
		prefix = "latchkey-" + *s.idPart()
	}
	domain := pool.AddDomain(jsii.String("Domain"), &awscognito.UserPoolDomainOptions{
		CognitoDomain:       &awscognito.CognitoDomainOptions{DomainPrefix: &prefix},
		ManagedLoginVersion: awscognito.ManagedLoginVersion_NEWER_MANAGED_LOGIN,
	})
	awscognito.NewCfnManagedLoginBranding(s.scope, jsii.String("SignInPage"), &awscognito.CfnManagedLoginBrandingProps{
		UserPoolId: pool.UserPoolId(), ClientId: client.UserPoolClientId(), UseCognitoProvidedValues: jsii.Bool(true),
	})
	return domain.BaseUrl(nil)
}

// idPart is eight characters of the stack's id, which AWS makes unique:
// arn:aws:cloudformation:<region>:<account>:stack/<name>/<xxxxxxxx-xxxx-…>.
func (s *stack) idPart() *string {
	uuid := awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), s.scope.StackId(), nil))
	return awscdk.Fn_Select(jsii.Number(0), awscdk.Fn_Split(jsii.String("-"), uuid, nil))
}

func withSlash(url string) string { return strings.TrimSuffix(url, "/") + "/" }

// pascal makes a construct's id of a name: "org-admin" is "OrgAdmin".
func pascal(name string) string {
	var id strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		id.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return id.String()
}
