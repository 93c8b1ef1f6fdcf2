package vfs

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// An inodeCache finds the inodes of a superblock by number; only drivers that
// hash their inodes use it.
type inodeCache struct {
	lock   lockdep.SpinLock // inode hash lock
	byIno  map[uint64]*Inode
	listed lockdep.SpinLock // s_inodes list lock
	first  *Inode
	count  int

	unusedLock              lockdep.SpinLock // inode LRU lock
	unusedFirst, unusedLast *Inode
	unused, unusedLimit     int
}

// defaultInodeLimit is how many unused inodes a superblock caches.
const defaultInodeLimit = 1 << 16

func (c *inodeCache) init() {
	c.lock.Init(lockdep.InodeHashLock)
	c.listed.Init(lockdep.SInodesLock)
	c.unusedLock.Init(lockdep.InodeLRU)
	c.unusedLimit = defaultInodeLimit
}

func (sb *Superblock) addInode(in *Inode) {
	c := &sb.inodes
	c.listed.Lock()
	in.listNext = c.first
	if c.first != nil {
		c.first.listPrev = in
	}
	c.first = in
	c.count++
	c.listed.Unlock()
}

func (sb *Superblock) delInode(in *Inode) {
	c := &sb.inodes
	c.listed.Lock()
	if in.listPrev != nil {
		in.listPrev.listNext = in.listNext
	} else {
		c.first = in.listNext
	}
	if in.listNext != nil {
		in.listNext.listPrev = in.listPrev
	}
	in.listPrev, in.listNext = nil, nil
	c.count--
	c.listed.Unlock()
}

// InodeCount is how many inodes of the superblock are in memory.
func (sb *Superblock) InodeCount() int {
	sb.inodes.listed.Lock()
	defer sb.inodes.listed.Unlock()
	return sb.inodes.count
}

// DentryCount is how many dentries of the superblock are in memory.
func (sb *Superblock) DentryCount() int64 { return sb.dentries.Load() }

// Iget finds the inode with the number, or allocates it: then isNew is true,
// and the caller fills it and ends with [Inode.UnlockNew] or [Inode.Fail].
// Waits while another caller fills it, or while it is being evicted.
func (sb *Superblock) Iget(ctx context.Context, ino uint64) (in *Inode, isNew bool, err error) {
	for {
		if in, err = sb.findInode(ctx, ino); in != nil || err != nil {
			return in, false, err
		}
		fresh, err := NewInode(ctx, sb)
		if err != nil {
			return nil, false, err
		}
		fresh.ino = ino
		if sb.insertNew(fresh, ino) {
			return fresh, true, nil
		}
		fresh.discardUnused(ctx)
	}
}

func (sb *Superblock) insertNew(in *Inode, ino uint64) bool {
	c := &sb.inodes
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.byIno[ino] != nil {
		return false
	}
	in.lock.Lock()
	in.setState(InodeNew | inodeHashed)
	in.lock.Unlock()
	if c.byIno == nil {
		c.byIno = make(map[uint64]*Inode)
	}
	c.byIno[ino] = in
	return true
}

// findInode finds a hashed inode and references it; nil if there is none. A
// dying one is waited for, and then there is none.
func (sb *Superblock) findInode(ctx context.Context, ino uint64) (*Inode, error) {
	c := &sb.inodes
	for {
		c.lock.Lock()
		in := c.byIno[ino]
		if in == nil {
			c.lock.Unlock()
			return nil, nil
		}
		in.lock.Lock()
		if in.has(InodeFreeing | InodeWillFree) {
			in.lock.Unlock()
			c.lock.Unlock()
			in.wait(InodeFreeing|InodeWillFree, func() bool { return in.has(inodeHashed) })
			continue
		}
		in.count.Add(1)
		in.lock.Unlock()
		c.lock.Unlock()
		in.wait(InodeNew, func() bool { return in.has(InodeNew) })
		if in.has(inodeBad) {
			in.Put(ctx)
			return nil, unix.EIO
		}
		return in, nil
	}
}

