package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// mailRetention is how long a sent e-mail can be traced back to what it was about. Bounces
// come within days.
const mailRetention = 30 * 24 * time.Hour

const noticePrefix = "NOTICE#"

// newMailItem is an e-mail that SES accepted, under one of its ids.
func newMailItem(id string, m notice.SentMail) item {
	i := newItem(mailKey(id))
	entries := make([]types.AttributeValue, 0, len(m.Entries))
	for _, r := range m.Entries {
		entries = append(entries, stringValue(r.String()))
	}
	i["mail"] = stringValue(string(m.ID))
	i["message_id"] = stringValue(m.MessageID)
	i["sent_at"] = numberValue(m.At.Unix())
	i[attrOrganization] = stringValue(m.Organization)
	i[attrPerson] = stringValue(m.Recipient)
	i[attrEmail] = stringValue(m.Address)
	i["entries"] = &types.AttributeValueMemberL{Value: entries}
	i[attrTTL] = numberValue(m.At.Add(mailRetention).Unix())
	return i
}

// Mail returns a sent e-mail by the id that SES gave it, or [token.ErrNotFound].
func (s *Store) Mail(ctx context.Context, messageID string) (notice.SentMail, error) {
	i, err := s.get(ctx, mailKey(messageID))
	if err != nil {
		return notice.SentMail{}, fmt.Errorf("reading a sent mail: %w", err)
	}
	if i == nil {
		return notice.SentMail{}, token.ErrNotFound
	}
	m := notice.SentMail{
		ID: token.ID(text(i, "mail")), MessageID: text(i, "message_id"), At: momentOf(i, "sent_at"),
		Organization: text(i, attrOrganization), Recipient: text(i, attrPerson), Address: text(i, attrEmail),
	}
	if entries, ok := i["entries"].(*types.AttributeValueMemberL); ok {
		for _, v := range entries.Value {
			s, _ := v.(*types.AttributeValueMemberS)
			if s == nil {
				return notice.SentMail{}, errors.New("decoding a sent mail: an entry is no string")
			}
			_, id, _ := strings.Cut(s.Value, "#")
			m.Entries = append(m.Entries, notice.Ref{ID: token.ID(id), Notice: strings.HasPrefix(s.Value, noticePrefix)})
		}
	}
	return m, nil
}

// SentMail returns an e-mail by the id that entries were leased under for it, if it was
// recorded before all of its entries were.
func (s *Store) SentMail(ctx context.Context, id token.ID) (notice.SentMail, bool, error) {
	m, err := s.Mail(ctx, string(id))
	if errors.Is(err, token.ErrNotFound) {
		return notice.SentMail{}, false, nil
	}
	return m, err == nil, err
}
