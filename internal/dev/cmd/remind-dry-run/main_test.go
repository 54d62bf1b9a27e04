package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// What is missing is said by itself, in one line and before anything is read.
func TestWhatIsMissing(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, test := range []struct {
		variables map[string]string
		says      string
	}{
		{map[string]string{}, "TABLE_NAME"},
		{map[string]string{"TABLE_NAME": "latchkey"}, "AWS_REGION is missing"},
		{map[string]string{"TABLE_NAME": "latchkey", "AWS_REGION": "us-east-1"}, "AWS credentials are missing"},
	} {
		for _, name := range []string{"TABLE_NAME", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
			t.Setenv(name, test.variables[name])
		}
		t.Setenv("AWS_CONFIG_FILE", nowhere)
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		var out, messages bytes.Buffer
		err := run(t.Context(), nil, &out, &messages)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") || out.Len()+messages.Len() > 0 {
			t.Errorf("with %v: error %v and %q, want one line with %s", test.variables, err, messages.String(), test.says)
		}
	}
}
