//go:build lockdep

package filelock

import "github.com/govfs/govfs/lockdep"

// The locks of a method's arguments, as its gate shows them to the checker. Nil
// stands for a lock that is not there: that of a request nobody has made yet.

func lockFlcLock(l *Lock) lockdep.Checkable {
	if l == nil || l.ctx == nil {
		return nil
	}
	return &l.ctx.lock
}

func lockBlockedLockLock() lockdep.Checkable { return &waits.lock }
