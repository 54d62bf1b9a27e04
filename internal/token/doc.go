// Package token is the domain: what an API token and its secret are, who may issue,
// see and revoke them, when they expire, and what decides on a secret. When people are
// notified of it is in package notice.
//
// It imports the standard library only. Storage, transport and mail are adapters
// around it, in packages named after what they adapt to.
package token
