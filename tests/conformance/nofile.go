// Package nofile knows the limit of open files that the program was started with: Go raises it before main.
package nofile

import (
	"sync/atomic"
	"syscall"
	_ "unsafe" // for the name of a variable of another package
)

// What Go keeps, to hand it to the programs that it starts; none if it had nothing to raise.
//
//go:linkname original syscall.origRlimitNofile
var original atomic.Pointer[syscall.Rlimit]

// Getrlimit is the system call, but for that limit.
func Getrlimit(which int, to *syscall.Rlimit) error {
	if limit := original.Load(); which == syscall.RLIMIT_NOFILE && limit != nil {
		*to = *limit
		return nil
	}
	return syscall.Getrlimit(which, to)
}
