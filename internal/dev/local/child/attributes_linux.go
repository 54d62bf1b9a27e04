package child

import "syscall"

// attributes puts the child in a process group of its own, so that Ctrl-C reaches only
// this process, which then ends its children in order; and has the kernel end the child
// if this process is killed before it can. SIGTERM lets the child end its own first.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
