package filelock

import (
	"context"
	"slices"
	"syscall"
)

// posixLocks are the POSIX and OFD records of one file. No two of different
// owners conflict where they overlap.
type posixLocks struct {
	owners map[ownerKey]*ownerLocks
	seq    uint64
	active int         // owners with records
	last   *ownerLocks // the local one that was asked for last
	idle   *ownerLocks // a local one without records

	// types are the records of all owners by Type, Read and Write. They are
	// kept from when a second owner asks until all records are gone, which is
	// what shared says: most files are locked by one at a time.
	types  [2]rangeTree
	shared bool

	affected []*Lock // of a plan, to use again
}

// SetPosix locks or unlocks the byte range of a POSIX or OFD request. The
// owner's locks in the range are replaced, whatever their type; those of the
// same type that overlap or touch it become one with it.
//
// With FlagSleep it waits for conflicting locks of other owners, and keeps
// what it has meanwhile. A request whose manager has a [Notifier] is queued
// instead, and ErrDeferred returned; the manager repeats the call, with the
// same req, once it is notified. If conf is not nil and there is a conflict,
// conf is overwritten with the lock in the way; conf may be req.
//
// Errors: EINVAL for a request that makes no sense; EAGAIN for a conflict
// without FlagSleep; EDEADLK if the wait, of a POSIX request, would never
// end; EINTR if ctx is done or the request canceled while it waits; ENOLCK if
// there is no room for the lock, see [Context.SetLimit], or the manager fails
// to name the owner; ENOENT as FlagExists says. Nothing has changed after an
// error.
func (c *Context) SetPosix(ctx context.Context, req, conf *Lock) error {
	if !req.valid(POSIX, OFD) {
		return syscall.EINVAL
	}
	c.lock.Lock()
	c.begin(req)
	err := c.findKey(req)
	if err == nil {
		err = c.setPosix(req, conf)
	}
	return c.conclude(ctx, req, err)
}

