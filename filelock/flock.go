package filelock

import (
	"context"
	"syscall"
)

// flockLocks are the flock records of one file: any number of Read, or a
// single Write; and those with FlagMand, which are in nobody's way.
type flockLocks struct {
	list    lockList // in the order in which they were granted
	mand    lockList
	byOwner map[Owner]*Lock
}

// lockList is linked through prev and next of the records.
type lockList struct{ first, last *Lock }

func (s *lockList) push(l *Lock) {
	l.prev, l.next = s.last, nil
	if l.prev != nil {
		l.prev.next = l
	} else {
		s.first = l
	}
	s.last = l
}

func (s *lockList) remove(l *Lock) {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		s.first = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		s.last = l.prev
	}
	l.prev, l.next = nil, nil
}

func (f *flockLocks) listOf(l *Lock) *lockList {
	if l.Flags&FlagMand != 0 {
		return &f.mand
	}
	return &f.list
}

// conflict finds the lock in req's way that was granted first.
func (f *flockLocks) conflict(req *Lock) *Lock {
	if req.Flags&FlagMand != 0 || req.Type == Unlock {
		return nil
	}
	l := f.list.first
	if l != nil && l.Owner == req.Owner {
		l = l.next
	}
	// All are Read or there is one: the first speaks for the rest.
	if l != nil && req.Type.conflicts(l.Type) {
		return l
	}
	return nil
}

// Flock locks or unlocks the whole file for the request's owner, an open
// file. An owner that has a lock of another type loses it first, and those who
// waited for it may have it if this request has to wait; after EAGAIN, EINTR or
// a cancel it is lost. To ask for what one has is no request at all.
//
// Errors: EINVAL for a request that makes no sense; EAGAIN for a conflict
// without FlagSleep; EINTR if ctx is done or the request canceled while it
// waits; ENOMEM if there is no room for the lock, see [Context.SetLimit];
// ENOENT as FlagExists says. There is no deadlock detection. Flock answers
// ErrDeferred as SetPosix does.
func (c *Context) Flock(ctx context.Context, req *Lock) error {
	if !req.valid(Flock) {
		return syscall.EINVAL
	}
	c.lock.Lock()
	c.begin(req)
	req.ctx = c
	return c.conclude(ctx, req, c.setFlock(req))
}

// setFlock is Flock without the wait: it answers ErrDeferred if req is
// queued. The caller holds flc_lock.
func (c *Context) setFlock(req *Lock) error {
	access := req.Flags&FlagAccess != 0
	own := c.flock.byOwner[req.Owner]
	if !access {
		if own != nil && own.Type == req.Type && own.Flags&FlagMand == req.Flags&FlagMand {
			return nil
		}
		switch {
		case own != nil:
			c.dropFlock(own)
		case req.Type == Unlock && req.Flags&FlagExists != 0:
			return syscall.ENOENT
		}
		if req.Type == Unlock {
			return nil
		}
	}
	if l := c.flock.conflict(req); l != nil {
		if req.Flags&FlagSleep == 0 {
			return syscall.EAGAIN
		}
		if err := c.block(req, l); err != nil {
			return err
		}
		return ErrDeferred
	}
	if access {
		return nil
	}
	_, err := c.grantFlock(req)
	return err
}

// grantFlock records a lock that nothing is in the way of. The caller holds
// flc_lock.
func (c *Context) grantFlock(req *Lock) (*Lock, error) {
	if !c.room(1) {
		return nil, syscall.ENOMEM
	}
	l := c.newRecord(req)
	c.flock.listOf(l).push(l)
	if c.flock.byOwner == nil {
		c.flock.byOwner = make(map[Owner]*Lock)
	}
	c.flock.byOwner[l.Owner] = l
	return l, nil
}

func (c *Context) dropFlock(l *Lock) {
	c.flock.listOf(l).remove(l)
	delete(c.flock.byOwner, l.Owner)
	c.openQueue(l)
	c.discard(l)
}

func (c *Context) closeFlock(ctx context.Context, owner Owner) {
	c.lock.Lock()
	if l := c.flock.byOwner[owner]; l != nil {
		c.dropFlock(l)
	}
	c.unlock(ctx)
}