// Find returns the cached inode with the number, referenced, or nil.
func (sb *Superblock) Find(ctx context.Context, ino uint64) (*Inode, error) {
	return sb.findInode(ctx, ino)
}

// InsertNew hashes an inode just created under its number, in state NEW.
// EBUSY if a live inode has that number.
func (in *Inode) InsertNew() error {
	if !in.sb.insertNew(in, in.ino) {
		return unix.EBUSY
	}
	return nil
}

// UnlockNew declares a new inode filled, and wakes who waits for it.
func (in *Inode) UnlockNew() {
	in.lock.Lock()
	in.clearState(InodeNew)
	in.lock.Unlock()
	in.wake()
}

// Fail declares that a new inode could not be filled: its waiters get EIO. It
// puts the reference.
func (in *Inode) Fail(ctx context.Context) {
	in.unhash()
	in.lock.Lock()
	in.setState(inodeBad)
	in.clearState(InodeNew)
	in.lock.Unlock()
	in.wake()
	in.Put(ctx)
}

// unhash takes the inode out of the hash by number.
func (in *Inode) unhash() {
	if !in.has(inodeHashed) {
		return
	}
	c := &in.sb.inodes
	c.lock.Lock()
	in.lock.Lock()
	if in.has(inodeHashed) {
		delete(c.byIno, in.ino)
		in.clearState(inodeHashed)
	}
	in.lock.Unlock()
	c.lock.Unlock()
}

// discardUnused frees an inode that was never visible.
func (in *Inode) discardUnused(ctx context.Context) {
	in.lock.Lock()
	in.setState(InodeFreeing | InodeClear)
	in.lock.Unlock()
	in.sb.delInode(in)
	in.destroy(ctx)
}

// Put drops a reference. The last one caches the inode or evicts it, as the
// driver's DropInode says, and may block for that.
func (in *Inode) Put(ctx context.Context) {
	if in == nil {
		return
	}
	for {
		n := in.count.Load()
		if n <= 0 {
			panic("vfs: put of an inode without a reference")
		}
		if n > 1 {
			if in.count.CompareAndSwap(n, n-1) {
				return
			}
			continue
		}
		in.lock.Lock()
		if !in.count.CompareAndSwap(1, 0) {
			in.lock.Unlock()
			continue
		}
		in.putLast(ctx)
		return
	}
}

// putLast decides about an inode whose count has reached zero; it is called
// with i_lock held, and releases it.
func (in *Inode) putLast(ctx context.Context) {
	sb := in.sb
	drop := in.has(inodeBad) || in.nlink.Load() == 0 || !in.has(inodeHashed)
	if sb.ops.dropInode != nil {
		drop = gateDropInode(sb.ops.dropInode, in)
	}
	if !drop && !sb.dying.Load() {
		in.setState(InodeReferenced)
		if !in.has(InodeDirty) {
			in.addUnused()
		}
		in.lock.Unlock()
		return
	}
	if !drop {
		// Shutdown of the superblock: what is dirty is written first.
		in.setState(InodeWillFree)
		in.lock.Unlock()
		in.writeNow(ctx)
		in.lock.Lock()
		in.clearState(InodeWillFree)
	}
	in.setState(InodeFreeing)
	in.lock.Unlock()
	in.removeUnused()
	in.evict(ctx)
}

// evict ends an inode's life in memory; its state is FREEING.
func (in *Inode) evict(ctx context.Context) {
	sb := in.sb
	sb.clearDirty(in)
	in.wait(InodeSync, func() bool { return in.has(InodeSync) })
	if in.nlink.Load() == 0 {
		sb.removals.Add(-1)
	}
	if sb.ops.evictInode != nil {
		gateEvictInode(sb.ops.evictInode, ctx, in)
	} else {
		in.Clear()
	}
	if !in.has(InodeClear) {
		panic("vfs: EvictInode of " + sb.typ.Name + " did not call Clear")
	}
	in.unhash()
	in.wake()
	sb.delInode(in)
	in.destroy(ctx)
}

