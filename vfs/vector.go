package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/pagecache"
)

// maxSegments is UIO_MAXIOV.
const maxSegments = 1024

// rwfKnown are the flags of preadv2 and pwritev2 that have a meaning here.
const rwfKnown = unix.RWF_HIPRI | unix.RWF_DSYNC | unix.RWF_SYNC | unix.RWF_NOWAIT | unix.RWF_APPEND | unix.RWF_NOAPPEND

// vectorLen is the length of a vector, clipped to what one call moves. EINVAL
// for too many segments.
func vectorLen(iov [][]byte) (int, error) {
	if len(iov) > maxSegments {
		return 0, unix.EINVAL
	}
	total := 0
	for _, p := range iov {
		total += min(len(p), maxRWCount)
	}
	return min(total, maxRWCount), nil
}

// clipVector is the first n bytes of a vector.
func clipVector(iov [][]byte, n int) [][]byte {
	for i, p := range iov {
		if n < len(p) {
			return append(append([][]byte(nil), iov[:i]...), p[:n])
		}
		n -= len(p)
	}
	return iov
}

// applyRWF adds what the flags of preadv2 and pwritev2 ask for. EOPNOTSUPP for
// what is not known or not supported by the file; EINVAL for a contradiction;
// EPERM to write an append-only file anywhere.
func (f *File) applyRWF(k pagecache.IocbFlags, rwf int, write bool) (pagecache.IocbFlags, error) {
	if rwf == 0 {
		return k, nil
	}
	switch {
	case rwf&^rwfKnown != 0, rwf&unix.RWF_NOWAIT != 0 && f.mode&FileNowait == 0:
		return 0, unix.EOPNOTSUPP
	case rwf&(unix.RWF_APPEND|unix.RWF_NOAPPEND) == unix.RWF_APPEND|unix.RWF_NOAPPEND:
		return 0, unix.EINVAL
	case rwf&unix.RWF_NOAPPEND != 0 && write && k&pagecache.IocbAppend != 0 && f.inode.hasFlag(FlagAppend):
		return 0, unix.EPERM
	}
	if rwf&unix.RWF_NOWAIT != 0 {
		k |= pagecache.IocbNowait
	}
	if !write {
		return k, nil
	}
	if rwf&unix.RWF_DSYNC != 0 {
		k |= pagecache.IocbDsync
	}
	if rwf&unix.RWF_SYNC != 0 {
		k |= pagecache.IocbSync | pagecache.IocbDsync
	}
	if rwf&unix.RWF_APPEND != 0 {
		k |= pagecache.IocbAppend
	}
	if rwf&unix.RWF_NOAPPEND != 0 {
		k &^= pagecache.IocbAppend
	}
	return k, nil
}

// Readv reads at the file's position into the segments in their order, in one
// step, and moves it. rwf are RWF_* flags. EINVAL for more than 1024 segments;
// else as Read.
func (f *File) Readv(ctx context.Context, iov [][]byte, rwf int) (int, error) {
	pos := f.lockPos()
	n, pos, err := f.readvAt(ctx, iov, pos, rwf)
	f.unlockPos(pos, err)
	return n, err
}

// Preadv is Readv at off, which leaves the position alone.
func (f *File) Preadv(ctx context.Context, iov [][]byte, off int64, rwf int) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	if f.mode&FilePread == 0 {
		return 0, f.noPosition()
	}
	n, _, err := f.readvAt(ctx, iov, off, rwf)
	return n, err
}

func (f *File) readvAt(ctx context.Context, iov [][]byte, pos int64, rwf int) (int, int64, error) {
	if err := f.mayRead(); err != nil {
		return 0, pos, err
	}
	total, err := vectorLen(iov)
	if err != nil || total == 0 {
		return 0, pos, err
	}
	if err := f.verifyRead(ctx, pos, total); err != nil {
		return 0, pos, err
	}
	if f.ops.readIter != nil {
		flags, err := f.applyRWF(0, rwf, false)
		if err != nil {
			return 0, pos, err
		}
		x := beginTransfer(ctx)
		x.iter.Reset(iov)
		x.iter.Truncate(total)
		n, pos, err := f.readIter(ctx, x, &x.iter, pos, flags)
		x.end()
		return n, pos, err
	}
	if rwf&^unix.RWF_HIPRI != 0 {
		return 0, pos, unix.EOPNOTSUPP
	}
	if f.ops.readv != nil {
		return gateReadv(f.ops.readv, ctx, f, clipVector(iov, total), pos)
	}
	var it Iter
	it.Reset(iov)
	it.Truncate(total)
	return f.loopIter(&it, pos, func(p []byte, pos int64) (int, int64, error) { return gateRead(f.ops.read, ctx, f, p, pos) })
}

