package filelock

import "syscall"

// ownerKey is equal for all locks of one owner. Locks whose keys are equal
// have the same owner if sameOwner says so.
type ownerKey struct {
	manager *ManagerOps
	owner   Owner
	key     uint64
}

// ownerKey is where to look for l's owner.
func (l *Lock) ownerKey() ownerKey {
	switch m := l.Manager; {
	case m == nil || m.ownerKey == nil && m.compareOwner == nil:
		return ownerKey{manager: m, owner: l.Owner}
	case m.ownerKey != nil:
		return ownerKey{manager: m, key: l.key}
	default:
		return ownerKey{manager: m}
	}
}

// findKey asks the manager for the key of req's owner: ENOLCK if it does not
// say. The caller holds flc_lock.
func (c *Context) findKey(req *Lock) error {
	req.ctx = c
	if req.Manager == nil || req.Manager.ownerKey == nil {
		return nil
	}
	waits.lock.Lock()
	req.failed = false
	req.key = gateOwnerKey(req.Manager.ownerKey, req)
	waits.lock.Unlock()
	if req.failed {
		return syscall.ENOLCK
	}
	return nil
}

// sameOwner reports whether two locks have the same owner. The caller holds
// some inode's flc_lock.
func sameOwner(a, b *Lock) bool {
	if a.Manager != b.Manager {
		return false
	}
	if a.Manager != nil && a.Manager.compareOwner != nil {
		return gateCompareOwner(a.Manager.compareOwner, a, b)
	}
	return a.Owner == b.Owner
}

// ownerLocks are the POSIX and OFD records of one owner on one file, pairwise
// disjoint, and no two of the same type adjacent. There is at least one, but
// in posixLocks.idle.
type ownerLocks struct {
	tree rangeTree
	key  ownerKey
	seq  uint64      // ascending by the owner's first record
	next *ownerLocks // of the same key
}

// local reports whether the owner is one without a manager, known by its value
// alone.
func (o *ownerLocks) local() bool { return o.key.manager == nil }

// find returns the records of req's owner, nil if there are none.
func (p *posixLocks) find(req *Lock) *ownerLocks {
	// Who locks is likely to be who locked last.
	if o := p.last; o != nil && req.Manager == nil && o.key.owner == req.Owner {
		return o
	}
	for o := p.owners[req.ownerKey()]; o != nil; o = o.next {
		if req.Manager == nil || sameOwner(req, o.tree.first()) {
			if o.local() {
				p.last = o
			}
			return o
		}
	}
	return nil
}

// add makes a place for the records of req's owner.
func (p *posixLocks) add(req *Lock) *ownerLocks {
	if p.owners == nil {
		p.owners = make(map[ownerKey]*ownerLocks)
	}
	key := req.ownerKey()
	p.seq++
	o := &ownerLocks{tree: rangeTree{disjoint: true}, key: key, seq: p.seq, next: p.owners[key]}
	p.owners[key] = o
	if o.local() {
		p.last = o
	}
	return o
}

// vacate is for an owner whose last record is gone. A local one is kept until
// the next follows it, since many lock and unlock all the time.
func (p *posixLocks) vacate(o *ownerLocks) {
	if !o.local() {
		p.drop(o)
		return
	}
	if p.idle != nil && p.idle != o {
		p.drop(p.idle)
	}
	p.idle = o
}

// occupy is for an owner who is about to get a record.
func (p *posixLocks) occupy(o *ownerLocks) {
	if p.idle == o {
		p.idle = nil
		p.seq++
		o.seq = p.seq
	}
}

// drop forgets an owner without records.
func (p *posixLocks) drop(o *ownerLocks) {
	if p.last == o {
		p.last = nil
	}
	if p.idle == o {
		p.idle = nil
	}
	head := p.owners[o.key]
	if head == o {
		if o.next == nil {
			delete(p.owners, o.key)
		} else {
			p.owners[o.key] = o.next
		}
		return
	}
	for head.next != o {
		head = head.next
	}
	head.next = o.next
}
