package vfs

import (
	"context"
	"math"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/pagecache"
)

// Read and write on open files. Each has its file checked for what it was
// opened for, then the position, then goes to the driver: through Read and
// Write, ReadIter and WriteIter, or the historic Readv and Writev.

// fileFor references the file of a descriptor for a call that O_PATH
// descriptors do not serve: EBADF for those too.
func (t *Task) fileFor(fd int) (*File, error) {
	f, err := t.files.get(fd)
	if err != nil {
		return nil, err
	}
	if f.mode&FilePath != 0 {
		f.Put(t)
		return nil, unix.EBADF
	}
	return f, nil
}

// lockPos keeps the position of a regular file or directory for one call that
// uses and moves it; it says where the call starts, 0 where there is no
// position.
func (f *File) lockPos() int64 {
	if f.mode&FileAtomicPos != 0 {
		f.posLock.Lock()
	}
	if f.mode&FileNonseek != 0 {
		return 0
	}
	return f.pos.Load()
}

// unlockPos ends what lockPos began, and moves the position if the call
// succeeded.
func (f *File) unlockPos(pos int64, err error) {
	if err == nil && f.mode&FileNonseek == 0 {
		f.pos.Store(pos)
	}
	if f.mode&FileAtomicPos != 0 {
		f.posLock.Unlock()
	}
}

// verifyArea checks the range of a transfer, and that no mandatory lock is in
// its way.
func (f *File) verifyArea(ctx context.Context, typ filelock.Type, pos int64, n int) error {
	if f.mode&FileNonseek != 0 {
		return nil
	}
	if pos < 0 || int64(n) > math.MaxInt64-pos {
		return unix.EINVAL
	}
	return f.checkMandatory(ctx, typ, pos, int64(n))
}

// verifyRead is verifyArea of a read. A directory is refused after that.
func (f *File) verifyRead(ctx context.Context, pos int64, n int) error {
	if err := f.verifyArea(ctx, filelock.Read, pos, n); err != nil {
		return err
	}
	if f.inode.IsDir() {
		return unix.EISDIR
	}
	return nil
}

// mayRead is what forbids every read, but for those of directories: see
// verifyRead.
func (f *File) mayRead() error {
	switch {
	case f.mode&FileRead == 0:
		return unix.EBADF
	case f.inode.IsDir():
		return nil
	case f.ops.read == nil && f.ops.readIter == nil && f.ops.readv == nil:
		return unix.EINVAL
	}
	return nil
}

// mayWrite is what forbids every write.
func (f *File) mayWrite() error {
	switch {
	case f.mode&FileWrite == 0:
		return unix.EBADF
	case f.ops.write == nil && f.ops.writeIter == nil && f.ops.writev == nil:
		return unix.EINVAL
	}
	return nil
}

// Read reads at the file's position, and moves it. It returns the number of
// bytes, 0 at the end of the file; fewer than asked for are no error. EBADF for
// a file not open for reading, EISDIR for a directory, EINVAL for one that
// cannot be read.
func (f *File) Read(ctx context.Context, p []byte) (int, error) {
	pos := f.lockPos()
	n, pos, err := f.readAt(ctx, p, pos)
	f.unlockPos(pos, err)
	return n, err
}

// Pread reads at off, in bytes, and leaves the position alone. EINVAL for a
// negative off, ESPIPE for a file without positions; else as Read.
func (f *File) Pread(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	if f.mode&FilePread == 0 {
		return 0, f.noPosition()
	}
	n, _, err := f.readAt(ctx, p, off)
	return n, err
}

// noPosition is why a call with a position is refused.
func (f *File) noPosition() error {
	if f.mode&FilePath != 0 {
		return unix.EBADF
	}
	return unix.ESPIPE
}

