package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// The system calls that change attributes.

// Chmod sets the permission bits (07777) of what stands at p.
func (p Path) Chmod(ctx context.Context, mode uint32) error {
	return p.change(ctx, func(in *Inode, a *Attr) {
		a.Valid = AttrMode | AttrCtime
		a.Mode = in.Type() | mode&allPerms
	})
}

// Chown sets owner and group of what stands at p; ^0 leaves one as it is. What
// is no directory loses setuid, setgid if its group may execute it, and its
// capabilities, whoever asks.
func (p Path) Chown(ctx context.Context, uid, gid uint32) error {
	const unchanged = ^uint32(0)
	return p.change(ctx, func(in *Inode, a *Attr) {
		a.Valid = AttrCtime
		if uid != unchanged {
			a.Valid |= AttrUID
			a.UID = uid
		}
		if gid != unchanged {
			a.Valid |= AttrGID
			a.GID = gid
		}
		if !in.IsDir() {
			a.Valid |= AttrKillSUID | AttrKillPriv | in.dropSGID(TaskFrom(ctx).cred)
		}
	})
}

// Utime is one time of utimensat: a given one, the current one, or no change.
type Utime struct {
	Timespec
	Now, Omit bool
}

// Utimes sets access and modification time of what stands at p; nil means now
// for both. EINVAL for nanoseconds out of range.
func (p Path) Utimes(ctx context.Context, times *[2]Utime) error {
	if times != nil && times[0].Now && times[1].Now {
		times = nil
	}
	if times == nil {
		return p.change(ctx, func(_ *Inode, a *Attr) {
			a.Valid = AttrCtime | AttrMtime | AttrAtime | AttrTouch
		})
	}
	if !times[0].valid() || !times[1].valid() {
		return unix.EINVAL
	}
	return p.change(ctx, func(_ *Inode, a *Attr) {
		a.Valid = AttrCtime | AttrTimesSet
		if at := times[0]; !at.Omit {
			a.Valid |= AttrAtime
			if !at.Now {
				a.Valid |= AttrAtimeSet
				a.Atime = at.Timespec
			}
		}
		if mt := times[1]; !mt.Omit {
			a.Valid |= AttrMtime
			if !mt.Now {
				a.Valid |= AttrMtimeSet
				a.Mtime = mt.Timespec
			}
		}
	})
}

func (u Utime) valid() bool { return u.Now || u.Omit || u.Nsec < 1e9 }

// Fchmodat sets the permission bits of what path names. Flags:
// AT_SYMLINK_NOFOLLOW (EOPNOTSUPP for a symlink) and AT_EMPTY_PATH.
func (t *Task) Fchmodat(at At, path string, mode uint32, flags int) error {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return unix.EINVAL
	}
	return t.withPath(at, path, atWalk(flags), func(p Path) error { return p.Chmod(t, mode) })
}

// Fchmod sets the permission bits of an open file. EBADF.
func (t *Task) Fchmod(fd int, mode uint32) error {
	return t.withFile(fd, func(f *File) error { return f.path.Chmod(t, mode) })
}

// Fchownat sets owner and group of what path names; ^0 leaves one as it is.
// Flags: AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.
func (t *Task) Fchownat(at At, path string, uid, gid uint32, flags int) error {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return unix.EINVAL
	}
	return t.withPath(at, path, atWalk(flags), func(p Path) error { return p.Chown(t, uid, gid) })
}

// Fchown sets owner and group of an open file; ^0 leaves one as it is. EBADF.
func (t *Task) Fchown(fd int, uid, gid uint32) error {
	return t.withFile(fd, func(f *File) error { return f.path.Chown(t, uid, gid) })
}

// Utimensat sets the times of what path names; nil means now for both. Flags:
// AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. If both are omitted not even the path
// is looked at.
func (t *Task) Utimensat(at At, path string, times *[2]Utime, flags int) error {
	if times != nil && times[0].Omit && times[1].Omit {
		return nil
	}
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return unix.EINVAL
	}
	return t.withPath(at, path, atWalk(flags), func(p Path) error { return p.Utimes(t, times) })
}

// Futimens sets the times of an open file; nil means now for both. EBADF.
func (t *Task) Futimens(fd int, times *[2]Utime) error {
	if times != nil && times[0].Omit && times[1].Omit {
		return nil
	}
	return t.withFile(fd, func(f *File) error { return f.path.Utimes(t, times) })
}

// withFile calls fn with the open file of a descriptor: EBADF if there is
// none, or if it is an O_PATH one.
func (t *Task) withFile(fd int, fn func(f *File) error) error {
	f, err := t.fileFor(fd)
	if err != nil {
		return err
	}
	defer f.Put(t)
	return fn(f)
}
