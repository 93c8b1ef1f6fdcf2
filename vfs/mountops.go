package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// Mount does what mount(2) does, as flags say: a new file system of the named
// type, MS_BIND, or MS_REMOUNT with MS_BIND (the mount's own flags) or without
// (the superblock's). It needs CAP_SYS_ADMIN.
func (t *Task) Mount(source, target, fsType string, flags SuperFlags, data any) error {
	return retryStale(func(reval WalkFlags) error {
		at, err := t.walkPath(AtCWD, target, WalkFollow|WalkAutomount|reval)
		if err != nil {
			return err
		}
		defer at.Put(t)
		if !t.cred.Has(CapSysAdmin) {
			return unix.EPERM
		}
		switch {
		case flags&unix.MS_REMOUNT != 0:
			return t.remount(at, flags, data)
		case flags&unix.MS_BIND != 0:
			return t.bind(source, at, flags)
		case flags&(unix.MS_MOVE|unix.MS_SHARED|unix.MS_PRIVATE|unix.MS_SLAVE|unix.MS_UNBINDABLE) != 0:
			return unix.EINVAL
		}
		return t.mountNew(source, at, fsType, flags, data)
	})
}

func (t *Task) mountNew(source string, at Path, fsType string, flags SuperFlags, data any) error {
	if fsType == "" {
		return unix.EINVAL
	}
	typ, err := LookupType(fsType)
	if err != nil {
		return err
	}
	root, err := mountType(t, typ, flags&superOnly, source, data)
	if err != nil {
		return err
	}
	if root.sb.Flags()&SuperNoUser != 0 {
		sb := root.sb
		root.Put(t)
		sb.Deactivate(t)
		return unix.EINVAL
	}
	m := newMount(root, mountFlagsOf(flags))
	err = t.graft(m, at)
	m.Put(t)
	return err
}

// bind mounts what source names, rooted there, with the flags of its mount.
func (t *Task) bind(source string, at Path, flags SuperFlags) error {
	if source == "" {
		return unix.EINVAL
	}
	if flags&unix.MS_REC != 0 {
		return unix.EINVAL
	}
	from, err := t.walkPath(AtCWD, source, WalkFollow|WalkAutomount)
	if err != nil {
		return err
	}
	defer from.Put(t)
	if from.Mount.ns.Load() != t.ns {
		return unix.EINVAL
	}
	from.Mount.sb.Grab()
	m := newMount(from.Dentry.Get(), from.Mount.Flags())
	err = t.graft(m, at)
	m.Put(t)
	return err
}

// graft puts a mount at a place, on top of what is mounted there. It takes
// the references it needs.
func (t *Task) graft(m *Mount, at Path) error {
	at, in, err := lockMountpoint(t, at)
	if err != nil {
		return err
	}
	defer at.Put(t)
	err = t.graftLocked(m, at)
	namespaceSem.Unlock()
	in.mutex.Unlock()
	return err
}

func (t *Task) graftLocked(m *Mount, at Path) error {
	switch {
	case at.Mount.ns.Load() != t.ns:
		return unix.EINVAL
	case at.Dentry == at.Mount.root && at.Mount.sb == m.sb && at.Mount.root == m.root:
		return unix.EBUSY
	case m.root.Inode().IsSymlink():
		return unix.EINVAL
	case m.root.isDir() != at.Dentry.isDir():
		return unix.ENOTDIR
	}
	attachMount(m, at)
	return nil
}

// attachMount links m into the tree at a mountpoint that is locked. The tree
// has a reference on m, m has one on its parent and on its mountpoint.
func attachMount(m *Mount, at Path) {
	at.Get()
	m.Get()
	mountLock.WriteLock()
	m.parent.Store(at.Mount)
	m.mountpoint.Store(at.Dentry)
	m.ns.Store(at.Mount.ns.Load())
	at.Mount.children = append(at.Mount.children, m)
	updateMountTable(func(t map[mountKey]*Mount) { t[mountKey{at.Mount, at.Dentry}] = m })
	mountLock.WriteUnlock()
}

// lockMountpoint goes down to the top of what is mounted at a place, locks it
// (i_mutex, then namespace_sem) and marks it. The path comes back referenced.
func lockMountpoint(ctx context.Context, at Path) (Path, *Inode, error) {
	at.Get()
	for {
		in := at.Inode()
		if in == nil {
			at.Put(ctx)
			return Path{}, nil, unix.ENOENT
		}
		in.mutex.Lock()
		if at.Dentry.Has(dentryCantMount) {
			in.mutex.Unlock()
			at.Put(ctx)
			return Path{}, nil, unix.ENOENT
		}
		namespaceSem.Lock()
		m := lookupMount(at.Mount, at.Dentry)
		if m == nil {
			if !at.Dentry.markMounted() {
				namespaceSem.Unlock()
				in.mutex.Unlock()
				at.Put(ctx)
				return Path{}, nil, unix.ENOENT
			}
			return at, in, nil
		}
		namespaceSem.Unlock()
		in.mutex.Unlock()
		at.Put(ctx)
		at = Path{m, m.root.Get()}
	}
}

