package vfs

import (
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// A renaming is one rename in progress: both parents, locked, and both names.
type renaming struct {
	t              *Task
	flags          RenameFlags
	mnt            *Mount
	oldDir, newDir *Inode
	oldParent      *Dentry
	newParent      *Dentry
	source, target *Dentry
	trap           *Dentry // child of the upper parent on the way to the lower
	trapAbove      *Dentry // the upper parent, if one is above the other
	first, second  *Inode  // the parents in the order of locking; one if they are the same
	replaced       *Inode  // what the target stood for, referenced
	delegated      *Inode  // whose delegation has to be broken, referenced
}

// Renameat2 renames oldName to newName. Both must be on one mount (EXDEV).
// Without flags a target of the same kind is replaced, at no moment missing.
func (t *Task) Renameat2(oldAt At, oldName string, newAt At, newName string, flags RenameFlags) error {
	if flags&^(RenameNoReplace|RenameExchange|RenameWhiteout) != 0 {
		return unix.EINVAL
	}
	if flags&RenameExchange != 0 && flags&(RenameNoReplace|RenameWhiteout) != 0 {
		return unix.EINVAL
	}
	reval := WalkFlags(0)
	for {
		r := renaming{t: t, flags: flags}
		err := r.walkAndRename(oldAt, oldName, newAt, newName, reval)
		switch {
		case err == errDelegated:
			err = r.delegated.waitDelegation(t)
			r.delegated.Put(t)
			if err != nil {
				return err
			}
		case err == unix.ESTALE && reval == 0:
			reval = WalkReval
		default:
			return err
		}
	}
}

func (r *renaming) walkAndRename(oldAt At, oldName string, newAt At, newName string, reval WalkFlags) error {
	t := r.t
	var from, to walk
	if err := t.walkParent(&from, oldAt, oldName, reval); err != nil {
		return err
	}
	defer from.end()
	toFlags := reval
	if r.flags&RenameExchange == 0 {
		toFlags |= WalkRenameTarget
	}
	if err := t.walkParent(&to, newAt, newName, toFlags); err != nil {
		return err
	}
	defer to.end()
	if from.path.Mount != to.path.Mount {
		return unix.EXDEV
	}
	if from.lastKind != lastNorm {
		return unix.EBUSY
	}
	if to.lastKind != lastNorm {
		if r.flags&RenameNoReplace != 0 {
			return unix.EEXIST
		}
		return unix.EBUSY
	}
	r.mnt = from.path.Mount
	if err := r.mnt.WantWrite(t); err != nil {
		return err
	}
	defer r.mnt.DropWrite()
	r.oldParent, r.newParent = from.path.Dentry, to.path.Dentry
	r.oldDir, r.newDir = r.oldParent.Inode(), r.newParent.Inode()
	if r.oldDir == nil || r.newDir == nil {
		return unix.ENOENT
	}
	r.lockParents()
	err := r.lookUpAndRename(&from, &to, toFlags)
	r.unlockParents()
	if err == nil {
		r.notify(from.last, to.last)
	}
	r.replaced.Put(t) // the last data go with no directory locked
	r.putNames()
	return err
}

// lockParents locks the one or two directories. Across directories the tree
// is kept in shape by the rename mutex, and the upper one goes first.
func (r *renaming) lockParents() {
	p1, p2 := r.oldParent, r.newParent
	r.first = r.oldDir
	if p1 == p2 {
		r.first.mutex.LockNested(lockParent)
		return
	}
	p1.sb.renameMutex.Lock()
	r.second = r.newDir
	if c := childToward(p2, p1); c != nil { // the target's parent is above
		r.trap, r.trapAbove = c, p2
		r.first, r.second = r.newDir, r.oldDir
	} else if c := childToward(p1, p2); c != nil {
		r.trap, r.trapAbove = c, p1
	}
	r.first.mutex.LockNested(lockParent)
	r.second.mutex.LockNested(lockParent2)
}

func (r *renaming) unlockParents() {
	if r.second != nil {
		r.second.mutex.Unlock()
	}
	r.first.mutex.Unlock()
	if r.second != nil {
		r.oldParent.sb.renameMutex.Unlock()
	}
}

func (r *renaming) putNames() {
	if r.source != nil {
		r.source.Put(r.t)
	}
	if r.target != nil {
		r.target.Put(r.t)
	}
}

// lookUpAndRename finds both names and renames, with the parents locked.
func (r *renaming) lookUpAndRename(from, to *walk, toFlags WalkFlags) (err error) {
	if r.source, err = lookupLocked(r.t, r.oldParent, from.last, from.lastHash, from.flags&WalkReval); err != nil {
		return err
	}
	if r.source.Negative() {
		return unix.ENOENT
	}
	if r.target, err = lookupLocked(r.t, r.newParent, to.last, to.lastHash, toFlags); err != nil {
		return err
	}
	switch {
	case r.flags&RenameNoReplace != 0 && !r.target.Negative():
		return unix.EEXIST
	case r.flags&RenameExchange != 0 && r.target.Negative():
		return unix.ENOENT
	}
	if err := r.checkSlashes(from.lastSlash, to.lastSlash); err != nil {
		return err
	}
	if r.trap != nil {
		if r.source == r.trap && r.trapAbove == r.oldParent {
			return unix.EINVAL // the source is above its destination
		}
		if r.target == r.trap && r.trapAbove == r.newParent {
			if r.flags&RenameExchange != 0 {
				return unix.EINVAL
			}
			return unix.ENOTEMPTY
		}
	}
	if in := r.target.Inode(); in != nil && r.flags&RenameExchange == 0 {
		r.replaced = in.Get()
	}
	return r.rename()
}

// checkSlashes: a name with slashes behind it must be that of a directory.
func (r *renaming) checkSlashes(fromSlash, toSlash bool) error {
	if r.flags&RenameExchange != 0 {
		if toSlash && !r.target.isDir() {
			return unix.ENOTDIR
		}
	} else if toSlash && !r.source.isDir() {
		return unix.ENOTDIR
	}
	if fromSlash && !r.source.isDir() {
		return unix.ENOTDIR
	}
	return nil
}

// rename does the checks of vfs_rename and calls the driver.
func (r *renaming) rename() error {
	t := r.t
	in, target := r.source.Inode(), r.target.Inode()
	if in == target {
		return nil // two names of one file: nothing happens
	}
	if err := mayDelete(t, r.oldDir, r.source, in.IsDir()); err != nil {
		return err
	}
	exchange := r.flags&RenameExchange != 0
	var err error
	switch {
	case target == nil:
		err = mayCreate(t, r.newDir, r.target)
	case exchange:
		err = mayDelete(t, r.newDir, r.target, target.IsDir())
	default:
		err = mayDelete(t, r.newDir, r.target, in.IsDir())
	}
	if err != nil {
		return err
	}
	if r.oldDir.ops.rename2 == nil && r.oldDir.ops.rename == nil {
		return unix.EPERM
	}
	if r.oldDir.ops.rename2 == nil && r.flags != 0 {
		return unix.EINVAL
	}
	if r.oldDir != r.newDir {
		// The ".." of a directory that moves is written.
		if in.IsDir() {
			if err := InodePermission(t, in, MayWrite); err != nil {
				return err
			}
		}
		if exchange && target.IsDir() {
			if err := InodePermission(t, target, MayWrite); err != nil {
				return err
			}
		}
	}
	return r.renameVictims(in, target, exchange)
}

// renameVictims locks what §10.3 asks for and calls the driver.
func (r *renaming) renameVictims(in, target *Inode, exchange bool) error {
	victims := lockRenameVictims(in, target, exchange)
	err := r.callDriver(in, target, exchange)
	victims.unlock()
	if err != nil {
		return err
	}
	if !exchange && target != nil {
		detachMounts(r.t, r.target)
	}
	r.source.move(r.target, exchange)
	return nil
}

// lockRenameVictims locks the non-directories among source and target by id,
// and a directory that is replaced. A moved directory is not locked.
func lockRenameVictims(in, target *Inode, exchange bool) (v renameVictims) {
	n := 0
	if !in.IsDir() {
		v[n] = in
		n++
	}
	if target != nil && (!target.IsDir() || !exchange) {
		v[n] = target
		n++
	}
	if n == 2 && v[0].id > v[1].id {
		v[0], v[1] = v[1], v[0]
	}
	for i := range n {
		sub := [...]lockdep.Subclass{lockNondir, lockNondir2}[i]
		if v[i].IsDir() {
			sub = lockVictim
		}
		v[i].mutex.LockNested(sub)
	}
	return v
}

// renameVictims are the inodes locked beside the parents, in that order.
type renameVictims [2]*Inode

func (v renameVictims) unlock() {
	for i := len(v) - 1; i >= 0; i-- {
		if v[i] != nil {
			v[i].mutex.Unlock()
		}
	}
}

func (r *renaming) callDriver(in, target *Inode, exchange bool) error {
	if localMountpoint(r.t.ns, r.source) || localMountpoint(r.t.ns, r.target) {
		return unix.EBUSY
	}
	if max := r.newDir.sb.MaxLinks; max != 0 && r.oldDir != r.newDir {
		if in.IsDir() && (target == nil || !target.IsDir()) && r.newDir.Nlink() >= max {
			return unix.EMLINK
		}
		if exchange && !in.IsDir() && target.IsDir() && r.oldDir.Nlink() >= max {
			return unix.EMLINK
		}
	}
	for _, x := range [...]*Inode{in, target} {
		if x == nil || x.IsDir() {
			continue
		}
		if err := x.tryBreakDelegation(r.t); err != nil {
			if err == errDelegated {
				r.delegated = x.Get()
			}
			return err
		}
	}
	if !exchange && target != nil && target.IsDir() {
		r.target.pruneChildren(r.t, false)
	}
	var err error
	if op := r.oldDir.ops.rename2; op != nil {
		err = gateRename2(op, r.t, r.oldDir, r.source, r.newDir, r.target, r.flags)
	} else {
		err = gateRename(r.oldDir.ops.rename, r.t, r.oldDir, r.source, r.newDir, r.target)
	}
	if err != nil || exchange || target == nil {
		return err
	}
	if target.IsDir() {
		r.target.pruneChildren(r.t, false)
		target.markDead()
	}
	r.target.cantMount()
	return nil
}

func (r *renaming) notify(from, to string) {
	if r.source.Inode() == nil {
		return
	}
	if r.flags&RenameExchange == 0 && r.flags&RenameWhiteout == 0 {
		notifyRename(r.t, r.oldDir, from, r.newDir, to, r.source.Inode(), r.replaced)
		return
	}
	notifyName(r.t, r.oldDir, from)
	notifyName(r.t, r.newDir, to)
}
