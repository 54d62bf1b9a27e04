package authorizer

import (
	"sync"

	"latchkey/internal/token"
)

// notified are the tokens whose owners this instance has had notified today, so that a flood
// of requests with a replaced secret costs one write. The zero value is ready for use.
type notified struct {
	mu    sync.Mutex
	today token.Date
	ids   map[token.ID]bool
}

// maxNotified bounds what is remembered. Beyond that, the store finds out.
const maxNotified = 1000

// first reports whether a token is asked about for the first time on a day.
func (n *notified) first(id token.ID, today token.Date) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.today != today || len(n.ids) >= maxNotified {
		n.today, n.ids = today, map[token.ID]bool{}
	}
	known := n.ids[id]
	n.ids[id] = true
	return !known
}
