package reminder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"latchkey/internal/notice"
)

// count counts what became of entries of a batch. Each counts once, by what is said
// first.
func (s *sending) count(b *batch, o outcome, entries ...notice.Ref) {
	s.counts.add(o, b.take(entries)...)
}

// finish ends a batch. A fault in the handling of one must not take down the run, its
// count and its line in the log.
func (s *sending) finish(ctx context.Context, b *batch) {
	if fault := recover(); fault != nil {
		what := fmt.Sprintf("%T", fault) // its text could hold anything
		if err, ok := fault.(runtime.Error); ok {
			what = err.Error()
		}
		s.c.Log.ErrorContext(ctx, "handling a batch panicked", "panic", what, "stack", callers())
	}
	if len(b.due) > 0 {
		s.fail(ctx, b, b.entries(), "handling", errors.New("ended half-way"))
	}
}

// callers are the functions under way, innermost first, without their arguments.
func callers() []string {
	pcs := make([]uintptr, 16)
	const own = 3 // this function and those that led from the fault to it
	frames := runtime.CallersFrames(pcs[:runtime.Callers(own, pcs)])
	var stack []string
	for {
		frame, more := frames.Next()
		stack = append(stack, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return stack
		}
	}
}

// fail logs and counts those of the entries that nothing has become of yet.
func (s *sending) fail(ctx context.Context, b *batch, entries []notice.Ref, doing string, err error) {
	due := b.take(entries)
	open := make([]notice.Ref, 0, len(due))
	for _, d := range due {
		open = append(open, d.Ref)
	}
	s.logFailed(ctx, b.organization, open, doing, err)
	s.counts.add(failed, due...)
}

// logFailed says what failed by ids, never by address or name.
func (s *sending) logFailed(ctx context.Context, organization string, entries []notice.Ref, doing string, err error) {
	for _, e := range entries {
		s.c.Log.LogAttrs(ctx, slog.LevelError, "notice failed", idOf(e), slog.String("org_id", organization),
			slog.String("error", fmt.Sprintf("%s: %v", doing, err)))
	}
}

// logDeferred says what waits for its recipient.
func (s *sending) logDeferred(ctx context.Context, b *batch, items []item, why error) {
	for _, i := range items {
		s.c.Log.LogAttrs(ctx, slog.LevelWarn, "notice deferred", idOf(i.Ref), slog.String("org_id", b.organization),
			slog.String("error", why.Error()))
	}
}

// idOf names an entry in the log.
func idOf(e notice.Ref) slog.Attr {
	if e.Notice {
		return slog.String("notice_id", string(e.ID))
	}
	return slog.String("token_id", string(e.ID))
}
