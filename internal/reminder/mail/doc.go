// Package mail writes the e-mails: what they say is in words.go, their form in templates/.
//
// It says API key for a token, as the page does, and API token for the string that is
// copied. What somebody else than the reader has written, such as the name of another
// person's key, never stands in a subject or heading, and nowhere as a link.
package mail
