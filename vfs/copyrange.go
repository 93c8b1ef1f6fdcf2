package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/pagecache"
)

// copyChunk is how many bytes go through memory at a time.
const copyChunk = 256 << 10

// CopyRange copies up to n bytes from offIn of the file to offOut of out, both
// regular files of one file system, and leaves both positions alone. It returns
// how many; 0 at the end of the file. EINVAL for flags, for what is no regular
// file, and for a range that overlaps within one file; EISDIR; EBADF if one is
// not open for it, or out with O_APPEND; EXDEV; EPERM for an immutable out;
// ETXTBSY; EOVERFLOW; EFBIG.
func (f *File) CopyRange(ctx context.Context, offIn int64, out *File, offOut int64, n int, flags int) (int, error) {
	if flags != 0 {
		return 0, unix.EINVAL
	}
	length, err := f.copyChecks(ctx, offIn, out, offOut, int64(n))
	if err != nil {
		return 0, err
	}
	if err := f.verifyArea(ctx, filelock.Read, offIn, length); err != nil {
		return 0, err
	}
	if err := out.verifyArea(ctx, filelock.Write, offOut, length); err != nil {
		return 0, err
	}
	if length == 0 {
		return 0, nil
	}
	if err := f.mayRead(); err != nil {
		return 0, err
	}
	if err := out.mayWrite(); err != nil {
		return 0, err
	}
	out.startWrite(ctx)
	done, err := f.copyTo(ctx, offIn, out, offOut, min(length, maxRWCount))
	out.endWrite()
	out.wrote(ctx, done, offOut+int64(done))
	return done, err
}

// copyChecks is what forbids a copy, and how long it is at most.
func (f *File) copyChecks(ctx context.Context, offIn int64, out *File, offOut, n int64) (int, error) {
	in, target := f.inode, out.inode
	switch {
	case in.IsDir() || target.IsDir():
		return 0, unix.EISDIR
	case !in.IsRegular() || !target.IsRegular():
		return 0, unix.EINVAL
	case f.mode&FileRead == 0 || out.mode&FileWrite == 0 || out.Flags()&unix.O_APPEND != 0:
		return 0, unix.EBADF
	case in.sb != target.sb:
		return 0, unix.EXDEV
	case target.hasFlag(FlagImmutable):
		return 0, unix.EPERM
	case in.hasFlag(FlagSwapfile) || target.hasFlag(FlagSwapfile):
		return 0, unix.ETXTBSY
	case n < 0 || wraps(offIn, n) || wraps(offOut, n):
		return 0, unix.EOVERFLOW
	}
	if offIn >= 0 {
		n = max(0, min(n, in.Size()-offIn))
	}
	length, err := CheckWriteLimits(ctx, target, offOut, int(n))
	if err != nil {
		return 0, err
	}
	if in == target && offOut+int64(length) > offIn && offOut < offIn+int64(length) {
		return 0, unix.EINVAL
	}
	return length, nil
}

// wraps reports whether a range goes around the end of 64 bits; one that is
// merely beyond the largest file, or negative, is for others to refuse.
func wraps(off, n int64) bool { return uint64(off)+uint64(n) < uint64(off) }

// copyTo copies n bytes through memory; out is inside startWrite.
func (f *File) copyTo(ctx context.Context, offIn int64, out *File, offOut int64, n int) (done int, err error) {
	buf := make([]byte, min(n, copyChunk))
	for done < n && err == nil {
		var got, put int
		got, _, err = f.readAt(ctx, buf[:min(n-done, len(buf))], offIn+int64(done))
		if err != nil || got == 0 {
			break
		}
		if put, _, err = out.writeMethod(ctx, buf[:got], offOut+int64(done)); put > 0 {
			done += put
		}
		if put < got {
			break
		}
		if ctx.Err() != nil {
			err = unix.EINTR
		}
	}
	if done > 0 {
		err = nil
	}
	return done, err
}

