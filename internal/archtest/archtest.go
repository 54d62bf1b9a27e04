// Package archtest holds the architecture as tests: who may import whom, what a binary
// may link, and what the repository looks like. It has no code of its own.
package archtest
