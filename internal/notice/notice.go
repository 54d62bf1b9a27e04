package notice

import (
	"time"

	"latchkey/internal/token"
)

// Notice is a message to one recipient that does not come from a token's own entry in the
// queue: something happened, or a token's owner cannot be reached.
type Notice struct {
	ID           token.ID
	Kind         Kind // [Revoked], or what the owner should have got
	Organization string
	Recipient    string // subject of the person it goes to
	Tokens       []Subject
	CreatedAt    time.Time

	// Of [Revoked]: who did it, and why.
	Actor  token.Actor
	Reason string
	// Instead says that it goes to an admin because the owner cannot be reached.
	Instead bool
}

// Subject is a token that a notice is about.
type Subject struct {
	ID   token.ID
	Kind Kind
	Date token.Date // the token's end date at that time
}
