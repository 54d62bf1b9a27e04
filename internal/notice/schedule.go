package notice

import (
	"fmt"
	"slices"

	"latchkey/internal/token"
)

// Schedule is the days before a token's expiry date on which its owner is notified,
// largest first; 0 is the expiry date itself, on which the token has expired.
type Schedule []int

// NewSchedule checks and orders days: each 0 to 365, none twice, at least one.
func NewSchedule(days []int) (Schedule, error) {
	if len(days) == 0 {
		return nil, fmt.Errorf("notice days: want at least one")
	}
	s := slices.Clone(days)
	slices.SortFunc(s, func(a, b int) int { return b - a })
	for i, d := range s {
		if d < 0 || d > token.MaxDays {
			return nil, fmt.Errorf("notice days: %d is not between 0 and %d", d, token.MaxDays)
		}
		if i > 0 && s[i-1] == d {
			return nil, fmt.Errorf("notice days: %d is there twice", d)
		}
	}
	return s, nil
}

// Next returns the first date after the given one on which there may be something to
// notify of, and false if there is none. A token issued on that date is not notified
// about itself on the day. The expiry date is always one: a notice for it may be added to
// the schedule while the token lives.
func (s Schedule) Next(expiry, after token.Date) (token.Date, bool) {
	for _, days := range s {
		if on := expiry - token.Date(days); on > after {
			return on, true
		}
	}
	return expiry, expiry > after
}

// Due splits the notices whose date has come by today: the tightest one, which is
// sent, and the wider ones, which it covers. ok is false if there is none to send: no
// date has come, or the token has expired and the schedule has no notice for that.
func (s Schedule) Due(expiry, today token.Date) (send int, covers []int, ok bool) {
	var passed []int
	for _, days := range s {
		if expiry-token.Date(days) <= today {
			passed = append(passed, days)
		}
	}
	if len(passed) == 0 {
		return 0, nil, false
	}
	send = passed[len(passed)-1]
	if today >= expiry && send != 0 {
		return 0, nil, false
	}
	return send, passed[:len(passed)-1], true
}

// First is the first date on which there may be something to notify the owner of, of a
// token issued today. There is one: the expiry date if no other.
func (s Schedule) First(expiry, today token.Date) token.Date {
	on, _ := s.Next(expiry, today)
	return on
}
