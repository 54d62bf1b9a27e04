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
	i := newItem(credentialKey(c))
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
	i[attrChosenOn] = numberValue(int(c.ChosenOn))
	i[attrLifetime] = numberValue(c.LifetimeDays)
	putFlag(i, attrSelfRotation, c.SelfRotation)
	// The entry for its uses: a mark changes an entry that is there and makes none.
	i[attrUse] = usesValue(token.Uses{c.Generation: c.Use})
	return i
}

// credentialKey is where a credential is.
func credentialKey(c token.Credential) item {
	if c.Previous {
		return previousKey(c.TokenID)
	}
	return currentKey(c.TokenID)
}

// usesValue is a map of uses by generation. What has not happened has an empty entry.
func usesValue(uses token.Uses) types.AttributeValue {
	m := item{}
	for generation, use := range uses {
		m[strconv.Itoa(generation)] = useValue(use)
	}
	return &types.AttributeValueMemberM{Value: m}
}

func useValue(use token.Use) types.AttributeValue {
	entry := item{}
	if !use.FirstAt.IsZero() {
		entry[attrFirstAt] = numberValue(use.FirstAt.Unix())
	}
	if !use.LastAt.IsZero() {
		entry[attrLastAt] = numberValue(use.LastAt.Unix())
	}
	if use.From != "" {
		entry[attrFrom] = stringValue(use.From)
	}
	return &types.AttributeValueMemberM{Value: entry}
}

// useOf reads one entry of a map of uses.
func useOf(i item, name string, generation int) token.Use {
	uses, ok := i[name].(*types.AttributeValueMemberM)
	if !ok {
		return token.Use{}
	}
	entry, ok := uses.Value[strconv.Itoa(generation)].(*types.AttributeValueMemberM)
	if !ok {
		return token.Use{}
	}
	return token.Use{
		FirstAt: momentOf(entry.Value, attrFirstAt), LastAt: momentOf(entry.Value, attrLastAt), From: text(entry.Value, attrFrom),
	}
}

// usesOf reads a record's map of uses.
func usesOf(i item) (token.Uses, error) {
	uses, ok := i[attrSeen].(*types.AttributeValueMemberM)
	if !ok {
		return nil, nil
	}
	found := token.Uses{}
	for key := range uses.Value {
		generation, err := strconv.Atoi(key)
		if err != nil {
			return nil, fmt.Errorf("decoding the uses of a secret: %w", err)
		}
		found[generation] = useOf(i, attrSeen, generation)
	}
	return found, nil
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
		ChosenOn: token.Date(number(i, attrChosenOn)), LifetimeDays: int(number(i, attrLifetime)), SelfRotation: flag(i, attrSelfRotation),
	}
	owned := c.Owner.Type == token.OwnerOrganization || c.Owner.ID != ""
	if !ok || len(hash.Value) != len(c.Hash) || c.Organization == "" || !owned || c.ExpiresAt.IsZero() ||
		c.Generation < 1 || c.Version < 1 {
		return token.Credential{}, fmt.Errorf("decoding the credential of token %s: it is not whole", id)
	}
	copy(c.Hash[:], hash.Value)
	c.Use = useOf(i, attrUse, c.Generation)
	return c, nil
}

// Used implements the authorizer's Recorder. It writes nothing if the use that is recorded
// is recent. The entry of the secret's generation is on no other secret and is gone with
// its credential, so a late mark finds nothing to write to. The writes name no other
// attributes than the keys, use and seen, and the authorizer's role allows no others.
func (s *Store) Used(ctx context.Context, c token.Credential, at time.Time, from string) error {
	if !c.Use.FirstAt.IsZero() && at.Sub(c.Use.LastAt) < token.UseResolution {
		return nil
	}
	if err := s.markUse(ctx, credentialKey(c), attrUse, c, at, from); err != nil {
		return fmt.Errorf("recording the use of token %s: %w", c.TokenID, err)
	}
	if token.DateOf(c.Use.LastAt) == token.DateOf(at) && !c.Previous && !c.InRotation(at) {
		return nil // the record knows of this day
	}
	// During a rotation people follow which secret is in use.
	if err := s.markUse(ctx, tokenKey(c.TokenID), attrSeen, c, at, from); err != nil {
		return fmt.Errorf("recording the day of use of token %s: %w", c.TokenID, err)
	}
	return nil
}

// markUse writes a use to the entry of the secret's generation, if there is one and it
// knows of none later.
func (s *Store) markUse(ctx context.Context, k item, name string, c token.Credential, at time.Time, from string) error {
	now := expression.Value(at.Unix())
	entry := name + "." + strconv.Itoa(c.Generation)
	first, last, network := expression.Name(entry+"."+attrFirstAt), expression.Name(entry+"."+attrLastAt), expression.Name(entry+"."+attrFrom)
	update := expression.Set(last, now)
	if from != "" {
		update = update.Set(network, expression.Value(from))
	} else {
		update = update.Remove(network)
	}
	if c.Use.FirstAt.IsZero() {
		update = update.Set(first, first.IfNotExists(now))
	}
	older := last.AttributeNotExists().Or(last.LessThan(now))
	_, err := s.writeIf(ctx, expression.Name(entry).AttributeExists().And(older), k, update)
	return err
}
