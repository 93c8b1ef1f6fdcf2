package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// STATX_ATTR_* that the core knows of.
const (
	statAttrImmutable = unix.STATX_ATTR_IMMUTABLE
	statAttrAppend    = unix.STATX_ATTR_APPEND
	statAttrNoDump    = unix.STATX_ATTR_NODUMP
	statAttrAutomount = unix.STATX_ATTR_AUTOMOUNT
	statAttrMountRoot = unix.STATX_ATTR_MOUNT_ROOT
	statAttrVerity    = unix.STATX_ATTR_VERITY
)

// statxSyncType is AT_STATX_SYNC_TYPE, which x/sys does not name.
const statxSyncType = 0x6000

const statFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_EMPTY_PATH | statxSyncType

// atWalk is the walk that AT_ flags ask for.
func atWalk(flags int) WalkFlags {
	var w WalkFlags
	if flags&unix.AT_SYMLINK_NOFOLLOW == 0 {
		w = WalkFollow
	}
	if flags&unix.AT_EMPTY_PATH != 0 {
		w |= WalkEmpty
	}
	return w
}

// FillStat fills st from the inode's fields: what a Getattr starts with, and
// all that is done without one. It does not block.
func (in *Inode) FillStat(st *Stat) {
	// Field by field: a composite literal would be built aside and copied.
	st.Ino, st.Dev, st.Rdev = in.ino, in.sb.dev, in.rdev
	st.Mode, st.Nlink = in.Mode(), in.Nlink()
	st.UID, st.GID = in.UID(), in.GID()
	st.Size, st.Blocks, st.Blksize = in.Size(), in.Blocks(), int32(in.sb.BlockSize)
	st.Atime, st.Mtime, st.Ctime = in.Times()
	st.Btime = in.btime
	st.MountID = 0
	st.Attrs, st.AttrsMask = 0, statAttrImmutable|statAttrAppend|statAttrNoDump
	if flags := in.Flags(); flags&(FlagImmutable|FlagAppend|FlagNoDump|FlagVerity) != 0 {
		st.Attrs = statAttrs(flags)
	}
}

func statAttrs(flags InodeFlags) (attrs uint64) {
	for _, a := range [...]struct {
		flag InodeFlags
		attr uint64
	}{
		{FlagImmutable, statAttrImmutable}, {FlagAppend, statAttrAppend}, {FlagNoDump, statAttrNoDump}, {FlagVerity, statAttrVerity},
	} {
		if flags&a.flag != 0 {
			attrs |= a.attr
		}
	}
	return attrs
}

// Getattr fills st about what stands at p. No right on it is needed, and no
// lock is taken: the fields may be of slightly different moments.
func (p Path) Getattr(ctx context.Context, st *Stat) error {
	in := p.Dentry.Inode()
	if in == nil {
		return unix.ENOENT
	}
	if in.ops.getattr != nil {
		if err := gateGetattr(in.ops.getattr, ctx, p.Mount, p.Dentry, st); err != nil {
			return err
		}
		p.fillMountStat(in, st)
		return nil
	}
	p.fillStat(in, st)
	return nil
}

// fillStat fills st from the inode at p alone.
func (p Path) fillStat(in *Inode, st *Stat) {
	in.FillStat(st)
	p.fillMountStat(in, st)
}

// fillMountStat adds what the place knows.
func (p Path) fillMountStat(in *Inode, st *Stat) {
	st.MountID = p.Mount.id
	st.AttrsMask |= statAttrAutomount | statAttrMountRoot
	if in.automount.Load() {
		st.Attrs |= statAttrAutomount
	}
	if p.Dentry == p.Mount.root {
		st.Attrs |= statAttrMountRoot
	}
}

// Getattr fills st about the open file; also of one opened with O_PATH.
func (f *File) Getattr(ctx context.Context, st *Stat) error { return f.path.Getattr(ctx, st) }

// Fstatat fills st about what path names. Flags: AT_SYMLINK_NOFOLLOW,
// AT_EMPTY_PATH, AT_NO_AUTOMOUNT and AT_STATX_SYNC_TYPE (the last automount is
// never triggered); EINVAL for others.
func (t *Task) Fstatat(at At, path string, st *Stat, flags int) error {
	if flags&^statFlags != 0 {
		return unix.EINVAL
	}
	if path == "" && flags&unix.AT_EMPTY_PATH != 0 && at.path.Dentry == nil && at.fd != unix.AT_FDCWD {
		return t.Fstat(at.fd, st)
	}
	walk := atWalk(flags)
	if err := t.statRCU(at, path, walk, st); err != unix.ECHILD && err != unix.ESTALE {
		return err
	}
	p, err := t.walkPath(at, path, walk)
	if err != nil {
		return err
	}
	err = p.Getattr(t, st)
	p.Put(t)
	if err == unix.ESTALE {
		if p, err = t.walkPath(at, path, walk|WalkReval); err == nil {
			err = p.Getattr(t, st)
			p.Put(t)
		}
	}
	return err
}

// Stat fills st about what path names, following a final symlink.
func (t *Task) Stat(path string, st *Stat) error { return t.Fstatat(AtCWD, path, st, 0) }

// Lstat fills st about what path names, be it a symlink.
func (t *Task) Lstat(path string, st *Stat) error {
	return t.Fstatat(AtCWD, path, st, unix.AT_SYMLINK_NOFOLLOW)
}

// Fstat fills st about an open file. EBADF.
func (t *Task) Fstat(fd int, st *Stat) error {
	f, err := t.files.get(fd)
	if err != nil {
		return err
	}
	err = f.path.Getattr(t, st)
	f.Put(t)
	return err
}
