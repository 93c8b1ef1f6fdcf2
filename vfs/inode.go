package vfs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/lockdep"
)

// InodeState are the state bits of an inode (the kernel's I_*), under i_lock.
type InodeState uint32

const (
	InodeNew           InodeState = 1 << iota // being filled; others wait
	InodeDirtySync                            // metadata dirty, not needed by fdatasync
	InodeDirtyDatasync                        // metadata dirty that the data need
	InodeDirtyPages                           // has dirty pages
	InodeDirtyTime                            // only times dirty, under lazytime
	InodeSync                                 // writeback in progress
	InodeWillFree                             // unused, being written before eviction
	InodeFreeing                              // eviction has begun
	InodeClear                                // the driver is done with it
	InodeReferenced                           // second chance among the unused
	InodeLinkable                             // a tmpfile that may get its first name
	inodeHashed
	inodeDead // a removed directory
	inodeBad  // every operation is EIO

	// InodeDirty is the set that makes an inode dirty.
	InodeDirty = InodeDirtySync | InodeDirtyDatasync | InodeDirtyPages
)

// InodeFlags are properties of an inode that its driver sets (the kernel's
// S_*).
type InodeFlags uint32

const (
	FlagImmutable InodeFlags = 1 << iota // nothing may change
	FlagAppend                           // only appending writes
	FlagNoAtime                          // the access time is left alone
	FlagSwapfile                         // in use for swap
	FlagSync                             // writes are synchronous
	FlagNoCap                            // has no file capabilities: no need to look
	FlagNoDump                           // left out by dump(8); only shown
	FlagVerity                           // guarded by fs-verity; only shown
	FlagPrivate                          // internal to a file system
	FlagNoPermRCU                        // permission cannot be decided in rcu-walk
)

// InodeImpl is a driver's inode: any type that embeds [Inode].
type InodeImpl interface {
	VFSInode() *Inode
}

// An Inode is a file system object. A driver embeds it in its own inode, and
// gets that back from the core's pointer with [Inode.Impl].
//
// Attributes may be read at any time; they are changed under i_mutex, by the
// setters here.
type Inode struct {
	mutex lockdep.Mutex    // i_mutex: directory content, size, attributes
	lock  lockdep.SpinLock // i_lock: state, hash membership, aliases

	count  atomic.Int32  // references; each positive dentry holds one
	nlink  atomic.Uint32 // names
	state  atomic.Uint32 // InodeState, written under lock
	flags  atomic.Uint32 // InodeFlags
	mode   atomic.Uint32 // type and permissions
	uid    atomic.Uint32
	gid    atomic.Uint32
	writes atomic.Int32 // open for writing, or negative: being executed
	size   atomic.Int64
	blocks atomic.Int64 // 512-byte units

	// times guards the time stamps: one read gives stamps of one moment.
	times                           lockdep.SeqCount
	atimeNsec, mtimeNsec, ctimeNsec atomic.Uint32
	atimeSec, mtimeSec, ctimeSec    atomic.Int64
	version                         atomic.Uint64
	btime                           Timespec // set before the inode is visible
	ino                             uint64
	id                              uint64
	rdev                            Dev
	sb                              *Superblock
	impl                            InodeImpl
	ops                             *InodeOps
	fops                            *FileOps
	link                            atomic.Pointer[string] // body of a symlink kept in memory
	automount                       atomic.Bool
	opens                           atomic.Int32 // open files, for leases
	acls                            [2]atomic.Pointer[ACL]
	locks                           atomic.Pointer[filelock.Context]
	pipe                            atomic.Pointer[Pipe] // of a FIFO that is open
	aliases                         *Dentry              // under lock
	listPrev, listNext              *Inode               // all of the superblock's
	dirtyPrev, dirtyNext            *Inode               // the dirty ones
	dirtiedWhen                     int64                // when it became dirty, ns of a monotonic clock
	unusedPrev, unusedNext          *Inode               // cached without a user
	onUnused, onDirty               bool
}

// VFSInode gives the core's part of a driver's inode.
func (in *Inode) VFSInode() *Inode { return in }

// Impl is the driver's inode that this one is embedded in.
func (in *Inode) Impl() InodeImpl { return in.impl }

