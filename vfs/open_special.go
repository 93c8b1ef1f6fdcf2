package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// openTmpfile makes and opens a file without a name in the directory that the
// path names.
func (w *walk) openTmpfile(name string, a *openArgs) (*File, error) {
	w.flags |= WalkDirectory
	if name != "" {
		if err := w.toEnd(name); err != nil {
			return nil, err
		}
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	mnt, dir := w.path.Mount, w.inode
	if err := mnt.WantWrite(w.t); err != nil {
		return nil, err
	}
	defer mnt.DropWrite()
	if err := InodePermission(w.t, dir, MayWrite|MayExec); err != nil {
		return nil, err
	}
	if dir.ops.tmpfile == nil {
		return nil, unix.EOPNOTSUPP
	}
	d := newDentry(w.path.Dentry.sb, w.path.Dentry, "", 0)
	mode := w.t.createMode(dir, a.mode&0o7777|unix.S_IFREG)
	if err := gateTmpfile(dir.ops.tmpfile, w.t, dir, d, mode); err != nil {
		d.Put(w.t)
		return nil, err
	}
	in := d.Inode()
	if a.flags&unix.O_EXCL == 0 {
		in.lock.Lock()
		in.setState(InodeLinkable)
		in.lock.Unlock()
	}
	f, err := w.t.openDentry(Path{mnt, d}, a.flags&^oTmpfileBit|unix.O_TMPFILE, w.t.cred)
	d.Put(w.t)
	return f, err
}

// An open in progress is what an AtomicOpener gets as its file: it finishes
// it with FinishOpen or FinishNoOpen.
type atomicState struct {
	path   Path
	flags  int
	opened *File
	found  *Dentry
}

// FinishOpen opens dentry, which AtomicOpen has bound to an inode, and returns
// the open file, on which the driver may set its state.
func (f *File) FinishOpen(ctx context.Context, dentry *Dentry) (*File, error) {
	st := f.atomic
	opened := newFile(Path{st.path.Mount, dentry}, dentry.Inode(), st.flags, f.cred)
	if err := opened.open(ctx); err != nil {
		opened.Put(ctx)
		return nil, err
	}
	st.opened = opened
	return opened, nil
}

// FinishNoOpen leaves the opening to the core: dentry, whose reference it
// takes over, is what was found; nil for the one that AtomicOpen was given.
func (f *File) FinishNoOpen(dentry *Dentry) AtomicResult {
	f.atomic.found = dentry
	return AtomicNoOpen
}

// atomicOpen has the driver look up, create and open in one step. d is a
// negative dentry from the cache, or nil.
func (w *walk) atomicOpen(parent, d *Dentry, a *openArgs, flags int, mode uint32, createErr error) (*Dentry, *File, bool, error) {
	t, dir := w.t, parent.Inode()
	if createErr != nil && a.flags&(unix.O_EXCL|unix.O_TRUNC) != 0 {
		// It could only create what may not be created: look first.
		return w.lookupInsteadOfAtomic(parent, d, createErr)
	}
	if flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL {
		flags &^= unix.O_TRUNC
	}
	if d == nil {
		d = newDentry(parent.sb, parent, w.last, w.lastHash)
	}
	st := &atomicState{path: Path{w.path.Mount, parent}, flags: flags &^ (unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_CLOEXEC)}
	res, err := gateAtomicOpen(dir.ops.atomicOpen, t, dir, d, &File{cred: t.cred, atomic: st}, flags, mode)
	if err != nil {
		d.Put(t)
		if createErr != nil && err == unix.ENOENT {
			err = createErr
		}
		return nil, nil, false, err
	}
	if res == AtomicNoOpen {
		if st.found != nil {
			d.Put(t)
			d = st.found
		}
		if d.Negative() && createErr != nil {
			d.Put(t)
			return nil, nil, false, createErr
		}
		return d, nil, false, nil
	}
	f := st.opened
	created := res == AtomicCreated
	switch {
	case !created && a.flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL:
		err = unix.EEXIST
	case !created:
		err = mayOpen(t, f.path, a.access, a.flags)
	}
	if err == nil && !created && a.flags&unix.O_TRUNC != 0 && f.inode.IsRegular() {
		err = f.truncateOpen(t)
	}
	if err != nil {
		f.Put(t)
		d.Put(t)
		return nil, nil, false, err
	}
	return d, f, created, nil
}

func (w *walk) lookupInsteadOfAtomic(parent, d *Dentry, createErr error) (*Dentry, *File, bool, error) {
	if d == nil {
		var err error
		if d, err = lookupReal(w.t, parent, w.last, w.lastHash, w.flags); err != nil {
			return nil, nil, false, err
		}
	}
	if d.Negative() {
		d.Put(w.t)
		return nil, nil, false, createErr
	}
	return d, nil, false, nil
}
