package issuer

// Roles, as the groups of a Cognito user pool are named.
const (
	orgAdmin        = "org-admin"
	apiTokenManager = "api-token-manager"
)

// Person is somebody who can sign in.
type Person struct {
	Name          string   // what one picks on the sign-in page
	Subject       string   // claim sub; the same at every start, so that kept data stays theirs
	Email         string   //
	EmailVerified bool     //
	Organization  string   // claim custom:organization
	Groups        []string // claim cognito:groups, left out if there are none
	About         string   // for people to read
}

// People are those who can sign in. Cognito's subjects are UUIDs, so are these.
func People() []Person {
	return []Person{
		{
			Name: "alice", Subject: "a11ce000-0000-4000-8000-000000000001", Email: "alice@acme.example", EmailVerified: true,
			Organization: "acme", Groups: []string{orgAdmin}, About: "organization admin of acme",
		},
		{
			Name: "bob", Subject: "b0b00000-0000-4000-8000-000000000002", Email: "bob@acme.example", EmailVerified: true,
			Organization: "acme", Groups: []string{apiTokenManager}, About: "API Token Manager of acme",
		},
		{
			Name: "carol", Subject: "ca201000-0000-4000-8000-000000000003", Email: "carol@acme.example", EmailVerified: true,
			Organization: "acme", About: "no role in acme",
		},
		{
			Name: "dave", Subject: "da7e0000-0000-4000-8000-000000000004", Email: "dave@globex.example", EmailVerified: true,
			Organization: "globex", Groups: []string{orgAdmin}, About: "organization admin of globex",
		},
		{
			Name: "erin", Subject: "e2100000-0000-4000-8000-000000000005", Email: "erin@acme.example", EmailVerified: false,
			Organization: "acme", Groups: []string{apiTokenManager}, About: "API Token Manager of acme, e-mail not verified",
		},
		{
			Name: "frank", Subject: "f2a2c000-0000-4000-8000-000000000006", Email: "frank@acme.example", EmailVerified: true,
			Organization: "acme", Groups: []string{apiTokenManager}, About: "API Token Manager of acme, to be the one who leaves",
		},
	}
}

// find returns the person for whom is is true.
func find(is func(Person) bool) (Person, bool) {
	for _, p := range People() {
		if is(p) {
			return p, true
		}
	}
	return Person{}, false
}

func named(name string) (Person, bool) {
	return find(func(p Person) bool { return p.Name == name })
}

func withSubject(subject string) (Person, bool) {
	return find(func(p Person) bool { return p.Subject == subject })
}
