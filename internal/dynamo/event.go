package dynamo

// What the table's stream becomes on the account's event bus: the stack's pipe and the local
// run both take it from here.
const (
	// EventSource is the source of the events.
	EventSource = "latchkey"

	// EventFilter picks new audit entries from the stream, and nothing else of it: other
	// items hold addresses and hashes.
	EventFilter = `{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "AUDIT#"}]}}}}`

	// EventType takes an event's detail type from its audit entry, such as token.expiring.
	EventType = "$.dynamodb.NewImage.action.S"

	// EventDetail makes an event's detail of its audit entry. What stands in angle brackets
	// is filled in as JSON, so it is not in quotes.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
	EventDetail = `{` +
		`"id": <$.dynamodb.NewImage.sk.S>, ` +
		`"org_id": <$.dynamodb.NewImage.org_id.S>, ` +
		`"at": <$.dynamodb.NewImage.at.S>, ` +
		`"actor": <$.dynamodb.NewImage.actor.S>, ` +
		`"token_id": <$.dynamodb.NewImage.about_token.S>, ` +
		`"token_name": <$.dynamodb.NewImage.token_name.S>, ` +
		`"expires_on": <$.dynamodb.NewImage.expires_on.S>, ` +
		`"person_id": <$.dynamodb.NewImage.about_person.S>, ` +
		`"detail": <$.dynamodb.NewImage.detail.S>` +
		`}`
)

// UrgentEvents are the detail types of the events that start a run of the reminder at once.
func UrgentEvents() []string { return []string{"token.revoked", "token.rotation_refused"} }
