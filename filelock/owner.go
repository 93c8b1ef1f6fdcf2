package filelock

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

// findKey asks the manager for the key of req's owner. The caller holds
// flc_lock.
func (c *Context) findKey(req *Lock) {
	req.ctx = c
	if req.Manager == nil || req.Manager.ownerKey == nil {
		return
	}
	waits.lock.Lock()
	req.key = gateOwnerKey(req.Manager.ownerKey, req)
	waits.lock.Unlock()
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

// ownerLocks are the POSIX and OFD records of one owner on one file: at least
// one, pairwise disjoint, and no two of the same type adjacent.
type ownerLocks struct {
	tree tree
	seq  uint64      // ascending by the owner's first record
	next *ownerLocks // of the same key
}

// find returns the records of req's owner, nil if there are none.
func (p *posixLocks) find(req *Lock) *ownerLocks {
	for o := p.owners[req.ownerKey()]; o != nil; o = o.next {
		if sameOwner(req, o.tree.root) {
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
	o := &ownerLocks{tree: tree{which: byOwner}, seq: p.seq, next: p.owners[key]}
	p.owners[key] = o
	return o
}

// drop forgets o, the owner with the given key, whose last record is gone.
func (p *posixLocks) drop(o *ownerLocks, key ownerKey) {
	head := p.owners[key]
	if head == o {
		if o.next == nil {
			delete(p.owners, key)
		} else {
			p.owners[key] = o.next
		}
		return
	}
	for head.next != o {
		head = head.next
	}
	head.next = o.next
}
