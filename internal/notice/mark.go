package notice

import (
	"errors"
	"fmt"
	"slices"

	"latchkey/internal/token"
)

// ErrLeaseLost says that an entry is not the run's any more: the lease has lapsed and
// another run has taken it, or what the notice is about has changed.
var ErrLeaseLost = errors.New("the lease is lost")

// LostError is an [ErrLeaseLost] that says of which entries. The others are as they were.
type LostError struct {
	Entries []Ref
	// Subjects are tokens that no longer have the record of a notice that was to change.
	Subjects []token.ID
}

// Error implements error.
func (e *LostError) Error() string {
	return fmt.Sprintf("%v: entries %v, subjects %v", ErrLeaseLost, e.Entries, e.Subjects)
}

// Is makes it an [ErrLeaseLost].
func (e *LostError) Is(target error) bool { return target == ErrLeaseLost }

// Mark is what became of an entry that a run has leased.
type Mark struct {
	Ref
	// Outcomes are those of notices about the token; of a notice's entry, its own.
	Outcomes []Outcome
	// Forget are outcomes that the ones above make superfluous.
	Forget []Outcome
	// Next is the date of a token's next notice; HasNext is false if there is none to come,
	// and for a notice's entry.
	Next    token.Date
	HasNext bool
	// Subjects are tokens of a notice's entry whose own record of it changes: that their
	// owner was notified of a revocation, or that one admin fewer is notified in an owner's
	// place.
	Subjects []Subject
	Audits   []token.Audit
}

// Writes is how many items the mark changes.
func (m Mark) Writes() int { return 1 + len(m.Subjects) + len(m.Audits) }

// Change is what a run records in one write, all of it or nothing.
type Change struct {
	Run     string
	Marks   []Mark
	Mail    *SentMail // that SES has accepted; nil: none, or it is recorded already
	Notices []Notice  // to others, in place of what the marks say is delegated
}

// Without is the change without what was lost. A notice about nothing is left out.
func (c Change) Without(lost *LostError) Change {
	left := Change{Run: c.Run, Mail: c.Mail}
	gone := lost.Subjects
	for _, m := range c.Marks {
		if slices.Contains(lost.Entries, m.Ref) {
			gone = append(gone, m.ID)
			continue
		}
		m.Subjects = slices.DeleteFunc(slices.Clone(m.Subjects), func(s Subject) bool { return slices.Contains(lost.Subjects, s.ID) })
		left.Marks = append(left.Marks, m)
	}
	for _, n := range c.Notices {
		n.Tokens = slices.DeleteFunc(slices.Clone(n.Tokens), func(s Subject) bool { return slices.Contains(gone, s.ID) })
		if len(n.Tokens) > 0 {
			left.Notices = append(left.Notices, n)
		}
	}
	return left
}
