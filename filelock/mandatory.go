package filelock

import (
	"context"
	"syscall"
)

// CheckMandatory lets a read, write or truncation of a file with mandatory
// locks pass when no lock is in its way. req says what is touched, and how:
// its range, Read or Write, the process as owner of kind POSIX, and FlagSleep
// if the call may wait. The access passes if it would be no conflict for file,
// the owner of OFD locks of the open file (the zero Owner if there is none),
// or none for the process. After each wait it passes as well if active, which
// says whether the file still has mandatory locks, returns false.
//
// Errors: EINVAL for a request that makes no sense; EAGAIN, EDEADLK and EINTR
// as from [Context.SetPosix].
func (c *Context) CheckMandatory(ctx context.Context, req *Lock, file Owner, active func() bool) error {
	if !req.valid(POSIX) || req.Type == Unlock {
		return syscall.EINVAL
	}
	process := &Lock{
		Owner: req.Owner, File: req.File, PID: req.PID, Start: req.Start, End: req.End,
		Kind: POSIX, Type: req.Type, Flags: FlagAccess | req.Flags&FlagSleep, ctx: c,
	}
	open := &Lock{Owner: file, Start: req.Start, End: req.End, Kind: OFD, Type: req.Type, ctx: c}
	for {
		c.lock.Lock()
		var err error
		if file == (Owner{}) || c.posix.conflict(open, c.posix.find(open)) != nil {
			err = c.setPosix(process, nil)
		}
		c.unlock(ctx)
		if err != ErrDeferred {
			return err
		}
		if err := c.await(ctx, process); err != nil || !active() {
			return err
		}
	}
}

// LockedByOthers reports whether anybody but owners holds a POSIX or OFD
// lock. Where locks are mandatory, such a file can neither be truncated by an
// open nor be mapped shared (EAGAIN). It does not block.
func (c *Context) LockedByOthers(owners ...Owner) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	for _, o := range c.posix.owners {
		for ; o != nil; o = o.next {
			if o != c.posix.idle && !o.tree.first().ownedBy(owners) {
				return true
			}
		}
	}
	return false
}

func (l *Lock) ownedBy(owners []Owner) bool {
	for _, o := range owners {
		if l.Manager == nil && l.Owner == o {
			return true
		}
	}
	return false
}
