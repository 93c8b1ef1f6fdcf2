package vfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// At is where a relative path starts; an absolute one ignores it.
type At struct {
	fd   int
	path Path
}

// AtCWD starts at the current directory.
var AtCWD = At{fd: unix.AT_FDCWD}

// AtFD starts at an open directory.
func AtFD(fd int) At { return At{fd: fd} }

// AtPath starts at p, on which the caller keeps its reference.
func AtPath(p Path) At { return At{path: p} }

// Kinds of a last component.
type lastKind uint8

const (
	lastNorm lastKind = iota
	lastDot
	lastDotDot
	lastRoot // the path was all slashes
)

// A walk is the state of one path resolution (the kernel's nameidata). It
// lives on its caller's stack.
//
// A walk begins in rcu-walk: it takes no lock and no reference, and believes
// what it saw only when the sequence counts say that nothing changed. Where
// that is not enough it takes references on where it stands (unlazy) and goes
// on in ref-walk; if that fails the whole walk is done again in ref-walk.
type walk struct {
	t     *Task
	ctx   context.Context // the task, or its rcu face
	flags WalkFlags

	path  Path // where the walk stands; referenced in ref-walk
	inode *Inode
	seq   uint32 // rcu-walk: d_seq of path.Dentry

	root    Path // of the process, or of a scoped walk
	hasRoot bool // root is set; referenced in ref-walk
	scoped  bool // root is the start, and stays over a change to ref-walk

	mountSeq, renameSeq uint32

	last      string // the last component of a parent walk
	lastHash  uint32
	lastKind  lastKind
	lastSlash bool // slashes followed it

	links  int  // symlinks and automounts crossed
	depth  int  // link bodies in progress
	ending bool // the component in progress is the last of the innermost body
	saved  [3]savedLink
	more   []savedLink // beyond the first few
}

func (w *walk) rcu() bool { return w.flags&WalkRCU != 0 }

// start puts the walk at its beginning.
func (w *walk) start(t *Task, at At, name string, flags WalkFlags) error {
	w.t, w.flags = t, flags|walkJumped
	w.ctx = t
	if w.rcu() {
		w.ctx = &t.rcu
		lockdep.EnterRCUWalk()
	}
	w.mountSeq = mountLock.ReadBegin()
	if flags&walkScoped != 0 {
		w.renameSeq = renameLock.ReadBegin()
	}
	if name == "" && flags&WalkEmpty == 0 {
		return unix.ENOENT
	}
	if len(name) >= PathMax {
		return unix.ENAMETOOLONG
	}
	if strings.IndexByte(name, 0) >= 0 {
		return unix.EINVAL
	}
	if name != "" && name[0] == '/' && flags&WalkInRoot == 0 {
		if flags&WalkBeneath != 0 {
			return unix.EXDEV
		}
		w.setRoot()
		w.jumpTo(w.root)
		return nil
	}
	if err := w.startAt(at, name); err != nil {
		return err
	}
	if flags&walkScoped != 0 {
		w.root, w.hasRoot, w.scoped = w.path, true, true
		if !w.rcu() {
			w.root.Get()
		}
	}
	return nil
}

func (w *walk) startAt(at At, name string) error {
	if at.path.Dentry != nil {
		return w.startPath(at.path, name, true)
	}
	if at.fd == unix.AT_FDCWD {
		if w.rcu() {
			return w.startPath(*w.t.fs.cwd.Load(), name, false)
		}
		p := w.t.fs.get(&w.t.fs.cwd)
		w.path, w.inode = p, p.Inode()
		return nil
	}
	f, err := w.t.files.get(at.fd)
	if err != nil {
		return err
	}
	defer f.Put(w.t)
	if w.rcu() {
		// The descriptor could be closed during the walk: hold on to what it
		// names by a reference, which only ref-walk has.
		w.leaveRCU()
	}
	return w.startPath(f.path, name, true)
}

func (w *walk) startPath(p Path, name string, check bool) error {
	w.path, w.inode = p, p.Inode()
	if w.rcu() {
		w.seq = p.Dentry.seq.Read()
		w.inode = p.Inode()
		if p.Dentry.seq.Retry(w.seq) || w.inode == nil {
			return unix.ECHILD
		}
	} else {
		p.Get()
	}
	if check && name != "" && !w.inode.IsDir() {
		return unix.ENOTDIR
	}
	return nil
}