// markMounted marks a mountpoint, unless its name or one above it was removed.
func (d *Dentry) markMounted() bool {
	renameLock.WriteLock()
	defer renameLock.WriteUnlock()
	for p := d; !p.IsRoot(); p = p.parent.Load() {
		if !p.Hashed() {
			return false
		}
	}
	d.lock.Lock()
	d.setFlags(dentryMounted)
	d.lock.Unlock()
	return true
}

// unmarkMounted clears the mark if nothing is mounted there any more;
// mountLock is held.
func (d *Dentry) unmarkMounted() {
	for key := range *mountTable.Load() {
		if key.dentry == d {
			return
		}
	}
	d.lock.Lock()
	d.clearFlags(dentryMounted)
	d.lock.Unlock()
}

// finishAutomount puts the mount that a driver made on its trap. The driver
// gives two references: the second guards against immediate expiry.
func finishAutomount(t *Task, m *Mount, at Path) error {
	defer m.Put(t)
	defer m.Put(t)
	if m.root == at.Dentry {
		return unix.ELOOP
	}
	m.flags.Or(uint32(at.Mount.Flags()))
	if lookup := lookupMount(at.Mount, at.Dentry); lookup != nil {
		lookup.Put(t)
		return nil // another one got there first
	}
	err := t.graft(m, at)
	if err == unix.EBUSY {
		return nil
	}
	return err
}

// localMountpoint reports whether something is mounted on d in the namespace.
func localMountpoint(ns *Namespace, d *Dentry) bool {
	if !d.Has(dentryMounted) {
		return false
	}
	for {
		seq := mountLock.ReadBegin()
		found := false
		for key, m := range *mountTable.Load() {
			if key.dentry == d && m.ns.Load() == ns {
				found = true
				break
			}
		}
		if !mountLock.ReadRetry(seq) {
			return found
		}
	}
}

// Umount takes the mount at target out of the tree: EBUSY if it is in use.
// MNT_DETACH takes it out with all below it, busy or not; MNT_FORCE first has
// the driver abort its requests. It needs CAP_SYS_ADMIN.
func (t *Task) Umount(target string, flags int) error {
	if flags&^(unix.MNT_FORCE|unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) != 0 {
		return unix.EINVAL
	}
	walkFlags := WalkFollow | walkMountpoint
	if flags&unix.UMOUNT_NOFOLLOW != 0 {
		walkFlags &^= WalkFollow
	}
	p, err := t.walkPath(AtCWD, target, walkFlags)
	if err != nil {
		return err
	}
	m := p.Mount
	isRoot := p.Dentry == m.root
	p.Dentry.Put(t)
	switch {
	case !isRoot || m.ns.Load() != t.ns:
		err = unix.EINVAL
	case !t.cred.Has(CapSysAdmin):
		err = unix.EPERM
	case m == t.ns.root:
		err = unix.EINVAL // the namespace ends with Close
	default:
		if flags&unix.MNT_FORCE != 0 && m.sb.ops.umountBegin != nil {
			gateUmountBegin(m.sb.ops.umountBegin, t, m.sb)
		}
		err = t.umount(m, flags&unix.MNT_DETACH != 0)
	}
	m.Put(t)
	return err
}

// umount takes m out; the caller has a reference on it.
func (t *Task) umount(m *Mount, lazy bool) error {
	if lazy {
		detachTree(t, m)
		return nil
	}
	namespaceSem.Lock()
	mountLock.WriteLock()
	// The tree's reference and the caller's are there; a walk without
	// references that has just taken one gives it back when it sees that
	// mount_lock has changed.
	if m.has(mountDetached) || len(m.children) > 0 || m.count.Load() > 2 {
		mountLock.WriteUnlock()
		namespaceSem.Unlock()
		return unix.EBUSY
	}
	at := unlinkMount(m)
	mountLock.WriteUnlock()
	namespaceSem.Unlock()
	at.Put(t)
	m.Put(t)
	return nil
}

// unlinkMount takes a mount out of the tree; namespaceSem and mountLock are
// held. The caller puts the place it was at, and the tree's reference.
func unlinkMount(m *Mount) Path {
	parent, at := m.parent.Load(), m.mountpoint.Load()
	m.flags.Or(uint32(mountDetached))
	m.ns.Store(nil)
	if parent == m {
		return Path{}
	}
	parent.children = removeMount(parent.children, m)
	updateMountTable(func(t map[mountKey]*Mount) { delete(t, mountKey{parent, at}) })
	m.parent.Store(m)
	m.mountpoint.Store(m.root)
	at.unmarkMounted()
	return Path{parent, at}
}

