package reminder

import (
	"slices"

	"latchkey/internal/token"
)

// notice is a claimed token and what its owner is to be told now.
type notice struct {
	token.Claimed

	today  token.Date // on which it is told
	days   int        // which notice: days before expiry
	covers []int      // wider ones that it makes up for
}

// split tells the tokens of which there is something to say now from those of which
// there is not, because it was said, or the schedule has changed or has no notice after
// expiry. The latter only move on in the queue.
func (s *sending) split(claimed []token.Claimed) (told []notice, others []token.Mark) {
	today := max(s.today, token.DateOf(s.c.Now())) // it may have turned midnight
	for _, t := range claimed {
		days, covers, ok := s.c.Schedule.Due(t.ExpiresOn, today)
		if !ok || wasTold(t.Token, days) {
			next, hasNext := s.c.Schedule.Next(t.ExpiresOn, today)
			others = append(others, token.Mark{ID: t.ID, Next: next, HasNext: hasNext})
			continue
		}
		told = append(told, notice{Claimed: t, today: today, days: days, covers: covers})
	}
	return told, others
}

// marksOf records told notices as sent, and wider ones that were missed as covered.
// Without a message id it records that they were given up.
func (s *sending) marksOf(told []notice, messageID string) []token.Mark {
	at := s.c.Now()
	marks := make([]token.Mark, 0, len(told))
	for _, n := range told {
		m := token.Mark{ID: n.ID, Notices: []token.Notice{{DaysBefore: n.days, SentAt: at, MessageID: messageID}}}
		for _, days := range n.covers {
			if !wasTold(n.Token, days) {
				m.Notices = append(m.Notices, token.Notice{DaysBefore: days, SentAt: at})
			}
		}
		m.Next, m.HasNext = s.c.Schedule.Next(n.ExpiresOn, n.today)
		m.Audit = s.audit(n, messageID)
		marks = append(marks, m)
	}
	return marks
}

// audit is also the notice's event: it leaves through the audit trail, the more so when
// no e-mail could.
func (s *sending) audit(n notice, messageID string) *token.Audit {
	id, err := s.c.NewID(s.c.Now())
	if err != nil {
		return nil // no random bytes: the notice itself matters more
	}
	a := &token.Audit{
		ID: id, Organization: n.Organization, At: s.c.Now(), Action: token.ActionExpiring, Actor: token.Service,
		TokenID: n.ID, TokenName: n.Name, ExpiresOn: n.ExpiresOn,
	}
	if n.today >= n.ExpiresOn {
		a.Action = token.ActionExpired
	}
	if messageID == "" {
		a.Detail = "nobody could be told by e-mail"
	}
	return a
}

func wasTold(t token.Token, days int) bool {
	return slices.ContainsFunc(t.Notices, func(n token.Notice) bool { return n.DaysBefore == days })
}

func tokensOf(told []notice) []token.Token {
	tokens := make([]token.Token, 0, len(told))
	for _, n := range told {
		tokens = append(tokens, n.Token)
	}
	return tokens
}

func idsOf(told []notice) []token.ID {
	ids := make([]token.ID, 0, len(told))
	for _, n := range told {
		ids = append(ids, n.ID)
	}
	return ids
}
