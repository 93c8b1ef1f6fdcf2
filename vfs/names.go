package vfs

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// Subclasses of i_mutex: a parent, the second parent of a rename, a child
// under its parent, two non-directories.
const (
	lockParent  = lockdep.Parent
	lockParent2 = lockdep.Parent2
	lockVictim  = lockdep.Victim
	lockNondir  = lockdep.NonDir
	lockNondir2 = lockdep.NonDir2
)

// walkParent walks to the parent of a path's last component; the walk stands
// on it, referenced, until end.
func (t *Task) walkParent(w *walk, at At, name string, flags WalkFlags) error {
	err := w.toParent(t, at, name, flags|WalkRCU)
	if err == unix.ECHILD {
		err = w.toParent(t, at, name, flags)
	}
	if err == unix.ESTALE {
		err = w.toParent(t, at, name, flags|WalkReval)
	}
	return err
}

// toParent does one attempt of walkParent.
func (w *walk) toParent(t *Task, at At, name string, flags WalkFlags) error {
	*w = walk{}
	err := w.start(t, at, name, flags|WalkParent)
	if err == nil {
		err = w.toLast(name)
	}
	if err == nil && w.rcu() {
		err = w.unlazy()
	}
	if err != nil {
		w.end()
		return err
	}
	for w.depth > 0 {
		w.pop()
	}
	return nil
}

// retryStale runs a whole operation, and once more with distrust of caches if
// it ends in ESTALE.
func retryStale(op func(WalkFlags) error) error {
	err := op(0)
	if err == unix.ESTALE {
		err = op(WalkReval)
	}
	return err
}

// createMode is the mode of a new object in dir: without setgid where the
// caller may not give it, and the umask applied unless ACLs decide.
func (t *Task) createMode(dir *Inode, mode uint32) uint32 {
	mode = stripSGID(t.cred, dir, mode)
	if dir.sb.Flags()&SuperPosixACL == 0 {
		mode &^= t.fs.umask.Load()
	}
	return mode
}

// stripSGID drops setgid from a group-executable file in a setgid directory
// of a group that the caller is not in.
func stripSGID(cred *Cred, dir *Inode, mode uint32) uint32 {
	const both = unix.S_ISGID | unix.S_IXGRP
	if mode&both != both || mode&unix.S_IFMT == unix.S_IFDIR || dir.Mode()&unix.S_ISGID == 0 {
		return mode
	}
	if cred.InGroup(dir.GID()) || cred.Has(CapFsetid) {
		return mode
	}
	return mode &^ unix.S_ISGID
}

// create walks to the parent of a name that is to be made, locks it, checks
// that the name is free and calls make with the negative dentry.
func (t *Task) create(at At, name string, wantDir bool, make func(dir *Inode, d *Dentry) error) error {
	return t.createAt(at, name, wantDir, nil, make)
}

// createAt is create with a check of the place, before the right to make
// something there is looked at.
func (t *Task) createAt(at At, name string, wantDir bool, check func(parent Path) error, make func(dir *Inode, d *Dentry) error) error {
	return retryStale(func(reval WalkFlags) error {
		var w walk
		flags := WalkCreate | WalkExcl | reval
		if err := t.walkParent(&w, at, name, flags); err != nil {
			return err
		}
		defer w.end()
		if w.lastKind != lastNorm {
			return unix.EEXIST
		}
		parent := w.path
		writeErr := parent.Mount.WantWrite(t)
		if writeErr == nil {
			defer parent.Mount.DropWrite()
		}
		dir := parent.Inode()
		if dir == nil {
			return unix.ENOENT
		}
		dir.mutex.LockNested(lockParent)
		d, err := lookupLocked(t, parent.Dentry, w.last, w.lastHash, flags)
		if err != nil {
			dir.mutex.Unlock()
			return err
		}
		switch {
		case !d.Negative():
			err = unix.EEXIST
		case w.lastSlash && !wantDir:
			err = unix.ENOENT
		case writeErr != nil:
			err = writeErr
		default:
			if check != nil {
				err = check(parent)
			}
			if err == nil {
				err = mayCreate(t, dir, d)
			}
			if err == nil {
				err = make(dir, d)
			}
		}
		dir.mutex.Unlock()
		if err == nil {
			notifyEntry(t, EntryCreated, dir, d)
		}
		d.Put(t)
		return err
	})
}

