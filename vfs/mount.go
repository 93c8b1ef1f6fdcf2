package vfs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// namespaceSem is namespace_sem: the shape of the mount trees. mountLock is
// mount_lock: the table of what is mounted where; walks read it under its
// sequence.
var (
	namespaceSem lockdep.RWMutex
	mountLock    lockdep.SeqLock
)

func init() {
	namespaceSem.Init(lockdep.NamespaceSem)
	mountLock.Init(lockdep.MountLock)
}

// MountFlags are the flags of one mount, apart from its superblock's.
type MountFlags uint32

const (
	MountReadOnly MountFlags = 1 << iota
	MountNoSUID
	MountNoDev
	MountNoExec
	MountNoAtime
	MountNoDirAtime
	MountRelatime
	mountWriteHold // becoming read-only
	mountDetached  // no longer in the tree
)

const mountSettable = MountReadOnly | MountNoSUID | MountNoDev | MountNoExec | MountNoAtime | MountNoDirAtime | MountRelatime

// A Mount is a tree of a superblock seen at a place.
type Mount struct {
	sb   *Superblock
	root *Dentry
	id   uint64

	flags   atomic.Uint32
	count   atomic.Int32 // users, child mounts, the namespace
	writers atomic.Int32

	// The place in the tree, under mountLock and namespaceSem.
	parent     atomic.Pointer[Mount] // itself at the top
	mountpoint atomic.Pointer[Dentry]
	children   []*Mount
	ns         atomic.Pointer[Namespace] // nil outside a tree
}

// Superblock, Root, ID, Flags of the mount.
func (m *Mount) Superblock() *Superblock { return m.sb }
func (m *Mount) Root() *Dentry           { return m.root }
func (m *Mount) ID() uint64              { return m.id }
func (m *Mount) Flags() MountFlags       { return MountFlags(m.flags.Load()) & mountSettable }

func (m *Mount) has(f MountFlags) bool { return MountFlags(m.flags.Load())&f != 0 }

// newMount makes a mount of the tree below root, whose references (dentry and
// active superblock) it takes over. It has one reference.
func newMount(root *Dentry, flags MountFlags) *Mount {
	m := &Mount{sb: root.sb, root: root, id: newID()}
	m.flags.Store(uint32(flags))
	m.count.Store(1)
	m.parent.Store(m)
	m.mountpoint.Store(root)
	mountLock.WriteLock()
	m.sb.mounts = append(m.sb.mounts, m)
	mountLock.WriteUnlock()
	return m
}

// Get takes a reference.
func (m *Mount) Get() *Mount {
	m.count.Add(1)
	return m
}

// Put drops a reference. The last one of a mount that is out of the tree puts
// its superblock, which may be its end.
func (m *Mount) Put(ctx context.Context) {
	if m == nil || m.count.Add(-1) != 0 {
		return
	}
	mountLock.WriteLock()
	m.sb.mounts = removeMount(m.sb.mounts, m)
	mountLock.WriteUnlock()
	m.root.Put(ctx)
	m.sb.Deactivate(ctx)
}

