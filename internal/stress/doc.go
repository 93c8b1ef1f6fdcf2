// Package stress runs random operations on a memory file system from many
// goroutines at once, and checks that nothing is left behind.
package stress
