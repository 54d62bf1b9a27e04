package token

import (
	"io"
	"time"
)

// Action names what happened, in the audit trail and in events.
type Action string

// The actions.
const (
	ActionIssued  Action = "token.issued"
	ActionRevoked Action = "token.revoked"
	ActionRotated Action = "token.rotated"
	// ActionRotationCancelled is that an unused new secret was taken back.
	ActionRotationCancelled Action = "token.rotation_cancelled"
	// ActionOldSecretEnded is that whoever has the secret before a rotation has ended it.
	ActionOldSecretEnded Action = "token.old_secret_ended"
	// ActionRotationRefused is that a token was not to replace its own secret, since the one
	// that this was replaced with is in use: two have the same secret.
	ActionRotationRefused Action = "token.rotation_refused"
	ActionExpiring        Action = "token.expiring"
	ActionExpired         Action = "token.expired"
	ActionLeft            Action = "person.left"
	ActionReturned        Action = "person.returned"
)

// actions are all of them.
var actions = []Action{
	ActionIssued, ActionRevoked, ActionRotated, ActionRotationCancelled, ActionOldSecretEnded, ActionRotationRefused,
	ActionExpiring, ActionExpired, ActionLeft, ActionReturned,
}

// ActorKind says what kind of actor did something.
type ActorKind string

// The kinds of actors.
const (
	ActorPerson  ActorKind = "person"  // somebody who signed in
	ActorToken   ActorKind = "token"   // whoever has a secret of a token
	ActorService ActorKind = "service" // Latchkey itself
)

// Actor is who did something.
type Actor struct {
	Kind ActorKind
	ID   string // the person's subject, the token's id, or "latchkey"
}

// Service is the actor of what Latchkey does by itself.
var Service = Actor{ActorService, "latchkey"}

// Audit is one entry of the audit trail, written in the same transaction as the change
// that it records.
type Audit struct {
	ID           ID
	Organization string
	At           time.Time
	Action       Action
	Actor        Actor
	Address      string // IP address that the request came from, if there was one
	Client       string // what the client called itself
	TokenID      ID     // empty if it is about a person
	TokenName    string
	ExpiresOn    Date
	Person       string // subject of the person that it is about; empty if it is about a token
	Detail       string // the reason given, if any
}

// maxClient bounds what is kept of a User-Agent header.
const maxClient = 200

// audit is an entry for what p does to t at a moment.
func (p Principal) audit(t Token, a Action, at time.Time, random io.Reader) (Audit, error) {
	id, err := NewID(at, random)
	if err != nil {
		return Audit{}, err
	}
	return Audit{
		ID: id, Organization: t.Organization, At: at.Truncate(time.Second), Action: a, Actor: p.actor(),
		Address: p.Address, Client: tidy(p.Client, maxClient), TokenID: t.ID, TokenName: t.Name, ExpiresOn: t.ExpiresOn,
	}, nil
}

// auditPerson is an entry for what p does about somebody of their organization.
func (p Principal) auditPerson(person string, a Action, at time.Time, random io.Reader) (Audit, error) {
	entry, err := p.audit(Token{Organization: p.Organization}, a, at, random)
	entry.Person = person
	return entry, err
}
