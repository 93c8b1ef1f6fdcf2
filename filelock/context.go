package filelock

import (
	"context"
	"sync"
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
	// changing is a leaf that, with flc_lock, guards the state of leases: a
	// manager whose call was given up may still be changing one.
	changing sync.Mutex

	// tickets numbers the requests that wait, in the order in which they
	// came.
	tickets uint64
	// notified are the requests whose managers were told to repeat them, and
	// have not yet.
	notified []*waiter

	// While flc_lock is held: the queues whose holders shrank or went, to be
	// answered before it is released, and the records that are gone and have
	// private data.
	opened  []*waitQueue
	dispose []*Lock
	// spare is a record to use again.
	spare *Lock

	// leaseCount is len(leases) for those who ask without flc_lock. It rises
	// before the last check for conflicting opens, see SetLease.
	leaseCount atomic.Int32
}

// NewContext makes a context without locks.
func NewContext() *Context {
	c := new(Context)
	c.lock.Init(lockdep.FlcLock)
	c.posix.types[Write].disjoint = true
	return c
}

// unlock ends what was begun with c.lock.Lock: it answers the requests whose
// way may be free now, releases flc_lock, and gives up the private data of what
// is gone, for which ctx is.
func (c *Context) unlock(ctx context.Context) {
	if len(c.opened) > 0 {
		c.settle()
	}
	gone := c.dispose
	c.dispose = nil
	c.lock.Unlock()
	for _, l := range gone {
		l.Release(ctx)
	}
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

// newRecord makes the record of a request, or of a part of a record. The
// caller holds flc_lock.
func (c *Context) newRecord(l *Lock) *Lock {
	c.records++
	n := c.spare
	if n == nil {
		n = new(Lock)
	}
	c.spare = nil
	return l.record(n)
}

// discard is for a record that is in no tree and no list any more, and for
// which nobody waits. The caller holds flc_lock.
func (c *Context) discard(l *Lock) {
	c.records--
	switch {
	case l.Ops != nil:
		c.dispose = append(c.dispose, l)
	case l.Manager == nil:
		// Nobody else has seen it: its place can serve another.
		*l = Lock{}
		c.spare = l
	}
}

// Empty reports whether no lock and no lease is recorded. An inode's context
// is empty when the inode goes: every lock belongs to an open file or to an
// owner that closed one.
func (c *Context) Empty() bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.records == 0 && len(c.leases) == 0
}
