package sam

import "io"

// InContainer is inContainer, for tests.
var InContainer = inContainer

// Quiet is what SAM's standard error goes through.
func Quiet(w io.Writer) io.Writer { return &quiet{w: w} }

// Environment is environment, for tests.
var Environment = environment
