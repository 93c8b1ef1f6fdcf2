package vfs

import (
	"context"
	"math"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// A Dentry binds a name in a directory to an inode, or to the knowledge that
// there is none (a negative dentry). Drivers meet it as an argument; only the
// core makes and destroys dentries.
//
// A reference keeps a dentry, its parent chain and its inode. A dentry
// without references stays cached on its superblock's LRU list.
type Dentry struct {
	// What a walk without references reads comes first, in one cache line.
	hashNext atomic.Pointer[Dentry] // chain of the hash, under its stripe's lock
	parent   atomic.Pointer[Dentry] // itself for a root
	name     atomic.Pointer[dname]
	inode    atomic.Pointer[Inode] // nil: negative
	id       uint64
	sb       *Superblock
	hash     atomic.Uint32    // of the name
	flags    atomic.Uint32    // DentryFlag bits; written under lock
	seq      lockdep.SeqCount // d_seq: (name, parent, inode) as one snapshot

	count atomic.Int32     // users, plus one for each cached child; dentryDead once killed
	lock  lockdep.SpinLock // d_lock: all of this dentry's cache state
	ops   *DentryOps

	// Private belongs to the driver; it is set before the dentry is visible,
	// or under the driver's own rules.
	Private any
	// FSWord is a number that belongs to the driver (the kernel's d_time).
	FSWord uint64

	first dname // the name it was made with, to save an allocation

	// Children, under the lock of the parent.
	child, sibPrev, sibNext *Dentry
	// Unused dentries, under the superblock's LRU lock.
	lruPrev, lruNext *Dentry
	// Dentries of one inode, under its i_lock.
	aliasPrev, aliasNext *Dentry
}

// dname is an immutable name.
type dname struct{ str string }

// DentryFlag is a bit of a dentry's state that walks look at.
type DentryFlag uint32

const (
	// DentryNeedAutomount marks an automount trap.
	DentryNeedAutomount DentryFlag = 1 << iota
	// DentryManageTransit marks a dentry whose Manage is asked in passing.
	DentryManageTransit
	// DentrySillyRenamed marks a name that its driver removes at the last
	// Iput: it can be neither removed nor renamed (EBUSY).
	DentrySillyRenamed

	dentryMounted      // something is mounted here, in some namespace (a hint)
	dentryHashed       // findable by name
	dentryDisconnected // made for a file handle, not yet reached by name
	dentryReferenced   // second chance on the LRU list
	dentryOnLRU
	dentryCantMount // removed: no mount may come here
	dentryTmpfile   // anonymous: made by O_TMPFILE
	dentryPinned    // holds a reference on itself for a driver that keeps its tree here
	dentryDontCache // destroyed when its last user goes

	// What the operations table offers, so that a walk need not look there.
	dentryOpHash
	dentryOpCompare
	dentryOpRevalidate
	dentryOpWeakRevalidate
	dentryOpDelete
	dentryOpPrune

	dentryManaged = DentryNeedAutomount | DentryManageTransit | dentryMounted
)

// dentryDead in Dentry.count marks a dentry that no reference can revive.
const dentryDead = math.MinInt32 / 2

// Has reports whether all of the flags are set.
func (d *Dentry) Has(f DentryFlag) bool { return DentryFlag(d.flags.Load())&f == f }

// SetFlags sets flags that belong to drivers. The dentry is not yet visible,
// or the driver's own rules order this with walks.
func (d *Dentry) SetFlags(f DentryFlag) {
	d.lock.Lock()
	d.setFlags(f & (DentryNeedAutomount | DentryManageTransit | DentrySillyRenamed))
	d.lock.Unlock()
}

// ClearFlags clears flags that belong to drivers.
func (d *Dentry) ClearFlags(f DentryFlag) {
	d.lock.Lock()
	d.clearFlags(f & (DentryNeedAutomount | DentryManageTransit | DentrySillyRenamed))
	d.lock.Unlock()
}

// setFlags and clearFlags are called with d.lock held; the bit operations are
// atomic for the sake of readers without the lock.
func (d *Dentry) setFlags(f DentryFlag)   { d.flags.Or(uint32(f)) }
func (d *Dentry) clearFlags(f DentryFlag) { d.flags.And(^uint32(f)) }

// Name is the dentry's name; stable for a caller that keeps renames out (it
// holds the parent's i_mutex), a snapshot for others.
func (d *Dentry) Name() string { return d.name.Load().str }

// Parent is the directory; a root is its own parent. Stable as Name is.
func (d *Dentry) Parent() *Dentry { return d.parent.Load() }

// Inode is the inode, nil for a negative dentry.
func (d *Dentry) Inode() *Inode { return d.inode.Load() }

// Superblock is the superblock that the dentry belongs to.
func (d *Dentry) Superblock() *Superblock { return d.sb }

// Negative reports whether the dentry stands for a missing name.
func (d *Dentry) Negative() bool { return d.inode.Load() == nil }

// IsRoot reports whether the dentry has no parent.
func (d *Dentry) IsRoot() bool { return d.parent.Load() == d }

// Hashed reports whether the dentry can be found by name.
func (d *Dentry) Hashed() bool { return d.Has(dentryHashed) }

// Unlinked reports whether the name was removed while the dentry is in use.
func (d *Dentry) Unlinked() bool { return !d.Hashed() && !d.IsRoot() }

func (d *Dentry) isDir() bool {
	in := d.inode.Load()
	return in != nil && in.IsDir()
}

// newDentry allocates a negative, unhashed dentry with one reference; a
// parent, if there is one, gets a reference for it.
func newDentry(sb *Superblock, parent *Dentry, name string, hash uint32) *Dentry {
	d := &Dentry{sb: sb, ops: sb.dentryOps, id: newID()}
	d.lock.Init(lockdep.DLock)
	d.count.Store(1)
	if d.ops != nil {
		d.flags.Store(uint32(d.ops.flags))
	}
	d.first = dname{name}
	d.name.Store(&d.first)
	d.hash.Store(hash)
	sb.dentries.Add(1)
	if parent == nil {
		d.parent.Store(d)
		return d
	}
	d.parent.Store(parent)
	parent.lock.Lock()
	parent.count.Add(1)
	parent.addChild(d)
	parent.lock.Unlock()
	return d
}

// addChild and removeChild keep the list of children; the lock is held.
func (d *Dentry) addChild(c *Dentry) {
	c.sibPrev, c.sibNext = nil, d.child
	if d.child != nil {
		d.child.sibPrev = c
	}
	d.child = c
}

func (d *Dentry) removeChild(c *Dentry) {
	if c.sibPrev != nil {
		c.sibPrev.sibNext = c.sibNext
	} else {
		d.child = c.sibNext
	}
	if c.sibNext != nil {
		c.sibNext.sibPrev = c.sibPrev
	}
	c.sibPrev, c.sibNext = nil, nil
}

// SetOps chooses the methods of a dentry that is not yet visible, instead of
// its superblock's default.
func (d *Dentry) SetOps(ops *DentryOps) {
	d.clearFlags(dentryOpHash | dentryOpCompare | dentryOpRevalidate | dentryOpWeakRevalidate | dentryOpDelete | dentryOpPrune)
	d.ops = ops
	if ops != nil {
		d.setFlags(ops.flags)
	}
}

// Get takes a reference; the caller already has one, or a lock that keeps the
// dentry alive.
func (d *Dentry) Get() *Dentry {
	if d.count.Add(1) <= 0 {
		panic("vfs: reference taken on a dead dentry")
	}
	return d
}

// getUnlessDead takes a reference if the dentry still lives.
func (d *Dentry) getUnlessDead() bool {
	for {
		n := d.count.Load()
		if n < 0 {
			return false
		}
		if d.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Put drops a reference. The last one leaves the dentry on the LRU list, or
// destroys it: if it cannot be found any more, or its driver's Delete says so.
// Destruction may put the inode and block.
func (d *Dentry) Put(ctx context.Context) {
	for d != nil {
		n := d.count.Load()
		if n <= 0 {
			panic("vfs: put of a dentry without a reference")
		}
		if n > 1 {
			if d.count.CompareAndSwap(n, n-1) {
				return
			}
			continue
		}
		if d.putToCache() {
			return
		}
		d = d.kill(ctx)
	}
}

// putToCache drops what looks like the last reference if that leaves the
// dentry cached, or turns out not to be the last; else the reference is still
// there and the dentry is to be killed.
func (d *Dentry) putToCache() bool {
	d.lock.Lock()
	defer d.lock.Unlock()
	keep := d.retain()
	for {
		n := d.count.Load()
		switch {
		case n > 1:
			if d.count.CompareAndSwap(n, n-1) {
				return true
			}
		case !keep:
			return false
		case d.count.CompareAndSwap(n, 0):
			d.addToLRU()
			return true
		}
	}
}

// retain says whether an unused dentry stays cached; the lock is held.
func (d *Dentry) retain() bool {
	f := DentryFlag(d.flags.Load())
	if f&dentryHashed == 0 || f&(dentryDisconnected|dentryDontCache) != 0 {
		return false
	}
	if d.sb.dying.Load() {
		return false
	}
	if f&dentryOpDelete != 0 && gateDelete(d.ops.delete, d) {
		return false
	}
	return true
}

// kill destroys a dentry of which the caller holds the last reference, and
// returns the parent whose reference is to be put next. If somebody else took
// a reference meanwhile, it drops the caller's only.
func (d *Dentry) kill(ctx context.Context) *Dentry {
	inode, parent := d.lockForKill()
	unlock := func() {
		d.lock.Unlock()
		if parent != nil {
			parent.lock.Unlock()
		}
		if inode != nil {
			inode.lock.Unlock()
		}
	}
	if !d.count.CompareAndSwap(1, dentryDead) {
		unlock()
		return d // somebody has it: put our reference in the ordinary way
	}
	if d.Has(dentryOpPrune) {
		gatePrune(d.ops.prune, d)
	}
	d.removeFromLRU()
	d.unhash()
	if parent != nil {
		parent.removeChild(d)
		parent.lock.Unlock()
	}
	d.seq.WriteBegin()
	d.inode.Store(nil)
	d.seq.WriteEnd()
	if inode != nil {
		inode.removeAlias(d)
	}
	d.lock.Unlock()
	if inode != nil {
		inode.lock.Unlock()
		d.iput(ctx, inode)
	}
	if d.ops != nil && d.ops.release != nil {
		gateDentryRelease(d.ops.release, ctx, d)
	}
	d.sb.dentries.Add(-1)
	return parent
}

// lockForKill takes i_lock, the parent's d_lock and d_lock in their order. The
// caller's reference keeps the inode; the parent may change until it is locked.
func (d *Dentry) lockForKill() (inode *Inode, parent *Dentry) {
	for {
		if inode = d.inode.Load(); inode != nil {
			inode.lock.Lock()
		}
		if parent = d.parent.Load(); parent == d {
			parent = nil
		} else {
			parent.lock.Lock()
		}
		d.lock.LockNested(lockdep.Child)
		if d.inode.Load() == inode && (parent == nil || d.parent.Load() == parent) {
			return inode, parent
		}
		d.lock.Unlock()
		if parent != nil {
			parent.lock.Unlock()
		}
		if inode != nil {
			inode.lock.Unlock()
		}
	}
}

// iput hands the reference that the dentry had on inode to the driver, or
// puts it.
func (d *Dentry) iput(ctx context.Context, inode *Inode) {
	if d.ops != nil && d.ops.iput != nil {
		gateIput(d.ops.iput, ctx, d, inode)
		return
	}
	inode.Put(ctx)
}

// unhash takes the dentry out of the hash; the lock is held. Walkers without
// references notice by d_seq.
func (d *Dentry) unhash() {
	if !d.Has(dentryHashed) {
		return
	}
	d.sb.dcache.remove(d)
	d.clearFlags(dentryHashed)
	d.seq.Invalidate()
}

// Drop makes the name unfindable; users keep the dentry. The next lookup
// asks the driver.
func (d *Dentry) Drop() {
	d.lock.Lock()
	d.unhash()
	d.lock.Unlock()
}

// rehash makes the dentry findable; the lock is held.
func (d *Dentry) rehash() {
	if d.Has(dentryHashed) {
		panic("vfs: dentry hashed twice")
	}
	d.setFlags(dentryHashed)
	d.sb.dcache.insert(d)
}

// Instantiate turns a negative dentry into a name of inode, whose reference
// passes to the dentry.
func (d *Dentry) Instantiate(inode *Inode) {
	inode.lock.Lock()
	d.lock.Lock()
	d.attach(inode)
	d.lock.Unlock()
	inode.lock.Unlock()
}

// attach binds inode; i_lock and d_lock are held.
func (d *Dentry) attach(inode *Inode) {
	if d.inode.Load() != nil {
		panic("vfs: dentry instantiated twice")
	}
	d.seq.WriteBegin()
	d.inode.Store(inode)
	if inode.automount.Load() {
		d.setFlags(DentryNeedAutomount)
	}
	d.seq.WriteEnd()
	inode.addAlias(d)
}

// Add ends a lookup: it binds inode (nil for a missing name), whose reference
// passes to the dentry, and hashes the dentry. The directory's i_mutex is held.
func (d *Dentry) Add(inode *Inode) {
	if inode != nil {
		inode.lock.Lock()
	}
	d.lock.Lock()
	if inode != nil {
		d.attach(inode)
	}
	d.rehash()
	d.lock.Unlock()
	if inode != nil {
		inode.lock.Unlock()
	}
}

// Pin takes the reference by which a driver that keeps its tree in the
// dentries alone (a memory file system) holds a name. It is given back with
// Unpin, or by [KillLitterSuper].
func (d *Dentry) Pin() {
	d.lock.Lock()
	if d.Has(dentryPinned) {
		panic("vfs: dentry pinned twice")
	}
	d.setFlags(dentryPinned)
	d.count.Add(1)
	d.lock.Unlock()
}

// Unpin gives Pin's reference back; the caller has one of its own.
func (d *Dentry) Unpin(ctx context.Context) {
	d.lock.Lock()
	pinned := d.Has(dentryPinned)
	d.clearFlags(dentryPinned)
	d.lock.Unlock()
	if pinned {
		d.Put(ctx)
	}
}

// Tmpfile binds the anonymous dentry of O_TMPFILE to inode, which has no
// links: the last step of the driver's Tmpfile. Its display name is #ino.
func (d *Dentry) Tmpfile(inode *Inode) {
	d.lock.Lock()
	d.name.Store(&dname{str: "#" + uitoa(inode.Ino())})
	d.setFlags(dentryTmpfile)
	d.lock.Unlock()
	d.Instantiate(inode)
}

// MakeRoot makes the root dentry of a superblock for inode, whose reference
// it takes over.
func MakeRoot(inode *Inode) *Dentry {
	d := newDentry(inode.sb, nil, "/", 0)
	d.Instantiate(inode)
	return d
}

// remove makes the name of a dentry just unlinked go away: a sole user's
// dentry becomes negative, one that others use is unhashed and keeps its
// inode. The caller holds the parent's i_mutex and a reference.
func (d *Dentry) remove(ctx context.Context) {
	for {
		inode := d.inode.Load()
		if inode == nil {
			d.Drop()
			return
		}
		inode.lock.Lock()
		d.lock.Lock()
		if d.inode.Load() != inode {
			d.lock.Unlock()
			inode.lock.Unlock()
			continue
		}
		if d.count.Load() != 1 || d.sb.dontCacheNegative {
			d.unhash()
			d.lock.Unlock()
			inode.lock.Unlock()
			return
		}
		d.seq.WriteBegin()
		d.inode.Store(nil)
		d.clearFlags(DentryNeedAutomount)
		d.seq.WriteEnd()
		inode.removeAlias(d)
		d.lock.Unlock()
		inode.lock.Unlock()
		d.iput(ctx, inode)
		return
	}
}

// CheckName refuses a name that is longer than file systems here hold: what a
// driver's Lookup does first.
func CheckName(name string) error {
	if len(name) > NameMax {
		return unix.ENAMETOOLONG
	}
	return nil
}
