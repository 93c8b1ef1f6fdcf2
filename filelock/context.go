package filelock

import (
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
)

// Context holds the file locks of one inode. Make one with [NewContext] when
// the inode gets its first lock, and keep it for the inode's life.
type Context struct {
	lock    lockdep.SpinLock // flc_lock: guards all below, and the records
	limit   int              // of POSIX, OFD and flock records, 0 for none
	records int              // in posix and flock

	posix  posixLocks
	flock  flockLocks
	leases []*Lock // in the order in which they were granted

	// leaseCount is len(leases) for those who ask without flc_lock. It rises
	// before the last check for conflicting opens, see SetLease.
	leaseCount atomic.Int32
}

// NewContext makes a context without locks.
func NewContext() *Context {
	c := new(Context)
	c.lock.Init(lockdep.FlcLock)
	return c
}

// SetLimit bounds the number of POSIX, OFD and flock locks that are recorded
// here, so that one file's locks cannot take all memory; 0, the default,
// means no bound. What would need more fails and changes nothing: ENOLCK for
// a range lock, ENOMEM for a flock. To give locks up altogether is always
// possible.
func (c *Context) SetLimit(n int) {
	c.lock.Lock()
	c.limit = n
	c.lock.Unlock()
}

// room reports whether delta more records are within the limit. The caller
// holds flc_lock.
func (c *Context) room(delta int) bool {
	return delta <= 0 || c.limit == 0 || c.records+delta <= c.limit
}

// Empty reports whether no lock and no lease is recorded. An inode's context
// is empty when the inode goes: every lock belongs to an open file or to an
// owner that closed one.
func (c *Context) Empty() bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.records == 0 && len(c.leases) == 0
}