// NewInode allocates an inode of the superblock through the driver's
// AllocInode, with one reference, one link and no methods. ENOMEM if the
// driver has none to give.
func NewInode(ctx context.Context, sb *Superblock) (*Inode, error) {
	var impl InodeImpl
	if sb.ops.allocInode != nil {
		if impl = gateAllocInode(sb.ops.allocInode, ctx, sb); impl == nil {
			return nil, unix.ENOMEM
		}
	} else {
		impl = new(Inode)
	}
	in := impl.VFSInode()
	in.mutex.Init(lockdep.IMutex)
	in.lock.Init(lockdep.ILock)
	in.id = newID()
	in.mutex.SetID(in.id)
	in.impl, in.sb = impl, sb
	in.ops, in.fops = &noInodeOps, &noFileOps
	in.count.Store(1)
	in.nlink.Store(1)
	sb.addInode(in)
	return in, nil
}

// SetOps gives the inode its methods; it is not yet visible.
func (in *Inode) SetOps(ops *InodeOps, fops *FileOps) {
	if ops == nil {
		ops = &noInodeOps
	}
	if fops == nil {
		fops = &noFileOps
	}
	in.ops, in.fops = ops, fops
}

// InitOwner gives a new inode its owner and mode as child of dir (nil for a
// root): the caller's fsuid; dir's group if dir has setgid, else fsgid; setgid
// for a directory below such a directory.
func (in *Inode) InitOwner(ctx context.Context, dir *Inode, mode uint32) {
	cred := TaskFrom(ctx).Cred()
	in.uid.Store(cred.FSUID)
	if dir != nil && dir.Mode()&unix.S_ISGID != 0 {
		in.gid.Store(dir.GID())
		if mode&unix.S_IFMT == unix.S_IFDIR {
			mode |= unix.S_ISGID
		}
	} else {
		in.gid.Store(cred.FSGID)
	}
	in.mode.Store(mode)
}

// InitSpecial gives a device, FIFO or socket its methods and device number.
// The mode is set.
func (in *Inode) InitSpecial(dev Dev) {
	in.rdev = dev
	in.fops = specialFileOps(in.Mode())
}

// Superblock, Ino, ID: what the inode belongs to, its number there, and a
// number that no other inode of this process ever had.
func (in *Inode) Superblock() *Superblock { return in.sb }
func (in *Inode) Ino() uint64             { return in.ino }
func (in *Inode) ID() uint64              { return in.id }

// SetIno sets the number, before the inode is visible.
func (in *Inode) SetIno(ino uint64) { in.ino = ino }

// Mode is type and permission bits.
func (in *Inode) Mode() uint32 { return in.mode.Load() }

// Type is the type bits of the mode (S_IFMT).
func (in *Inode) Type() uint32 { return in.mode.Load() & unix.S_IFMT }

// IsDir, IsRegular, IsSymlink report the type.
func (in *Inode) IsDir() bool     { return in.Type() == unix.S_IFDIR }
func (in *Inode) IsRegular() bool { return in.Type() == unix.S_IFREG }
func (in *Inode) IsSymlink() bool { return in.Type() == unix.S_IFLNK }

// UID, GID, Nlink, Size, Blocks, Rdev, Btime are the attributes; Size in
// bytes, Blocks in units of 512.
func (in *Inode) UID() uint32     { return in.uid.Load() }
func (in *Inode) GID() uint32     { return in.gid.Load() }
func (in *Inode) Nlink() uint32   { return in.nlink.Load() }
func (in *Inode) Size() int64     { return in.size.Load() }
func (in *Inode) Blocks() int64   { return in.blocks.Load() }
func (in *Inode) Rdev() Dev       { return in.rdev }
func (in *Inode) Btime() Timespec { return in.btime }

// SetMode, SetUID, SetGID, SetSize, SetBlocks change attributes, under i_mutex
// or before the inode is visible.
func (in *Inode) SetMode(m uint32)    { in.mode.Store(m) }
func (in *Inode) SetUID(id uint32)    { in.uid.Store(id) }
func (in *Inode) SetGID(id uint32)    { in.gid.Store(id) }
func (in *Inode) SetSize(n int64)     { in.size.Store(n) }
func (in *Inode) SetBlocks(n int64)   { in.blocks.Store(n) }
func (in *Inode) AddBlocks(n int64)   { in.blocks.Add(n) }
func (in *Inode) SetBtime(t Timespec) { in.btime = t }

// Flags and SetFlags: properties beyond the mode.
func (in *Inode) Flags() InodeFlags         { return InodeFlags(in.flags.Load()) }
func (in *Inode) SetFlags(f InodeFlags)     { in.flags.Store(uint32(f)) }
func (in *Inode) hasFlag(f InodeFlags) bool { return InodeFlags(in.flags.Load())&f != 0 }

// SetLink keeps the body of a symlink in memory, so that walks follow it
// without FollowLink. The inode is not yet visible.
func (in *Inode) SetLink(body string) {
	in.link.Store(&body)
	in.size.Store(int64(len(body)))
}

