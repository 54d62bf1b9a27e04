package local

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/google/uuid"

	"latchkey/internal/dynamo"
)

// Who an EventBridge event is from.
const (
	accountID = "123456789012" // AWS's own example account
	region    = "us-east-1"
)

// place is where the template of an event's detail takes an attribute of the new item.
var place = regexp.MustCompile(`<\$\.dynamodb\.NewImage\.(\w+)\.S>`)

// notifyAtOnce starts the reminder where a change of the table is urgent, as the table's
// stream, a pipe and a rule do on AWS. What dynamo.EventFilter says in EventBridge's language
// is said here in Go.
func (s *System) notifyAtOnce(log *slog.Logger) func(ctx context.Context, change types.Record) {
	return func(ctx context.Context, change types.Record) {
		item := change.Dynamodb.NewImage
		action := text(item["action"])
		if change.EventName != types.OperationTypeInsert || !strings.HasPrefix(text(change.Dynamodb.Keys["pk"]), "AUDIT#") ||
			!slices.Contains(dynamo.UrgentEvents(), action) {
			return
		}
		detail := place.ReplaceAllStringFunc(dynamo.EventDetail, func(found string) string {
			value, _ := json.Marshal(text(item[place.FindStringSubmatch(found)[1]])) // a string always marshals
			return string(value)
		})
		table := "arn:aws:dynamodb:" + region + ":" + accountID + ":table/" + s.config.TableName
		event, err := newEvent(dynamo.EventSource, action, s.config.now(), []string{table}, json.RawMessage(detail))
		if err == nil {
			_, err = s.lambda.InvokeQueued(ctx, reminderFunction, event)
		}
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "starting the reminder for an event", "event", action, "error", err.Error())
		}
	}
}

// Schedule invokes the reminder as EventBridge Scheduler does, at the time given, and
// returns its result.
func (s *System) Schedule(ctx context.Context, at time.Time) ([]byte, error) {
	schedule := "arn:aws:scheduler:" + region + ":" + accountID + ":schedule/default/latchkey-remind"
	event, err := newEvent("aws.scheduler", "Scheduled Event", at, []string{schedule}, json.RawMessage(`{}`))
	if err != nil {
		return nil, err
	}
	return s.lambda.InvokeQueued(ctx, reminderFunction, event)
}

// newEvent is an event as EventBridge delivers it.
func newEvent(source, detailType string, at time.Time, resources []string, detail json.RawMessage) ([]byte, error) {
	event, err := json.Marshal(events.CloudWatchEvent{
		Version: "0", ID: uuid.NewString(), DetailType: detailType, Source: source, AccountID: accountID,
		Time: at.UTC().Truncate(time.Second), Region: region, Resources: resources, Detail: detail,
	})
	if err != nil {
		return nil, fmt.Errorf("making an event: %w", err)
	}
	return event, nil
}

// text is the value of an attribute that is text; "" if it is not.
func text(a types.AttributeValue) string {
	if s, ok := a.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
