package token

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"
)

// ID is the public handle of a token or an audit event: a ULID
// (https://github.com/ulid/spec) of 26 upper-case characters. IDs sort by the
// millisecond at which they were made.
type ID string

const (
	idLength  = 26
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	// idRandomBits are the random bits in the 8 bytes that begin with the 48-bit time.
	idRandomBits = 16
)

// NewID makes the ID of a moment, with 80 bits from random.
func NewID(at time.Time, random io.Reader) (ID, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixMilli())<<idRandomBits)
	if _, err := io.ReadFull(random, b[6:]); err != nil {
		return "", fmt.Errorf("reading random bytes for an id: %w", err)
	}
	var out [idLength]byte
	// 128 bits as 26 groups of 5, counted from the right; the first group has 3.
	var acc, bits uint
	next := len(b) - 1
	for i := idLength - 1; i >= 0; i-- {
		if bits < 5 && next >= 0 {
			acc |= uint(b[next]) << bits
			bits += 8
			next--
		}
		out[i] = crockford[acc&31]
		acc >>= 5
		bits -= min(bits, 5)
	}
	return ID(out[:]), nil
}

// ParseID accepts the one canonical spelling of a ULID: upper case, no I, L, O or U,
// at most 128 bits. The error does not repeat s.
func ParseID(s string) (ID, error) {
	if len(s) != idLength || s[0] > '7' {
		return "", ErrNotFound
	}
	for i := range len(s) {
		if strings.IndexByte(crockford, s[i]) < 0 {
			return "", ErrNotFound
		}
	}
	return ID(s), nil
}
