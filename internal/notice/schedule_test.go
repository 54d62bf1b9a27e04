package notice_test

import (
	"slices"
	"testing"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

func schedule(t *testing.T, days ...int) notice.Schedule {
	t.Helper()
	s, err := notice.NewSchedule(days)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewSchedule(t *testing.T) {
	days := []int{0, 15, 7, 365}
	if s := schedule(t, days...); !slices.Equal(s, []int{365, 15, 7, 0}) {
		t.Errorf("schedule %v", s)
	}
	if !slices.Equal(days, []int{0, 15, 7, 365}) {
		t.Errorf("the argument was changed to %v", days)
	}
	for name, bad := range map[string][]int{
		"nothing": {}, "nil": nil, "negative": {15, -1}, "over a year": {366}, "twice": {7, 15, 7}, "zero twice": {0, 0},
	} {
		if s, err := notice.NewSchedule(bad); err == nil || s != nil {
			t.Errorf("%s: %v was accepted as %v", name, bad, s)
		}
	}
}

func TestScheduleNext(t *testing.T) {
	const none = ""
	for _, test := range []struct {
		name          string
		days          []int
		expiry, after string
		want          string
	}{
		{"30 days", []int{15, 7, 0}, "2026-12-23", "2026-11-23", "2026-12-08"},
		{"the day before the first", []int{15, 7, 0}, "2026-12-23", "2026-12-07", "2026-12-08"},
		{"on the first", []int{15, 7, 0}, "2026-12-23", "2026-12-08", "2026-12-16"},
		{"on the second", []int{15, 7, 0}, "2026-12-23", "2026-12-16", "2026-12-23"},
		{"the day before expiry", []int{15, 7, 0}, "2026-12-23", "2026-12-22", "2026-12-23"},
		{"on expiry", []int{15, 7, 0}, "2026-12-23", "2026-12-23", none},
		{"after expiry", []int{15, 7, 0}, "2026-12-23", "2027-01-01", none},
		{"10 days have no 15-day notice", []int{15, 7, 0}, "2026-12-03", "2026-11-23", "2026-11-26"},
		{"15 days have none on the day of issue", []int{15, 7, 0}, "2026-12-08", "2026-11-23", "2026-12-01"},
		{"16 days have one on the next day", []int{15, 7, 0}, "2026-12-09", "2026-11-23", "2026-11-24"},
		{"1 day has only the last", []int{15, 7, 0}, "2026-11-24", "2026-11-23", "2026-11-24"},
		{"1 day without a notice on expiry", []int{15, 7}, "2026-11-24", "2026-11-23", "2026-11-24"},
		{"365 days and a notice as early", []int{365}, "2027-11-23", "2026-11-23", "2027-11-23"},
		{"on expiry without a notice on it", []int{15, 7}, "2026-11-24", "2026-11-24", none},
	} {
		t.Run(test.name, func(t *testing.T) {
			on, ok := schedule(t, test.days...).Next(date(t, test.expiry), date(t, test.after))
			switch {
			case test.want == none && ok:
				t.Errorf("next is %s, want none", on)
			case test.want != none && (!ok || on != date(t, test.want)):
				t.Errorf("next is %s, %t, want %s", on, ok, test.want)
			}
		})
	}
}

func TestScheduleDue(t *testing.T) {
	const expiry = "2026-12-23"
	for _, test := range []struct {
		name  string
		days  []int
		today string
		send  int
		cover []int
		ok    bool
	}{
		{"before the first", []int{15, 7, 0}, "2026-12-07", 0, nil, false},
		{"on the first", []int{15, 7, 0}, "2026-12-08", 15, nil, true},
		{"the first was missed by a day", []int{15, 7, 0}, "2026-12-09", 15, nil, true},
		{"the day before the second", []int{15, 7, 0}, "2026-12-15", 15, nil, true},
		{"the second covers a missed first", []int{15, 7, 0}, "2026-12-16", 7, []int{15}, true},
		{"the day before expiry", []int{15, 7, 0}, "2026-12-22", 7, []int{15}, true},
		{"the last covers all", []int{15, 7, 0}, "2026-12-23", 0, []int{15, 7}, true},
		{"the last is late", []int{15, 7, 0}, "2027-01-05", 0, []int{15, 7}, true},
		{"nothing to say once expired", []int{15, 7}, "2026-12-23", 0, nil, false},
		{"nor later", []int{15, 7}, "2027-01-05", 0, nil, false},
		{"only the last, before", []int{0}, "2026-12-22", 0, nil, false},
		{"only the last, on it", []int{0}, "2026-12-23", 0, nil, true},
		{"a day before", []int{1, 0}, "2026-12-22", 1, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			send, cover, ok := schedule(t, test.days...).Due(date(t, expiry), date(t, test.today))
			if ok != test.ok || send != test.send || !slices.Equal(cover, test.cover) {
				t.Errorf("send %d, cover %v, %t; want %d, %v, %t", send, cover, ok, test.send, test.cover, test.ok)
			}
		})
	}
}

// A token whose queue entry was made by one schedule goes by the one of today.
func TestScheduleChangedAfterIssue(t *testing.T) {
	expiry, issued := date(t, "2026-12-23"), date(t, "2026-11-23")
	before, after := schedule(t, 15, 7, 0), schedule(t, 10, 3, 0)
	on, ok := before.Next(expiry, issued)
	if !ok || on != date(t, "2026-12-08") {
		t.Fatalf("queued for %s, %t", on, ok)
	}
	if _, _, ok := after.Due(expiry, on); ok {
		t.Error("notified 15 days before, of which the new schedule knows nothing")
	}
	if next, ok := after.Next(expiry, on); !ok || next != date(t, "2026-12-13") {
		t.Errorf("moves on to %s, %t; want 10 days before", next, ok)
	}
	if send, cover, ok := schedule(t, 30, 20, 0).Due(expiry, on); !ok || send != 20 || !slices.Equal(cover, []int{30}) {
		t.Errorf("earlier days: send %d, cover %v, %t; want 20 at once", send, cover, ok)
	}
}

// Whatever day the reminder runs on and whatever days it misses, an owner hears of each
// day once, never too early, and at the end of all.
func TestScheduleNeverRepeatsNorForgets(t *testing.T) {
	s := schedule(t, 15, 7, 1, 0)
	issued := date(t, "2026-11-23")
	for life := 1; life <= 40; life++ {
		expiry := issued + token.Date(life)
		for every := 1; every <= 12; every++ { // days from one run of the reminder to the next
			sent := map[int]int{}
			next, queued := s.Next(expiry, issued)
			for today := issued; today <= expiry+12; today++ {
				if int(today-issued)%every != 0 || !queued || next > today {
					continue
				}
				send, cover, ok := s.Due(expiry, today)
				if !ok {
					t.Fatalf("life %d, every %d: due on %s, but nothing to send", life, every, today)
				}
				if expiry-token.Date(send) > today {
					t.Errorf("life %d, every %d: %d days before was sent too early", life, every, send)
				}
				sent[send]++
				for _, days := range cover {
					if days <= send {
						t.Errorf("life %d: %d covers %d", life, send, days)
					}
				}
				next, queued = s.Next(expiry, today)
			}
			if sent[0] != 1 || queued {
				t.Errorf("life %d, every %d: notified of the expiry %d times", life, every, sent[0])
			}
			for days, times := range sent {
				if times != 1 || days >= life && days != 0 {
					t.Errorf("life %d, every %d: %d days before was sent %d times", life, every, days, times)
				}
			}
		}
	}
}

func date(t *testing.T, s string) token.Date {
	t.Helper()
	d, err := token.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
