package api

import _ "embed"

// OpenAPI is the contract of the HTTP API as an OpenAPI 3.1 document in YAML. A test
// holds it to the routes and to real answers.
//
//go:embed openapi.yaml
var OpenAPI []byte
