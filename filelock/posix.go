package filelock

import (
	"context"
	"syscall"
)

// posixLocks are the POSIX and OFD records of one file. No two of different
// owners conflict where they overlap.
type posixLocks struct {
	types  [2]tree // by Type: Read, Write
	owners map[ownerKey]*ownerLocks
	seq    uint64
}

// SetPosix locks or unlocks the byte range of a POSIX or OFD request. The
// owner's locks in the range are replaced, whatever their type; those of the
// same type that overlap or touch it become one with it.
//
// With FlagSleep it waits for conflicting locks of other owners, and keeps
// what it has meanwhile. A request whose manager has a [Notifier] is queued
// instead, and ErrDeferred returned; the manager repeats the call once it is
// notified. If conf is not nil and there is a conflict, conf is overwritten
// with the lock in the way; conf may be req.
//
// Errors: EINVAL for a request that makes no sense; EAGAIN for a conflict
// without FlagSleep; EDEADLK if the wait, of a POSIX request, would never
// end; EINTR if ctx is done or the request canceled while it waits; ENOLCK if
// there is no room for the lock, see [Context.SetLimit]; ENOENT as FlagExists
// says. Nothing has changed after an error.
func (c *Context) SetPosix(ctx context.Context, req, conf *Lock) error {
	if !req.valid(POSIX, OFD) {
		return syscall.EINVAL
	}
	known := false
	return c.until(ctx, req, func(dispose *[]*Lock) error {
		if !known {
			c.findKey(req)
			known = true
		}
		return c.setPosix(req, conf, dispose)
	})
}