// SetAutomount marks every dentry of the inode as an automount trap.
func (in *Inode) SetAutomount() { in.automount.Store(true) }

// Lock and Unlock take and release i_mutex, for methods that do their own
// locking. May block; freeze protection is taken before it.
func (in *Inode) Lock()   { in.mutex.Lock() }
func (in *Inode) Unlock() { in.mutex.Unlock() }

// LockContext is Lock that gives up with EINTR when ctx is done.
func (in *Inode) LockContext(ctx context.Context) error { return in.mutex.LockContext(ctx) }

// TryLock takes i_mutex if it is free.
func (in *Inode) TryLock() bool { return in.mutex.TryLock() }

// State is the state bits at this moment.
func (in *Inode) State() InodeState { return InodeState(in.state.Load()) }

func (in *Inode) has(s InodeState) bool { return in.State()&s != 0 }

// setState and clearState are called with in.lock held.
func (in *Inode) setState(s InodeState)   { in.state.Or(uint32(s)) }
func (in *Inode) clearState(s InodeState) { in.state.And(^uint32(s)) }

// Dead reports whether the directory was removed.
func (in *Inode) Dead() bool { return in.has(inodeDead) }

func (in *Inode) markDead() {
	in.lock.Lock()
	in.setState(inodeDead)
	in.lock.Unlock()
}

// Linkable reports whether the inode is a tmpfile that may get its first name.
func (in *Inode) Linkable() bool { return in.has(InodeLinkable) }

// Link counts. A driver changes them in its methods; each inode that has lost
// its last name and is still in memory keeps its superblock from going
// read-only.

// SetNlink sets the count of an inode that is not yet visible.
func (in *Inode) SetNlink(n uint32) {
	old := in.nlink.Swap(n)
	if n == 0 && old != 0 {
		in.sb.removals.Add(1)
	} else if n != 0 && old == 0 {
		in.sb.removals.Add(-1)
	}
}

// IncNlink adds a name; from zero only for a linkable tmpfile.
func (in *Inode) IncNlink() {
	if in.nlink.Add(1) == 1 {
		in.sb.removals.Add(-1)
		in.lock.Lock()
		in.clearState(InodeLinkable)
		in.lock.Unlock()
	}
}

// DropNlink removes a name.
func (in *Inode) DropNlink() {
	switch n := in.nlink.Add(^uint32(0)); n {
	case 0:
		in.sb.removals.Add(1)
	case ^uint32(0):
		panic("vfs: link count below zero")
	}
}

// ClearNlink removes all names (of a directory).
func (in *Inode) ClearNlink() { in.SetNlink(0) }

// Get takes a reference; the caller has one already.
func (in *Inode) Get() *Inode {
	if in.count.Add(1) <= 1 {
		panic("vfs: reference taken on an unused inode")
	}
	return in
}

// addAlias and removeAlias keep the list of the inode's dentries, under i_lock.
func (in *Inode) addAlias(d *Dentry) {
	d.aliasPrev, d.aliasNext = nil, in.aliases
	if in.aliases != nil {
		in.aliases.aliasPrev = d
	}
	in.aliases = d
}

func (in *Inode) removeAlias(d *Dentry) {
	if d.aliasPrev != nil {
		d.aliasPrev.aliasNext = d.aliasNext
	} else {
		in.aliases = d.aliasNext
	}
	if d.aliasNext != nil {
		d.aliasNext.aliasPrev = d.aliasPrev
	}
	d.aliasPrev, d.aliasNext = nil, nil
}

// anyAlias is a dentry of the inode, with a reference; a findable one if
// there is one. Nil if it has none.
func (in *Inode) anyAlias() *Dentry {
	in.lock.Lock()
	defer in.lock.Unlock()
	var any *Dentry
	for d := in.aliases; d != nil; d = d.aliasNext {
		if d.Hashed() && d.getUnlessDead() {
			return d
		}
		any = d
	}
	if any != nil && any.getUnlessDead() {
		return any
	}
	return nil
}

// Alias is a dentry of the inode, with a reference, nil if it has none in the
// cache.
func (in *Inode) Alias() *Dentry { return in.anyAlias() }

// lockContext is where the inode's file locks are, made when first needed.
func (in *Inode) lockContext() *filelock.Context {
	if c := in.locks.Load(); c != nil {
		return c
	}
	c := filelock.NewContext()
	if !in.locks.CompareAndSwap(nil, c) {
		return in.locks.Load()
	}
	return c
}

// Locks is the inode's file locks, nil if it never had any.
func (in *Inode) Locks() *filelock.Context { return in.locks.Load() }
