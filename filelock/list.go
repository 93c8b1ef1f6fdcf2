package filelock

import (
	"cmp"
	"slices"
	"time"
)

// Info describes a lock that is held or waited for, as it was when it was
// asked about.
type Info struct {
	Owner      Owner
	Manager    *ManagerOps // nil for an owner without one
	File       any
	PID        int
	Start, End int64 // bytes, inclusive
	Kind       Kind
	Type       Type
	Target     Type      // of a lease: Type, or what it is being broken to
	Mand       bool      // a flock with LOCK_MAND
	Since      time.Time // of a request: when it began to wait
}

// Held is a lock that is held, and who waits for it, first come first.
// Notified says that it is not held yet: it is a request whose manager was told
// to repeat it, and is listed if others stay behind it.
type Held struct {
	Info
	Notified bool
	Waiters  []Info
}

func (l *Lock) info() Info {
	i := Info{
		Owner: l.Owner, Manager: l.Manager, File: l.File, PID: l.PID, Start: l.Start, End: l.End,
		Kind: l.Kind, Type: l.Type, Target: l.Target(), Mand: l.Flags&FlagMand != 0,
	}
	if l.wait != nil {
		i.Since = l.wait.since
	}
	return i
}

// SameOwner reports whether two locks of one listing have the same owner, as
// their manager sees it.
func (c *Context) SameOwner(a, b Info) bool {
	if a.Manager == nil || a.Manager.compareOwner == nil {
		return a.Manager == b.Manager && a.Owner == b.Owner
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	return sameOwner(&Lock{Owner: a.Owner, Manager: a.Manager, PID: a.PID, ctx: c}, &Lock{Owner: b.Owner, Manager: b.Manager, PID: b.PID, ctx: c})
}

// Snapshot lists what is held and waited for at one moment: leases, flock
// locks as they were granted, and POSIX and OFD locks by owner, the one that
// has locked longest first, and then by start. It does not block, and costs
// in proportion to the number of locks.
func (c *Context) Snapshot() []Held {
	c.lock.Lock()
	defer c.lock.Unlock()
	held := make([]Held, 0, c.records+len(c.leases))
	c.each(func(l *Lock) {
		if h := l.listing(); l.held() || len(h.Waiters) > 0 {
			held = append(held, h)
		}
	})
	return held
}

func (l *Lock) listing() Held {
	h := Held{Info: l.info(), Notified: !l.held()}
	if l.queue != nil {
		for w := l.queue.first; w != nil; w = w.next {
			h.Waiters = append(h.Waiters, w.lock.info())
		}
	}
	return h
}

// Waiters is the number of requests that wait for a lock or for the break of
// a lease. It does not block, and costs in proportion to the number of locks.
func (c *Context) Waiters() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := 0
	c.eachWait(func(*Lock, *waiter) { n++ })
	return n
}

// each calls f for every record in the order of Snapshot, and then for the
// notified requests. The caller holds flc_lock.
func (c *Context) each(f func(*Lock)) {
	for _, l := range c.leases {
		f(l)
	}
	for _, list := range [2]lockList{c.flock.list, c.flock.mand} {
		for l := list.first; l != nil; l = l.next {
			f(l)
		}
	}
	for _, o := range c.posix.inOrder() {
		o.tree.each(func(l *Lock) bool { f(l); return true })
	}
	for _, w := range c.notified {
		f(w.lock)
	}
}

// eachWait calls f for every request that waits, and for whom. The caller
// holds flc_lock.
func (c *Context) eachWait(f func(holder *Lock, w *waiter)) {
	c.each(func(l *Lock) {
		if l.queue == nil {
			return
		}
		for w := l.queue.first; w != nil; w = w.next {
			f(l, w)
		}
	})
}

// inOrder lists the owners by their first record.
func (p *posixLocks) inOrder() []*ownerLocks {
	all := make([]*ownerLocks, 0, len(p.owners))
	for _, o := range p.owners {
		for ; o != nil; o = o.next {
			if o != p.idle {
				all = append(all, o)
			}
		}
	}
	slices.SortFunc(all, func(a, b *ownerLocks) int { return cmp.Compare(a.seq, b.seq) })
	return all
}
