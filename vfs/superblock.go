package vfs

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// SuperblockImpl is a driver's superblock: any type that embeds [Superblock].
type SuperblockImpl interface {
	VFSSuperblock() *Superblock
}

// A Superblock is one instance of a file system. A driver embeds it in its
// own, and gets that back with [Superblock.Impl].
//
// Two counts keep it: active references (mounts, users) keep the file system
// running; the last one shuts it down. Passive ones keep the object on the
// lists only.
type Superblock struct {
	umount      lockdep.RWMutex // s_umount: shutdown, remount, sync and freeze state
	renameMutex lockdep.Mutex   // s_vfs_rename_mutex: renames across directories

	active  atomic.Int32
	passive int // under superLock

	typ   *FileSystemType
	impl  SuperblockImpl
	id    uint64
	dev   Dev
	flags atomic.Uint64 // SuperFlags
	born  atomic.Bool   // mounted: visible to iterations
	dying atomic.Bool   // being shut down: every put evicts

	// Set by the driver's fill, then constant.
	ops       *SuperOps
	dentryOps *DentryOps
	root      *Dentry
	Magic     int64
	BlockSize int64  // bytes
	MaxBytes  int64  // largest file
	TimeGran  uint32 // ns
	Source    string // what was mounted, for listings
	MaxLinks  uint32 // 0: no limit
	// UUIDs, labels and the like are the driver's business.
	dontCacheNegative bool

	dcache   dcache
	lru      dentryLRU
	inodes   inodeCache
	dentries atomic.Int64 // in memory
	removals atomic.Int64 // inodes in memory without a name
	writers  [freezeLevels]freezeLevel

	dirtyLock  lockdep.SpinLock // wb list lock
	dirtyFirst *Inode           // the dirty inodes, the latest first
	dirtyLast  *Inode

	shrinking, shrinkingInodes atomic.Bool
	shrinkersStopped           atomic.Bool
	background                 sync.WaitGroup

	mounts     []*Mount // under mountLock
	observers  observers
	prev, next *Superblock // all of them, under superLock
}

// VFSSuperblock gives the core's part of a driver's superblock.
func (sb *Superblock) VFSSuperblock() *Superblock { return sb }

// Impl is the driver's superblock that this one is embedded in.
func (sb *Superblock) Impl() SuperblockImpl { return sb.impl }

// Type, Root, Dev, ID: its file system type, its root dentry, its device
// number, and a number that no other superblock of this process ever had.
func (sb *Superblock) Type() *FileSystemType { return sb.typ }
func (sb *Superblock) Root() *Dentry         { return sb.root }
func (sb *Superblock) Dev() Dev              { return sb.dev }
func (sb *Superblock) ID() uint64            { return sb.id }

// Flags are the superblock's flags at this moment.
func (sb *Superblock) Flags() SuperFlags { return SuperFlags(sb.flags.Load()) }

// ReadOnly reports whether the superblock refuses changes.
func (sb *Superblock) ReadOnly() bool { return sb.Flags()&SuperReadOnly != 0 }

// SetFlag and ClearFlag change flags; in fill, or with s_umount held.
func (sb *Superblock) SetFlag(f SuperFlags)   { sb.flags.Or(uint64(f)) }
func (sb *Superblock) ClearFlag(f SuperFlags) { sb.flags.And(^uint64(f)) }

// SetOps and SetDentryOps give the methods, in fill.
func (sb *Superblock) SetOps(ops *SuperOps)        { sb.ops = ops }
func (sb *Superblock) SetDentryOps(ops *DentryOps) { sb.dentryOps = ops }

// SetRoot gives the root dentry ([MakeRoot]), in fill. From then on a failing
// mount is shut down with PutSuper.
func (sb *Superblock) SetRoot(root *Dentry) { sb.root = root }

// SetDentryLimit bounds the number of unused dentries that are cached.
func (sb *Superblock) SetDentryLimit(n int) { sb.lru.limit = n }

// NoNegativeDentries makes names vanish from the cache when they are removed,
// for a driver for which a missing name may appear by itself.
func (sb *Superblock) NoNegativeDentries() { sb.dontCacheNegative = true }

// Removals is how many inodes without a name are in memory.
func (sb *Superblock) Removals() int64 { return sb.removals.Load() }

func (sb *Superblock) truncateTime(t Timespec) Timespec {
	if g := sb.TimeGran; g > 1 {
		t.Nsec -= t.Nsec % g
	}
	return t
}

func (sb *Superblock) hasWriteback() bool { return sb.ops.writeInode != nil }

// superLock is sb_lock: the list of superblocks and their passive counts.
var (
	superLock  lockdep.SpinLock
	superFirst *Superblock
	anonDevs   = devNumbers{next: 1}
)

func init() { superLock.Init(lockdep.SBLock) }

// devNumbers hands out the device numbers of superblocks without a device;
// under superLock.
type devNumbers struct {
	next uint32
	free []uint32
}

func (n *devNumbers) get() Dev {
	if l := len(n.free); l > 0 {
		minor := n.free[l-1]
		n.free = n.free[:l-1]
		return unix.Mkdev(0, minor)
	}
	n.next++
	return unix.Mkdev(0, n.next-1)
}

func (n *devNumbers) put(d Dev) { n.free = append(n.free, unix.Minor(d)) }