// Mkdirat makes a directory.
func (t *Task) Mkdirat(at At, name string, mode uint32) error {
	return t.create(at, name, true, func(dir *Inode, d *Dentry) error {
		if dir.ops.mkdir == nil {
			return unix.EPERM
		}
		m := mode & 0o1777
		if dir.sb.Flags()&SuperPosixACL == 0 {
			m &^= t.fs.umask.Load()
		}
		if max := dir.sb.MaxLinks; max != 0 && dir.Nlink() >= max {
			return unix.EMLINK
		}
		return gateMkdir(dir.ops.mkdir, t, dir, d, m|unix.S_IFDIR)
	})
}

// Mknodat makes a regular file, device, FIFO or socket, as the type bits of
// mode say.
func (t *Task) Mknodat(at At, name string, mode uint32, dev Dev) error {
	switch mode & unix.S_IFMT {
	case 0:
		mode |= unix.S_IFREG
	case unix.S_IFREG, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO, unix.S_IFSOCK:
	case unix.S_IFDIR:
		return unix.EPERM
	default:
		return unix.EINVAL
	}
	return t.create(at, name, false, func(dir *Inode, d *Dentry) error {
		m := t.createMode(dir, mode&(unix.S_IFMT|0o7777))
		if mode&unix.S_IFMT == unix.S_IFREG {
			if dir.ops.create == nil {
				return unix.EACCES
			}
			return gateCreate(dir.ops.create, t, dir, d, m, true)
		}
		isDev := mode&unix.S_IFMT == unix.S_IFCHR || mode&unix.S_IFMT == unix.S_IFBLK
		isWhiteout := mode&unix.S_IFMT == unix.S_IFCHR && dev == 0
		if isDev && !isWhiteout && !t.cred.Has(CapMknod) {
			return unix.EPERM
		}
		if dir.ops.mknod == nil {
			return unix.EPERM
		}
		if !isDev {
			dev = 0
		}
		return gateMknod(dir.ops.mknod, t, dir, d, m, dev)
	})
}

// Symlinkat makes a symbolic link with the body target.
func (t *Task) Symlinkat(target string, at At, name string) error {
	if target == "" {
		return unix.ENOENT
	}
	if len(target) >= PathMax {
		return unix.ENAMETOOLONG
	}
	if strings.IndexByte(target, 0) >= 0 {
		return unix.EINVAL
	}
	return t.create(at, name, false, func(dir *Inode, d *Dentry) error {
		if dir.ops.symlink == nil {
			return unix.EPERM
		}
		return gateSymlink(dir.ops.symlink, t, dir, d, target)
	})
}

// Linkat gives what oldName names a further name. A symlink is followed only
// with AT_SYMLINK_FOLLOW. AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH, unless the
// descriptor was opened with the very identity that the task still has (ENOENT).
func (t *Task) Linkat(oldAt At, oldName string, at At, name string, flags int) error {
	if flags&^(unix.AT_SYMLINK_FOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return unix.EINVAL
	}
	var walkFlags WalkFlags
	if flags&unix.AT_EMPTY_PATH != 0 {
		walkFlags |= WalkEmpty
		if err := t.mayLinkEmpty(oldAt, oldName); err != nil {
			return err
		}
	}
	if flags&unix.AT_SYMLINK_FOLLOW != 0 {
		walkFlags |= WalkFollow
	}
	for {
		var in *Inode
		err := t.withPath(oldAt, oldName, walkFlags, func(old Path) error {
			err := t.createAt(at, name, false, func(parent Path) error {
				if parent.Mount != old.Mount {
					return unix.EXDEV
				}
				return t.mayLink(old.Inode())
			}, func(dir *Inode, d *Dentry) error {
				return t.link(old.Dentry, dir, d)
			})
			switch err {
			case nil:
				old.Inode().notifyAttr(t)
			case errDelegated:
				in = old.Inode().Get()
			}
			return err
		})
		if err != errDelegated {
			return err
		}
		err = in.waitDelegation(t)
		in.Put(t)
		if err != nil {
			return err
		}
	}
}

// mayLinkEmpty decides about AT_EMPTY_PATH.
func (t *Task) mayLinkEmpty(at At, name string) error {
	if name != "" || t.cred.Has(CapDACReadSearch) || at.path.Dentry != nil || at.fd == unix.AT_FDCWD {
		return nil
	}
	f, err := t.files.get(at.fd)
	if err != nil {
		return err
	}
	defer f.Put(t)
	if f.cred != t.cred {
		return unix.ENOENT
	}
	return nil
}