func (f *File) readAt(ctx context.Context, p []byte, pos int64) (int, int64, error) {
	if err := f.mayRead(); err != nil {
		return 0, pos, err
	}
	if err := f.verifyRead(ctx, pos, len(p)); err != nil {
		return 0, pos, err
	}
	if len(p) > maxRWCount {
		p = p[:maxRWCount]
	}
	switch {
	case f.ops.read != nil:
		return gateRead(f.ops.read, ctx, f, p, pos)
	case f.ops.readIter == nil:
		return gateReadv(f.ops.readv, ctx, f, [][]byte{p}, pos)
	}
	x := beginTransfer(ctx)
	x.iter.ResetOne(p)
	n, pos, err := f.readIter(ctx, x, &x.iter, pos, 0)
	x.end()
	return n, pos, err
}

// Write writes at the file's position, or at the end with O_APPEND, and moves
// the position. It returns the number of bytes; fewer than given are no error.
// EBADF for a file not open for writing, EINVAL for one that cannot be written,
// EFBIG, ENOSPC, EDQUOT, EPIPE.
func (f *File) Write(ctx context.Context, p []byte) (int, error) {
	pos := f.lockPos()
	n, pos, err := f.writeAt(ctx, p, pos)
	f.unlockPos(pos, err)
	f.wrote(ctx, n, pos)
	return n, err
}

// Pwrite writes at off, in bytes, and leaves the position alone; with O_APPEND
// it writes at the end all the same. EINVAL for a negative off, ESPIPE for a
// file without positions; else as Write.
func (f *File) Pwrite(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	if f.mode&FilePwrite == 0 {
		return 0, f.noPosition()
	}
	n, pos, err := f.writeAt(ctx, p, off)
	f.wrote(ctx, n, pos)
	return n, err
}

func (f *File) writeAt(ctx context.Context, p []byte, pos int64) (n int, newPos int64, err error) {
	if err := f.mayWrite(); err != nil {
		return 0, pos, err
	}
	if err := f.verifyArea(ctx, filelock.Write, pos, len(p)); err != nil {
		return 0, pos, err
	}
	if len(p) > maxRWCount {
		p = p[:maxRWCount]
	}
	f.startWrite(ctx)
	n, newPos, err = f.writeMethod(ctx, p, pos)
	f.endWrite()
	return n, newPos, err
}

// writeMethod calls the driver, everything else being done.
func (f *File) writeMethod(ctx context.Context, p []byte, pos int64) (int, int64, error) {
	switch {
	case f.ops.write != nil:
		return gateWrite(f.ops.write, ctx, f, p, pos)
	case f.ops.writeIter == nil:
		return gateWritev(f.ops.writev, ctx, f, [][]byte{p}, pos)
	}
	x := beginTransfer(ctx)
	x.iter.ResetOne(p)
	n, pos, err := f.writeIter(ctx, x, &x.iter, pos, f.iocbFlags())
	x.end()
	return n, pos, err
}

// startWrite is the freeze protection of a write: of regular files only.
func (f *File) startWrite(ctx context.Context) {
	if f.inode.IsRegular() {
		f.inode.sb.StartWrite(ctx)
	}
}

func (f *File) endWrite() {
	if f.inode.IsRegular() {
		f.inode.sb.EndWrite()
	}
}

// wrote tells observers of n bytes that end at pos.
func (f *File) wrote(ctx context.Context, n int, pos int64) {
	if n > 0 && f.inode.IsRegular() {
		f.inode.notifyData(ctx, pos-int64(n), int64(n))
	}
}

// iocbFlags are what the file's flags mean for a write.
func (f *File) iocbFlags() pagecache.IocbFlags {
	var k pagecache.IocbFlags
	flags := f.Flags()
	if flags&unix.O_APPEND != 0 {
		k |= pagecache.IocbAppend
	}
	if flags&unix.O_DIRECT != 0 {
		k |= pagecache.IocbDirect
	}
	if flags&unix.O_DSYNC != 0 || f.inode.hasFlag(FlagSync) || f.inode.sb.Flags()&SuperSynchronous != 0 {
		k |= pagecache.IocbDsync
	}
	if flags&unix.O_SYNC&^unix.O_DSYNC != 0 {
		k |= pagecache.IocbSync | pagecache.IocbDsync
	}
	return k
}

