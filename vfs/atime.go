package vfs

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// relatimeAge is how old an access time may get under relatime although the
// file was not changed since.
const relatimeAge = 24 * time.Hour

// atimeDue reports whether an access at path changes the access time, and to
// what. It does not block.
func atimeDue(mnt *Mount, in *Inode) (now Timespec, due bool) {
	if in.hasFlag(FlagNoAtime) {
		return Timespec{}, false
	}
	super := in.sb.Flags()
	if super&(SuperReadOnly|SuperNoAtime) != 0 || mnt.has(MountNoAtime) {
		return Timespec{}, false
	}
	if (super&SuperNoDirAtime != 0 || mnt.has(MountNoDirAtime)) && in.IsDir() {
		return Timespec{}, false
	}
	atime, mtime, ctime := in.Times()
	now = in.sb.truncateTime(Now())
	if mnt.has(MountRelatime) && atime.Compare(mtime) > 0 && atime.Compare(ctime) > 0 &&
		now.Sec-atime.Sec < int64(relatimeAge/time.Second) {
		return Timespec{}, false
	}
	return now, now != atime
}

// linkAtimeDue reports whether a walk that follows the symlink in at p has to
// stop for its access time: rcu-walk stores nothing.
func linkAtimeDue(_ *Task, p Path, in *Inode) bool {
	_, due := atimeDue(p.Mount, in)
	return due
}

// touchAtime records an access (the kernel's touch_atime). It never waits for
// a frozen superblock, and nobody learns of an error.
func (p Path) touchAtime(ctx context.Context) {
	in := p.Dentry.Inode()
	now, due := atimeDue(p.Mount, in)
	if !due || !in.sb.tryStartWrite() {
		return
	}
	if p.Mount.wantWriteMount() == nil {
		_ = in.updateTime(ctx, now, TimeAtime)
		p.Mount.writers.Add(-1)
	}
	in.sb.EndWrite()
}

// Accessed records that the file was read, unless it was opened with
// O_NOATIME: for a method that reads. It never waits for a frozen superblock.
func (f *File) Accessed(ctx context.Context) {
	if f.Flags()&unix.O_NOATIME == 0 {
		f.path.touchAtime(ctx)
	}
}

// UpdateTimes records that the file was written: modification and change are
// now. For a method that writes, inside [Superblock.StartWrite]; the driver's
// error is to fail the write.
func (f *File) UpdateTimes(ctx context.Context) error {
	in := f.inode
	now := in.sb.truncateTime(Now())
	_, mtime, ctime := in.Times()
	var which TimeFlags
	if mtime != now {
		which |= TimeMtime
	}
	if ctime != now {
		which |= TimeCtime
	}
	if which == 0 {
		return nil
	}
	return in.updateTime(ctx, now, which|TimeVersion)
}

// updateTime stores new stamps. The caller has write access to the mount, or
// is inside StartWrite with the file open for writing.
func (in *Inode) updateTime(ctx context.Context, now Timespec, which TimeFlags) error {
	if in.ops.updateTime != nil {
		return gateUpdateTime(in.ops.updateTime, ctx, in, now, which)
	}
	in.SetTimes(which, now)
	dirty := InodeDirtySync
	if in.sb.Flags()&SuperLazytime != 0 && which&TimeVersion == 0 {
		dirty = InodeDirtyTime
	}
	in.MarkDirty(ctx, dirty)
	return nil
}
