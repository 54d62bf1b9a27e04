package reminder

// NewPace is that of a run.
var NewPace = newPace

// Limit is how many e-mails a second are sent now.
func (p *pace) Limit() float64 { return float64(p.limiter.Limit()) }

// Slower halves a rate that was too fast, Faster goes back towards what is granted.
func (p *pace) Slower() { p.slower(p.limiter.Limit()) }
func (p *pace) Faster() { p.faster() }
