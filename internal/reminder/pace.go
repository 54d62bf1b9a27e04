package reminder

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// finishMargin is kept of the run's time for what is under way when it ends: an e-mail
// that SES takes 10 seconds to answer, its record or the release of its leases, and the
// run's line in the log.
const finishMargin = 20 * time.Second

// slowest is the rate, a second, below which a run does not go however often SES says
// that it sends too fast.
const slowest = 0.5

// pace holds a run to what SES grants: so many e-mails a second, so many a day. It is safe
// for concurrent use.
type pace struct {
	limiter *rate.Limiter
	granted rate.Limit
	stop    time.Time // no e-mail is begun after it
	quota   atomic.Int64
	paused  atomic.Bool
}

func newPace(ctx context.Context, c Capacity) *pace {
	p := &pace{granted: rate.Limit(c.PerSecond), limiter: rate.NewLimiter(rate.Limit(c.PerSecond), 1)}
	if deadline, ok := ctx.Deadline(); ok {
		p.stop = deadline.Add(-min(finishMargin, time.Until(deadline)/4))
	}
	p.quota.Store(int64(c.Remaining))
	if c.Remaining < 0 {
		p.quota.Store(1 << 62)
	}
	return p
}

// over reports whether nothing more is to be sent in this run.
func (p *pace) over() bool { return p.paused.Load() || p.quota.Load() <= 0 || p.late() }

// late reports whether it is too late to begin an e-mail.
func (p *pace) late() bool { return time.Until(p.stop) <= 0 }

// pause has nothing more sent in this run.
func (p *pace) pause() { p.paused.Store(true) }

// wait takes an e-mail from the quota and waits for its turn. It returns false, and has
// taken nothing, if the e-mail is not to be sent in this run.
func (p *pace) wait(ctx context.Context) bool {
	if p.over() {
		return false
	}
	if p.quota.Add(-1) < 0 || !p.turn(ctx) {
		p.giveBack()
		return false
	}
	return true
}

// turn waits until one more may be sent.
func (p *pace) turn(ctx context.Context) bool {
	ctx, cancel := context.WithDeadline(ctx, p.stop)
	defer cancel()
	return p.limiter.Wait(ctx) == nil && !p.paused.Load()
}

// giveBack returns what wait took for an e-mail that was not sent after all.
func (p *pace) giveBack() { p.quota.Add(1) }

// slower halves a rate that was too fast. All e-mails that were under way at that rate may
// be refused for it: the rate is halved once, not once for each.
func (p *pace) slower(from rate.Limit) {
	if p.limiter.Limit() >= from {
		p.limiter.SetLimit(min(p.granted, max(from/2, slowest)))
	}
}

// faster goes back towards what is granted, a little with each e-mail that was accepted.
func (p *pace) faster() {
	if now := p.limiter.Limit(); now < p.granted {
		p.limiter.SetLimit(min(p.granted, now+p.granted/100))
	}
}
