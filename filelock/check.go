package filelock

import "fmt"

// Check verifies what must hold of the records and their waiters at any
// moment when flc_lock is free, and returns the first thing that does not. It
// does not block, and costs O(log n) for each of n locks.
func (c *Context) Check() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := 0
	for _, o := range c.posix.inOrder() {
		m, err := c.checkOwner(o)
		if err != nil {
			return err
		}
		n += m
	}
	for typ := range c.posix.types {
		m, err := c.checkType(Type(typ))
		if err != nil {
			return err
		}
		n -= m
	}
	if n != 0 {
		return fmt.Errorf("filelock: %d more records by owner than by type", n)
	}
	if err := c.checkFlock(); err != nil {
		return err
	}
	n = len(c.flock.byOwner)
	for _, t := range c.posix.types {
		t.each(func(*Lock) bool { n++; return true })
	}
	if n != c.records {
		return fmt.Errorf("filelock: %d records, counted as %d", n, c.records)
	}
	if int(c.leaseCount.Load()) != len(c.leases) {
		return fmt.Errorf("filelock: %d leases, counted as %d", len(c.leases), c.leaseCount.Load())
	}
	return c.checkWaiters()
}

// checkOwner verifies the records of one owner and counts them.
func (c *Context) checkOwner(o *ownerLocks) (n int, err error) {
	var last *Lock
	o.tree.each(func(l *Lock) bool {
		switch {
		case l.group != o || l.ctx != c:
			err = fmt.Errorf("filelock: %v: in the tree of another owner or file", l.info())
		case l.Start < 0 || l.Start > l.End || l.Type > Write:
			err = fmt.Errorf("filelock: %v: no lock", l.info())
		case last != nil && last.End >= l.Start:
			err = fmt.Errorf("filelock: %v overlaps %v of the same owner", l.info(), last.info())
		case last != nil && last.End+1 == l.Start && last.Type == l.Type:
			err = fmt.Errorf("filelock: %v is not merged with %v", l.info(), last.info())
		case !sameOwner(l, o.tree.root):
			err = fmt.Errorf("filelock: %v: owners differ in one tree", l.info())
		}
		last = l
		n++
		return err == nil
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("filelock: an owner without records")
	}
	return n, err
}

// checkType verifies the tree of one type and counts it.
func (c *Context) checkType(typ Type) (n int, err error) {
	t := &c.posix.types[typ]
	t.each(func(l *Lock) bool {
		n++
		was := l.links[byType]
		l.update()
		now := l.links[byType]
		other := c.posix.types[Write].overlapping(l.Start, l.End, l.group)
		switch {
		case l.Type != typ:
			err = fmt.Errorf("filelock: %v: in the tree of the other type", l.info())
		case was != now:
			err = fmt.Errorf("filelock: %v: reach is %v, recorded as %v", l.info(), now, was)
		case other != nil:
			err = fmt.Errorf("filelock: %v and %v are both held", l.info(), other.info())
		}
		return err == nil
	})
	return n, err
}

func (c *Context) checkFlock() error {
	n := 0
	f := &c.flock
	for _, list := range [2]lockList{f.list, f.mand} {
		for l := list.first; l != nil; l = l.next {
			n++
			if f.byOwner[l.Owner] != l || l.ctx != c {
				return fmt.Errorf("filelock: %v: not its owner's lock", l.info())
			}
		}
	}
	if n != len(f.byOwner) {
		return fmt.Errorf("filelock: %d flock records of %d owners", n, len(f.byOwner))
	}
	for l := f.list.first; l != nil; l = l.next {
		if l.Type != Read && f.list.first != f.list.last {
			return fmt.Errorf("filelock: %v is not alone", l.info())
		}
	}
	return nil
}

// checkWaiters verifies that every waiter has a reason to wait, and that the
// POSIX ones are in the graph.
func (c *Context) checkWaiters() (err error) {
	waits.lock.Lock()
	defer waits.lock.Unlock()
	c.each(func(l *Lock) {
		for w := l.waiters.first; w != nil && err == nil; w = w.next {
			req := w.lock
			switch {
			case w.blocker != l || req.wait != w || req.ctx != c:
				err = fmt.Errorf("filelock: %v waits for %v by one list only", req.info(), l.info())
			case l.Kind.leaseLike() != req.Kind.leaseLike() || (l.Kind == Flock) != (req.Kind == Flock):
				err = fmt.Errorf("filelock: %v waits for %v of another family", req.info(), l.info())
			case w.inGraph != (req.Kind == POSIX && l.Kind == POSIX):
				err = fmt.Errorf("filelock: %v: wait known for deadlock detection: %v", req.info(), w.inGraph)
			case l.Kind.leaseLike() && !req.breaks(l):
				err = fmt.Errorf("filelock: %v waits for %v, which does not conflict", req.info(), l.info())
			case !l.Kind.leaseLike() && (!req.Type.conflicts(l.Type) || req.Start > l.End || l.Start > req.End):
				err = fmt.Errorf("filelock: %v waits for %v, which does not conflict", req.info(), l.info())
			}
		}
	})
	return err
}
