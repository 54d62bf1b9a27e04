package reminder

import (
	"context"
	"slices"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// item is a leased entry and what is to be sent about it now.
type item struct {
	notice.Leased

	today   token.Date     // on which it is sent
	tokens  []token.Token  // that it is about: of a token's entry, the one
	said                   // of a notice's entry: its kind
	bounces notice.Bounces // of the e-mails about it so far
}

// lease holds the entries of a batch one by one, and returns those about which there is
// something to send. The others drop out: what is no longer due or is another run's, what
// there is nothing to send about any more, and what an earlier run has sent.
func (s *sending) lease(ctx context.Context, b *batch) []item {
	var leases []notice.Leased
	for _, d := range slices.Clone(b.due) {
		l, ok, err := s.c.Queue.Lease(ctx, d, notice.Lease{Run: s.run, Until: s.lapses, Mail: b.mail}, s.c.Now())
		switch {
		case err != nil:
			s.fail(ctx, b, []notice.Ref{d.Ref}, "leasing", err)
		case !ok:
			s.count(b, skipped, d.Ref)
		default:
			leases = append(leases, l)
		}
	}
	if len(leases) == 0 {
		return nil
	}
	// The records are read after the leases: a change since then removes the lease.
	records, err := s.c.Queue.Records(ctx, tokensOf(leases))
	if err != nil {
		s.releaseAll(ctx, refsOf(leases))
		s.fail(ctx, b, refsOf(leases), "reading the records", err)
		return nil
	}
	leases = s.complete(ctx, b, leases, records)
	today := s.now() // it may have turned midnight
	var items []item
	var others []notice.Mark
	for _, l := range leases {
		quiet, err := inARow(ctx, s.c.Queue, l)
		if err != nil {
			s.release(ctx, l.Ref, notice.Failure{})
			s.fail(ctx, b, []notice.Ref{l.Ref}, "reading earlier notices", err)
			continue
		}
		i, ok := s.item(l, records, today)
		if !ok || quiet {
			others = append(others, s.move(l, records, today))
			continue
		}
		items = append(items, i)
	}
	s.moveOn(ctx, b, others)
	return items
}

// now is the date for which notices are sent.
func (s *sending) now() token.Date { return max(s.today, token.DateOf(s.c.Now())) }

// item finds what is to be sent about an entry, and false if that is nothing: because it
// was sent, the token was revoked, or the schedule has no notice after expiry.
func (s *sending) item(l notice.Leased, records map[token.ID]token.Token, today token.Date) (item, bool) {
	i := item{Leased: l, today: today, bounces: l.Bounces}
	if l.Ref.Notice {
		i.kind = l.Notice.Kind
		for _, subject := range l.Notice.Tokens {
			if t, ok := records[subject.ID]; ok && (i.kind.Happened() || s.stillSo(t, subject, today)) {
				i.tokens = append(i.tokens, t)
			}
		}
		return i, len(i.tokens) > 0
	}
	t, ok := records[l.ID]
	if !ok || t.Owner.ID != l.Recipient {
		return item{}, false
	}
	var known notice.Outcome
	if i.said, known, ok = first(s.about(t, l.Outcomes, today), l); !ok {
		return item{}, false
	}
	i.tokens, i.bounces = []token.Token{t}, known.Bounces
	i.covers = slices.DeleteFunc(i.covers, func(k notice.Kind) bool { return l.Outcome(k, i.date).State != "" })
	return i, true
}

// stillSo reports whether an admin is still to be notified of a token: until it is revoked,
// what it is about changes, or there is a tighter notice, which finds its own way.
func (s *sending) stillSo(t token.Token, subject notice.Subject, today token.Date) bool {
	return slices.ContainsFunc(s.about(t, nil, today), func(n said) bool {
		return n.kind == subject.Kind && n.date == subject.Date
	})
}

// move is the mark of an entry about which there is nothing to send: a token's goes to where
// its next notice is, or out of the queue.
func (s *sending) move(l notice.Leased, records map[token.ID]token.Token, today token.Date) notice.Mark {
	m := notice.Mark{Ref: l.Ref}
	if l.Ref.Notice {
		m.Outcomes = []notice.Outcome{{
			Kind: l.Notice.Kind, Date: token.DateOf(l.Notice.CreatedAt), At: s.c.Now(), State: notice.Covered, Bounces: l.Bounces,
		}}
		return m
	}
	if t, ok := records[l.ID]; ok && t.RevokedAt.IsZero() {
		m.Next, m.HasNext = s.next(t, l, "", today)
	}
	return m
}

// moveOn records what there is nothing to send about.
func (s *sending) moveOn(ctx context.Context, b *batch, marks []notice.Mark) {
	if len(marks) == 0 {
		return
	}
	if err := s.record(ctx, b, noOp, notice.Change{Marks: marks}); err != nil {
		for _, m := range marks {
			s.fail(ctx, b, []notice.Ref{m.Ref}, "moving on", err)
		}
	}
}

// complete records entries that an earlier run has sent and could not mark, and returns the
// others. That run has recorded the e-mail, if it got that far.
func (s *sending) complete(
	ctx context.Context, b *batch, leases []notice.Leased, records map[token.ID]token.Token,
) []notice.Leased {
	var rest []notice.Leased
	marks := map[token.ID][]notice.Mark{}
	mails := map[token.ID]*notice.SentMail{"": nil}
	for _, l := range leases {
		mail, asked := mails[l.Before]
		if !asked {
			found, ok, err := s.c.Queue.SentMail(ctx, l.Before)
			if err != nil {
				s.release(ctx, l.Ref, notice.Failure{})
				s.fail(ctx, b, []notice.Ref{l.Ref}, "finding what was sent", err)
				continue
			}
			if ok {
				mail = &found
			}
			mails[l.Before] = mail
		}
		if mail == nil || !slices.Contains(mail.Entries, l.Ref) {
			rest = append(rest, l)
			continue
		}
		then := token.DateOf(mail.At)
		if i, ok := s.item(l, records, then); ok {
			m := s.mark(i, notice.Sent, mail.MessageID)
			marks[l.Before] = append(marks[l.Before], m)
		} else {
			marks[l.Before] = append(marks[l.Before], s.move(l, records, then))
		}
	}
	for _, m := range marks {
		if err := s.record(ctx, b, sent, notice.Change{Marks: m}); err != nil {
			for _, m := range m {
				s.fail(ctx, b, []notice.Ref{m.Ref}, "recording what was sent", err)
			}
		}
	}
	return rest
}

func tokensOf(leases []notice.Leased) []token.ID {
	var ids []token.ID
	for _, l := range leases {
		if !l.Ref.Notice {
			ids = append(ids, l.ID)
		}
		for _, subject := range l.Notice.Tokens {
			ids = append(ids, subject.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func refsOf(leases []notice.Leased) []notice.Ref {
	refs := make([]notice.Ref, 0, len(leases))
	for _, l := range leases {
		refs = append(refs, l.Ref)
	}
	return refs
}

func refs(items []item) []notice.Ref {
	refs := make([]notice.Ref, 0, len(items))
	for _, i := range items {
		refs = append(refs, i.Ref)
	}
	return refs
}
