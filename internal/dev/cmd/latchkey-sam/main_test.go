package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrongUseIsExplained(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "latchkey-sam TEMPLATE api"},
		{[]string{"template.json", "fly"}, "latchkey-sam TEMPLATE api"},
		{[]string{"template.json", "invoke"}, "latchkey-sam TEMPLATE api"},
		{[]string{"template.json", "invoke", "issue", "no/such/file.json"}, "reading the event"},
	} {
		var out, log bytes.Buffer
		err := run(t.Context(), test.args, &out, &log)
		if err == nil || !strings.Contains(err.Error(), test.says) || out.Len() > 0 {
			t.Errorf("%q: error %v and %q, want an error that says %q", test.args, err, out.String(), test.says)
		}
	}
	t.Setenv("PORT", "many")
	if err := run(t.Context(), []string{"template.json", "api"}, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "PORT") {
		t.Errorf("PORT=many: %v", err)
	}
}
