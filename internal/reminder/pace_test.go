package reminder_test

import (
	"testing"

	"latchkey/internal/reminder"
)

// A rate that was too fast is halved, never to a standstill, and recovers with what SES
// takes, never beyond what it grants.
func TestThePaceFollowsSES(t *testing.T) {
	p := reminder.NewPace(t.Context(), reminder.Capacity{PerSecond: 8, Remaining: -1})
	for _, want := range []float64{4, 2, 1, 0.5, 0.5} {
		if p.Slower(); p.Limit() != want {
			t.Fatalf("the rate is %v, want %v", p.Limit(), want)
		}
	}
	last := p.Limit()
	for range 50 {
		if p.Faster(); p.Limit() <= last {
			t.Fatalf("the rate goes from %v to %v", last, p.Limit())
		}
		last = p.Limit()
	}
	for range 100 {
		p.Faster()
	}
	if p.Limit() != 8 {
		t.Errorf("the rate is %v in the end, want what is granted", p.Limit())
	}
}