// detachTree takes m and all below it out of the tree, busy or not. The file
// systems end when their last users go.
func detachTree(ctx context.Context, top *Mount) {
	namespaceSem.Lock()
	mountLock.WriteLock()
	var all []*Mount
	var places []Path
	var collect func(m *Mount)
	collect = func(m *Mount) {
		for len(m.children) > 0 {
			collect(m.children[0])
		}
		if !m.has(mountDetached) {
			places = append(places, unlinkMount(m))
			all = append(all, m)
		}
	}
	collect(top)
	mountLock.WriteUnlock()
	namespaceSem.Unlock()
	for i, m := range all {
		places[i].Put(ctx)
		m.Put(ctx)
	}
}

// detachMounts lazily detaches what other namespaces have mounted on a name
// that was removed.
func detachMounts(ctx context.Context, d *Dentry) {
	if !d.Has(dentryMounted) {
		return
	}
	for {
		var found *Mount
		mountLock.ReadLockExclusive()
		for key, m := range *mountTable.Load() {
			if key.dentry == d {
				found = m.Get()
				break
			}
		}
		mountLock.ReadUnlockExclusive()
		if found == nil {
			return
		}
		detachTree(ctx, found)
		found.Put(ctx)
	}
}

// detachMountsBelow detaches what is mounted on d or below it.
func detachMountsBelow(ctx context.Context, d *Dentry) {
	var points []*Dentry
	mountLock.ReadLockExclusive()
	for key := range *mountTable.Load() {
		if key.dentry.sb == d.sb {
			points = append(points, key.dentry.Get())
		}
	}
	mountLock.ReadUnlockExclusive()
	for _, p := range points {
		if isSubdir(p, d) {
			detachMounts(ctx, p)
		}
		p.Put(ctx)
	}
}

// remount changes flags: with MS_BIND those of the one mount, else the
// superblock's too, through the driver.
func (t *Task) remount(at Path, flags SuperFlags, data any) error {
	m := at.Mount
	if at.Dentry != m.root || m.ns.Load() != t.ns {
		return unix.EINVAL
	}
	if flags&unix.MS_BIND != 0 {
		return m.setFlags(mountFlagsOf(flags))
	}
	if err := m.sb.remount(t, flags&superOnly, data); err != nil {
		return err
	}
	return m.setFlags(mountFlagsOf(flags) &^ MountReadOnly)
}

// setFlags changes the flags of a mount: EBUSY to make one read-only that has
// writers.
func (m *Mount) setFlags(f MountFlags) error {
	namespaceSem.Lock()
	defer namespaceSem.Unlock()
	if f&MountReadOnly != 0 {
		if err := m.setReadOnly(); err != nil {
			return err
		}
	}
	for {
		old := m.flags.Load()
		if m.flags.CompareAndSwap(old, old&^uint32(mountSettable)|uint32(f&mountSettable)) {
			return nil
		}
	}
}

// remount changes a superblock's options. It becomes read-only only if no
// mount of it has writers and no inode waits for its removal (EBUSY).
func (sb *Superblock) remount(ctx context.Context, flags SuperFlags, data any) error {
	sb.umount.Lock()
	defer sb.umount.Unlock()
	if sb.dying.Load() || sb.root == nil {
		return unix.EINVAL
	}
	sb.root.pruneChildren(ctx, false)
	toReadOnly := flags&SuperReadOnly != 0 && !sb.ReadOnly()
	if toReadOnly {
		if err := sb.holdWriters(); err != nil {
			return err
		}
		defer sb.releaseWriters()
	}
	if sb.ops.remountFS != nil {
		if err := gateRemountFS(sb.ops.remountFS, ctx, sb, &flags, data); err != nil {
			return err
		}
	}
	const taken = SuperReadOnly | SuperSynchronous | SuperMandLock | SuperLazytime
	for {
		old := sb.flags.Load()
		if sb.flags.CompareAndSwap(old, old&^uint64(taken)|uint64(flags&taken)) {
			return nil
		}
	}
}

// holdWriters refuses new writers on all mounts of the superblock, if there
// are none now.
func (sb *Superblock) holdWriters() error {
	mountLock.WriteLock()
	defer mountLock.WriteUnlock()
	if sb.removals.Load() > 0 {
		return unix.EBUSY
	}
	for i, m := range sb.mounts {
		m.flags.Or(uint32(mountWriteHold))
		if m.writers.Load() > 0 {
			for _, x := range sb.mounts[:i+1] {
				x.flags.And(^uint32(mountWriteHold))
			}
			return unix.EBUSY
		}
	}
	return nil
}

func (sb *Superblock) releaseWriters() {
	mountLock.WriteLock()
	defer mountLock.WriteUnlock()
	for _, m := range sb.mounts {
		m.flags.And(^uint32(mountWriteHold))
	}
}
