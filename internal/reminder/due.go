package reminder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"latchkey/internal/token"
)

// maxDuePerShard bounds the memory of a run. More than this is due only after a long
// outage; the next run finds the rest.
const maxDuePerShard = 4000

// allDue reads all shards of the work queue at once. One that cannot be read does not
// hold up the others: the error comes with what they hold.
func allDue(ctx context.Context, queue Reader, shards int, today token.Date) ([]token.DueNotice, error) {
	var mu sync.Mutex
	var all []token.DueNotice
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
	// A token that another run moves on while the index is read can be seen twice.
	slices.SortFunc(all, func(a, b token.DueNotice) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.On, a.On)) })
	all = slices.CompactFunc(all, func(a, b token.DueNotice) bool { return a.ID == b.ID })
	return all, unread
}

// batch is what one e-mail is about: due tokens of one owner.
type batch struct {
	organization, owner string
	due                 []token.DueNotice // those that nothing has become of yet
}

// ready parts what may be claimed from what is held for later, or by another run.
func ready(due []token.DueNotice, now time.Time) (free, held []token.DueNotice) {
	for _, d := range due {
		if d.HeldUntil.Before(now) {
			free = append(free, d)
		} else {
			held = append(held, d)
		}
	}
	return free, held
}

// group puts the tokens of one owner together, at most size in a batch. The batches with
// the oldest notices come first, but behind those that have not failed yet: what is refused
// again and again must not keep others from being told.
func group(due []token.DueNotice, size int) []*batch {
	slices.SortFunc(due, func(a, b token.DueNotice) int {
		return cmp.Or(cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.Owner, b.Owner),
			cmp.Compare(a.On, b.On), cmp.Compare(a.ID, b.ID))
	})
	var batches []*batch
	for _, d := range due {
		last := len(batches) - 1
		if last < 0 || batches[last].organization != d.Organization || batches[last].owner != d.Owner ||
			len(batches[last].due) == size {
			batches = append(batches, &batch{organization: d.Organization, owner: d.Owner})
			last++
		}
		batches[last].due = append(batches[last].due, d)
	}
	slices.SortStableFunc(batches, func(a, b *batch) int {
		return cmp.Or(cmp.Compare(a.failing(), b.failing()), cmp.Compare(a.due[0].On, b.due[0].On))
	})
	return batches
}

// failing is 1 if sending any of the batch's notices has failed before, else 0.
func (b *batch) failing() int {
	if slices.ContainsFunc(b.due, func(d token.DueNotice) bool { return d.Failing }) {
		return 1
	}
	return 0
}

// take removes tokens from those that nothing has become of yet, and returns them.
func (b *batch) take(ids []token.ID) []token.DueNotice {
	var taken []token.DueNotice
	b.due = slices.DeleteFunc(b.due, func(d token.DueNotice) bool {
		if !slices.Contains(ids, d.ID) {
			return false
		}
		taken = append(taken, d)
		return true
	})
	return taken
}

// ids are the tokens that nothing has become of yet.
func (b *batch) ids() []token.ID {
	ids := make([]token.ID, 0, len(b.due))
	for _, d := range b.due {
		ids = append(ids, d.ID)
	}
	return ids
}
