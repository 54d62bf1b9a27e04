package mail

import (
	"math"
	"strconv"
)

// luminance is the relative luminance of #rrggbb, 0 to 1
// (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
func luminance(color string) float64 {
	channel := func(at int) float64 {
		n, err := strconv.ParseUint(color[at:at+2], 16, 8)
		if err != nil {
			return 0 // NewComposer has checked the form
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(1) + 0.7152*channel(3) + 0.0722*channel(5)
}
