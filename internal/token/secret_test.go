package token_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"latchkey/internal/token"
	"latchkey/internal/token/tokentest"
)

// vectorID is the example of https://github.com/ulid/javascript.
const vectorID token.ID = "01ARYZ6S41TSV4RRFFQ69G5FAV"

// vectors were computed by another program from the format's description alone.
var vectors = []struct {
	name   string
	random []byte
	secret string
	hash   string
	hint   string
}{
	{
		"0 to 31", sequence(32),
		"lk_01ARYZ6S41TSV4RRFFQ69G5FAV_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf00x7f7",
		"cab6a8a00b5c2062d06fec13a6216d4bfbee07b4da334cfa42410a1d91eea2f8",
		"lk_…5FAV_…x7f7",
	},
	{
		"smallest", bytes.Repeat([]byte{0}, 32),
		"lk_01ARYZ6S41TSV4RRFFQ69G5FAV_00000000000000000000000000000000000000000000q4b05",
		"0dddaf4c053ee766afb803488f9c738fe02df4255d3376a7116afd2715825e5c",
		"lk_…5FAV_…4b05",
	},
	{
		"largest", bytes.Repeat([]byte{0xff}, 32),
		"lk_01ARYZ6S41TSV4RRFFQ69G5FAV_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp12SVYwj",
		"27e8b8635519c85aa26c0c55472ff8a2ef069af05b91716a073af744c132f192",
		"lk_…5FAV_…VYwj",
	},
}

func sequence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestNewSecretVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			s, err := token.NewSecret("lk", vectorID, bytes.NewReader(v.random))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Reveal(); got != v.secret {
				t.Errorf("secret %s, want %s", got, v.secret)
			}
			if got := s.Hash(); hex.EncodeToString(got[:]) != v.hash {
				t.Errorf("hash %x, want %s", got, v.hash)
			}
			if got := s.Hint(); got != v.hint {
				t.Errorf("hint %s, want %s", got, v.hint)
			}
			parsed, err := token.ParseSecret("lk", v.secret)
			if err != nil || parsed.Reveal() != v.secret || parsed.ID() != vectorID {
				t.Errorf("parsed as id %q, error %v", parsed.ID(), err)
			}
		})
	}
}

