package vfs

import "golang.org/x/sys/unix"

// statRCU stats what a path names without ever taking a reference or a lock,
// where that is possible: nothing shared is written to, so that any number of
// callers do not slow each other down. ECHILD: do it in ref-walk.
func (t *Task) statRCU(at At, name string, flags WalkFlags, st *Stat) error {
	var w walk
	err := w.start(t, at, name, flags|WalkParent|WalkRCU)
	if err == nil {
		if name == "" {
			w.flags &^= WalkParent
		} else {
			err = w.toEnd(name)
		}
	}
	if err == nil {
		err = w.statHere(st)
	}
	w.end()
	return err
}

// statHere stats where the walk stands, which it leaves rcu-walk for if the
// driver has a say in it.
func (w *walk) statHere(st *Stat) error {
	d, in := w.path.Dentry, w.inode
	if !w.rcu() || in.ops.getattr != nil || w.flags&walkScoped != 0 || w.flags&walkJumped != 0 && d.Has(dentryOpWeakRevalidate) ||
		w.flags&WalkDirectory != 0 && in.ops.lookup == nil {
		if err := w.finish(); err != nil {
			return err
		}
		return w.path.Getattr(w.t, st)
	}
	w.path.fillStat(in, st)
	if d.seq.Retry(w.seq) || mountLock.ReadRetry(w.mountSeq) {
		return unix.ECHILD
	}
	return nil
}
