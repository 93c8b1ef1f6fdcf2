package vfs

import "golang.org/x/sys/unix"

// dotDot steps to the parent: not above the root, out of a mount to where it
// is mounted, and then into what is mounted on the parent.
func (w *walk) dotDot() error {
	w.setRoot()
	if w.rcu() {
		err := w.dotDotRCU()
		if err != unix.ECHILD {
			return err
		}
		if err := w.unlazy(); err != nil {
			return err
		}
	}
	if err := w.dotDotRef(); err != nil {
		return err
	}
	if w.flags&walkScoped != 0 {
		// A rename or a mount meanwhile could have led the walk out of its
		// scope.
		if mountLock.ReadRetry(w.mountSeq) || renameLock.ReadRetry(w.renameSeq) {
			return unix.EAGAIN
		}
	}
	return nil
}

func (w *walk) dotDotRCU() error {
	if w.flags&walkScoped != 0 {
		return unix.ECHILD
	}
	path, seq := w.path, w.seq
	for {
		if path == w.root {
			break
		}
		if path.Dentry != path.Mount.root {
			parent := path.Dentry.parent.Load()
			pseq := parent.seq.Read()
			if path.Dentry.seq.Retry(seq) || pseq&1 != 0 {
				return unix.ECHILD
			}
			if !mountContains(path.Mount, parent) {
				return unix.ECHILD
			}
			path.Dentry, seq = parent, pseq
			break
		}
		up := path.Mount.parent.Load()
		at := path.Mount.mountpoint.Load()
		aseq := at.seq.ReadBegin()
		if mountLock.ReadRetry(w.mountSeq) {
			return unix.ECHILD
		}
		if up == path.Mount {
			break
		}
		if w.flags&WalkNoXdev != 0 {
			w.abandonRCU()
			return unix.EXDEV
		}
		path, seq = Path{up, at}, aseq
	}
	for path.Dentry.Has(dentryMounted) {
		m := mountedOn(path.Mount, path.Dentry)
		if mountLock.ReadRetry(w.mountSeq) {
			return unix.ECHILD
		}
		if m == nil {
			break
		}
		path = Path{m, m.root}
		seq = m.root.seq.ReadBegin()
	}
	inode := path.Inode()
	if inode == nil || path.Dentry.seq.Retry(seq) {
		return unix.ECHILD
	}
	w.path, w.seq, w.inode = path, seq, inode
	return nil
}

func (w *walk) dotDotRef() error {
	path := w.path
	path.Get()
	for {
		if path == w.root {
			if w.flags&WalkBeneath != 0 {
				path.Put(w.t)
				return unix.EXDEV
			}
			break
		}
		if path.Dentry != path.Mount.root {
			parent := path.Dentry.getParent()
			path.Dentry.Put(w.t)
			path.Dentry = parent
			if !mountContains(path.Mount, parent) {
				path.Put(w.t)
				return unix.ENOENT
			}
			break
		}
		up := path.mountedAt()
		if up.Mount == nil {
			break
		}
		path.Put(w.t)
		path = up
		if w.flags&WalkNoXdev != 0 {
			path.Put(w.t)
			return unix.EXDEV
		}
	}
	for path.Dentry.Has(dentryMounted) {
		m := lookupMount(path.Mount, path.Dentry)
		if m == nil {
			break
		}
		path.Put(w.t)
		path = Path{m, m.root.Get()}
		if w.flags&WalkNoXdev != 0 {
			path.Put(w.t)
			return unix.EXDEV
		}
	}
	w.setPath(path)
	return nil
}

// getParent is the parent with a reference.
func (d *Dentry) getParent() *Dentry {
	for {
		p := d.parent.Load()
		if p.getUnlessDead() {
			if d.parent.Load() == p {
				return p
			}
			p.Put(kernelTask)
		}
	}
}

// mountedAt is the place that the mount of p is mounted on, referenced; empty
// at the top.
func (p Path) mountedAt() Path {
	for {
		seq := mountLock.ReadBegin()
		up, at := p.Mount.parent.Load(), p.Mount.mountpoint.Load()
		if up == p.Mount {
			if mountLock.ReadRetry(seq) {
				continue
			}
			return Path{}
		}
		if !up.getIf(seq) {
			continue
		}
		if !at.getUnlessDead() {
			up.Put(kernelTask)
			continue
		}
		if mountLock.ReadRetry(seq) {
			Path{up, at}.Put(kernelTask)
			continue
		}
		return Path{up, at}
	}
}

// mountContains reports whether d is in the subtree that m shows: false only
// when a bind mount's directory was moved out of it.
func mountContains(m *Mount, d *Dentry) bool {
	return m.root == m.sb.root || isSubdir(d, m.root)
}
