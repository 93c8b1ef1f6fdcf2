package filelock

import "fmt"

// Check verifies what must hold of the records and their waiters at any
// moment when flc_lock is free, and returns the first thing that does not. It
// does not block, and costs O(log n) for each of n locks.
func (c *Context) Check() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := 0
	if o := c.posix.idle; o != nil && !o.tree.empty() {
		return fmt.Errorf("filelock: an owner without records has some")
	}
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
	if n != 0 && c.posix.shared {
		return fmt.Errorf("filelock: %d more records by owner than by type", n)
	}
	if err := c.checkFlock(); err != nil {
		return err
	}
	n, active := len(c.flock.byOwner), 0
	for _, o := range c.posix.inOrder() {
		active++
		o.tree.each(func(*Lock) bool { n++; return true })
	}
	if active != c.posix.active || active == 0 && c.posix.shared {
		return fmt.Errorf("filelock: %d owners with records, counted as %d", active, c.posix.active)
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
		case !sameOwner(l, o.tree.first()) || l.ownerKey() != o.key:
			err = fmt.Errorf("filelock: %v: owners differ in one tree", l.info())
		}
		last = l
		n++
		return err == nil
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("filelock: an owner without records")
	}
	if err == nil {
		err = o.tree.check()
	}
	return n, err
}

// checkType verifies the tree of one type and counts it.
func (c *Context) checkType(typ Type) (n int, err error) {
	t := &c.posix.types[typ]
	if err := t.check(); err != nil {
		return 0, err
	}
	t.each(func(l *Lock) bool {
		n++
		other := c.posix.types[Write].overlapping(l.Start, l.End, l.group)
		switch {
		case l.Type != typ:
			err = fmt.Errorf("filelock: %v: in the tree of the other type", l.info())
		case other != nil:
			err = fmt.Errorf("filelock: %v and %v are both held", l.info(), other.info())
		}
		return err == nil
	})
	return n, err
}

// check verifies the order of a tree and what its nodes say.
func (t *rangeTree) check() error {
	depth := -1
	var last *Lock
	var walk func(n *node, level int, floor int64, seq uint64) error
	walk = func(n *node, level int, floor int64, seq uint64) error {
		if len(n.leaf) > 0 && len(n.kids) > 0 || n.size() > fan || n.size() == 0 && n != &t.root || n.size() != len(n.leaf)+len(n.kids) {
			return fmt.Errorf("filelock: a node of %d records and %d nodes", len(n.leaf), len(n.kids))
		}
		if n.kids == nil {
			if depth == -1 {
				depth = level
			}
			if depth != level {
				return fmt.Errorf("filelock: leaves at depth %d and %d", depth, level)
			}
		}
		for i := range n.leaf {
			e := &n.leaf[i]
			l := e.lock
			switch {
			case n.starts[i] != l.Start || e.end != l.End || e.by != l.group:
				return fmt.Errorf("filelock: %v: recorded as [%d,%d]", l.info(), n.starts[i], e.end)
			case last != nil && !last.before(l):
				return fmt.Errorf("filelock: %v comes after %v", l.info(), last.info())
			case l.Start < floor || l.Start == floor && l.group.seq < seq:
				return fmt.Errorf("filelock: %v: in a subtree from %d on", l.info(), floor)
			}
			last = l
		}
		for i := range n.kids {
			c, start := &n.kids[i], n.starts[i]
			if start < floor || start == floor && c.seq < seq {
				return fmt.Errorf("filelock: a subtree from %d on in one from %d on", start, floor)
			}
			if last != nil && (start < last.Start || start == last.Start && c.seq <= last.group.seq) {
				return fmt.Errorf("filelock: a subtree from %d on after %v", start, last.info())
			}
			if err := walk(c.node, level+1, start, c.seq); err != nil {
				return err
			}
			if r := t.reachOf(c.node); !t.saysOf(&c.reach, &r) {
				return fmt.Errorf("filelock: reach is %v, recorded as %v", r, c.reach)
			}
		}
		return nil
	}
	return walk(&t.root, 0, 0, 0)
}

// saysOf reports whether what is recorded of a subtree is right: of two owners
// who reach as far either may be named, and one who has all need not be.
func (t *rangeTree) saysOf(recorded, r *reach) bool {
	if t.disjoint {
		return recorded.by == nil || recorded.by == r.by
	}
	return r.far == recorded.far && r.rest == recorded.rest && (r.by == recorded.by || r.far == r.rest)
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

// checkWaiters verifies that every waiter has a reason to wait, and is where
// deadlock detection looks for it.
func (c *Context) checkWaiters() (err error) {
	waits.lock.Lock()
	defer waits.lock.Unlock()
	if len(c.opened) > 0 {
		return fmt.Errorf("filelock: requests are not answered")
	}
	c.each(func(l *Lock) {
		if err == nil && l.queue != nil {
			err = c.checkQueue(l)
		}
	})
	return err
}

func (c *Context) checkQueue(l *Lock) error {
	q := l.queue
	if q.holder != l || q.length == 0 {
		return fmt.Errorf("filelock: %v: not the holder of its queue of %d", l.info(), q.length)
	}
	n, readers, checks := 0, 0, 0
	for w := q.first; w != nil; w = w.next {
		n++
		req := w.lock
		if req.Type == Read {
			readers++
		}
		if req.Flags&FlagAccess != 0 {
			checks++
		}
		lease := l.Kind.leaseLike()
		switch {
		case w.queue != q || req.wait != w || req.ctx != c:
			return fmt.Errorf("filelock: %v waits for %v by one list only", req.info(), l.info())
		case w.next != nil && w.next.ticket <= w.ticket:
			return fmt.Errorf("filelock: %v waits out of turn", req.info())
		case lease != req.Kind.leaseLike() || (l.Kind == Flock) != (req.Kind == Flock):
			return fmt.Errorf("filelock: %v waits for %v of another family", req.info(), l.info())
		case lease && !req.breaks(l):
			return fmt.Errorf("filelock: %v waits for %v, which does not conflict", req.info(), l.info())
		case lease:
			continue
		case !req.Type.conflicts(l.Type) || l.Kind != Flock && (req.Start > l.End || l.Start > req.End):
			return fmt.Errorf("filelock: %v waits for %v, which does not conflict", req.info(), l.info())
		case req.Start > q.start || req.End < q.end:
			return fmt.Errorf("filelock: %v: not all of [%d,%d]", req.info(), q.start, q.end)
		}
		in := waits.byOwner[req.ownerKey()]
		for in != nil && in != w {
			in = in.graphNext
		}
		if in == nil {
			return fmt.Errorf("filelock: %v: not known to deadlock detection", req.info())
		}
	}
	if n != q.length || readers != q.readers || checks != q.checks {
		return fmt.Errorf("filelock: %d wait for %v, %d of them to read and %d to look, counted as %d, %d and %d",
			n, l.info(), readers, checks, q.length, q.readers, q.checks)
	}
	return nil
}
