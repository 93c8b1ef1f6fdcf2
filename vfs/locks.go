package vfs

import (
	"context"
	"math"

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
	defer f.Put(t)
	lock, cmd, err := f.lockRequest(t, cmd, fl)
	if err != nil {
		return err
	}
	if cmd == unix.F_GETLK {
		if err := f.PosixLock(t, cmd, lock); err != nil {
			return err
		}
		fl.describe(lock)
		return nil
	}
	if err := f.PosixLock(t, cmd, lock); err != nil {
		return err
	}
	// Another task may have closed the descriptor meanwhile, and with it, as
	// it thought, the locks.
	if lock.Type != filelock.Unlock && lock.Kind == filelock.POSIX && !t.files.has(fd, f) {
		undo := *fl
		undo.Type = unix.F_UNLCK
		if lock, cmd, err := f.lockRequest(t, unix.F_SETLK, &undo); err == nil {
			_ = f.PosixLock(t, cmd, lock)
		}
		return unix.EBADF
	}
	return nil
}

// has reports whether the descriptor still is that of f.
func (t *FDTable) has(fd int, f *File) bool {
	t.lock.Lock()
	defer t.lock.Unlock()
	return fd < len(t.slots) && t.slots[fd].file == f
}

// lockRequest turns the arguments of fcntl into a request, and the commands of
// open file locks into those of POSIX ones.
func (f *File) lockRequest(t *Task, cmd int, fl *Flock) (*filelock.Lock, int, error) {
	lock := &filelock.Lock{Owner: t.LockOwner(), File: f, PID: t.PID, Kind: filelock.POSIX}
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
		return nil, 0, unix.EINVAL
	}
	if cmd == unix.F_GETLK && fl.Type != unix.F_RDLCK && fl.Type != unix.F_WRLCK && !(open && fl.Type == unix.F_UNLCK) {
		return nil, 0, unix.EINVAL
	}
	var err error
	if lock.Start, lock.End, err = filelock.Range(int(fl.Whence), fl.Start, fl.Len, f.Pos(), f.inode.Size()); err != nil {
		return nil, 0, err
	}
	switch fl.Type {
	case unix.F_RDLCK:
		lock.Type = filelock.Read
	case unix.F_WRLCK:
		lock.Type = filelock.Write
	case unix.F_UNLCK:
		lock.Type = filelock.Unlock
	default:
		return nil, 0, unix.EINVAL
	}
	if cmd != unix.F_GETLK && (lock.Type == filelock.Read && f.mode&FileRead == 0 || lock.Type == filelock.Write && f.mode&FileWrite == 0) {
		return nil, 0, unix.EBADF
	}
	if open {
		if fl.PID != 0 {
			return nil, 0, unix.EINVAL
		}
		lock.Kind, lock.Owner = filelock.OFD, filelock.OwnerOf(f)
	}
	if cmd == unix.F_SETLKW {
		lock.Flags |= filelock.FlagSleep
	}
	return lock, cmd, nil
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

// PosixLock does a lock command on a byte range, for a POSIX or OFD request:
// F_GETLK overwrites lock with what is in the way, or sets its Type to Unlock;
// F_SETLK and F_SETLKW (with FlagSleep) lock or unlock. The driver's Lock has the
// first word; without one the locks are local. Errors: see
// [filelock.Context.SetPosix].
func (f *File) PosixLock(ctx context.Context, cmd int, lock *filelock.Lock) error {
	if f.ops.lock != nil {
		err := gateLock(f.ops.lock, ctx, f, cmd, lock)
		if err == nil && cmd != unix.F_GETLK {
			f.locks.Store(true)
		}
		return err
	}
	if cmd == unix.F_GETLK {
		return f.inode.lockContext().TestPosix(lock, lock)
	}
	if lock.Type == filelock.Unlock && f.inode.Locks() == nil {
		return nil
	}
	f.locks.Store(true)
	return f.inode.lockContext().SetPosix(ctx, lock, nil)
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
		f.locks.Store(true)
		return gateFlock(f.ops.flock, ctx, f, cmd, lock)
	}
	if typ == filelock.Unlock && f.inode.Locks() == nil {
		return nil
	}
	f.locks.Store(true)
	return f.inode.lockContext().Flock(ctx, lock)
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
