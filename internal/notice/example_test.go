package notice_test

import (
	"fmt"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// A reminder that missed days catches up with one notice, the tightest.
func ExampleSchedule_Due() {
	schedule, err := notice.NewSchedule([]int{15, 7, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	expiry := token.DateOf(time.Date(2026, time.December, 23, 0, 0, 0, 0, time.UTC))
	for _, before := range []token.Date{16, 15, 5} {
		send, covers, ok := schedule.Due(expiry, expiry-before)
		fmt.Println(expiry-before, send, covers, ok)
	}
	// Output:
	// 2026-12-07 0 [] false
	// 2026-12-08 15 [] true
	// 2026-12-18 7 [15] true
}