func removeMount(list []*Mount, m *Mount) []*Mount {
	for i, x := range list {
		if x == m {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// WantWrite gets write access to the mount, and freeze protection with it: to
// be ended with DropWrite. EROFS if mount or superblock are read-only.
func (m *Mount) WantWrite(ctx context.Context) error {
	m.sb.StartWrite(ctx)
	if err := m.wantWriteMount(); err != nil {
		m.sb.EndWrite()
		return err
	}
	return nil
}

// DropWrite ends what WantWrite began.
func (m *Mount) DropWrite() {
	m.writers.Add(-1)
	m.sb.EndWrite()
}

// wantWriteMount counts a writer without freeze protection: for a file that
// stays open. The count goes first, so that a mount cannot become read-only
// between check and write.
func (m *Mount) wantWriteMount() error {
	m.writers.Add(1)
	if m.has(MountReadOnly|mountWriteHold) || m.sb.ReadOnly() {
		m.writers.Add(-1)
		return unix.EROFS
	}
	return nil
}

// readOnly reports whether a write through the mount would be refused.
func (m *Mount) readOnly() bool { return m.has(MountReadOnly) || m.sb.ReadOnly() }

// setReadOnly makes the mount read-only, unless it has writers (EBUSY).
func (m *Mount) setReadOnly() error {
	if m.has(MountReadOnly) {
		return nil
	}
	m.flags.Or(uint32(mountWriteHold))
	defer m.flags.And(^uint32(mountWriteHold))
	if m.writers.Load() > 0 {
		return unix.EBUSY
	}
	m.flags.Or(uint32(MountReadOnly))
	return nil
}

// A Path is a place: a dentry seen through a mount.
type Path struct {
	Mount  *Mount
	Dentry *Dentry
}

// Get takes references on both.
func (p Path) Get() {
	p.Mount.Get()
	p.Dentry.Get()
}

// Put drops both references.
func (p Path) Put(ctx context.Context) {
	if p.Mount == nil {
		return
	}
	p.Dentry.Put(ctx)
	p.Mount.Put(ctx)
}

// Inode is the inode at the place.
func (p Path) Inode() *Inode { return p.Dentry.Inode() }

type mountKey struct {
	mount  *Mount
	dentry *Dentry
}

// mountTable finds the mount on a place. Readers load a map that is never
// changed once published; writers hold mountLock and publish a new one.
var mountTable atomic.Pointer[map[mountKey]*Mount]

func init() { mountTable.Store(&map[mountKey]*Mount{}) }

func updateMountTable(change func(map[mountKey]*Mount)) {
	mountLock.AssertHeld()
	old := *mountTable.Load()
	fresh := make(map[mountKey]*Mount, len(old)+1)
	for k, v := range old {
		fresh[k] = v
	}
	change(fresh)
	mountTable.Store(&fresh)
}

// mountedOn is the mount on a place, without a reference; the caller is
// inside a sequence of mountLock, or holds namespaceSem.
func mountedOn(m *Mount, d *Dentry) *Mount {
	return (*mountTable.Load())[mountKey{m, d}]
}

// lookupMount is the mount on a place, with a reference, or nil.
func lookupMount(m *Mount, d *Dentry) *Mount {
	for {
		seq := mountLock.ReadBegin()
		found := mountedOn(m, d)
		if found == nil {
			if mountLock.ReadRetry(seq) {
				continue
			}
			return nil
		}
		if found.getIf(seq) {
			return found
		}
	}
}

// getIf takes a reference that counts only if mountLock has not changed since
// seq: a mount found in the table is alive then.
func (m *Mount) getIf(seq uint32) bool {
	for {
		n := m.count.Load()
		if n == 0 {
			return false
		}
		if m.count.CompareAndSwap(n, n+1) {
			break
		}
	}
	if mountLock.ReadRetry(seq) {
		m.Put(kernelTask)
		return false
	}
	return true
}

// A Namespace is a tree of mounts that tasks live in.
type Namespace struct {
	root       *Mount
	count      atomic.Int32
	protection atomic.Uint32 // Protection
}

// NewNamespace mounts a file system of the named type as the root of a
// namespace of its own. source and data are the driver's: a memory file system
// ignores source, most take an option string as data. The caller closes it.
func NewNamespace(ctx context.Context, fsType, source string, flags SuperFlags, data any) (*Namespace, error) {
	typ, err := LookupType(fsType)
	if err != nil {
		return nil, err
	}
	return NewNamespaceOf(ctx, typ, source, flags, data)
}

// NewNamespaceOf is NewNamespace for a type that need not be registered.
func NewNamespaceOf(ctx context.Context, typ *FileSystemType, source string, flags SuperFlags, data any) (*Namespace, error) {
	if ctx == nil || TaskFrom(ctx) == kernelTask {
		ctx = kernelTask
	}
	root, err := mountType(ctx, typ, flags&superOnly, source, data)
	if err != nil {
		return nil, err
	}
	ns := &Namespace{root: newMount(root, mountFlagsOf(flags))}
	ns.root.ns.Store(ns)
	ns.count.Store(1)
	return ns, nil
}

// superOnly are the flags of mount(2) that are the superblock's; the rest are
// the mount's.
const superOnly = SuperReadOnly | SuperSynchronous | SuperMandLock | SuperDirSync | SuperLazytime | SuperPosixACL

// mountFlagsOf picks the per-mount flags of mount(2); relatime is the default.
func mountFlagsOf(flags SuperFlags) MountFlags {
	var m MountFlags
	for _, f := range [...]struct {
		super SuperFlags
		mount MountFlags
	}{
		{SuperReadOnly, MountReadOnly}, {SuperNoSUID, MountNoSUID}, {SuperNoDev, MountNoDev}, {SuperNoExec, MountNoExec},
		{SuperNoAtime, MountNoAtime}, {SuperNoDirAtime, MountNoDirAtime},
	} {
		if flags&f.super != 0 {
			m |= f.mount
		}
	}
	if flags&(unix.MS_STRICTATIME|SuperNoAtime) == 0 {
		m |= MountRelatime
	}
	return m
}

// Root is the top of the namespace's tree, with a reference.
func (ns *Namespace) Root() Path {
	p := Path{ns.root, ns.root.root}
	p.Get()
	return p
}

// Superblock is the superblock of the root mount.
func (ns *Namespace) Superblock() *Superblock { return ns.root.sb }

func (ns *Namespace) get() { ns.count.Add(1) }

// Close drops a reference on the namespace. The last one unmounts its whole
// tree; file systems in use elsewhere go on.
func (ns *Namespace) Close(ctx context.Context) {
	if ns.count.Add(-1) != 0 {
		return
	}
	if ctx == nil {
		ctx = kernelTask
	}
	detachTree(ctx, ns.root)
}
