package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"latchkey/internal/notice"
	"latchkey/internal/reminder"
	"latchkey/internal/reminder/mail"
	"latchkey/internal/token"
)

// runReminder runs the reminder where nothing is due, for the line that it logs.
func runReminder(t *testing.T, log *slog.Logger) {
	t.Helper()
	schedule, err := notice.NewSchedule([]int{7, 0})
	if err != nil {
		t.Fatal(err)
	}
	composer, err := mail.NewComposer(mail.Style{Company: "Example", ConsoleURL: "https://tokens.example.com/", Color: "#123abc"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 0, 5, 0, 0, time.UTC)
	r, err := reminder.New(reminder.Config{
		Queue: nothingDue{}, Mailer: nothingDue{}, Composer: composer, Schedule: schedule, Shards: 1, MaxWrites: 100, AdminsSeenWithin: 30 * 24 * time.Hour,
		Now: func() time.Time { return now }, Log: log,
		NewID: func(at time.Time) (token.ID, error) { return token.NewID(at, rand.Reader) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Handle(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// nothingDue is a queue without entries. Every other call would be a surprise, and
// panics on the nil interfaces.
type nothingDue struct {
	reminder.Queue
	reminder.Mailer
}

func (nothingDue) Due(context.Context, int, token.Date, int) ([]notice.Due, error) {
	return nil, nil
}

func (nothingDue) Capacity(context.Context) (reminder.Capacity, error) {
	return reminder.Capacity{PerSecond: 1, Remaining: -1}, nil
}
