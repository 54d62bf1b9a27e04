package notice

import (
	"time"

	"latchkey/internal/token"
)

// Ref names an entry of the queue: a token's own, under the token's id, or a notice's,
// under the notice's.
type Ref struct {
	ID     token.ID
	Notice bool // it is a notice's
}

// String is TOKEN or NOTICE and the id.
func (r Ref) String() string {
	if r.Notice {
		return "NOTICE#" + string(r.ID)
	}
	return "TOKEN#" + string(r.ID)
}

// Due is an entry of the queue whose date has come.
type Due struct {
	Ref
	Organization string
	Recipient    string     // subject of the person it goes to: of a token's entry, its owner
	Kind         Kind       // of a notice's entry; empty for a token's
	On           token.Date // since when it is due
	Failing      bool       // sending it has failed before
	HeldUntil    time.Time  // it is leased, or waits for another try, until then; or zero
}
