// Package notice is what people are notified of, and how: the kinds of notices, when each
// is due, and the protocol by which one run at a time sends it.
//
// A notice is one message to one recipient. Those about a token's end to its owner come
// from the token's own entry in the queue; every other one is a [Notice] with an entry of
// its own. An entry is leased by one run, which sends what is due and marks what became of
// it. Whatever else changes what a notice is about removes the lease in the same write, so
// that the mark fails.
//
// It imports the standard library and package token only.
package notice
