package reminder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// maxDuePerShard bounds the memory of a run. More than this is due only after a long
// outage; the next run finds the rest.
const maxDuePerShard = 4000

// allDue reads all shards of the work queue at once. One that cannot be read does not
// hold up the others: the error comes with what they hold.
func allDue(ctx context.Context, queue Reader, shards int, today token.Date) ([]notice.Due, error) {
	var mu sync.Mutex
	var all []notice.Due
	var unread error
	var reading sync.WaitGroup
	for shard := range shards {
		reading.Go(func() {
			due, err := queue.Due(ctx, shard, today, maxDuePerShard)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, due...)
			if err != nil {
				unread = errors.Join(unread, fmt.Errorf("finding what is due in shard %d: %w", shard, err))
			}
		})
	}
	reading.Wait()
	// An entry that another run moves on while the index is read can be seen twice.
	slices.SortFunc(all, func(a, b notice.Due) int {
		return cmp.Or(cmp.Compare(a.String(), b.String()), cmp.Compare(b.On, a.On))
	})
	all = slices.CompactFunc(all, func(a, b notice.Due) bool { return a.Ref == b.Ref })
	return all, unread
}

// batch is what one e-mail is about: due entries of one recipient.
type batch struct {
	organization, recipient string
	about                   mail.About
	mail                    token.ID     // the id of the e-mail
	due                     []notice.Due // those that nothing has become of yet
}

// aboutOf is the kind of e-mail that an entry goes into.
func aboutOf(d notice.Due) mail.About {
	switch {
	case !d.Notice:
		return mail.Dates
	case d.Kind == notice.Revoked:
		return mail.Revoked
	case d.Kind == notice.RotationRefused:
		return mail.TwoHolders
	case d.Kind == notice.RetiredUsed:
		return mail.RetiredUsed
	default:
		return mail.Instead
	}
}

// ready parts what may be leased from what waits for another try, or is another run's.
func ready(due []notice.Due, now time.Time) (free, held []notice.Due) {
	for _, d := range due {
		if d.HeldUntil.Before(now) {
			free = append(free, d)
		} else {
			held = append(held, d)
		}
	}
	return free, held
}

// group puts what goes to one recipient in one e-mail together. What has just happened
// comes first, then the batches with the oldest notices, and behind them those that have
// failed: what is refused again and again must not keep others from being notified.
func group(due []notice.Due) []*batch {
	slices.SortFunc(due, func(a, b notice.Due) int {
		return cmp.Or(cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.Recipient, b.Recipient),
			cmp.Compare(aboutOf(a), aboutOf(b)), cmp.Compare(a.On, b.On), cmp.Compare(a.ID, b.ID))
	})
	var batches []*batch
	for _, d := range due {
		last := len(batches) - 1
		if last < 0 || batches[last].organization != d.Organization || batches[last].recipient != d.Recipient ||
			batches[last].about != aboutOf(d) {
			batches = append(batches, &batch{organization: d.Organization, recipient: d.Recipient, about: aboutOf(d)})
			last++
		}
		batches[last].due = append(batches[last].due, d)
	}
	slices.SortStableFunc(batches, func(a, b *batch) int {
		return cmp.Or(compare(a.failing(), b.failing()), compare(!a.happened(), !b.happened()),
			cmp.Compare(a.due[0].On, b.due[0].On))
	})
	return batches
}

// compare orders false before true.
func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// happened reports whether the batch is about what has just happened.
func (b *batch) happened() bool { return b.about != mail.Dates && b.about != mail.Instead }

// failing reports whether sending any of the batch's notices has failed before.
func (b *batch) failing() bool {
	return slices.ContainsFunc(b.due, func(d notice.Due) bool { return d.Failing })
}

// take removes entries from those that nothing has become of yet, and returns them.
func (b *batch) take(entries []notice.Ref) []notice.Due {
	var taken []notice.Due
	b.due = slices.DeleteFunc(b.due, func(d notice.Due) bool {
		if !slices.Contains(entries, d.Ref) {
			return false
		}
		taken = append(taken, d)
		return true
	})
	return taken
}

// entries are those that nothing has become of yet.
func (b *batch) entries() []notice.Ref {
	entries := make([]notice.Ref, 0, len(b.due))
	for _, d := range b.due {
		entries = append(entries, d.Ref)
	}
	return entries
}