// CopyFileRange is [File.CopyRange] on descriptors. offIn and offOut are
// positions, moved on; nil is the file's own, which moves then.
func (t *Task) CopyFileRange(fdIn int, offIn *int64, fdOut int, offOut *int64, n int, flags int) (int, error) {
	in, err := t.fileFor(fdIn)
	if err != nil {
		return 0, err
	}
	defer in.Put(t)
	out, err := t.fileFor(fdOut)
	if err != nil {
		return 0, err
	}
	defer out.Put(t)
	from, to := in.startOf(offIn), out.startOf(offOut)
	done, err := in.CopyRange(t, from, out, to, n, flags)
	in.endAt(offIn, from+int64(done), done)
	out.endAt(offOut, to+int64(done), done)
	return done, err
}

// Sendfile copies up to n bytes from fdIn to fdOut at its position, which moves.
// off is a position of fdIn, moved on; nil is its own, which moves then. EBADF;
// EINVAL for a source that has no position or cannot be read, and for an fdOut
// open with O_APPEND; ESPIPE for an off where there is no position; EOVERFLOW
// beyond the largest file.
func (t *Task) Sendfile(fdOut, fdIn int, off *int64, n int) (int, error) {
	in, err := t.fileFor(fdIn)
	if err != nil {
		return 0, err
	}
	defer in.Put(t)
	if in.mode&FileRead == 0 {
		return 0, unix.EBADF
	}
	if off != nil && in.mode&FilePread == 0 {
		return 0, unix.ESPIPE
	}
	from := in.startOf(off)
	if n < 0 {
		return 0, unix.EINVAL
	}
	n = min(n, maxRWCount)
	if err := in.verifyArea(t, filelock.Read, from, n); err != nil {
		return 0, err
	}
	out, err := t.fileFor(fdOut)
	if err != nil {
		return 0, err
	}
	defer out.Put(t)
	if out.mode&FileWrite == 0 {
		return 0, unix.EBADF
	}
	to := out.startOf(nil)
	if err := out.verifyArea(t, filelock.Write, to, n); err != nil {
		return 0, err
	}
	limit := min(in.inode.sb.MaxBytes, out.inode.sb.MaxBytes)
	if int64(n) > limit-from {
		if from >= limit {
			return 0, unix.EOVERFLOW
		}
		n = int(limit - from)
	}
	if p := out.pipe(); p != nil {
		var flags uint32
		if out.Flags()&unix.O_NONBLOCK != 0 {
			flags = spliceNonblock
		}
		return in.spliceTo(t, p, off, n, flags)
	}
	done, next, err := in.sendTo(t, out, from, to, n)
	in.endAt(off, next, done)
	out.endAt(nil, to+int64(done), done)
	out.wrote(t, done, to+int64(done))
	return done, err
}

// sendTo copies to a file that is no pipe: by the historic Sendfile if the
// driver has one. It returns the new position of the source.
func (f *File) sendTo(ctx context.Context, out *File, from, to int64, n int) (done int, next int64, err error) {
	if out.Flags()&unix.O_APPEND != 0 || f.mode&FileLseek == 0 || f.inode.IsDir() {
		return 0, from, unix.EINVAL
	}
	if err := out.mayWrite(); err != nil && out.ops.sendpage == nil {
		return 0, from, err
	}
	out.startWrite(ctx)
	defer out.endWrite()
	if f.ops.sendfile != nil {
		return gateSendfile(f.ops.sendfile, ctx, f, from, n, out.pageSink(ctx, to))
	}
	if err := f.mayRead(); err != nil {
		return 0, from, err
	}
	done, err = f.copyTo(ctx, from, out, to, n)
	return done, from + int64(done), err
}

// pageSink is the actor that writes pages to the file from pos on: by reference
// if its driver takes them so.
func (f *File) pageSink(ctx context.Context, pos int64) ReadActor {
	return func(page *pagecache.Page, offset, size int) (n int, err error) {
		if f.ops.sendpage != nil {
			n, err = gateSendpage(f.ops.sendpage, ctx, f, page, offset, size, pos, false)
		} else {
			n, _, err = f.writeMethod(ctx, page.Bytes()[offset:offset+size], pos)
		}
		pos += int64(max(n, 0))
		return n, err
	}
}
