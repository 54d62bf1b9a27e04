package gateway

import (
	"strings"

	"latchkey/internal/api"
)

// match finds the route for a decoded path. A parameter takes one whole segment that is
// not empty; a route without parameters goes before one with. There is no tolerance for
// a slash at the end, and HEAD is not GET. An HTTP API answers a known path with an
// unknown method as it answers an unknown path: 404.
func match(routes []api.Route, method, path string) (api.Route, map[string]string, bool) {
	var found api.Route
	var parameters map[string]string
	ok := false
	for _, route := range routes {
		if route.Method != method {
			continue
		}
		p, fits := fit(route.Path, path)
		if fits && (!ok || len(p) < len(parameters)) {
			found, parameters, ok = route, p, true
		}
	}
	return found, parameters, ok
}

func fit(pattern, path string) (parameters map[string]string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	for i, segment := range want {
		name, isParameter := strings.CutPrefix(segment, "{")
		switch {
		case !isParameter && segment != got[i], isParameter && got[i] == "":
			return nil, false
		case isParameter:
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[strings.TrimSuffix(name, "}")] = got[i]
		}
	}
	return parameters, true
}