// setRoot makes w.root the process's root.
func (w *walk) setRoot() {
	if w.hasRoot {
		return
	}
	w.hasRoot = true
	if w.rcu() {
		w.root = *w.t.fs.root.Load()
	} else {
		w.root = w.t.fs.get(&w.t.fs.root)
	}
}

// jumpTo moves the walk to p, which in ref-walk it references anew.
func (w *walk) jumpTo(p Path) {
	w.flags |= walkJumped
	if w.rcu() {
		w.path = p
		w.seq = p.Dentry.seq.ReadBegin()
		w.inode = p.Inode()
		return
	}
	p.Get()
	w.setPath(p)
}

// setPath replaces where the walk stands by p, whose references it takes over;
// ref-walk only.
func (w *walk) setPath(p Path) {
	w.path.Put(w.t)
	w.path, w.inode = p, p.Inode()
}

// end drops all that the walk holds.
func (w *walk) end() {
	for w.depth > 0 {
		w.pop()
	}
	if w.rcu() {
		w.abandonRCU()
		return
	}
	if w.path.Dentry != nil {
		w.path.Put(w.t)
		w.path = Path{}
	}
	w.endRoot()
}

func (w *walk) endRoot() {
	if w.hasRoot {
		w.root.Put(w.t)
		w.root, w.hasRoot = Path{}, false
	}
}

// maySearch checks that the directory in which the walk stands may be
// searched.
func (w *walk) maySearch() error {
	if w.t.searches(w.inode) {
		return nil
	}
	if w.rcu() {
		err := InodePermission(w.ctx, w.inode, MayExec|MayNotBlock)
		if err != unix.ECHILD {
			return err
		}
		if err := w.unlazy(); err != nil {
			return err
		}
	}
	return InodePermission(w.t, w.inode, MayExec)
}

// searches reports that the task may search a directory, where that can be
// seen from the mode alone: the owner's bit for the owner, or everybody's where
// no ACL has a say.
func (t *Task) searches(in *Inode) bool {
	if in.ops.permission != nil {
		return false
	}
	mode := in.Mode()
	if mode&(unix.S_IFMT|0o100) == unix.S_IFDIR|0o100 && t.cred.FSUID == in.UID() {
		return true
	}
	return mode&(unix.S_IFMT|0o111) == unix.S_IFDIR|0o111 && in.sb.Flags()&SuperPosixACL == 0
}

// toLast walks all components of name but the last, which it leaves in
// w.last.
func (w *walk) toLast(name string) error {
	name = skipSlashes(name)
	if name == "" {
		w.last, w.lastKind, w.lastSlash = "", lastRoot, false
		return nil
	}
	for {
		if err := w.maySearch(); err != nil {
			return err
		}
		comp, rest, hash := splitName(name)
		if err := w.setLast(comp, hash); err != nil {
			return err
		}
		w.lastSlash = rest != ""
		name = skipSlashes(rest)
		if name == "" {
			if w.depth == 0 || w.top().rest == "" {
				return nil // the last component, of the path or of its last link
			}
			name, w.ending = w.top().rest, true
		}
		body, isLink, err := w.component(false)
		if err != nil {
			return err
		}
		w.endBody()
		if isLink {
			if body = skipSlashes(body); body != "" {
				w.top().rest = name
				name = body
				continue
			}
			w.pop()
		}
		if w.inode.ops.lookup == nil {
			if w.rcu() {
				if err := w.unlazy(); err != nil {
					return err
				}
			}
			return unix.ENOTDIR
		}
	}
}

func skipSlashes(s string) string {
	for len(s) > 0 && s[0] == '/' {
		s = s[1:]
	}
	return s
}

// setLast notes a component, with its hash in the directory of the walk.
func (w *walk) setLast(comp string, hash uint32) error {
	w.last, w.lastKind, w.lastHash = comp, lastNorm, hash
	if comp[0] == '.' {
		if comp == "." {
			w.lastKind = lastDot
			return nil
		}
		if comp == ".." {
			w.lastKind = lastDotDot
			w.flags |= walkJumped
			return nil
		}
	}
	w.flags &^= walkJumped
	if d := w.path.Dentry; d.Has(dentryOpHash) {
		var err error
		w.lastHash, err = gateHash(d.ops.hash, d, comp, hash)
		return err
	}
	return nil
}

