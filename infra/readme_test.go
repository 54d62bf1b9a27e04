package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a deployer can set, and what to do at an alarm, is in README.md.
func TestReadmeKnowsTheSettings(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	names, err := settingNames()
	if err != nil {
		t.Fatal(err)
	}
	for name := range names {
		if name != "sam" && !strings.Contains(string(page), "`"+name+"`") { // sam is for internal/dev/sam alone
			t.Errorf("README.md does not mention the setting %s", name)
		}
	}
	if playbooks, err := filepath.Glob("playbooks/*.md"); err != nil || len(playbooks) == 0 || !strings.Contains(string(page), "](playbooks/)") {
		t.Errorf("%d playbooks, %v, and README.md has to lead to them", len(playbooks), err)
	}
}
