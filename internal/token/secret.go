package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	"regexp"
	"strings"
)

// A secret is <prefix>_<id>_<random><checksum>: the deployment's prefix, the token's
// id, 32 random bytes in 43 base62 characters, and the CRC-32 (IEEE) of everything
// before it in 6. It is ASCII without separators other than '_', so that a double
// click selects it whole and one regular expression finds it in a repository.
const (
	randomBytes    = 32
	randomLength   = 43
	checksumLength = 6
	tailLength     = 4 // characters of the id and of the secret that the hint shows

	// base62 is in ASCII order, so encodings of one length sort like the numbers.
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrMalformed is the answer to any string that is not the canonical spelling of a
// secret of this deployment. It says nothing of the string.
var ErrMalformed = errors.New("malformed secret")

// maxRandom is the largest value that 32 bytes can have; a larger one was never made.
var maxRandom = encodeRandom(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 8*randomBytes), big.NewInt(1)))

var prefixPattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,11}$`)

// Prefix starts every secret of a deployment: [a-z][a-z0-9]{1,11}.
type Prefix string

// ParsePrefix checks a prefix.
func ParsePrefix(s string) (Prefix, error) {
	if !prefixPattern.MatchString(s) {
		return "", fmt.Errorf("token prefix %q: want 2 to 12 lower-case letters and digits, a letter first", s)
	}
	return Prefix(s), nil
}

// Secret is what a client sends as its bearer token. It cannot be printed, logged or
// encoded: every such way shows "[secret]". Reveal is the only way out.
type Secret struct {
	// A pointer, because package fmt ignores methods in an unexported field of another
	// type, but it never follows a pointer there.
	value *string
	id    ID
}

// NewSecret makes the secret of a token, with 256 bits from random.
func NewSecret(prefix Prefix, id ID, random io.Reader) (Secret, error) {
	var b [randomBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Secret{}, fmt.Errorf("reading random bytes for a secret: %w", err)
	}
	body := string(prefix) + "_" + string(id) + "_" + encodeRandom(new(big.Int).SetBytes(b[:]))
	sum := checksum(body)
	value := body + string(sum[:])
	return Secret{&value, id}, nil
}

// ParseSecret accepts the canonical spelling of a secret of this deployment and
// nothing else. It reads no storage, so garbage costs no more than this. The error
// is [ErrMalformed].
func ParseSecret(prefix Prefix, s string) (Secret, error) {
	idStart := len(prefix) + 1
	randomStart := idStart + idLength + 1
	sumStart := randomStart + randomLength
	if len(s) != sumStart+checksumLength || s[:len(prefix)] != string(prefix) ||
		s[len(prefix)] != '_' || s[randomStart-1] != '_' {
		return Secret{}, ErrMalformed
	}
	id, err := ParseID(s[idStart : randomStart-1])
	if err != nil {
		return Secret{}, ErrMalformed
	}
	for i := randomStart; i < sumStart; i++ {
		if !isBase62(s[i]) {
			return Secret{}, ErrMalformed
		}
	}
	sum := checksum(s[:sumStart])
	if s[randomStart:sumStart] > maxRandom || s[sumStart:] != string(sum[:]) {
		return Secret{}, ErrMalformed
	}
	value := s // a copy, so that garbage costs no allocation
	return Secret{&value, id}, nil
}

// ID is the id of the token that the secret claims to belong to.
func (s Secret) ID() ID { return s.id }

// Reveal returns the secret itself, "" of the zero Secret. Call it only to hand the
// secret to its owner.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Hint is how a person recognises the secret: the prefix, the last characters of the
// id and the last of the secret, such as lk_…7K2Q_…x4Zq.
func (s Secret) Hint() string {
	value := s.Reveal()
	prefix, _, _ := strings.Cut(value, "_")
	return prefix + "_…" + string(s.id[idLength-tailLength:]) + "_…" + value[len(value)-tailLength:]
}

// Hash is what is stored of a secret: its SHA-256. Its 256 random bits cannot be
// guessed, so no slow hash is needed.
func (s Secret) Hash() Hash { return sha256.Sum256([]byte(s.Reveal())) }

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// Format hides the secret from every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the secret from package log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Hash is the SHA-256 of a secret.
type Hash [sha256.Size]byte

// Equal compares in constant time.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

func encodeRandom(n *big.Int) string {
	var out [randomLength]byte
	base, digit := big.NewInt(int64(len(base62))), new(big.Int)
	for i := len(out) - 1; i >= 0; i-- {
		n.QuoRem(n, base, digit)
		out[i] = base62[digit.Int64()]
	}
	return string(out[:])
}

func checksum(body string) [checksumLength]byte {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [checksumLength]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return out
}
