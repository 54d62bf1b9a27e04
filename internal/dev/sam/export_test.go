package sam

// InContainer is inContainer, for tests.
var InContainer = inContainer

// Environment is environment, for tests.
var Environment = environment