// link is what link does with the target directory locked.
func (t *Task) link(old *Dentry, dir *Inode, d *Dentry) error {
	in := old.Inode()
	if in == nil {
		return unix.ENOENT
	}
	if old.sb != dir.sb {
		return unix.EXDEV
	}
	if in.hasFlag(FlagAppend | FlagImmutable) {
		return unix.EPERM
	}
	if dir.ops.link == nil || in.IsDir() {
		return unix.EPERM
	}
	in.mutex.LockNested(lockNondir)
	defer in.mutex.Unlock()
	switch max := in.sb.MaxLinks; {
	case in.Nlink() == 0 && !in.Linkable():
		return unix.ENOENT
	case max != 0 && in.Nlink() >= max:
		return unix.EMLINK
	}
	if err := in.tryBreakDelegation(t); err != nil {
		return err
	}
	return gateLink(dir.ops.link, t, old, dir, d)
}

// Unlinkat removes a name; with AT_REMOVEDIR that of an empty directory.
func (t *Task) Unlinkat(at At, name string, flags int) error {
	if flags&^unix.AT_REMOVEDIR != 0 {
		return unix.EINVAL
	}
	err := t.unlinkAt(at, name, flags, 0)
	if err == unix.ESTALE {
		err = t.unlinkAt(at, name, flags, WalkReval)
	}
	return err
}

func (t *Task) unlinkAt(at At, name string, flags int, reval WalkFlags) error {
	var w walk
	if err := t.walkParent(&w, at, name, reval); err != nil {
		return err
	}
	defer w.end()
	if flags&unix.AT_REMOVEDIR != 0 {
		return t.rmdir(&w, reval)
	}
	return t.unlink(&w, reval)
}

// lockLast gets write access, locks the directory that the walk stands on and
// looks up the last name. unlockLast undoes all, if err is nil.
func (t *Task) lockLast(w *walk, flags WalkFlags) (dir *Inode, d *Dentry, err error) {
	mnt := w.path.Mount
	if err := mnt.WantWrite(t); err != nil {
		return nil, nil, err
	}
	dir = w.path.Inode()
	if dir == nil {
		mnt.DropWrite()
		return nil, nil, unix.ENOENT
	}
	dir.mutex.LockNested(lockParent)
	if d, err = lookupLocked(t, w.path.Dentry, w.last, w.lastHash, flags); err == nil && d.Negative() {
		d.Put(t)
		err = unix.ENOENT
	}
	if err != nil {
		dir.mutex.Unlock()
		mnt.DropWrite()
		return nil, nil, err
	}
	return dir, d, nil
}

func (t *Task) unlockLast(w *walk, dir *Inode, d *Dentry) {
	dir.mutex.Unlock()
	d.Put(t)
	w.path.Mount.DropWrite()
}

func (t *Task) unlink(w *walk, flags WalkFlags) error {
	if w.lastKind != lastNorm {
		return unix.EISDIR
	}
	for {
		dir, d, err := t.lockLast(w, flags)
		if err != nil {
			return err
		}
		in := d.Inode()
		if w.lastSlash {
			err = unix.ENOTDIR
			if in.IsDir() {
				err = unix.EISDIR
			}
			t.unlockLast(w, dir, d)
			return err
		}
		// The reference makes the final truncation happen after the
		// directory is unlocked.
		in.Get()
		err = t.unlinkLocked(dir, d)
		t.unlockLast(w, dir, d)
		if err == errDelegated {
			err = in.waitDelegation(t)
			in.Put(t)
			if err != nil {
				return err
			}
			continue
		}
		if err == nil {
			notifyDelete(t, dir, w.last, in)
		}
		in.Put(t)
		return err
	}
}

// unlinkLocked is unlink with the directory locked.
func (t *Task) unlinkLocked(dir *Inode, d *Dentry) error {
	if err := mayDelete(t, dir, d, false); err != nil {
		return err
	}
	if dir.ops.unlink == nil {
		return unix.EPERM
	}
	in := d.Inode()
	in.mutex.LockNested(lockVictim)
	err := func() error {
		defer in.mutex.Unlock()
		if localMountpoint(t.ns, d) {
			return unix.EBUSY
		}
		if err := in.tryBreakDelegation(t); err != nil {
			return err
		}
		if err := gateUnlink(dir.ops.unlink, t, dir, d); err != nil {
			return err
		}
		d.cantMount()
		return nil
	}()
	if err == nil {
		detachMounts(t, d)
		if !d.Has(DentrySillyRenamed) {
			d.remove(t)
		}
	}
	return err
}

func (t *Task) rmdir(w *walk, flags WalkFlags) error {
	switch w.lastKind {
	case lastDot:
		return unix.EINVAL
	case lastDotDot:
		return unix.ENOTEMPTY
	case lastRoot:
		return unix.EBUSY
	}
	dir, d, err := t.lockLast(w, flags)
	if err != nil {
		return err
	}
	in := d.Inode().Get()
	err = t.rmdirLocked(dir, d)
	t.unlockLast(w, dir, d)
	if err == nil {
		notifyDelete(t, dir, w.last, in)
	}
	in.Put(t)
	return err
}

