package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/token"
)

const (
	// seenEvery is how stale the moment at which a person was last seen may become. Most
	// calls then need one read and no write.
	seenEvery = 24 * time.Hour
	// undeliverableFor is how long an address that mail does not reach stays marked: a
	// person who signs in with it later gets another try.
	undeliverableFor = 3 * 24 * time.Hour
)

// KeepPerson implements [token.People]: it writes only what changed.
func (s *Store) KeepPerson(ctx context.Context, p token.Person, now time.Time) (token.Person, error) {
	kept, err := s.get(ctx, personKey(p.Organization, p.ID))
	if err != nil {
		return token.Person{}, fmt.Errorf("reading a person: %w", err)
	}
	return s.keepAfter(ctx, kept, p, now)
}

// KeepKnown implements [token.People].
func (s *Store) KeepKnown(ctx context.Context, p token.Person, now time.Time) (token.Person, error) {
	kept, err := s.get(ctx, personKey(p.Organization, p.ID))
	if err != nil {
		return token.Person{}, fmt.Errorf("reading a person: %w", err)
	}
	if kept == nil {
		return p, nil
	}
	return s.keepAfter(ctx, kept, p, now)
}

// keepAfter writes what of a person's record has changed.
func (s *Store) keepAfter(ctx context.Context, kept item, p token.Person, now time.Time) (token.Person, error) {
	_, p.Left = kept[attrLeftAt]
	marked := text(kept, attrUndeliverable) != ""
	forgive := marked && now.Sub(momentOf(kept, attrUndeliverableAt)) >= undeliverableFor
	p.Undeliverable = marked && !forgive && text(kept, attrUndeliverable) == p.Email
	was := roleOf(kept)
	if kept != nil && text(kept, attrEmail) == p.Email && was == p.Role && !forgive &&
		now.Sub(momentOf(kept, attrSeenAt)) < seenEvery {
		return p, nil
	}
	// The directory of admins first: if the second write fails, the next call repeats both.
	if p.Role == token.RoleAdmin || was == token.RoleAdmin {
		if err := s.keep(ctx, adminKey(p.Organization, p.ID), p, false, now); err != nil {
			return token.Person{}, fmt.Errorf("keeping an admin: %w", err)
		}
	}
	if err := s.keep(ctx, personKey(p.Organization, p.ID), p, forgive, now); err != nil {
		return token.Person{}, fmt.Errorf("keeping a person: %w", err)
	}
	return p, nil
}

// keep writes who a person is, unless a later call already did.
func (s *Store) keep(ctx context.Context, k item, p token.Person, forgive bool, now time.Time) error {
	seen := expression.Name(attrSeenAt)
	update := expression.Set(expression.Name(attrSchema), expression.Value(schemaVersion)).
		Set(expression.Name(attrOrganization), expression.Value(p.Organization)).
		Set(expression.Name(attrPerson), expression.Value(p.ID)).
		Set(expression.Name(attrEmail), expression.Value(p.Email)).
		Set(expression.Name(attrRole), expression.Value(roles[p.Role])).
		Set(seen, expression.Value(now.Unix()))
	if forgive {
		update = update.Remove(expression.Name(attrUndeliverable)).Remove(expression.Name(attrUndeliverableAt))
	}
	_, err := s.writeIf(ctx, seen.AttributeNotExists().Or(seen.LessThanEqual(expression.Value(now.Unix()))), k, update)
	return err
}

// Demote implements [token.People]. Admins reads the same record, so this is enough. It
// reads first: most people without a role have never had one.
func (s *Store) Demote(ctx context.Context, organization, id string, to token.Role) (bool, error) {
	kept, err := s.get(ctx, personKey(organization, id))
	if err != nil {
		return false, fmt.Errorf("reading a person: %w", err)
	}
	_, left := kept[attrLeftAt]
	if roleOf(kept) <= to {
		return left, nil
	}
	role := expression.Name(attrRole)
	_, err = s.writeIf(ctx, role.Equal(expression.Value(text(kept, attrRole))),
		personKey(organization, id), expression.Set(role, expression.Value(roles[to])))
	if err != nil {
		return false, fmt.Errorf("writing that a person has lost a role: %w", err)
	}
	return left, nil
}

