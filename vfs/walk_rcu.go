package vfs

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

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
