package vfs

import (
	"context"
	"math"

	"golang.org/x/sys/unix"
)

// Fsync makes the bytes from start to end, both included, durable, and then the
// metadata; with datasync only those that are needed to read the data back.
// EINVAL for a file without the method; EIO and the like, once for each open
// file, also for what failed in the background.
func (f *File) Fsync(ctx context.Context, start, end int64, datasync bool) error {
	if f.ops.fsync == nil {
		return unix.EINVAL
	}
	if !datasync && f.inode.has(InodeDirtyTime) {
		f.inode.MarkDirty(ctx, InodeDirtySync)
	}
	return gateFsync(f.ops.fsync, ctx, f, start, end, datasync)
}

// Fsync makes data and metadata of an open file durable; see [File.Fsync].
// EBADF.
func (t *Task) Fsync(fd int) error {
	return t.withFile(fd, func(f *File) error { return f.Fsync(t, 0, math.MaxInt64, false) })
}

// Fdatasync makes the data of an open file durable; see [File.Fsync]. EBADF.
func (t *Task) Fdatasync(fd int) error {
	return t.withFile(fd, func(f *File) error { return f.Fsync(t, 0, math.MaxInt64, true) })
}

const syncRangeFlags = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER

// SyncFileRange writes n bytes from off on out (SYNC_FILE_RANGE_WRITE), and
// waits for that (WAIT_BEFORE, WAIT_AFTER); n 0 reaches to the end. Whatever it
// is asked for it writes and waits: it may do more than it promises. EBADF;
// EINVAL for other flags and for a range that makes no sense; ESPIPE for what
// has no data.
func (t *Task) SyncFileRange(fd int, off, n int64, flags int) error {
	return t.withFile(fd, func(f *File) error {
		if flags&^syncRangeFlags != 0 || off < 0 || n < 0 || off > math.MaxInt64-n {
			return unix.EINVAL
		}
		end := off + n - 1
		if n == 0 {
			end = math.MaxInt64
		}
		switch f.inode.Type() {
		case unix.S_IFREG, unix.S_IFBLK, unix.S_IFDIR, unix.S_IFLNK:
		default:
			return unix.ESPIPE
		}
		if flags == 0 || f.ops.fsync == nil || !f.inode.IsRegular() {
			return nil // nothing is held back
		}
		return f.Fsync(t, off, end, true)
	})
}

// Syncfs makes everything of the file system of an open file durable. EBADF.
func (t *Task) Syncfs(fd int) error {
	return t.withFile(fd, func(f *File) error { return f.inode.sb.Sync(t) })
}

// Sync makes everything of all file systems durable. Errors have nobody to go
// to.
func (t *Task) Sync() {
	for _, wait := range [...]bool{false, true} {
		forEachSuper(func(sb *Superblock) { _ = sb.sync(t, wait) })
	}
}
