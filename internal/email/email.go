// Package email knows of addresses what SES and those who write them may spell apart.
package email

import (
	"strings"

	"golang.org/x/net/idna"
)

// ASCII writes the domain of an address as SES wants it and says it, in Punycode
// (RFC 5890; https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html).
// An address that it cannot read is left as it is.
func ASCII(address string) string {
	at := strings.LastIndexByte(address, '@') + 1
	domain, err := idna.Lookup.ToASCII(address[at:])
	if at == 0 || err != nil {
		return address
	}
	return address[:at] + domain
}
