//go:build !lockdep

package filelock

// isolateManagers: the methods of managers that are not trusted run on a
// goroutine of their own, whose caller, with the locks that the rules name,
// waits for it.
const isolateManagers = true
