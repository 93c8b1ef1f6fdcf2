package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// isAncestor reports whether a is above d, or d itself. Reliable only under
// the superblock's rename mutex or rename_lock.
func isAncestor(a, d *Dentry) bool {
	for ; ; d = d.parent.Load() {
		if d == a {
			return true
		}
		if d.IsRoot() {
			return false
		}
	}
}

// isSubdir reports whether d is below a, or a itself, at one moment: restarted
// when a rename comes between, and exclusively at the second try.
func isSubdir(d, a *Dentry) bool {
	seq := renameLock.ReadBegin()
	found := isAncestor(a, d)
	if !renameLock.ReadRetry(seq) {
		return found
	}
	renameLock.ReadLockExclusive()
	defer renameLock.ReadUnlockExclusive()
	return isAncestor(a, d)
}

// childToward is the child of a on the way down to d, nil if a is not above d.
func childToward(a, d *Dentry) *Dentry {
	for ; !d.IsRoot(); d = d.parent.Load() {
		if d.parent.Load() == a {
			return d
		}
	}
	return nil
}

// move gives d the place of target, under rename_lock: d takes target's name
// and parent; target ends unhashed where it was, or with exchange in d's
// place. The caller holds both parents' i_mutex, and across directories the
// rename mutex; it has references on both parents.
func (d *Dentry) move(target *Dentry, exchange bool) {
	if d.Negative() && !exchange {
		panic("vfs: move of a negative dentry")
	}
	renameLock.WriteLock()
	d.moveLocked(target, exchange)
	renameLock.WriteUnlock()
}

func (d *Dentry) moveLocked(target *Dentry, exchange bool) {
	dp, tp := d.parent.Load(), target.parent.Load()
	var locks moveLocks
	locks.lock(d, dp, target, tp)

	d.seq.WriteBegin()
	target.seq.WriteBegin()
	wasHashed := d.Has(dentryHashed)
	if wasHashed {
		d.sb.dcache.remove(d)
	}
	if target.Has(dentryHashed) {
		target.sb.dcache.remove(target)
		target.clearFlags(dentryHashed)
	}
	dn, tn := d.name.Load(), target.name.Load()
	dh, th := d.hash.Load(), target.hash.Load()
	// The name that stays in use is copied: its record may be part of target,
	// which would not be freed as long as d lives.
	d.name.Store(&dname{tn.str})
	d.hash.Store(th)
	d.moveChild(dp, tp)
	if dp == d { // a disconnected root has found its place
		d.clearFlags(dentryDisconnected)
	}
	d.setFlags(dentryHashed)
	d.sb.dcache.insert(d)
	if exchange {
		target.name.Store(dn)
		target.hash.Store(dh)
		target.moveChild(tp, dp)
		target.setFlags(dentryHashed)
		target.sb.dcache.insert(target)
	}
	target.seq.WriteEnd()
	d.seq.WriteEnd()
	locks.unlock()
}

// moveChild makes d, whose parent is from, itself if it has none, a child of
// to, with the reference that goes with that. Their locks are held, and the
// caller has a reference on from.
func (d *Dentry) moveChild(from, to *Dentry) {
	if from == to {
		return
	}
	if from != d {
		from.removeChild(d)
		from.count.Add(-1)
	}
	to.count.Add(1)
	to.addChild(d)
	d.parent.Store(to)
}

// moveLocks are the d_locks of a move.
type moveLocks struct {
	held [4]*Dentry
	n    int
}

// lock takes the parents, ancestor first, else the target's parent first; then
// the two dentries by id.
func (l *moveLocks) lock(d, dp, target, tp *Dentry) {
	switch {
	case dp == d: // a detached root has no parent to lock
		l.add(tp, lockdep.Parent)
	case dp == tp:
		l.add(dp, lockdep.Parent)
	case isAncestor(dp, tp):
		l.add(dp, lockdep.Parent)
		l.add(tp, lockdep.Parent2)
	default:
		l.add(tp, lockdep.Parent)
		l.add(dp, lockdep.Parent2)
	}
	if target.id < d.id {
		d, target = target, d
	}
	l.add(d, lockdep.Child)
	l.add(target, lockdep.Victim)
}

func (l *moveLocks) add(d *Dentry, sub lockdep.Subclass) {
	for _, h := range l.held[:l.n] {
		if h == d {
			return
		}
	}
	d.lock.LockNested(sub)
	l.held[l.n] = d
	l.n++
}