// ClearUndeliverable implements [token.Store].
func (s *Store) ClearUndeliverable(ctx context.Context, organization, id string) error {
	mark := expression.Name(attrUndeliverable)
	_, err := s.writeIf(ctx, mark.AttributeExists(), personKey(organization, id),
		expression.Remove(mark).Remove(expression.Name(attrUndeliverableAt)))
	if err != nil {
		return fmt.Errorf("clearing a person's mark: %w", err)
	}
	return nil
}

// MarkUndeliverable notes that mail to a person's address does not arrive, unless
// their address has changed since.
func (s *Store) MarkUndeliverable(ctx context.Context, p token.Person, at time.Time) error {
	_, err := s.writeIf(ctx, expression.Name(attrEmail).Equal(expression.Value(p.Email)), personKey(p.Organization, p.ID),
		expression.Set(expression.Name(attrUndeliverable), expression.Value(p.Email)).
			Set(expression.Name(attrUndeliverableAt), expression.Value(at.Unix())))
	if err != nil {
		return fmt.Errorf("marking a person undeliverable: %w", err)
	}
	return nil
}

func flag(i item, name string) bool {
	b, ok := i[name].(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}

// roles are how they are stored.
var roles = map[token.Role]string{token.RoleAdmin: "admin", token.RoleManager: "manager", token.RoleNone: "none"}

// roleOf is the role of a person; what is not known is none, and so is that of one who left.
func roleOf(i item) token.Role {
	if _, left := i[attrLeftAt]; left {
		return token.RoleNone
	}
	for role, stored := range roles {
		if text(i, attrRole) == stored {
			return role
		}
	}
	return token.RoleNone
}

func decodePerson(i item) token.Person {
	email := text(i, attrEmail)
	_, left := i[attrLeftAt]
	return token.Person{
		Left:         left,
		Organization: text(i, attrOrganization), ID: text(i, attrPerson), Email: email, Role: roleOf(i),
		Undeliverable: email != "" && text(i, attrUndeliverable) == email,
	}
}

// batchSize is the most items that one BatchGetItem reads.
const batchSize = 100

// PeopleByID implements [token.Store].
func (s *Store) PeopleByID(ctx context.Context, organization string, ids []string) (map[string]token.Person, error) {
	people := make(map[string]token.Person, len(ids))
	keys := make([]item, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, personKey(organization, id))
	}
	for len(keys) > 0 {
		batch := keys[:min(batchSize, len(keys))]
		keys = keys[len(batch):]
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: batch, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, fmt.Errorf("reading people: %w", err)
		}
		for _, i := range out.Responses[s.table] {
			p := decodePerson(i)
			people[p.ID] = p
		}
		keys = append(keys, out.UnprocessedKeys[s.table].Keys...)
	}
	return people, nil
}

// Admins returns an organization's admins who were seen since a moment and whom use
// accepts, those seen last first, at most limit. Its reads follow the limit, but for the
// directory's own.
func (s *Store) Admins(
	ctx context.Context, organization string, since time.Time, limit int, use func(token.Person) bool,
) ([]token.Person, error) {
	e, err := expression.NewBuilder().
		WithKeyCondition(expression.Key(attrPK).Equal(expression.Value("ADMINS#" + encoded(organization)))).
		WithFilter(expression.Name(attrRole).Equal(expression.Value(roles[token.RoleAdmin])).
			And(expression.Name(attrSeenAt).GreaterThanEqual(expression.Value(since.Unix())))).
		WithProjection(expression.NamesList(expression.Name(attrPerson), expression.Name(attrSeenAt))).Build()
	if err != nil {
		return nil, fmt.Errorf("building a query: %w", err)
	}
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: e.KeyCondition(), FilterExpression: e.Filter(), ProjectionExpression: e.Projection(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	})
	var found []item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("querying admins: %w", err)
		}
		found = append(found, page.Items...)
	}
	slices.SortFunc(found, func(a, b item) int {
		return cmp.Or(cmp.Compare(number(b, attrSeenAt), number(a, attrSeenAt)), cmp.Compare(text(a, attrPerson), text(b, attrPerson)))
	})
	var admins []token.Person
	for batch := range slices.Chunk(found, batchSize) {
		ids := make([]string, 0, len(batch))
		for _, i := range batch {
			ids = append(ids, text(i, attrPerson))
		}
		// Their own records say which addresses are current and can be reached.
		people, err := s.PeopleByID(ctx, organization, ids)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if p, ok := people[id]; ok && p.Role == token.RoleAdmin && use(p) {
				if admins = append(admins, p); len(admins) == limit {
					return admins, nil
				}
			}
		}
	}
	return admins, nil
}
