package filelock

import (
	"cmp"
	"slices"
)

// Info describes a lock that is held or waited for, as it was when it was
// asked about.
type Info struct {
	Owner      Owner
	File       any
	PID        int
	Start, End int64 // bytes, inclusive
	Kind       Kind
	Type       Type
	Target     Type // of a lease: Type, or what it is being broken to
	Mand       bool // a flock with LOCK_MAND
}

// Held is a lock that is held, and who waits for it, first come first.
type Held struct {
	Info
	Waiters []Info
}

func (l *Lock) info() Info {
	return Info{
		Owner: l.Owner, File: l.File, PID: l.PID, Start: l.Start, End: l.End,
		Kind: l.Kind, Type: l.Type, Target: l.Target(), Mand: l.Flags&FlagMand != 0,
	}
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
		h := Held{Info: l.info()}
		for w := l.waiters.first; w != nil; w = w.next {
			h.Waiters = append(h.Waiters, w.lock.info())
		}
		held = append(held, h)
	})
	return held
}

// Waiters is the number of requests that wait for a lock or for the break of
// a lease. It does not block, and costs in proportion to the number of locks.
func (c *Context) Waiters() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := 0
	c.each(func(l *Lock) {
		for w := l.waiters.first; w != nil; w = w.next {
			n++
		}
	})
	return n
}

// each calls f for every record in the order of Snapshot. The caller holds
// flc_lock.
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
}

// inOrder lists the owners by their first record.
func (p *posixLocks) inOrder() []*ownerLocks {
	all := make([]*ownerLocks, 0, len(p.owners))
	for _, o := range p.owners {
		for ; o != nil; o = o.next {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *ownerLocks) int { return cmp.Compare(a.seq, b.seq) })
	return all
}
