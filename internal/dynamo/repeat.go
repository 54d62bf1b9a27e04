package dynamo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

func requestKey(r token.Request) item {
	owner := ownerKey(r.Organization, token.PersonOwner(r.Person))
	return key("REQUEST#"+owner+"#"+hex.EncodeToString(r.Key[:]), sortRequest)
}

// putRequest notes how a request is answered, unless it was before. Time to live deletes
// the item some time after it has stopped counting.
func (s *Store) putRequest(t token.NewToken) (types.TransactWriteItem, error) {
	i := newItem(requestKey(*t.Request))
	i[attrOrganization] = stringValue(t.Request.Organization)
	i[attrToken] = stringValue(string(t.Token.ID))
	i[attrBody] = &types.AttributeValueMemberB{Value: t.Body[:]}
	i[attrCreatedAt] = numberValue(t.Token.CreatedAt.Unix())
	i[attrTTL] = numberValue(t.Token.CreatedAt.Add(token.RepeatedWithin).Unix())
	over := expression.Name(attrTTL).LessThanEqual(expression.Value(t.Token.CreatedAt.Unix()))
	return s.putIf(i, expression.Name(attrPK).AttributeNotExists().Or(over))
}

// Answered implements [token.Writer].
func (s *Store) Answered(ctx context.Context, r token.Request, now time.Time) (token.Answered, bool, error) {
	i, err := s.get(ctx, requestKey(r))
	if err != nil {
		return token.Answered{}, false, fmt.Errorf("reading a request: %w", err)
	}
	if i == nil || number(i, attrTTL) <= now.Unix() {
		return token.Answered{}, false, nil
	}
	body, ok := i[attrBody].(*types.AttributeValueMemberB)
	a := token.Answered{ID: token.ID(text(i, attrToken)), At: momentOf(i, attrCreatedAt)}
	if !ok || len(body.Value) != len(a.Body) || a.ID == "" {
		return token.Answered{}, false, errors.New("decoding a request: it is not whole")
	}
	copy(a.Body[:], body.Value)
	return a, true, nil
}