// Writev writes the segments in their order at the file's position, in one
// step, and moves it. rwf are RWF_* flags. EINVAL for more than 1024 segments;
// else as Write.
func (f *File) Writev(ctx context.Context, iov [][]byte, rwf int) (int, error) {
	pos := f.lockPos()
	n, pos, err := f.writevAt(ctx, iov, pos, rwf)
	f.unlockPos(pos, err)
	f.wrote(ctx, n, pos)
	return n, err
}

// Pwritev is Writev at off, which leaves the position alone.
func (f *File) Pwritev(ctx context.Context, iov [][]byte, off int64, rwf int) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	if f.mode&FilePwrite == 0 {
		return 0, f.noPosition()
	}
	n, pos, err := f.writevAt(ctx, iov, off, rwf)
	f.wrote(ctx, n, pos)
	return n, err
}

func (f *File) writevAt(ctx context.Context, iov [][]byte, pos int64, rwf int) (n int, newPos int64, err error) {
	if err := f.mayWrite(); err != nil {
		return 0, pos, err
	}
	total, err := vectorLen(iov)
	if err != nil || total == 0 {
		return 0, pos, err
	}
	if err := f.verifyArea(ctx, filelock.Write, pos, total); err != nil {
		return 0, pos, err
	}
	if f.ops.writeIter != nil {
		flags, err := f.applyRWF(f.iocbFlags(), rwf, true)
		if err != nil {
			return 0, pos, err
		}
		f.startWrite(ctx)
		x := beginTransfer(ctx)
		x.iter.Reset(iov)
		x.iter.Truncate(total)
		n, newPos, err = f.writeIter(ctx, x, &x.iter, pos, flags)
		x.end()
		f.endWrite()
		return n, newPos, err
	}
	if rwf&^unix.RWF_HIPRI != 0 {
		return 0, pos, unix.EOPNOTSUPP
	}
	f.startWrite(ctx)
	defer f.endWrite()
	if f.ops.writev != nil {
		return gateWritev(f.ops.writev, ctx, f, clipVector(iov, total), pos)
	}
	var it Iter
	it.Reset(iov)
	it.Truncate(total)
	return f.loopIter(&it, pos, func(p []byte, pos int64) (int, int64, error) { return gateWrite(f.ops.write, ctx, f, p, pos) })
}

// Readv reads from a descriptor; see [File.Readv].
func (t *Task) Readv(fd int, iov [][]byte, rwf int) (int, error) {
	return t.vector(fd, func(f *File) (int, error) { return f.Readv(t, iov, rwf) })
}

// Writev writes to a descriptor; see [File.Writev].
func (t *Task) Writev(fd int, iov [][]byte, rwf int) (int, error) {
	return t.vector(fd, func(f *File) (int, error) { return f.Writev(t, iov, rwf) })
}

// Preadv reads from a descriptor at off: -1 is the file's position, which moves
// then, as with preadv2; see [File.Preadv].
func (t *Task) Preadv(fd int, iov [][]byte, off int64, rwf int) (int, error) {
	if off == -1 {
		return t.Readv(fd, iov, rwf)
	}
	if off < 0 {
		return 0, unix.EINVAL
	}
	return t.vector(fd, func(f *File) (int, error) { return f.Preadv(t, iov, off, rwf) })
}

// Pwritev writes to a descriptor at off: -1 is the file's position, which moves
// then, as with pwritev2; see [File.Pwritev].
func (t *Task) Pwritev(fd int, iov [][]byte, off int64, rwf int) (int, error) {
	if off == -1 {
		return t.Writev(fd, iov, rwf)
	}
	if off < 0 {
		return 0, unix.EINVAL
	}
	return t.vector(fd, func(f *File) (int, error) { return f.Pwritev(t, iov, off, rwf) })
}

func (t *Task) vector(fd int, move func(f *File) (int, error)) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	n, err := move(f)
	f.Put(t)
	return n, err
}
