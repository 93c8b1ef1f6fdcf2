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

// savedLink is what is left of a path while the body of a link is walked.
type savedLink struct {
	rest   string // empty: the link was the last component
	inode  *Inode // of a link with a cookie, referenced
	cookie any
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

// jumpRoot restarts at the root, for an absolute link.
func (w *walk) jumpRoot() error {
	if w.flags&WalkBeneath != 0 {
		return unix.EXDEV
	}
	// A walk that has not met the root yet counts as elsewhere, as it does in
	// Linux.
	if w.flags&WalkNoXdev != 0 && (!w.hasRoot || w.path.Mount != w.root.Mount) {
		return unix.EXDEV
	}
	w.setRoot()
	w.jumpTo(w.root)
	return nil
}

// leaveRCU ends rcu-walk before anything was reached.
func (w *walk) leaveRCU() {
	if w.rcu() {
		w.flags &^= WalkRCU
		w.ctx = w.t
		lockdep.ExitRCUWalk()
	}
}

// unlazy goes from rcu-walk to ref-walk where the walk stands: it takes the
// references, and checks that nothing has changed. On ECHILD the walk is to be
// done again; it holds nothing then.
func (w *walk) unlazy() error {
	w.leaveRCU()
	if err := w.legitimize(&w.path, w.seq, true); err != nil {
		w.path, w.root, w.hasRoot = Path{}, Path{}, false
		return err
	}
	if w.hasRoot {
		if err := w.legitimize(&w.root, 0, false); err != nil {
			w.root, w.hasRoot = Path{}, false
			w.path.Put(w.t)
			w.path = Path{}
			return err
		}
	}
	return nil
}

func (w *walk) legitimize(p *Path, seq uint32, check bool) error {
	if !p.Mount.getIf(w.mountSeq) {
		return unix.ECHILD
	}
	if !p.Dentry.getUnlessDead() {
		p.Mount.Put(w.t)
		return unix.ECHILD
	}
	if check && p.Dentry.seq.Retry(seq) {
		p.Put(w.t)
		return unix.ECHILD
	}
	return nil
}

// unlazyChild is unlazy where a child was found, which becomes referenced.
func (w *walk) unlazyChild(child *Dentry, seq uint32) error {
	if !child.getUnlessDead() {
		w.abandonRCU()
		return unix.ECHILD
	}
	if child.seq.Retry(seq) {
		w.abandonRCU()
		child.Put(w.t)
		return unix.ECHILD
	}
	if err := w.unlazy(); err != nil {
		child.Put(w.t)
		return err
	}
	return nil
}

func (w *walk) abandonRCU() {
	w.leaveRCU()
	w.path, w.root, w.hasRoot = Path{}, Path{}, false
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

// push saves the rest of the path while a link's body is walked.
func (w *walk) push(s savedLink) {
	if w.depth < len(w.saved) {
		w.saved[w.depth] = s
	} else {
		w.more = append(w.more, s)
	}
	w.depth++
}

func (w *walk) top() *savedLink {
	if w.depth <= len(w.saved) {
		return &w.saved[w.depth-1]
	}
	return &w.more[len(w.more)-1]
}

// pop ends the innermost link: its body is no longer needed.
func (w *walk) pop() (rest string) {
	s := w.top()
	rest = s.rest
	inode, cookie := s.inode, s.cookie
	*s = savedLink{}
	if w.depth > len(w.saved) {
		w.more = w.more[:len(w.more)-1]
	}
	w.depth--
	if cookie != nil {
		if inode.ops.putLink != nil {
			gatePutLink(inode.ops.putLink, w.t, inode, cookie)
		}
		inode.Put(w.t)
	}
	return rest
}

// maySearch checks that the directory in which the walk stands may be
// searched.
func (w *walk) maySearch() error {
	const open = unix.S_IFDIR | 0o111
	if in := w.inode; in.ops.permission == nil && in.Mode()&(unix.S_IFMT|0o111) == open && in.sb.Flags()&SuperPosixACL == 0 {
		return nil // a directory that all may search
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
		comp, rest, hash := splitComponent(name)
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

// endBody ends the innermost link once the last component of its body has
// been looked up.
func (w *walk) endBody() {
	if w.ending {
		w.ending = false
		w.pop()
	}
}

func skipSlashes(s string) string {
	for len(s) > 0 && s[0] == '/' {
		s = s[1:]
	}
	return s
}

// splitComponent cuts name at its first slash; rest begins with it. The hash
// is the default one of the component.
func splitComponent(name string) (comp, rest string, hash uint32) {
	h := nameSeed
	for i := range len(name) {
		c := name[i]
		if c == '/' {
			return name[:i], name[i:], hashEnd(h)
		}
		h = hashStep(h, c)
	}
	return name, "", hashEnd(h)
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

// componentRCU is component in rcu-walk. Not done without an error means that
// the walk is now in ref-walk and the component is still to be looked up.
func (w *walk) componentRCU(final bool) (body string, isLink bool, err error, done bool) {
	parent := w.path.Dentry
	d, seq := parent.sb.dcache.lookupRCU(parent, w.last, w.lastHash)
	if d == nil {
		return "", false, w.unlazy(), false
	}
	inode := d.inode.Load()
	if d.seq.Retry(seq) || parent.seq.Retry(w.seq) {
		w.abandonRCU()
		return "", false, unix.ECHILD, true
	}
	if d.Has(dentryOpRevalidate) {
		valid, err := gateRevalidate(d.ops.revalidate, w.ctx, d, w.flags|WalkRCU)
		if err != nil || !valid {
			return w.revalidateFailed(d, seq, valid, err, final)
		}
	}
	if inode == nil {
		// A validated negative dentry is a final answer.
		w.abandonRCU()
		return "", false, unix.ENOENT, true
	}
	path := Path{w.path.Mount, d}
	if DentryFlag(d.flags.Load())&dentryManaged != 0 {
		var ok bool
		if path, seq, inode, ok = w.crossMountsRCU(path, seq, inode); !ok {
			if err := w.unlazyChild(d, seq); err != nil {
				return "", false, err, true
			}
			body, isLink, err = w.stepInto(d, final)
			return body, isLink, err, true
		}
		if path.Mount != w.path.Mount && w.flags&WalkNoXdev != 0 {
			w.abandonRCU()
			return "", false, unix.EXDEV, true
		}
	}
	w.endBody()
	if w.followsLink(inode, final) {
		link := inode.link.Load()
		if link == nil || final && w.mayFollow(inode) != nil || w.flags&(WalkNoSymlinks|walkScoped) != 0 || linkAtimeDue(w.t, path, inode) || w.depth >= len(w.saved) {
			if path.Mount != w.path.Mount { // a link as root of a mount: rare
				w.abandonRCU()
				return "", false, unix.ECHILD, true
			}
			if err := w.unlazyChild(d, seq); err != nil {
				return "", false, err, true
			}
			body, isLink, err = w.stepInto(d, final)
			return body, isLink, err, true
		}
		if d.seq.Retry(seq) {
			w.abandonRCU()
			return "", false, unix.ECHILD, true
		}
		if w.links++; w.links > MaxSymlinks {
			w.abandonRCU()
			return "", false, unix.ELOOP, true
		}
		w.push(savedLink{})
		if strings.HasPrefix(*link, "/") {
			if err := w.jumpRoot(); err != nil {
				w.abandonRCU()
				return "", false, err, true
			}
		}
		return *link, true, nil, true
	}
	w.path, w.inode, w.seq = path, inode, seq
	return "", false, nil, true
}

// revalidateFailed handles a Revalidate in rcu-walk that did not say yes.
func (w *walk) revalidateFailed(d *Dentry, seq uint32, valid bool, err error, final bool) (string, bool, error, bool) {
	if e := w.unlazyChild(d, seq); e != nil {
		return "", false, e, true
	}
	if err == unix.ECHILD {
		valid, err = gateRevalidate(d.ops.revalidate, w.t, d, w.flags)
	}
	if err != nil {
		d.Put(w.t)
		return "", false, err, true
	}
	if !valid {
		d.invalidate(w.t)
		d.Put(w.t)
		return "", false, nil, false // look it up anew
	}
	body, isLink, err := w.stepInto(d, final)
	return body, isLink, err, true
}

// crossMountsRCU goes down into what is mounted on path; not ok means that
// ref-walk has to do it.
func (w *walk) crossMountsRCU(path Path, seq uint32, inode *Inode) (Path, uint32, *Inode, bool) {
	first := seq
	start := inode
	for {
		d := path.Dentry
		f := DentryFlag(d.flags.Load())
		if f&DentryManageTransit != 0 && d.ops.manage != nil {
			switch err := gateManage(d.ops.manage, w.ctx, d, true); err {
			case nil:
			case unix.EISDIR:
				return path, seq, inode, true
			default:
				return path, first, start, false
			}
		}
		if f&dentryMounted != 0 {
			if m := mountedOn(path.Mount, d); m != nil {
				path = Path{m, m.root}
				seq = m.root.seq.ReadBegin()
				inode = m.root.Inode()
				if mountLock.ReadRetry(w.mountSeq) || inode == nil {
					return path, first, start, false
				}
				w.flags |= walkJumped
				continue
			}
		}
		if f&DentryNeedAutomount != 0 {
			return path, first, start, false
		}
		return path, seq, inode, !mountLock.ReadRetry(w.mountSeq)
	}
}

// lookupChild finds or looks up the component in ref-walk, and references it;
// it may be negative.
func (w *walk) lookupChild() (*Dentry, error) {
	parent := w.path.Dentry
	d := parent.sb.dcache.lookup(parent, w.last, w.lastHash)
	if d != nil && d.Has(dentryOpRevalidate) {
		var err error
		if d, err = d.revalidate(w.t, w.flags); err != nil {
			return nil, err
		}
	}
	if d != nil {
		return d, nil
	}
	if w.flags&WalkCached != 0 {
		return nil, unix.EAGAIN
	}
	return lookupOne(w.t, parent, w.last, w.lastHash, w.flags)
}

// revalidate asks the driver about a cached dentry in ref-walk. One that is
// not valid is dropped and nil returned; an error puts it.
func (d *Dentry) revalidate(ctx context.Context, flags WalkFlags) (*Dentry, error) {
	valid, err := gateRevalidate(d.ops.revalidate, ctx, d, flags&^WalkRCU)
	if err != nil {
		d.Put(ctx)
		return nil, err
	}
	if !valid {
		d.invalidate(ctx)
		d.Put(ctx)
		return nil, nil
	}
	return d, nil
}

// lookupOne looks a name up under the directory's i_mutex.
func lookupOne(ctx context.Context, parent *Dentry, name string, hash uint32, flags WalkFlags) (*Dentry, error) {
	dir := parent.Inode()
	if dir == nil {
		return nil, unix.ENOENT
	}
	dir.mutex.Lock()
	defer dir.mutex.Unlock()
	return lookupLocked(ctx, parent, name, hash, flags)
}

// lookupLocked finds a name in the cache or asks the driver; the directory's
// i_mutex is held. The dentry comes back referenced, negative if there is no
// such name.
func lookupLocked(ctx context.Context, parent *Dentry, name string, hash uint32, flags WalkFlags) (*Dentry, error) {
	flags &^= WalkRCU
	d := parent.sb.dcache.lookup(parent, name, hash)
	if d != nil && d.Has(dentryOpRevalidate) {
		var err error
		if d, err = d.revalidate(ctx, flags); err != nil {
			return nil, err
		}
	}
	if d != nil {
		return d, nil
	}
	return lookupReal(ctx, parent, name, hash, flags)
}

// lookupReal asks the driver.
func lookupReal(ctx context.Context, parent *Dentry, name string, hash uint32, flags WalkFlags) (*Dentry, error) {
	dir := parent.Inode()
	if dir.Dead() {
		return nil, unix.ENOENT
	}
	if dir.ops.lookup == nil {
		return nil, unix.ENOTDIR
	}
	// The cache keeps the name: as a copy, not as part of the caller's path.
	d := newDentry(parent.sb, parent, strings.Clone(name), hash)
	other, err := gateLookup(dir.ops.lookup, ctx, dir, d, flags)
	if err != nil || other != nil {
		d.Put(ctx)
	}
	if err != nil {
		return nil, err
	}
	if other != nil {
		return other, nil
	}
	return d, nil
}

// stepInto steps to d, whose reference it takes over, in ref-walk.
func (w *walk) stepInto(d *Dentry, final bool) (body string, isLink bool, err error) {
	w.endBody()
	path := Path{w.path.Mount.Get(), d}
	if DentryFlag(d.flags.Load())&dentryManaged != 0 {
		if path, err = w.crossMounts(path); err != nil {
			path.Put(w.t)
			return "", false, err
		}
		if path.Mount != w.path.Mount && w.flags&WalkNoXdev != 0 {
			path.Put(w.t)
			return "", false, unix.EXDEV
		}
	}
	inode := path.Inode()
	if inode == nil {
		path.Put(w.t)
		return "", false, unix.ENOENT
	}
	if w.followsLink(inode, final) {
		body, err = w.followLink(path, final)
		path.Put(w.t)
		return body, err == nil, err
	}
	w.setPath(path)
	return "", false, nil
}

// followsLink reports whether a component is a symlink that the walk follows.
func (w *walk) followsLink(inode *Inode, final bool) bool {
	return inode.IsSymlink() && (!final || w.flags&WalkFollow != 0)
}

// crossMounts goes down into what is mounted on path, or is to be: first the
// driver's Manage, then mounts, then automounts, until nothing changes. It
// takes path's references over and returns those of the result.
func (w *walk) crossMounts(path Path) (Path, error) {
	for {
		f := DentryFlag(path.Dentry.flags.Load())
		if f&DentryManageTransit != 0 && path.Dentry.ops.manage != nil {
			if err := gateManage(path.Dentry.ops.manage, w.t, path.Dentry, false); err == unix.EISDIR {
				return path, nil
			} else if err != nil {
				return path, err
			}
		}
		if f&dentryMounted != 0 {
			if m := lookupMount(path.Mount, path.Dentry); m != nil {
				path.Put(w.t)
				path = Path{m, m.root.Get()}
				w.flags |= walkJumped
				continue
			}
		}
		if f&DentryNeedAutomount != 0 {
			again, err := w.automount(path)
			if err != nil {
				return path, err
			}
			if again {
				continue
			}
		}
		return path, nil
	}
}

// automount has the driver mount what belongs on path. It reports whether
// path is to be looked at again.
func (w *walk) automount(path Path) (bool, error) {
	const wants = WalkParent | WalkDirectory | WalkOpen | WalkCreate | WalkAutomount
	if w.flags&wants == 0 && !path.Dentry.Negative() {
		return false, nil
	}
	if path.Dentry.ops == nil || path.Dentry.ops.automount == nil {
		return false, unix.EREMOTE
	}
	if w.links++; w.links >= MaxSymlinks {
		return false, unix.ELOOP
	}
	m, err := gateAutomount(path.Dentry.ops.automount, w.t, path)
	if err == unix.EISDIR && w.flags&WalkParent == 0 {
		return false, nil
	}
	if err == unix.EISDIR {
		return false, unix.EREMOTE
	}
	if err != nil || m == nil {
		return err == nil, err
	}
	return true, finishAutomount(w.t, m, path)
}

// followLink follows the symlink at path in ref-walk: it returns the body,
// with the link pushed, or has jumped.
func (w *walk) followLink(path Path, final bool) (string, error) {
	if w.links++; w.links > MaxSymlinks {
		return "", unix.ELOOP
	}
	inode := path.Inode()
	if final {
		if err := w.mayFollow(inode); err != nil {
			return "", err
		}
	}
	if w.flags&WalkNoSymlinks != 0 {
		return "", unix.ELOOP
	}
	path.touchAtime(w.t)
	if body := inode.link.Load(); body != nil {
		w.push(savedLink{})
		return *body, w.enterBody(*body)
	}
	if inode.ops.followLink == nil {
		return "", unix.EINVAL
	}
	link, err := gateFollowLink(inode.ops.followLink, w.t, path.Dentry)
	if err != nil {
		return "", err
	}
	s := savedLink{cookie: link.Cookie}
	if link.Cookie != nil {
		s.inode = inode.Get()
	}
	w.push(s)
	if link.Jump.Dentry == nil {
		return link.Body, w.enterBody(link.Body)
	}
	if w.flags&(WalkNoMagiclinks|walkScoped) != 0 {
		link.Jump.Put(w.t)
		if w.flags&WalkNoMagiclinks != 0 {
			return "", unix.ELOOP
		}
		return "", unix.EXDEV
	}
	if w.flags&WalkNoXdev != 0 && link.Jump.Mount != w.path.Mount {
		link.Jump.Put(w.t)
		return "", unix.EXDEV
	}
	w.setPath(link.Jump)
	w.flags |= walkJumped
	return "", nil
}

func (w *walk) enterBody(body string) error {
	if len(body) > 0 && body[0] == '/' {
		return w.jumpRoot()
	}
	return nil
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
	err := w.lookup(t, at, name, flags|WalkRCU)
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
