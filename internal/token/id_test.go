package token_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

func TestNewIDVectors(t *testing.T) {
	for _, test := range []struct {
		name   string
		at     int64 // milliseconds
		random string
		want   token.ID
	}{
		{"the ULID project's example", 1469918176385, "d6764c61efb99302bd5b", vectorID},
		{"zero", 0, "00000000000000000000", "00000000000000000000000000"},
		{"only the last bit", 0, "00000000000000000001", "00000000000000000000000001"},
		{"only the first random bit", 0, "80000000000000000000", "0000000000G000000000000000"},
		{"one millisecond", 1, "00000000000000000000", "00000000010000000000000000"},
		{"largest", 1<<48 - 1, "ffffffffffffffffffff", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			random, err := hex.DecodeString(test.random)
			if err != nil {
				t.Fatal(err)
			}
			id, err := token.NewID(time.UnixMilli(test.at), bytes.NewReader(random))
			if err != nil || id != test.want {
				t.Errorf("id %s, error %v, want %s", id, err, test.want)
			}
			if parsed, err := token.ParseID(string(id)); err != nil || parsed != id {
				t.Errorf("parsed as %s, error %v", parsed, err)
			}
		})
	}
}

func TestIDsSortByTime(t *testing.T) {
	random := tokentest.Random()
	var ids []token.ID
	for i := range 1000 {
		id, err := token.NewID(tokentest.Noon.Add(time.Duration(i)*time.Millisecond), random)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids of later milliseconds sort before ids of earlier ones")
	}
	if len(slices.Compact(ids)) != 1000 {
		t.Error("two ids are the same")
	}
}

func TestNewIDWithoutRandomness(t *testing.T) {
	if id, err := token.NewID(tokentest.Noon, bytes.NewReader(sequence(9))); err == nil || id != "" {
		t.Errorf("id %q from 9 random bytes", id)
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := string(vectorID)
	for name, s := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "0", "lower case": strings.ToLower(good),
		"one lower-case letter": strings.Replace(good, "A", "a", 1),
		"I":                     "0I" + good[2:], "L": "0L" + good[2:], "O": "0O" + good[2:], "U": "0U" + good[2:],
		"over 128 bits": "8" + good[1:], "hyphen": good[:25] + "-", "space": good[:25] + " ", "separator of keys": "#" + good[1:],
		"two-byte letter": good[:24] + "é", "UUID": "01563df3-6481-d676-4c61-efb9",
	} {
		id, err := token.ParseID(s)
		if err == nil || id != "" {
			t.Errorf("%s: %q was accepted", name, s)
		}
		if token.CodeOf(err) != token.CodeNotFound {
			t.Errorf("%s: error %v; an id that cannot be is one that is not there", name, err)
		}
	}
}