// TestPosix finds out whether the request could be granted now, and
// overwrites conf, which may be req, with the first lock in the way: that
// which begins first, of an OFD lock with the PID -1. If there is none, conf's
// Type becomes Unlock. EINVAL for a request that makes no sense or is to
// unlock. It does not block.
func (c *Context) TestPosix(req, conf *Lock) error {
	if !req.valid(POSIX, OFD) || req.Type == Unlock {
		return syscall.EINVAL
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.findKey(req)
	if l := c.posix.conflict(req, c.posix.find(req)); l != nil {
		conf.describe(l)
	} else {
		conf.Type = Unlock
	}
	return nil
}

// ClosePosix drops all POSIX locks of owner: due whenever the owner closes a
// descriptor of the file, be it the one that they came through or not. It may
// block in a file system's [PrivateReleaser].
func (c *Context) ClosePosix(ctx context.Context, owner Owner) {
	c.closeRanges(ctx, &Lock{Kind: POSIX, Owner: owner})
}

// CloseFile drops what belongs to an open file, of which the last reference
// is gone: OFD locks, then its flock lock, then its leases. The owner of the
// first two is OwnerOf(file). It may block in a file system's
// [PrivateReleaser].
func (c *Context) CloseFile(ctx context.Context, file any) {
	c.closeRanges(ctx, &Lock{Kind: OFD, Owner: Owner{file}})
	c.closeFlock(ctx, Owner{file})
	c.closeLeases(file)
}

func (c *Context) closeRanges(ctx context.Context, req *Lock) {
	req.Type, req.End, req.Flags = Unlock, End, FlagClose
	var dispose []*Lock
	c.lock.Lock()
	c.findKey(req)
	_ = c.setPosix(req, nil, &dispose) // to unlock a whole file needs no room
	c.lock.Unlock()
	release(ctx, dispose)
}

// conflict finds the lock in req's way that begins first. own are the records
// of req's owner.
func (p *posixLocks) conflict(req *Lock, own *ownerLocks) *Lock {
	if req.Type == Unlock {
		return nil
	}
	l := p.types[Write].overlapping(req.Start, req.End, own)
	if req.Type == Write {
		r := p.types[Read].overlapping(req.Start, req.End, own)
		if l == nil || r != nil && r.before(l) {
			l = r
		}
	}
	return l
}

// setPosix is SetPosix without the wait: it answers ErrDeferred if req is
// queued. The caller holds flc_lock.
func (c *Context) setPosix(req, conf *Lock, dispose *[]*Lock) error {
	own := c.posix.find(req)
	if l := c.posix.conflict(req, own); l != nil {
		err := error(syscall.EAGAIN)
		if req.Flags&FlagSleep != 0 {
			if err = c.block(req, l); err == nil {
				err = ErrDeferred
			}
		}
		if conf != nil && (conf != req || err != ErrDeferred) {
			conf.describe(l)
		}
		return err
	}
	if req.Flags&FlagAccess != 0 {
		return nil
	}
	var buf [8]*Lock
	p := plan{req: req, own: own, affected: buf[:0]}
	p.make()
	if req.Type == Unlock && len(p.affected) == 0 {
		if req.Flags&FlagExists != 0 {
			return syscall.ENOENT
		}
		return nil
	}
	if !c.room(p.delta) {
		return syscall.ENOLCK
	}
	c.carryOut(&p, dispose)
	return nil
}

// plan is what a request does to the records of its owner.
type plan struct {
	req *Lock
	own *ownerLocks // nil if it has none yet

	// affected are the records to change, in order: those of the request's
	// type that it overlaps or touches, and the others that it overlaps.
	affected []*Lock
	// start and end are the range of the request and of all that it merges
	// with.
	start, end int64
	// delta is by how much the number of records grows.
	delta int
}

// make fills in the plan. It changes nothing else.
func (p *plan) make() {
	req := p.req
	p.start, p.end = req.Start, req.End
	merged := false
	if p.own != nil {
		lo, hi := req.Start, req.End
		if lo > 0 {
			lo--
		}
		if hi < End {
			hi++
		}
		for l := p.own.tree.reaching(lo); l != nil && l.Start <= hi; {
			switch {
			case l.Type == req.Type:
				p.start, p.end = min(p.start, l.Start), max(p.end, l.End)
				p.affected = append(p.affected, l)
				if merged {
					p.delta--
				}
				merged = true
			case l.Start <= req.End && l.End >= req.Start:
				p.affected = append(p.affected, l)
				p.delta--
				if l.Start < req.Start {
					p.delta++
				}
				if l.End > req.End {
					p.delta++
				}
			}
			if l.End == End {
				break
			}
			l = p.own.tree.reaching(l.End + 1)
		}
	}
	if !merged && req.Type != Unlock {
		p.delta++
	}
}

// carryOut changes the records as p says. The waiters of a record that shrinks
// or goes are woken; one that grows keeps them. The caller holds flc_lock.
func (c *Context) carryOut(p *plan, dispose *[]*Lock) {
	req, own := p.req, p.own
	if own == nil {
		own = c.posix.add(req)
	}
	merged := false
	for _, l := range p.affected {
		switch {
		case l.Type == req.Type && !merged:
			merged = true
			if l.Start != p.start || l.End != p.end {
				c.posix.resize(l, p.start, p.end)
			}
		case l.Type == req.Type:
			c.forget(l, dispose)
		default:
			c.cut(l, req, dispose)
		}
	}
	if !merged && req.Type != Unlock {
		c.records++
		c.posix.link(req.record(), own)
	}
	if own.tree.root == nil {
		c.posix.drop(own, req.ownerKey())
	}
}

// cut takes req's range out of l.
func (c *Context) cut(l, req *Lock, dispose *[]*Lock) {
	left, right := l.Start < req.Start, l.End > req.End
	switch {
	case left && right:
		r := l.record()
		r.Start = req.End + 1
		c.posix.resize(l, l.Start, req.Start-1)
		c.records++
		c.posix.link(r, l.group)
	case left:
		c.posix.resize(l, l.Start, req.Start-1)
	case right:
		c.posix.resize(l, req.End+1, l.End)
	default:
		c.forget(l, dispose)
		return
	}
	l.wakeWaiters()
}

// forget removes a record for good.
func (c *Context) forget(l *Lock, dispose *[]*Lock) {
	c.posix.unlink(l)
	c.records--
	l.wakeWaiters()
	if l.Ops != nil {
		*dispose = append(*dispose, l)
	}
}

func (p *posixLocks) link(l *Lock, own *ownerLocks) {
	l.group = own
	own.tree.insert(l)
	p.types[l.Type].insert(l)
}

func (p *posixLocks) unlink(l *Lock) {
	l.group.tree.remove(l)
	p.types[l.Type].remove(l)
}

func (p *posixLocks) resize(l *Lock, start, end int64) {
	p.unlink(l)
	l.Start, l.End = start, end
	p.link(l, l.group)
}
