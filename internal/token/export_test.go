package token

// CleanText is how the names of tokens are checked.
var CleanText = cleanText
