package memfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

const renameKnown = vfs.RenameNoReplace | vfs.RenameExchange | vfs.RenameWhiteout

// Rename2 moves, exchanges or leaves a whiteout. The core has looked at what
// may replace what, and moves the dentries afterwards. A name that was there
// before keeps its place in the listing, a new one comes last.
func (dirMethods) Rename2(ctx context.Context, oldDir *vfs.Inode, old *vfs.Dentry, newDir *vfs.Inode, new *vfs.Dentry, flags vfs.RenameFlags) error {
	if flags&^renameKnown != 0 {
		return unix.EINVAL
	}
	now := vfs.Now()
	if flags&vfs.RenameExchange != 0 {
		exchange(oldDir, old, newDir, new)
		touchRenamed(now, oldDir, old, newDir, new)
		return nil
	}
	target := new.Inode()
	if target != nil && target.IsDir() && inodeOf(target).dir.count != 0 {
		return unix.ENOTEMPTY
	}
	if flags&vfs.RenameWhiteout != 0 {
		if err := leaveWhiteout(ctx, oldDir, old); err != nil {
			return err
		}
	} else {
		inodeOf(oldDir).dir.remove(old)
		oldDir.SetSize(oldDir.Size() - direntSize)
	}
	newDir.SetSize(newDir.Size() + direntSize)
	isDir := old.Inode().IsDir()
	switch index := inodeOf(newDir).dir; {
	case target != nil:
		index.replace(new, old)
		if isDir {
			target.DropNlink()
			oldDir.DropNlink()
		}
		dropName(ctx, newDir, new, now)
	case isDir && oldDir != newDir:
		oldDir.DropNlink()
		newDir.IncNlink()
		fallthrough
	default:
		index.add(old)
	}
	touchRenamed(now, oldDir, old, newDir, new)
	return nil
}

// leaveWhiteout gives the name old, which is about to go, to a whiteout: a
// character device 0:0 without permissions. For a moment both dentries can be
// found by it; the directory is locked.
func leaveWhiteout(ctx context.Context, dir *vfs.Inode, old *vfs.Dentry) error {
	in, err := makeInode(ctx, dir, unix.S_IFCHR)
	if err != nil {
		return err
	}
	in.InitSpecial(0)
	d := old.Twin()
	d.Add(&in.Inode)
	d.Pin()
	inodeOf(dir).dir.replace(old, d)
	d.Put(ctx)
	return nil
}

func exchange(oldDir *vfs.Inode, old *vfs.Dentry, newDir *vfs.Inode, new *vfs.Dentry) {
	inodeOf(oldDir).dir.swap(old, inodeOf(newDir).dir, new)
	if oldDir == newDir {
		return
	}
	switch oldIsDir, newIsDir := old.Inode().IsDir(), new.Inode().IsDir(); {
	case oldIsDir && !newIsDir:
		oldDir.DropNlink()
		newDir.IncNlink()
	case newIsDir && !oldIsDir:
		newDir.DropNlink()
		oldDir.IncNlink()
	}
}

// touchRenamed stamps all that a rename changes.
func touchRenamed(now vfs.Timespec, oldDir *vfs.Inode, old *vfs.Dentry, newDir *vfs.Inode, new *vfs.Dentry) {
	oldDir.Touch(now)
	if newDir != oldDir {
		newDir.Touch(now)
	}
	old.Inode().SetTimes(vfs.TimeCtime, now)
	if target := new.Inode(); target != nil {
		target.SetTimes(vfs.TimeCtime, now)
	}
}
