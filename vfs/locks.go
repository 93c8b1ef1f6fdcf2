package vfs

import (
	"context"
	"math"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

type lockOwner = filelock.Owner

// Flock is a byte-range lock as fcntl takes it: Type is F_RDLCK, F_WRLCK or
// F_UNLCK, Start and Len count from what Whence says (SEEK_SET, SEEK_CUR,
// SEEK_END), Len 0 reaches to infinity. PID is an answer of F_GETLK: -1 for a
// lock that an open file owns.
type Flock struct {
	Type, Whence int16
	Start, Len   int64
	PID          int32
}

// FcntlLock is fcntl with a lock command. F_GETLK and F_OFD_GETLK overwrite fl
// with the lock in the way, or set its Type to F_UNLCK. F_SETLK and F_OFD_SETLK
// do not wait (EAGAIN); F_SETLKW and F_OFD_SETLKW do (EINTR, EDEADLK). EBADF for
// a file not open for what the lock is about; EINVAL and EOVERFLOW for ranges
// and types that make no sense; ENOLCK.
func (t *Task) FcntlLock(fd, cmd int, fl *Flock) error {
	f, err := t.fileFor(fd)
	if err != nil {
		return err
	}
	err = t.fcntlLock(f, fd, cmd, fl)
	f.Put(t)
	return err
}

func (t *Task) fcntlLock(f *File, fd, cmd int, fl *Flock) error {
	lock := newLockRequest()
	cmd, err := f.lockRequest(t, cmd, fl, lock)
	if err == nil {
		err = f.PosixLock(t, cmd, lock)
	}
	if err == nil && cmd == unix.F_GETLK {
		fl.describe(lock)
	}
	// Another task may have closed the descriptor meanwhile, and with it, as
	// it thought, the locks.
	if err == nil && cmd != unix.F_GETLK && lock.Type != filelock.Unlock && lock.Kind == filelock.POSIX && !t.files.has(fd, f) {
		undo := filelock.Lock{
			Owner: lock.Owner, File: f, PID: t.PID, Start: lock.Start, End: lock.End,
			Kind: filelock.POSIX, Type: filelock.Unlock,
		}
		_ = f.PosixLock(t, unix.F_SETLK, &undo)
		undo.Release(t)
		err = unix.EBADF
	}
	lock.Release(t)
	if f.ops.lock == nil {
		// A driver may have kept it.
		*lock = filelock.Lock{}
		lockRequests.Put(lock)
	}
	return err
}

// lockRequests are requests to use again: one is due for each lock and unlock.
var lockRequests sync.Pool

func newLockRequest() *filelock.Lock {
	if l, ok := lockRequests.Get().(*filelock.Lock); ok {
		return l
	}
	return new(filelock.Lock)
}

// has reports whether the descriptor still is that of f.
func (t *FDTable) has(fd int, f *File) bool {
	t.lock.Lock()
	same := fd < len(t.slots) && t.slots[fd].file == f
	t.lock.Unlock()
	return same
}

// lockRequest fills in a request as the arguments of fcntl say, and turns the
// commands of open file locks into those of POSIX ones.
func (f *File) lockRequest(t *Task, cmd int, fl *Flock, lock *filelock.Lock) (int, error) {
	lock.Owner, lock.File, lock.PID, lock.Kind = t.LockOwner(), f, t.PID, filelock.POSIX
	open := false
	switch cmd {
	case unix.F_OFD_GETLK:
		open, cmd = true, unix.F_GETLK
	case unix.F_OFD_SETLK:
		open, cmd = true, unix.F_SETLK
	case unix.F_OFD_SETLKW:
		open, cmd = true, unix.F_SETLKW
	case unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW:
	default:
		return 0, unix.EINVAL
	}
	// F_OFD_GETLK with F_UNLCK asks for the open file's own locks.
	if cmd == unix.F_GETLK && fl.Type != unix.F_RDLCK && fl.Type != unix.F_WRLCK && !(open && fl.Type == unix.F_UNLCK) {
		return 0, unix.EINVAL
	}
	var pos, size int64
	switch fl.Whence {
	case unix.SEEK_CUR:
		pos = f.Pos()
	case unix.SEEK_END:
		size = f.inode.Size()
	}
	var err error
	if lock.Start, lock.End, err = filelock.Range(int(fl.Whence), fl.Start, fl.Len, pos, size); err != nil {
		return 0, err
	}
	switch fl.Type {
	case unix.F_RDLCK:
		lock.Type = filelock.Read
	case unix.F_WRLCK:
		lock.Type = filelock.Write
	case unix.F_UNLCK:
		lock.Type = filelock.Unlock
	default:
		return 0, unix.EINVAL
	}
	if cmd != unix.F_GETLK && (lock.Type == filelock.Read && f.mode&FileRead == 0 || lock.Type == filelock.Write && f.mode&FileWrite == 0) {
		return 0, unix.EBADF
	}
	if open {
		if fl.PID != 0 {
			return 0, unix.EINVAL
		}
		lock.Kind, lock.Owner = filelock.OFD, filelock.OwnerOf(f)
	}
	if cmd == unix.F_SETLKW {
		lock.Flags |= filelock.FlagSleep
	}
	return cmd, nil
}

// describe is the answer of F_GETLK.
func (fl *Flock) describe(lock *filelock.Lock) {
	switch lock.Type {
	case filelock.Unlock:
		fl.Type = unix.F_UNLCK
		return
	case filelock.Read:
		fl.Type = unix.F_RDLCK
	case filelock.Write:
		fl.Type = unix.F_WRLCK
	}
	fl.Whence = unix.SEEK_SET
	fl.Start, fl.Len = lock.Start, lock.Length()
	fl.PID = int32(lock.PID)
}

// CancelLk is the command by which a driver's Lock hears that a request that it
// has deferred is not wanted any more (the kernel's F_CANCELLK).
const CancelLk = 1029

// PosixLock does a lock command on a byte range, for a POSIX or OFD request:
// F_GETLK overwrites lock with what is in the way, or sets its Type to Unlock;
// F_SETLK and F_SETLKW (with FlagSleep) lock or unlock. The driver's Lock has the
// first word; without one the locks are local. The caller releases the request,
// see [filelock.Lock.Release]. Errors: see [filelock.Context.SetPosix].
//
// A lock manager asks with F_SETLK and FlagSleep; after [filelock.ErrDeferred]
// the request is under way until the manager hears of it, and ends with
// [File.CancelLock] otherwise.
func (f *File) PosixLock(ctx context.Context, cmd int, lock *filelock.Lock) error {
	if f.ops.lock != nil {
		err := gateLock(f.ops.lock, ctx, f, cmd, lock)
		if (err == nil || err == filelock.ErrDeferred) && cmd != unix.F_GETLK {
			f.noteLocks()
		}
		return err
	}
	return f.LocalLock(ctx, cmd, lock)
}

// LocalLock is PosixLock without the driver's word: the locks of this inode in
// this process. A driver that grants locks itself records them with it, so that
// they are listed, and given up when the file is closed.
func (f *File) LocalLock(ctx context.Context, cmd int, lock *filelock.Lock) error {
	if cmd == unix.F_GETLK {
		return f.inode.lockContext().TestPosix(lock, lock)
	}
	l := f.inode.Locks()
	if l == nil {
		if lock.Type == filelock.Unlock {
			return nil
		}
		l = f.inode.lockContext()
	}
	f.noteLocks()
	return l.SetPosix(ctx, lock, nil)
}

// noteLocks remembers that locks may have been taken through the file.
func (f *File) noteLocks() {
	if !f.locks.Load() {
		f.locks.Store(true)
	}
}

// CancelLock ends the wait of a lock manager's request: ENOENT if it does not
// wait, because it was answered, or its manager told to repeat it; what was
// granted meanwhile is for the manager to give up.
func (f *File) CancelLock(ctx context.Context, lock *filelock.Lock) error {
	if f.ops.lock != nil {
		return gateLock(f.ops.lock, ctx, f, CancelLk, lock)
	}
	if l := f.inode.Locks(); l != nil {
		return l.Cancel(lock)
	}
	return unix.ENOENT
}

// CloseOwner gives up all byte-range locks of an owner with a manager, whose
// client has closed the file or is gone. Of like only Owner, Manager and PID
// count. The driver's Lock hears of it first.
func (f *File) CloseOwner(ctx context.Context, like *filelock.Lock) {
	l := f.inode.Locks()
	if l == nil {
		return
	}
	if f.ops.lock != nil {
		req := filelock.Lock{
			Owner: like.Owner, Manager: like.Manager, File: f, PID: like.PID, End: filelock.End,
			Kind: filelock.POSIX, Type: filelock.Unlock, Flags: filelock.FlagClose,
		}
		_ = gateLock(f.ops.lock, ctx, f, unix.F_SETLK, &req)
		req.Release(ctx)
	}
	l.CloseOwner(ctx, like)
}

// Flock is flock(2): LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB not to wait
// (EWOULDBLOCK). EINVAL for another operation; EBADF; EINTR; ENOMEM.
func (t *Task) Flock(fd, op int) error {
	if _, _, err := flockType(op); err != nil {
		return err
	}
	return t.withFile(fd, func(f *File) error { return f.Flock(t, op, filelock.OwnerOf(f)) })
}

// lockMand is LOCK_MAND of flock(2), a share mode that is recorded and in
// nobody's way; with it go the bits for reading and for writing.
const lockMand = 32

func flockType(op int) (typ filelock.Type, flags filelock.Flags, err error) {
	if op&unix.LOCK_NB == 0 {
		flags = filelock.FlagSleep
	}
	switch op &^ unix.LOCK_NB {
	case unix.LOCK_SH:
		return filelock.Read, flags, nil
	case unix.LOCK_EX:
		return filelock.Write, flags, nil
	case unix.LOCK_UN:
		return filelock.Unlock, flags, nil
	}
	if op&lockMand != 0 {
		return filelock.Write, flags | filelock.FlagMand, nil
	}
	return 0, 0, unix.EINVAL
}

// Flock does an operation of flock(2) for the owner, which is
// filelock.OwnerOf(f) but for a front end with owners of its own.
func (f *File) Flock(ctx context.Context, op int, owner filelock.Owner) error {
	typ, flags, err := flockType(op)
	if err != nil {
		return err
	}
	if typ != filelock.Unlock && f.mode&(FileRead|FileWrite) == 0 {
		return unix.EBADF
	}
	lock := &filelock.Lock{
		Owner: owner, File: f, PID: TaskFrom(ctx).PID, End: filelock.End,
		Kind: filelock.Flock, Type: typ, Flags: flags,
	}
	if f.ops.flock != nil {
		cmd := unix.F_SETLK
		if flags&filelock.FlagSleep != 0 {
			cmd = unix.F_SETLKW
		}
		f.noteLocks()
		err = gateFlock(f.ops.flock, ctx, f, cmd, lock)
	} else {
		err = f.LocalFlock(ctx, lock)
	}
	lock.Release(ctx)
	return err
}

// LocalFlock is the lock or unlock of a whole file among the open files of this
// inode in this process. A driver whose Flock decides elsewhere records with it
// what was granted.
func (f *File) LocalFlock(ctx context.Context, lock *filelock.Lock) error {
	l := f.inode.Locks()
	if l == nil {
		if lock.Type == filelock.Unlock {
			return nil
		}
		l = f.inode.lockContext()
	}
	f.noteLocks()
	return l.Flock(ctx, lock)
}

// releaseLocks gives up what the open file holds of the inode's locks, at its
// last reference: OFD locks, flock, leases. A driver that handles locks hears
// of it first.
func (f *File) releaseLocks(ctx context.Context, l *filelock.Context) {
	if f.locks.Load() {
		unlock := filelock.Lock{
			Owner: filelock.OwnerOf(f), File: f, End: filelock.End, Kind: filelock.OFD,
			Type: filelock.Unlock, Flags: filelock.FlagClose,
		}
		if f.ops.lock != nil {
			req := unlock
			_ = gateLock(f.ops.lock, ctx, f, unix.F_SETLK, &req)
			req.Release(ctx)
		}
		if f.ops.flock != nil {
			req := unlock
			req.Kind = filelock.Flock
			_ = gateFlock(f.ops.flock, ctx, f, unix.F_SETLKW, &req)
			req.Release(ctx)
		}
	}
	l.CloseFile(ctx, f)
}

// closePosix gives up the owner's POSIX locks on the inode, at the close of any
// of its descriptors of it.
func (f *File) closePosix(ctx context.Context, l *filelock.Context, owner lockOwner) {
	if l.Empty() {
		return
	}
	if f.ops.lock != nil {
		req := filelock.Lock{
			Owner: owner, File: f, PID: TaskFrom(ctx).PID, End: filelock.End, Kind: filelock.POSIX,
			Type: filelock.Unlock, Flags: filelock.FlagClose,
		}
		_ = gateLock(f.ops.lock, ctx, f, unix.F_SETLK, &req)
		req.Release(ctx)
	}
	l.ClosePosix(ctx, owner)
}

// mandatoryLocking reports whether POSIX and OFD locks bind reads and writes:
// asked for by the mount, and marked by setgid without group execution.
func (in *Inode) mandatoryLocking() bool {
	return in.sb.Flags()&SuperMandLock != 0 && in.Mode()&(setGID|groupX) == setGID
}

// checkMandatory lets a read (Read) or a write of n bytes from off on pass if
// no mandatory lock forbids it: EAGAIN with O_NONBLOCK, else it waits (EINTR,
// EDEADLK).
func (f *File) checkMandatory(ctx context.Context, typ filelock.Type, off, n int64) error {
	if f.inode.locks.Load() == nil || !f.inode.mandatoryLocking() {
		return nil
	}
	return f.inode.checkMandatory(ctx, f, typ, off, n, f.Flags()&unix.O_NONBLOCK == 0)
}

// checkMandatoryTruncate is checkMandatory for the bytes that a new size adds or
// removes.
func (in *Inode) checkMandatoryTruncate(ctx context.Context, f *File, size int64) error {
	if in.locks.Load() == nil || !in.mandatoryLocking() {
		return nil
	}
	old := in.Size()
	wait := f == nil || f.Flags()&unix.O_NONBLOCK == 0
	return in.checkMandatory(ctx, f, filelock.Write, min(old, size), max(old, size)-min(old, size), wait)
}

func (in *Inode) checkMandatory(ctx context.Context, f *File, typ filelock.Type, off, n int64, wait bool) error {
	if n <= 0 {
		return nil
	}
	t := TaskFrom(ctx)
	req := &filelock.Lock{
		Owner: t.LockOwner(), PID: t.PID, Start: off, End: math.MaxInt64, Kind: filelock.POSIX, Type: typ,
	}
	if n-1 < math.MaxInt64-off {
		req.End = off + n - 1
	}
	if wait {
		req.Flags = filelock.FlagSleep
	}
	var open filelock.Owner
	if f != nil {
		open = filelock.OwnerOf(f)
		req.File = f
	}
	return in.Locks().CheckMandatory(ctx, req, open, in.mandatoryLocking)
}

// mandatoryLocked reports whether mandatory locks of others keep the file from
// being truncated by an open.
func (f *File) mandatoryLocked(ctx context.Context) bool {
	l := f.inode.Locks()
	return l != nil && f.inode.mandatoryLocking() && l.LockedByOthers(filelock.OwnerOf(f), TaskFrom(ctx).LockOwner())
}