// TestPosix finds out whether the request could be granted now, and
// overwrites conf, which may be req, with the first lock in the way: that
// which begins first, of an OFD lock with the PID -1. If there is none, conf's
// Type becomes Unlock. An OFD request to unlock asks for the owner's own locks
// instead. EINVAL for a request that makes no sense, or a POSIX one to unlock;
// ENOLCK if the manager fails to name the owner. It does not block.
func (c *Context) TestPosix(req, conf *Lock) error {
	if !req.valid(POSIX, OFD) || req.Type == Unlock && req.Kind == POSIX {
		return syscall.EINVAL
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if err := c.findKey(req); err != nil {
		return err
	}
	own := c.posix.find(req)
	l := c.posix.conflict(req, own)
	if req.Type == Unlock && own != nil {
		if e := own.tree.reaching(req.Start); e.lock != nil && e.start <= req.End {
			l = e.lock
		}
	}
	if l != nil {
		conf.describe(l)
	} else {
		conf.Type = Unlock
	}
	return nil
}

// ClosePosix drops all POSIX locks of owner: due whenever the owner closes a
// descriptor of the file, be it the one that they came through or not. It may
// block in a file system's [PrivateReleaser]. An owner of a manager's is closed
// with [Context.CloseOwner].
func (c *Context) ClosePosix(ctx context.Context, owner Owner) {
	c.closeRanges(ctx, &Lock{Kind: POSIX, Owner: owner})
}

// CloseOwner drops all POSIX and OFD locks of l's owner, one with a manager:
// what a server does whose client closes the file, or is gone. Of l only Owner
// and Manager count. It may block in a file system's [PrivateReleaser].
func (c *Context) CloseOwner(ctx context.Context, l *Lock) {
	c.closeRanges(ctx, &Lock{Kind: POSIX, Owner: l.Owner, Manager: l.Manager, File: l.File, PID: l.PID})
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

// CloseManager drops whatever a manager holds: POSIX, OFD and flock locks,
// leases, and requests that wait. A server that ends calls it for every file
// that it served; a host, for one whose manager failed. It may block in a file
// system's [PrivateReleaser].
func (c *Context) CloseManager(ctx context.Context, m *ManagerOps) {
	c.lock.Lock()
	c.forgetWaits(m)
	for _, o := range c.posix.inOrder() {
		if o.key.manager != m {
			continue
		}
		for l := o.tree.first(); l != nil; l = o.tree.first() {
			c.forget(l)
		}
		c.posix.drop(o)
	}
	for _, list := range [2]lockList{c.flock.list, c.flock.mand} {
		for l := list.first; l != nil; {
			next := l.next
			if l.Manager == m {
				c.dropFlock(l)
			}
			l = next
		}
	}
	for _, l := range slices.Clone(c.leases) {
		if l.Manager == m {
			_ = ModifyLease(l, Unlock, &c.dispose) // recorded, so it can go
		}
	}
	c.unlock(ctx)
}

func (c *Context) closeRanges(ctx context.Context, req *Lock) {
	req.Type, req.End, req.Flags = Unlock, End, FlagClose
	c.lock.Lock()
	if c.findKey(req) == nil {
		_ = c.setPosix(req, nil) // to unlock a whole file needs no room
	}
	if o := c.posix.idle; o != nil && o.key.owner == req.Owner {
		c.posix.drop(o)
	}
	c.unlock(ctx)
}

// conflict finds the lock in req's way that begins first. own are the records
// of req's owner.
func (p *posixLocks) conflict(req *Lock, own *ownerLocks) *Lock {
	if req.Type == Unlock {
		return nil
	}
	if !p.shared {
		if p.active == 0 || own != nil && !own.tree.empty() {
			return nil // there is nobody else
		}
		p.share()
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
func (c *Context) setPosix(req, conf *Lock) error {
	own := c.posix.find(req)
	if l := c.posix.conflict(req, own); l != nil {
		err := error(syscall.EAGAIN)
		if req.Flags&FlagSleep != 0 {
			if err = c.block(req, l); err == nil {
				req.wait.conf = conf
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
	return c.grantPosix(req, own)
}

// grantPosix does what a request asks for that nothing is in the way of. The
// caller holds flc_lock.
func (c *Context) grantPosix(req *Lock, own *ownerLocks) error {
	p := plan{req: req, own: own, affected: c.posix.affected[:0]}
	p.make()
	defer c.posix.keep(&p)
	if req.Type == Unlock && len(p.affected) == 0 {
		if req.Flags&FlagExists != 0 {
			return syscall.ENOENT
		}
		return nil
	}
	if !c.room(p.delta) {
		return syscall.ENOLCK
	}
	c.carryOut(&p)
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
		for e := p.own.tree.reaching(lo); e.lock != nil && e.start <= hi; {
			l := e.lock
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
			if e.end == End {
				break
			}
			e = p.own.tree.reaching(e.end + 1)
		}
	}
	if !merged && req.Type != Unlock {
		p.delta++
	}
}

// keep takes the memory of a plan that is done with.
func (p *posixLocks) keep(done *plan) {
	if len(done.affected) <= 64 {
		clear(done.affected)
		p.affected = done.affected[:0]
	}
}

// carryOut changes the records as p says. Those who wait for a record that
// shrinks or goes are looked at again; one that grows keeps them. The caller
// holds flc_lock.
func (c *Context) carryOut(p *plan) {
	req, own := p.req, p.own
	if own == nil {
		own = c.posix.add(req)
	} else {
		c.posix.occupy(own)
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
			c.forget(l)
		default:
			c.cut(l, req)
		}
	}
	if !merged && req.Type != Unlock {
		c.posix.link(c.newRecord(req), own)
	}
	if own.tree.empty() {
		c.posix.vacate(own)
	}
}

// cut takes req's range out of l.
func (c *Context) cut(l, req *Lock) {
	left, right := l.Start < req.Start, l.End > req.End
	switch {
	case left && right:
		r := c.newRecord(l)
		r.Start = req.End + 1
		c.posix.resize(l, l.Start, req.Start-1)
		c.posix.link(r, l.group)
	case left:
		c.posix.resize(l, l.Start, req.Start-1)
	case right:
		c.posix.resize(l, req.End+1, l.End)
	default:
		c.forget(l)
		return
	}
	c.openQueue(l)
}

// forget removes a record for good.
func (c *Context) forget(l *Lock) {
	c.posix.unlink(l)
	c.openQueue(l)
	c.discard(l)
}

func (p *posixLocks) link(l *Lock, own *ownerLocks) {
	if own.tree.empty() {
		p.active++
	}
	l.group = own
	own.tree.insert(l)
	if p.shared {
		p.types[l.Type].insert(l)
	}
}

func (p *posixLocks) unlink(l *Lock) {
	own := l.group
	own.tree.remove(l)
	if p.shared {
		p.types[l.Type].remove(l)
	}
	if own.tree.empty() {
		p.active--
		p.shared = p.shared && p.active > 0
	}
}

// share begins to keep the records by type.
func (p *posixLocks) share() {
	p.shared = true
	for _, o := range p.owners {
		for ; o != nil; o = o.next {
			o.tree.each(func(l *Lock) bool {
				p.types[l.Type].insert(l)
				return true
			})
		}
	}
}

func (p *posixLocks) resize(l *Lock, start, end int64) {
	p.unlink(l)
	l.Start, l.End = start, end
	p.link(l, l.group)
}
