//go:build lockdep

package filelock

// isolateManagers is off where the checker looks at what a method does: it
// follows goroutines, and a method that blocks is reported by name anyway.
const isolateManagers = false
