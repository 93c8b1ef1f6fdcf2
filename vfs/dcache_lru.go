package vfs

import (
	"context"

	"github.com/govfs/govfs/lockdep"
)

// defaultDentryLimit is how many unused dentries a superblock caches unless
// its driver says otherwise.
const defaultDentryLimit = 1 << 17

// A dentryLRU lists the unused dentries of a superblock, the one unused for
// the longest time last. A dentry that finds a user again leaves the list
// only when the shrinker meets it.
type dentryLRU struct {
	lock        lockdep.SpinLock
	first, last *Dentry
	count       int
	limit       int
}

// addToLRU lists d, whose count has just become zero; d.lock is held. The
// shrinker clears the flag before it looks at the count, so that one of the
// two sees the other.
func (d *Dentry) addToLRU() {
	d.setFlags(dentryReferenced)
	if d.Has(dentryOnLRU) {
		return
	}
	l := &d.sb.lru
	l.lock.Lock()
	if !d.Has(dentryOnLRU) {
		d.setFlags(dentryOnLRU)
		l.push(d)
	}
	over := l.count > l.limit
	l.lock.Unlock()
	if over {
		d.sb.wakeShrinker()
	}
}

func (d *Dentry) removeFromLRU() {
	if !d.Has(dentryOnLRU) {
		return
	}
	l := &d.sb.lru
	l.lock.Lock()
	if d.Has(dentryOnLRU) {
		d.clearFlags(dentryOnLRU)
		l.unlink(d)
	}
	l.lock.Unlock()
}

func (l *dentryLRU) push(d *Dentry) {
	d.lruPrev, d.lruNext = nil, l.first
	if l.first != nil {
		l.first.lruPrev = d
	} else {
		l.last = d
	}
	l.first = d
	l.count++
}

func (l *dentryLRU) unlink(d *Dentry) {
	if d.lruPrev != nil {
		d.lruPrev.lruNext = d.lruNext
	} else {
		l.first = d.lruNext
	}
	if d.lruNext != nil {
		d.lruNext.lruPrev = d.lruPrev
	} else {
		l.last = d.lruPrev
	}
	d.lruPrev, d.lruNext = nil, nil
	l.count--
}

// takeOldest takes a dentry that is unused, and was not used since the
// shrinker last saw it, off the list, and references it. Those in use leave
// the list, those used since get their second chance.
func (l *dentryLRU) takeOldest() *Dentry {
	l.lock.Lock()
	defer l.lock.Unlock()
	for i := l.count; i > 0; i-- {
		d := l.last
		if d.count.Load() == 0 && d.Has(dentryReferenced) {
			d.clearFlags(dentryReferenced)
			l.unlink(d)
			l.push(d)
			continue
		}
		if d.count.CompareAndSwap(0, 1) {
			d.clearFlags(dentryOnLRU)
			l.unlink(d)
			return d
		}
		d.clearFlags(dentryOnLRU)
		l.unlink(d)
		if d.count.Load() == 0 {
			d.setFlags(dentryOnLRU)
			l.push(d)
		}
	}
	return nil
}

// shrink destroys unused dentries until at most keep are left on the list.
// Each takes its parent along if that becomes unused by it.
func (l *dentryLRU) shrink(ctx context.Context, keep int) {
	for {
		l.lock.Lock()
		n := l.count
		l.lock.Unlock()
		if n <= keep {
			return
		}
		d := l.takeOldest()
		if d == nil {
			continue
		}
		if parent := d.kill(ctx); parent != nil {
			parent.Put(ctx)
		}
	}
}

// wakeShrinker has the unused dentries brought below the limit. One shrinker
// a superblock runs, and only while there is something to do: the caller may
// hold locks under which nothing may be evicted.
func (sb *Superblock) wakeShrinker() {
	if sb.shrinkersStopped.Load() || !sb.shrinking.CompareAndSwap(false, true) {
		return
	}
	sb.background.Add(1)
	go func() {
		defer sb.background.Done()
		sb.lru.shrink(context.Background(), sb.lru.limit-sb.lru.limit/16)
		sb.shrinking.Store(false)
	}()
}