func (l *moveLocks) unlock() {
	for l.n--; l.n >= 0; l.n-- {
		l.held[l.n].lock.Unlock()
	}
}

// appendChildren appends up to max children, each with a reference.
func (d *Dentry) appendChildren(to []*Dentry, after *Dentry, max int) []*Dentry {
	d.lock.Lock()
	defer d.lock.Unlock()
	c := d.child
	if after != nil && after.parent.Load() == d {
		c = after.sibNext
	}
	for ; c != nil && len(to) < max; c = c.sibNext {
		if c.getUnlessDead() {
			to = append(to, c)
		}
	}
	return to
}

// pruneChildren destroys every unused dentry below d, leaves first, and
// reports whether d has no children left. With force it also unpins the names
// that a driver keeps here.
func (d *Dentry) pruneChildren(ctx context.Context, force bool) bool {
	type level struct {
		dir   *Dentry
		batch []*Dentry
		last  *Dentry // referenced: where the next batch begins
		done  bool    // there is no next batch
	}
	const batchSize = 128
	stack := []level{{dir: d}}
	for len(stack) > 0 {
		l := &stack[len(stack)-1]
		if len(l.batch) == 0 {
			var next []*Dentry
			if !l.done {
				next = l.dir.appendChildren(nil, l.last, batchSize)
				l.done = len(next) < batchSize
			}
			if l.last != nil {
				l.last.discard(ctx, false)
				l.last = nil
			}
			if len(next) == 0 {
				if len(stack) > 1 {
					l.dir.discard(ctx, force)
				}
				stack = stack[:len(stack)-1]
				continue
			}
			l.batch = next
			if !l.done {
				l.last = next[batchSize-1].Get()
			}
		}
		c := l.batch[0]
		l.batch = l.batch[1:]
		stack = append(stack, level{dir: c})
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.child == nil
}

// discard puts a reference and destroys the dentry if it was the last one,
// cached or not.
func (d *Dentry) discard(ctx context.Context, force bool) {
	if force {
		d.Unpin(ctx)
	}
	if d.count.Load() == 1 {
		if parent := d.kill(ctx); parent != nil {
			parent.Put(ctx)
		}
		return
	}
	d.Put(ctx)
}

// invalidate makes a dentry whose name is no longer true unfindable: unused
// descendants go, mounts below are detached, then it is unhashed.
func (d *Dentry) invalidate(ctx context.Context) {
	if !d.Hashed() {
		return
	}
	if d.isDir() {
		d.pruneChildren(ctx, false)
		detachMountsBelow(ctx, d)
	}
	d.Drop()
}

// SpliceAlias ends a lookup that found inode, whose reference it takes over:
// for a directory that already has a dentry it moves that one here and returns
// it with a reference, else it adds dentry and returns nil. ELOOP if the
// directory is above the new place; ESTALE if it cannot be moved without
// waiting. The parent's i_mutex is held.
func SpliceAlias(ctx context.Context, inode *Inode, dentry *Dentry) (*Dentry, error) {
	if inode == nil || !inode.IsDir() {
		dentry.Add(inode)
		return nil, nil
	}
	alias := inode.anyAlias()
	if alias == nil {
		dentry.Add(inode)
		return nil, nil
	}
	if err := spliceDir(ctx, alias, dentry); err != nil {
		alias.Put(ctx)
		inode.Put(ctx)
		return nil, err
	}
	inode.Put(ctx)
	return alias, nil
}

// spliceDir moves alias, the dentry of a directory, to where dentry is.
func spliceDir(ctx context.Context, alias, dentry *Dentry) error {
	if alias.IsRoot() {
		if alias == alias.sb.root {
			return unix.ELOOP
		}
		alias.move(dentry, false)
		return nil
	}
	from, to := alias.getParent(), dentry.Parent()
	defer from.Put(ctx)
	if from != to {
		// Against the lock order, so only without waiting.
		if !alias.sb.renameMutex.TryLock() {
			return unix.ESTALE
		}
		defer alias.sb.renameMutex.Unlock()
		dir := from.Inode()
		if dir == nil || !dir.mutex.TryLock() {
			return unix.ESTALE
		}
		defer dir.mutex.Unlock()
		if alias.Parent() != from {
			return unix.ESTALE
		}
	}
	if isSubdir(dentry, alias) {
		return unix.ELOOP
	}
	alias.move(dentry, false)
	return nil
}
