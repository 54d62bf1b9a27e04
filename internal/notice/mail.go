package notice

import (
	"time"

	"latchkey/internal/token"
)

// SentMail is an e-mail that SES accepted. It is kept so that its bounce finds what it was
// about, and so that a run can complete what another one could not record.
type SentMail struct {
	ID           token.ID // the run's own, under which entries were leased for it
	MessageID    string   // SES's
	At           time.Time
	Organization string
	Recipient    string // subject of the person it went to
	Address      string // where it went
	Entries      []Ref  // that it was about
}