// Clear declares that the driver is done with an inode that is evicted.
func (in *Inode) Clear() {
	in.lock.Lock()
	defer in.lock.Unlock()
	if in.has(InodeClear) {
		panic("vfs: inode cleared twice")
	}
	in.setState(InodeClear)
}

func (in *Inode) destroy(ctx context.Context) {
	if in.sb.ops.allocInode != nil && in.sb.ops.destroyInode != nil {
		gateDestroyInode(in.sb.ops.destroyInode, ctx, in)
	}
}

// addUnused lists an unused inode; i_lock is held.
func (in *Inode) addUnused() {
	c := &in.sb.inodes
	c.unusedLock.Lock()
	if !in.onUnused {
		in.onUnused = true
		in.unusedPrev, in.unusedNext = nil, c.unusedFirst
		if c.unusedFirst != nil {
			c.unusedFirst.unusedPrev = in
		} else {
			c.unusedLast = in
		}
		c.unusedFirst = in
		c.unused++
	}
	over := c.unused > c.unusedLimit
	c.unusedLock.Unlock()
	if over {
		in.sb.wakeInodeShrinker()
	}
}

func (in *Inode) removeUnused() {
	c := &in.sb.inodes
	c.unusedLock.Lock()
	if in.onUnused {
		c.unlinkUnused(in)
	}
	c.unusedLock.Unlock()
}

func (c *inodeCache) unlinkUnused(in *Inode) {
	if in.unusedPrev != nil {
		in.unusedPrev.unusedNext = in.unusedNext
	} else {
		c.unusedFirst = in.unusedNext
	}
	if in.unusedNext != nil {
		in.unusedNext.unusedPrev = in.unusedPrev
	} else {
		c.unusedLast = in.unusedPrev
	}
	in.unusedPrev, in.unusedNext, in.onUnused = nil, nil, false
	c.unused--
}

// shrinkInodes evicts unused inodes, oldest first, until keep are left.
func (sb *Superblock) shrinkInodes(ctx context.Context, keep int) {
	c := &sb.inodes
	for {
		c.unusedLock.Lock()
		in := c.unusedLast
		if in == nil || c.unused <= keep {
			c.unusedLock.Unlock()
			return
		}
		c.unlinkUnused(in)
		c.unusedLock.Unlock()

		in.lock.Lock()
		if in.count.Load() != 0 || in.has(InodeDirty|InodeSync|InodeNew|InodeFreeing|InodeWillFree) {
			in.lock.Unlock() // in use again, or listed again when it is clean
			continue
		}
		in.setState(InodeFreeing)
		in.lock.Unlock()
		in.evict(ctx)
	}
}

func (sb *Superblock) wakeInodeShrinker() {
	if sb.shrinkersStopped.Load() || !sb.shrinkingInodes.CompareAndSwap(false, true) {
		return
	}
	sb.background.Add(1)
	go func() {
		defer sb.background.Done()
		sb.shrinkInodes(context.Background(), sb.inodes.unusedLimit-sb.inodes.unusedLimit/16)
		sb.shrinkingInodes.Store(false)
	}()
}

// MarkDirty marks the inode dirty in the given ways, and queues it for
// writeback. The driver's DirtyInode hears of it first, and may block.
func (in *Inode) MarkDirty(ctx context.Context, how InodeState) {
	how &= InodeDirty | InodeDirtyTime
	if how&(InodeDirtySync|InodeDirtyDatasync|InodeDirtyTime) != 0 && in.sb.ops.dirtyInode != nil {
		gateDirtyInode(in.sb.ops.dirtyInode, ctx, in, how)
	}
	if in.State()&how == how || !in.sb.hasWriteback() {
		return
	}
	in.lock.Lock()
	was := in.State()
	in.setState(how)
	queue := was&InodeDirty == 0 && was&(InodeFreeing|InodeSync) == 0 && was&inodeHashed != 0
	if queue {
		in.dirtiedWhen = int64(time.Since(processStart))
		in.sb.queueDirty(in)
	}
	in.lock.Unlock()
}

var processStart = time.Now()