func (f *File) readIter(ctx context.Context, x *transfer, iter *Iter, pos int64, flags pagecache.IocbFlags) (int, int64, error) {
	if f.Flags()&unix.O_DIRECT != 0 {
		flags |= pagecache.IocbDirect
	}
	x.iocb = Kiocb{Pos: pos, Flags: flags, File: f}
	n, err := gateReadIter(f.ops.readIter, ctx, &x.iocb, iter)
	return n, x.iocb.Pos, err
}

func (f *File) writeIter(ctx context.Context, x *transfer, iter *Iter, pos int64, flags pagecache.IocbFlags) (int, int64, error) {
	x.iocb = Kiocb{Pos: pos, Flags: flags, File: f}
	n, err := gateWriteIter(f.ops.writeIter, ctx, &x.iocb, iter)
	return n, x.iocb.Pos, err
}

// PreadIter reads at off into iter, which advances, with flags beside those of
// the file; see Pread. A driver without ReadIter gets one segment after the
// other.
func (f *File) PreadIter(ctx context.Context, iter *Iter, off int64, flags pagecache.IocbFlags) (int, error) {
	if f.mode&FilePread == 0 {
		return 0, f.noPosition()
	}
	if err := f.mayRead(); err != nil {
		return 0, err
	}
	if err := f.verifyRead(ctx, off, iter.Len()); err != nil {
		return 0, err
	}
	if f.ops.readIter == nil {
		n, _, err := f.loopIter(iter, off, func(p []byte, pos int64) (int, int64, error) { return f.readAt(ctx, p, pos) })
		return n, err
	}
	x := beginTransfer(ctx)
	n, _, err := f.readIter(ctx, x, iter, off, flags)
	x.end()
	return n, err
}

// PwriteIter writes iter, which advances, at off, with flags beside those of the
// file; see Pwrite. A driver without WriteIter gets one segment after the
// other.
func (f *File) PwriteIter(ctx context.Context, iter *Iter, off int64, flags pagecache.IocbFlags) (int, error) {
	if f.mode&FilePwrite == 0 {
		return 0, f.noPosition()
	}
	if err := f.mayWrite(); err != nil {
		return 0, err
	}
	if err := f.verifyArea(ctx, filelock.Write, off, iter.Len()); err != nil {
		return 0, err
	}
	var n int
	var pos int64
	var err error
	if f.ops.writeIter == nil {
		n, pos, err = f.loopIter(iter, off, func(p []byte, pos int64) (int, int64, error) { return f.writeAt(ctx, p, pos) })
	} else {
		f.startWrite(ctx)
		x := beginTransfer(ctx)
		n, pos, err = f.writeIter(ctx, x, iter, off, flags|f.iocbFlags())
		x.end()
		f.endWrite()
	}
	f.wrote(ctx, n, pos)
	return n, err
}

// loopIter moves the segments of iter one by one, up to the first that is not
// done whole.
func (f *File) loopIter(iter *Iter, pos int64, move func(p []byte, pos int64) (int, int64, error)) (done int, end int64, err error) {
	for iter.Len() > 0 {
		p := iter.Peek()
		var n int
		if n, pos, err = move(p, pos); n > 0 {
			iter.Advance(n)
			done += n
		}
		if err != nil || n < len(p) {
			break
		}
	}
	if done > 0 {
		err = nil
	}
	return done, pos, err
}

// Read reads from a descriptor; see [File.Read].
func (t *Task) Read(fd int, p []byte) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	n, err := f.Read(t, p)
	f.Put(t)
	return n, err
}

// Write writes to a descriptor; see [File.Write].
func (t *Task) Write(fd int, p []byte) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	n, err := f.Write(t, p)
	f.Put(t)
	return n, err
}

// Pread reads from a descriptor at off; see [File.Pread]. A negative off comes
// before EBADF.
func (t *Task) Pread(fd int, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	n, err := f.Pread(t, p, off)
	f.Put(t)
	return n, err
}

// Pwrite writes to a descriptor at off; see [File.Pwrite]. A negative off comes
// before EBADF.
func (t *Task) Pwrite(fd int, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	n, err := f.Pwrite(t, p, off)
	f.Put(t)
	return n, err
}