// Superblocks is the number of superblocks in existence.
func Superblocks() int {
	superLock.Lock()
	defer superLock.Unlock()
	n := 0
	for sb := superFirst; sb != nil; sb = sb.next {
		n++
	}
	return n
}

// GetSuper finds a live superblock of the type that test accepts, or sets up
// impl as a new one. It comes back with s_umount held exclusively and one
// active reference; isNew says that the caller must fill it. test is called
// under a spin lock and does not block; nil makes a new one always.
func GetSuper(typ *FileSystemType, flags SuperFlags, impl SuperblockImpl, test func(*Superblock) bool) (sb *Superblock, isNew bool) {
	for {
		superLock.Lock()
		old := findSuper(typ, test)
		if old == nil {
			sb = newSuper(typ, flags, impl)
			superLock.Unlock()
			return sb, true
		}
		old.passive++
		superLock.Unlock()
		old.umount.Lock()
		if old.active.Load() > 0 && old.born.Load() {
			old.active.Add(1)
			old.dropPassive()
			return old, false
		}
		old.umount.Unlock()
		old.dropPassive()
	}
}

func findSuper(typ *FileSystemType, test func(*Superblock) bool) *Superblock {
	if test == nil {
		return nil
	}
	for sb := superFirst; sb != nil; sb = sb.next {
		if sb.typ == typ && test(sb) {
			return sb
		}
	}
	return nil
}

// newSuper sets up a superblock and lists it, s_umount held; superLock is held.
func newSuper(typ *FileSystemType, flags SuperFlags, impl SuperblockImpl) *Superblock {
	sb := impl.VFSSuperblock()
	sb.typ, sb.impl, sb.id = typ, impl, newID()
	sb.umount.Init(lockdep.SUmount)
	sb.umount.SetID(sb.id)
	sb.renameMutex.Init(lockdep.SVfsRenameMutex)
	sb.dirtyLock.Init(lockdep.WBListLock)
	sb.lru.lock.Init(lockdep.DcacheLRU)
	sb.lru.limit = defaultDentryLimit
	sb.observers.init()
	sb.dcache.init()
	sb.inodes.init()
	for i := range sb.writers {
		sb.writers[i].init(i)
	}
	sb.flags.Store(uint64(flags))
	sb.ops = &noSuperOps
	sb.BlockSize, sb.MaxBytes, sb.TimeGran = 4096, MaxFileSize, 1
	sb.active.Store(1)
	sb.passive = 1
	sb.dev = anonDevs.get()
	if !sb.umount.TryLock() {
		panic("vfs: s_umount of a new superblock is held")
	}
	sb.next = superFirst
	if superFirst != nil {
		superFirst.prev = sb
	}
	superFirst = sb
	return sb
}

// dropPassive drops a passive reference; the last one takes the superblock off
// the list.
func (sb *Superblock) dropPassive() {
	superLock.Lock()
	defer superLock.Unlock()
	if sb.passive--; sb.passive > 0 {
		return
	}
	if sb.prev != nil {
		sb.prev.next = sb.next
	} else {
		superFirst = sb.next
	}
	if sb.next != nil {
		sb.next.prev = sb.prev
	}
	sb.prev, sb.next = nil, nil
	anonDevs.put(sb.dev)
}

// Grab takes an active reference; the caller has one.
func (sb *Superblock) Grab() {
	if sb.active.Add(1) <= 1 {
		panic("vfs: active reference taken on a superblock that is shut down")
	}
}

// Deactivate drops an active reference. The last one shuts the file system
// down, and may block for long.
func (sb *Superblock) Deactivate(ctx context.Context) {
	for {
		n := sb.active.Load()
		if n > 1 {
			if sb.active.CompareAndSwap(n, n-1) {
				return
			}
			continue
		}
		sb.umount.Lock()
		if sb.active.CompareAndSwap(1, 0) {
			sb.killLocked(ctx)
			return
		}
		sb.umount.Unlock()
	}
}

// DeactivateLocked is Deactivate for a caller that holds s_umount exclusively;
// it is released in any case.
func (sb *Superblock) DeactivateLocked(ctx context.Context) {
	for {
		n := sb.active.Load()
		if n == 1 && sb.active.CompareAndSwap(1, 0) {
			sb.killLocked(ctx)
			return
		}
		if n > 1 && sb.active.CompareAndSwap(n, n-1) {
			sb.umount.Unlock()
			return
		}
	}
}

// killLocked shuts down; s_umount is held and will be released by kill_sb.
func (sb *Superblock) killLocked(ctx context.Context) {
	gateKillSB(sb.typ.ops.killSB, ctx, sb)
	sb.dropPassive()
}

// forEachSuper calls f for every mounted superblock, with s_umount held
// shared.
func forEachSuper(f func(*Superblock)) {
	superLock.Lock()
	sb := superFirst
	if sb != nil {
		sb.passive++
	}
	for sb != nil {
		superLock.Unlock()
		sb.umount.RLock()
		if sb.born.Load() && !sb.dying.Load() && sb.root != nil {
			f(sb)
		}
		sb.umount.RUnlock()
		superLock.Lock()
		next := sb.next
		if next != nil {
			next.passive++
		}
		superLock.Unlock()
		sb.dropPassive()
		sb = next
		superLock.Lock()
	}
	superLock.Unlock()
}
