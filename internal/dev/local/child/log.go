package child

import (
	"bytes"
	"io"
	"sync"
)

// Log gathers the output of several children in one writer, line by line, each line
// begun with the child's name. A nil Log drops everything.
type Log struct {
	mu sync.Mutex
	w  io.Writer
}

// NewLog returns a Log that writes to w. A nil w drops everything.
func NewLog(w io.Writer) *Log {
	if w == nil {
		w = io.Discard
	}
	return &Log{w: w}
}

// Writer returns a writer whose complete lines go to the log under the name.
func (l *Log) Writer(name string) io.Writer { return &lineWriter{log: l, name: name} }

func (l *Log) line(name string, line []byte) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// If the log cannot be written, there is no other place to report it.
	_, _ = l.w.Write(append([]byte(name+" | "), append(line, '\n')...))
}

// lineWriter cuts what is written into lines.
type lineWriter struct {
	log  *Log
	name string
	hide string // lines that begin so are dropped; empty: none

	mu   sync.Mutex
	rest []byte
	last string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		w.emit(line)
		w.rest = rest
	}
}

// flush writes what was printed without a line's end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.emit(w.rest)
	w.rest = nil
}

func (w *lineWriter) emit(line []byte) {
	line = bytes.TrimRight(line, "\r")
	if len(line) == 0 || w.hide != "" && bytes.HasPrefix(line, []byte(w.hide)) {
		return
	}
	w.last = string(line)
	w.log.line(w.name, bytes.Clone(line))
}

func (w *lineWriter) lastLine() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