func TestNewSecretsParseAndDiffer(t *testing.T) {
	// What secret scanners are told to look for.
	pattern := regexp.MustCompile(`^[a-z][a-z0-9]{1,11}_[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for _, prefix := range []token.Prefix{"lk", "acme2", "abcdefghijkl"} {
		for range 200 {
			s, err := token.NewSecret(prefix, vectorID, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if seen[s.Reveal()] {
				t.Fatal("made the same secret twice")
			}
			seen[s.Reveal()] = true
			if !pattern.MatchString(s.Reveal()) {
				t.Errorf("%s does not look like a secret", s.Reveal())
			}
			parsed, err := token.ParseSecret(prefix, s.Reveal())
			if err != nil || parsed.Reveal() != s.Reveal() || parsed.ID() != vectorID || !parsed.Hash().Equal(s.Hash()) {
				t.Errorf("%s did not survive the round trip: %v", s.Reveal(), err)
			}
		}
	}
}

func TestNewSecretWithoutRandomness(t *testing.T) {
	broken := errors.New("no entropy")
	for name, source := range map[string]*bytes.Reader{"none": bytes.NewReader(nil), "too little": bytes.NewReader(sequence(31))} {
		if s, err := token.NewSecret("lk", vectorID, source); err == nil || s != (token.Secret{}) {
			t.Errorf("%s: a secret was made", name)
		}
	}
	if _, err := token.NewSecret("lk", vectorID, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// base62 and checksum are written a second time here, to forge what only the checksum
// would otherwise give away.
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func checked(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := ""
	for range 6 {
		tail = string(base62[sum%62]) + tail
		sum /= 62
	}
	return body + tail
}

func TestParseSecretRefusesOtherSpellings(t *testing.T) {
	good := vectors[0].secret
	if checked(good[:len(good)-6]) != good {
		t.Fatal("the test's checksum is wrong")
	}
	id, random := string(vectorID), good[30:73]
	for name, s := range map[string]string{
		"empty":                       "",
		"prefix only":                 "lk_",
		"one short":                   good[:len(good)-1],
		"one long":                    good + "0",
		"space before":                " " + good,
		"space after":                 good + " ",
		"new line after":              good + "\n",
		"twice":                       good + good,
		"other prefix, same length":   checked("kl_" + id + "_" + random),
		"other prefix, longer":        checked("lkx_" + id + "_" + random),
		"upper-case prefix":           checked("LK_" + id + "_" + random),
		"hyphen for first underscore": checked("lk-" + id + "_" + random),
		"hyphen for the second":       checked("lk_" + id + "-" + random),
		"lower-case id":               checked("lk_" + strings.ToLower(id) + "_" + random),
		"id with I":                   checked("lk_I" + id[1:] + "_" + random),
		"id with L":                   checked("lk_01L" + id[3:] + "_" + random),
		"id with O":                   checked("lk_O1" + id[2:] + "_" + random),
		"id with U":                   checked("lk_01U" + id[3:] + "_" + random),
		"id over 128 bits":            checked("lk_8" + id[1:] + "_" + random),
		"hyphen in random":            checked("lk_" + id + "_" + random[:20] + "-" + random[21:]),
		"underscore in random":        checked("lk_" + id + "_" + random[:20] + "_" + random[21:]),
		"two-byte letter in random":   checked("lk_" + id + "_" + random[:20] + "é" + random[22:]),
		"NUL in random":               checked("lk_" + id + "_" + random[:20] + "\x00" + random[21:]),
		"random 2^256":                "lk_01ARYZ6S41TSV4RRFFQ69G5FAV_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp20ZbM6V",
		"random 62^43-1":              checked("lk_" + id + "_" + strings.Repeat("z", 43)),
		"no checksum":                 good[:len(good)-6] + "000000",
		"checksum over 32 bits":       good[:len(good)-6] + "zzzzzz",
		"another secret's checksum":   good[:len(good)-6] + vectors[1].secret[73:],
		"8 KiB":                       strings.Repeat("x", 8<<10),
		"8 KiB that starts well":      good + strings.Repeat("x", 8<<10),
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := token.ParseSecret("lk", s)
			if !errors.Is(err, token.ErrMalformed) || parsed != (token.Secret{}) {
				t.Errorf("id %q, error %v; want the zero secret and ErrMalformed", parsed.ID(), err)
			}
		})
	}
}

// No single slip of a pen makes another secret: CRC-32 sees them all.
func TestParseSecretRefusesEveryMutation(t *testing.T) {
	refuse := func(s, what string) {
		t.Helper()
		if _, err := token.ParseSecret("lk", s); err == nil {
			t.Errorf("%s was accepted: %q", what, s)
		}
	}
	for _, v := range vectors {
		good := v.secret
		for i := range len(good) {
			for c := range 256 {
				if byte(c) != good[i] {
					refuse(good[:i]+string([]byte{byte(c)})+good[i+1:], "a changed character")
				}
			}
			refuse(good[:i], "a truncation")
			refuse(good[:i]+good[i+1:], "a missing character")
			refuse(good[:i]+good[i:i+1]+good[i:], "a doubled character")
			if i > 0 && good[i-1] != good[i] {
				refuse(good[:i-1]+good[i:i+1]+good[i-1:i]+good[i+1:], "a swap of neighbors")
			}
		}
		refuse(strings.ToLower(good), "lower case")
		refuse(strings.ToUpper(good), "upper case")
	}
}

func TestParsePrefix(t *testing.T) {
	for _, good := range []string{"lk", "a1", "acme", "abcdefghijkl"} {
		if p, err := token.ParsePrefix(good); err != nil || string(p) != good {
			t.Errorf("%q was refused: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a", "1a", "Lk", "lK", "l_k", "l-k", "lk ", "lk\n", "lé", "abcdefghijklm"} {
		if p, err := token.ParsePrefix(bad); err == nil || p != "" {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestHashEqual(t *testing.T) {
	s, err := token.NewSecret("lk", vectorID, tokentest.Random())
	if err != nil {
		t.Fatal(err)
	}
	if h := s.Hash(); !h.Equal(s.Hash()) {
		t.Error("a hash is not equal to itself")
	}
	for i := range s.Hash() {
		other := s.Hash()
		other[i] ^= 1
		if other.Equal(s.Hash()) {
			t.Errorf("a change of byte %d is not seen", i)
		}
	}
	if (token.Hash{}).Equal(s.Hash()) {
		t.Error("the zero hash is equal to a real one")
	}
}
