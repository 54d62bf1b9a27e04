package tokentest_test

import (
	"testing"

	"latchkey/internal/token/tokentest"
)

func TestStoreConforms(t *testing.T) {
	t.Parallel()
	tokentest.Conformance(t, func(*testing.T) tokentest.Backend { return tokentest.NewStore() })
}
