package main

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
)

// constructors lists what a file of Go makes with packages of this module: package.New….
// Open does what New does, with what the AWS SDK finds in the environment.
func constructors(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, i := range parsed.Imports {
		if path := strings.Trim(i.Path.Value, `"`); strings.HasPrefix(path, "latchkey/internal/") {
			own[path[strings.LastIndex(path, "/")+1:]] = true
		}
	}
	made := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if of, ok := call.Fun.(*ast.SelectorExpr); ok {
			name, _ := of.X.(*ast.Ident)
			if name != nil && own[name.Name] && (strings.HasPrefix(of.Sel.Name, "New") || of.Sel.Name == "Open") {
				made[name.Name+"."+strings.Replace(of.Sel.Name, "Open", "New", 1)] = true
			}
		}
		return true
	})
	return slices.Collect(maps.Keys(made))
}

// What a function makes of its settings at its start is made before a deployment, too.
func TestStartsAreTheFunctionsOwn(t *testing.T) {
	tried := constructors(t, "starts.go")
	without := []string{"token.NewManager"} // takes no setting
	for _, function := range config.Functions() {
		variables, err := function.Variables()
		if err != nil {
			t.Fatal(err)
		}
		reads := slices.ContainsFunc(variables, func(v config.Variable) bool { return v.Setting != "" && v.Setting != "-" })
		if _, has := starts[function.Name]; has != reads {
			t.Errorf("%s reads settings: %t; its start is tried: %t", function.Name, reads, has)
		}
		if !reads {
			continue
		}
		for _, made := range constructors(t, "../functions/"+function.Name+"/main.go") {
			if !slices.Contains(tried, made) && !slices.Contains(without, made) {
				t.Errorf("%s makes a %s at its start, which is not tried before a deployment", function.Name, made)
			}
		}
	}
}
