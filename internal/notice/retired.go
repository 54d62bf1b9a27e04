package notice

import "latchkey/internal/token"

// RetiredInARow is on how many days in a row an owner is notified that a secret was used
// which their token no longer has.
const RetiredInARow = 7

// RetiredUsedID is the id of the notice to an owner that a secret was used on a date which
// their token no longer has: the same all day.
func RetiredUsedID(id token.ID, owner string, on token.Date) (token.ID, error) {
	return token.DailyID(on.Start(), string(RetiredUsed), string(id), owner)
}