func (t *Task) rmdirLocked(dir *Inode, d *Dentry) error {
	if err := mayDelete(t, dir, d, true); err != nil {
		return err
	}
	if dir.ops.rmdir == nil {
		return unix.EPERM
	}
	in := d.Inode()
	in.mutex.LockNested(lockVictim)
	err := func() error {
		defer in.mutex.Unlock()
		if localMountpoint(t.ns, d) {
			return unix.EBUSY
		}
		d.pruneChildren(t, false)
		if err := gateRmdir(dir.ops.rmdir, t, dir, d); err != nil {
			return err
		}
		d.pruneChildren(t, false)
		in.markDead()
		d.cantMount()
		return nil
	}()
	if err == nil {
		detachMounts(t, d)
		d.remove(t)
	}
	return err
}

// cantMount keeps mounts off a dentry that was removed.
func (d *Dentry) cantMount() {
	d.lock.Lock()
	d.setFlags(dentryCantMount)
	d.lock.Unlock()
}

// Readlinkat copies the body of a symlink into buf, truncated if it is too
// small, and returns the count.
func (t *Task) Readlinkat(at At, name string, buf []byte) (n int, err error) {
	if len(buf) == 0 {
		return 0, unix.EINVAL
	}
	err = t.withPath(at, name, WalkEmpty, func(p Path) error {
		in := p.Inode()
		if !in.IsSymlink() || in.ops.readlink == nil && in.link.Load() == nil {
			if name == "" {
				return unix.ENOENT
			}
			return unix.EINVAL
		}
		p.touchAtime(t)
		if in.ops.readlink == nil {
			n = copy(buf, *in.link.Load())
			return nil
		}
		n, err = gateReadlink(in.ops.readlink, t, p.Dentry, buf)
		return err
	})
	return n, err
}

// Faccessat tells whether the caller could access a file: with its real ids,
// or the effective ones with AT_EACCESS. mode is a set of R_OK, W_OK, X_OK.
func (t *Task) Faccessat(at At, name string, mode uint32, flags int) error {
	if mode&^7 != 0 || flags&^(unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return unix.EINVAL
	}
	if flags&unix.AT_EACCESS == 0 {
		saved := t.cred
		t.cred = saved.real()
		defer func() { t.cred = saved }()
	}
	walkFlags := WalkFollow
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		walkFlags = 0
	}
	if flags&unix.AT_EMPTY_PATH != 0 {
		walkFlags |= WalkEmpty
	}
	return t.withPath(at, name, walkFlags, func(p Path) error {
		in := p.Inode()
		if mode&unix.X_OK != 0 && in.IsRegular() && p.Mount.has(MountNoExec) {
			return unix.EACCES
		}
		if err := InodePermission(t, in, Access(mode)|MayAccess); err != nil {
			return err
		}
		if mode&unix.W_OK != 0 && isDataFile(in) && p.Mount.readOnly() {
			return unix.EROFS
		}
		return nil
	})
}

// Chdir makes a directory the current one.
func (t *Task) Chdir(name string) error {
	p, err := t.enterable(AtCWD, name)
	if err == nil {
		t.fs.set(t, &t.fs.cwd, p)
	}
	return err
}

// enterable resolves a path to a directory that the caller may enter.
func (t *Task) enterable(at At, name string) (Path, error) {
	p, err := t.walkPath(at, name, WalkFollow|WalkDirectory)
	if err != nil {
		return Path{}, err
	}
	if err := InodePermission(t, p.Inode(), MayExec|MayChdir); err != nil {
		p.Put(t)
		return Path{}, err
	}
	return p, nil
}

// Fchdir makes an open directory the current one.
func (t *Task) Fchdir(fd int) error {
	f, err := t.files.get(fd)
	if err != nil {
		return err
	}
	defer f.Put(t)
	if !f.inode.IsDir() {
		return unix.ENOTDIR
	}
	if err := InodePermission(t, f.inode, MayExec|MayChdir); err != nil {
		return err
	}
	f.path.Get()
	t.fs.set(t, &t.fs.cwd, f.path)
	return nil
}

// Chroot makes a directory the root. It needs CAP_SYS_CHROOT.
func (t *Task) Chroot(name string) error {
	p, err := t.enterable(AtCWD, name)
	if err != nil {
		return err
	}
	if !t.cred.Has(CapSysChroot) {
		p.Put(t)
		return unix.EPERM
	}
	t.fs.set(t, &t.fs.root, p)
	return nil
}
