package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

// Credential implements [token.Lookup].
func (s *Store) Credential(ctx context.Context, id token.ID) (token.Credential, error) {
	return s.credential(ctx, currentKey(id), id)
}

// Previous implements [token.Lookup].
func (s *Store) Previous(ctx context.Context, id token.ID) (token.Credential, error) {
	return s.credential(ctx, previousKey(id), id)
}

func (s *Store) credential(ctx context.Context, k item, id token.ID) (token.Credential, error) {
	i, err := s.get(ctx, k)
	if err != nil {
		return token.Credential{}, fmt.Errorf("reading the credential of token %s: %w", id, err)
	}
	if i == nil {
		return token.Credential{}, token.ErrNotFound
	}
	return decodeCredential(i, id)
}

// newCredentialItem is a credential as the table holds it. It is deleted some time after it
// expires, which nothing depends on.
func newCredentialItem(c token.Credential) item {
	i := newItem(currentKey(c.TokenID))
	putOwner(i, c.Organization, c.Owner)
	i[attrHash] = &types.AttributeValueMemberB{Value: c.Hash[:]}
	i[attrGeneration] = numberValue(c.Generation)
	i[attrVersion] = numberValue(c.Version)
	i[attrExpiresAt] = numberValue(c.ExpiresAt.Unix())
	i[attrTTL] = numberValue(c.ExpiresAt.Unix())
	putScopes(i, c.Scopes)
	putEnd(i, c.EndsOn)
	if c.Overlap != 0 {
		i[attrOverlap] = numberValue(int64(c.Overlap / time.Second))
	}
	// The entry for its uses: a mark changes an entry that is there and makes none.
	i[attrUse] = &types.AttributeValueMemberM{Value: item{
		strconv.Itoa(c.Generation): &types.AttributeValueMemberM{Value: item{}},
	}}
	return i
}

// credentialTypes are the attributes that bound what a credential allows, and what they are
// if they are there. One of another type must not count as none.
var credentialTypes = map[string]func(types.AttributeValue) bool{
	attrScopes: isTexts, attrEndsOn: is[*types.AttributeValueMemberN], attrOverlap: is[*types.AttributeValueMemberN],
}

func is[T types.AttributeValue](v types.AttributeValue) bool { _, ok := v.(T); return ok }

func isTexts(v types.AttributeValue) bool {
	list, ok := v.(*types.AttributeValueMemberL)
	return ok && !slices.ContainsFunc(list.Value, func(v types.AttributeValue) bool { return !is[*types.AttributeValueMemberS](v) })
}

// decodeCredential reads without reflection, since it is on the way of every request. What
// is not whole is an error: it decides.
func decodeCredential(i item, id token.ID) (token.Credential, error) {
	for name, well := range credentialTypes {
		if v, there := i[name]; there && !well(v) {
			return token.Credential{}, fmt.Errorf("decoding the credential of token %s: %s is of another type", id, name)
		}
	}
	hash, ok := i[attrHash].(*types.AttributeValueMemberB)
	c := token.Credential{
		TokenID: id, Organization: text(i, attrOrganization), Owner: ownerOf(i),
		Generation: int(number(i, attrGeneration)), Version: int(number(i, attrVersion)),
		ExpiresAt: momentOf(i, attrExpiresAt), EndsOn: token.Date(number(i, attrEndsOn)), Scopes: scopesOf(i),
		Overlap: time.Duration(number(i, attrOverlap)) * time.Second, Previous: text(i, attrSK) == sortPrevious,
	}
	owned := c.Owner.Type == token.OwnerOrganization || c.Owner.ID != ""
	if !ok || len(hash.Value) != len(c.Hash) || c.Organization == "" || !owned || c.ExpiresAt.IsZero() ||
		c.Generation < 1 || c.Version < 1 {
		return token.Credential{}, fmt.Errorf("decoding the credential of token %s: it is not whole", id)
	}
	copy(c.Hash[:], hash.Value)
	if uses, ok := i[attrUse].(*types.AttributeValueMemberM); ok {
		if use, ok := uses.Value[strconv.Itoa(c.Generation)].(*types.AttributeValueMemberM); ok {
			c.Use = token.Use{FirstAt: momentOf(use.Value, attrFirstAt), LastAt: momentOf(use.Value, attrLastAt)}
		}
	}
	return c, nil
}

// Used implements the authorizer's Recorder. It writes nothing if the use that is recorded
// is recent. The entry of the secret's generation is on no other secret and is gone with
// its credential, so a late mark finds nothing to write to. The writes name no other
// attributes than the keys, use and seen, and the authorizer's role allows no others.
func (s *Store) Used(ctx context.Context, c token.Credential, at time.Time) error {
	if !c.Use.FirstAt.IsZero() && at.Sub(c.Use.LastAt) < token.UseResolution {
		return nil
	}
	k := currentKey(c.TokenID)
	if c.Previous {
		k = previousKey(c.TokenID)
	}
	now := expression.Value(at.Unix())
	entry := attrUse + "." + strconv.Itoa(c.Generation)
	first, last := expression.Name(entry+"."+attrFirstAt), expression.Name(entry+"."+attrLastAt)
	update := expression.Set(last, now)
	older := last.AttributeNotExists().Or(last.LessThan(now))
	if c.Use.FirstAt.IsZero() {
		update = update.Set(first, first.IfNotExists(now))
	}
	if _, err := s.writeIf(ctx, expression.Name(entry).AttributeExists().And(older), k, update); err != nil {
		return fmt.Errorf("recording the use of token %s: %w", c.TokenID, err)
	}
	if token.DateOf(c.Use.LastAt) == token.DateOf(at) {
		return nil // the record knows of this day
	}
	seen := expression.Name(attrSeen)
	older = seen.AttributeNotExists().Or(seen.LessThan(now))
	_, err := s.writeIf(ctx, expression.Name(attrPK).AttributeExists().And(older), tokenKey(c.TokenID), expression.Set(seen, now))
	if err != nil {
		return fmt.Errorf("recording the day of use of token %s: %w", c.TokenID, err)
	}
	return nil
}