// component steps to the component in w.last: into it, across what is mounted
// there, or, if it is a symlink to be followed, returns its body with the link
// pushed. final says that it is the path's last.
func (w *walk) component(final bool) (body string, isLink bool, err error) {
	switch w.lastKind {
	case lastDot, lastRoot:
		return "", false, nil
	case lastDotDot:
		return "", false, w.dotDot()
	}
	if w.rcu() {
		body, isLink, err, done := w.componentRCU(final)
		if done {
			return body, isLink, err
		}
		if err != nil {
			return "", false, err
		}
	}
	d, err := w.lookupChild()
	if err != nil {
		return "", false, err
	}
	return w.stepInto(d, final)
}

// toEnd walks the whole path, following a last symlink if the flags say so.
func (w *walk) toEnd(name string) error {
	for {
		if err := w.toLast(name); err != nil {
			return err
		}
		if w.lastSlash {
			w.flags |= WalkFollow | WalkDirectory
		}
		w.flags &^= WalkParent
		body, isLink, err := w.component(true)
		if err != nil {
			return err
		}
		if !isLink {
			return nil
		}
		w.flags |= WalkParent
		if name = skipSlashes(body); name == "" {
			return nil
		}
	}
}

// finish ends a walk that arrived: in ref-walk, with a directory if one was
// asked for, and with the driver's word for what was not reached by name.
func (w *walk) finish() error {
	if w.rcu() {
		if err := w.unlazy(); err != nil {
			return err
		}
	}
	if w.flags&WalkDirectory != 0 && w.inode.ops.lookup == nil {
		return unix.ENOTDIR
	}
	if w.scoped && w.flags&walkScoped != 0 && !w.stillBelow() {
		return unix.EXDEV
	}
	d := w.path.Dentry
	if w.flags&walkJumped == 0 || !d.Has(dentryOpWeakRevalidate) {
		return nil
	}
	valid, err := gateWeakRevalidate(d.ops.weakRevalidate, w.t, d, w.flags)
	if err == nil && !valid {
		err = unix.ESTALE
	}
	return err
}

// stillBelow reports whether a scoped walk ends below where it began.
func (w *walk) stillBelow() bool {
	m, d := w.path.Mount, w.path.Dentry
	for m != w.root.Mount {
		up := m.parent.Load()
		if up == m {
			return false
		}
		d, m = m.mountpoint.Load(), up
	}
	return isSubdir(d, w.root.Dentry)
}

// lookup does one whole attempt of a walk; on success w.path is referenced.
func (w *walk) lookup(t *Task, at At, name string, flags WalkFlags) error {
	err := w.start(t, at, name, flags|WalkParent)
	if err == nil && name == "" {
		w.flags &^= WalkParent
		w.flags &^= walkJumped
	} else if err == nil {
		err = w.toEnd(name)
	}
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		w.end()
		return err
	}
	for w.depth > 0 {
		w.pop()
	}
	w.endRoot()
	return nil
}

// walkPath resolves a path to a place, with references on it.
func (t *Task) walkPath(at At, name string, flags WalkFlags) (Path, error) {
	var w walk
	err := error(unix.ECHILD)
	if flags&WalkReval == 0 {
		err = w.lookup(t, at, name, flags|WalkRCU)
	}
	if err == unix.ECHILD {
		w = walk{}
		err = w.lookup(t, at, name, flags)
	}
	if err == unix.ESTALE {
		w = walk{}
		err = w.lookup(t, at, name, flags|WalkReval)
	}
	return w.path, err
}

// withPath calls f with the place that a path names, and does both once more,
// distrusting caches, if f says ESTALE.
func (t *Task) withPath(at At, name string, flags WalkFlags, f func(Path) error) error {
	p, err := t.walkPath(at, name, flags)
	if err != nil {
		return err
	}
	err = f(p)
	p.Put(t)
	if err != unix.ESTALE || flags&WalkReval != 0 {
		return err
	}
	return t.withPath(at, name, flags|WalkReval, f)
}

// Lookup resolves a path to a place, with references that the caller puts.
func (t *Task) Lookup(at At, path string, flags WalkFlags) (Path, error) {
	return t.walkPath(at, path, flags)
}
