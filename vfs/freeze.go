package vfs

import (
	"context"
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
)

// Freeze levels, outer to inner: system calls that write, page faults, and
// the file system's own work.
const (
	freezeWrite = iota
	freezePagefault
	freezeInternal
	freezeLevels
)

// A freezeLevel counts the writers of one level, which a freezer would stop
// and wait for.
type freezeLevel struct {
	level lockdep.VirtualLock
	in    atomic.Int64
}

func (l *freezeLevel) init(i int) {
	l.level.Init([...]*lockdep.Class{lockdep.FreezeWrite, lockdep.FreezePagefault, lockdep.FreezeInternal}[i])
}

// StartWrite begins a change of the superblock at the outermost level, before
// any i_mutex; each is ended by EndWrite. Not nested within one task.
func (sb *Superblock) StartWrite(ctx context.Context) {
	l := &sb.writers[freezeWrite]
	l.level.Acquire(lockdep.Shared)
	l.in.Add(1)
}

// EndWrite ends what StartWrite began.
func (sb *Superblock) EndWrite() {
	l := &sb.writers[freezeWrite]
	l.in.Add(-1)
	l.level.Release(lockdep.Shared)
}

// tryStartWrite is StartWrite that does not wait: for the access time, which
// is not worth a wait.
func (sb *Superblock) tryStartWrite() bool {
	l := &sb.writers[freezeWrite]
	l.level.Acquired(lockdep.Shared)
	l.in.Add(1)
	return true
}
