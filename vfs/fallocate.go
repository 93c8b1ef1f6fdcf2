package vfs

import (
	"context"
	"math"

	"golang.org/x/sys/unix"
)

// fallocOperations are the modes of which a call names one, or none to allocate.
const fallocOperations = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_COLLAPSE_RANGE | unix.FALLOC_FL_ZERO_RANGE |
	unix.FALLOC_FL_INSERT_RANGE | unix.FALLOC_FL_UNSHARE_RANGE | unix.FALLOC_FL_WRITE_ZEROES

// Fallocate allocates, punches, zeroes, collapses or inserts length bytes from
// off on, as mode (FALLOC_FL_*) says. In this order: EINVAL for a range that
// makes no sense; EOPNOTSUPP for modes that are unknown or do not go together;
// EBADF for a file not open for writing; EPERM for an append-only or immutable
// one; ETXTBSY for a swap file; ESPIPE for a FIFO, EISDIR for a directory,
// ENODEV for what else is no regular file; EFBIG; EOPNOTSUPP without the method.
func (f *File) Fallocate(ctx context.Context, mode uint32, off, length int64) error {
	if off < 0 || length <= 0 {
		return unix.EINVAL
	}
	if !validFalloc(mode) {
		return unix.EOPNOTSUPP
	}
	if f.mode&FileWrite == 0 {
		return unix.EBADF
	}
	in := f.inode
	switch {
	case mode&^unix.FALLOC_FL_KEEP_SIZE != 0 && in.hasFlag(FlagAppend), in.hasFlag(FlagImmutable):
		return unix.EPERM
	case in.hasFlag(FlagSwapfile):
		return unix.ETXTBSY
	}
	switch in.Type() {
	case unix.S_IFREG, unix.S_IFBLK:
	case unix.S_IFIFO:
		return unix.ESPIPE
	case unix.S_IFDIR:
		return unix.EISDIR
	default:
		return unix.ENODEV
	}
	if length > math.MaxInt64-off || off+length > in.sb.MaxBytes {
		return unix.EFBIG
	}
	if f.ops.fallocate == nil {
		return unix.EOPNOTSUPP
	}
	f.startWrite(ctx)
	err := gateFallocate(f.ops.fallocate, ctx, f, mode, off, length)
	f.endWrite()
	if err == nil {
		if mode&(unix.FALLOC_FL_COLLAPSE_RANGE|unix.FALLOC_FL_INSERT_RANGE) != 0 {
			length = -1 // all that follows has moved
		}
		in.notifyData(ctx, off, length)
	}
	return err
}

// validFalloc reports whether the mode is one operation, with keep-size where
// that goes: a hole must not change the size, a moved end must.
func validFalloc(mode uint32) bool {
	if mode&^(fallocOperations|unix.FALLOC_FL_KEEP_SIZE) != 0 {
		return false
	}
	keep := mode&unix.FALLOC_FL_KEEP_SIZE != 0
	switch mode & fallocOperations {
	case 0, unix.FALLOC_FL_UNSHARE_RANGE, unix.FALLOC_FL_ZERO_RANGE:
		return true
	case unix.FALLOC_FL_PUNCH_HOLE:
		return keep
	case unix.FALLOC_FL_COLLAPSE_RANGE, unix.FALLOC_FL_INSERT_RANGE, unix.FALLOC_FL_WRITE_ZEROES:
		return !keep
	}
	return false
}

// Fallocate does [File.Fallocate] on a descriptor. EBADF first.
func (t *Task) Fallocate(fd int, mode uint32, off, length int64) error {
	return t.withFile(fd, func(f *File) error { return f.Fallocate(t, mode, off, length) })
}
