package api

import (
	"time"

	"latchkey/internal/token"
)

// activityJSON is a page of an audit trail.
type activityJSON struct {
	Events     []eventJSON `json:"events"`
	NextCursor *string     `json:"next_cursor"`
}

// eventJSON is an entry of the audit trail. Addresses of people are those of now.
type eventJSON struct {
	ID        token.ID     `json:"id"`
	At        time.Time    `json:"at"`
	Action    token.Action `json:"action"`
	Actor     actorJSON    `json:"actor"`
	Address   *string      `json:"address"`
	Client    *string      `json:"client"`
	TokenID   *string      `json:"token_id"` // null: it is about a person
	TokenName *string      `json:"token_name"`
	ExpiresOn *token.Date  `json:"expires_on"`
	Person    *leaverJSON  `json:"person"` // null: it is about a token
	Detail    *string      `json:"detail"`
}

type actorJSON struct {
	Kind  token.ActorKind `json:"kind"`
	ID    string          `json:"id"`
	Email *string         `json:"email"` // null: not a person, or nobody who is known
}

func newActivityJSON(page token.Activity) activityJSON {
	out := activityJSON{Events: make([]eventJSON, 0, len(page.Entries)), NextCursor: orNull(page.Cursor)}
	for _, a := range page.Entries {
		e := eventJSON{
			ID: a.ID, At: a.At, Action: a.Action, Actor: actorJSON{Kind: a.Actor.Kind, ID: a.Actor.ID},
			Address: orNull(a.Address), Client: orNull(a.Client), TokenID: orNull(string(a.TokenID)), TokenName: orNull(a.TokenName),
			Detail: orNull(a.Detail),
		}
		if a.Actor.Kind == token.ActorPerson {
			e.Actor.Email = orNull(page.People[a.Actor.ID].Email)
		}
		if a.TokenID != "" {
			e.ExpiresOn = &a.ExpiresOn
		}
		if a.Person != "" {
			e.Person = &leaverJSON{a.Person, orNull(page.People[a.Person].Email)}
		}
		out.Events = append(out.Events, e)
	}
	return out
}
