package vfs

import "sync/atomic"

// Dentries, inodes, superblocks and mounts carry a number that is never used
// again: what "pointer order" is in a kernel, a total order for taking locks.
var lastID atomic.Uint64

func newID() uint64 { return lastID.Add(1) }
