package govfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/vfs"
)

// LockMode is what a lock or a lease is for.
type LockMode int

const (
	// Shared: any number of files may have it of one byte at a time.
	Shared LockMode = unix.F_RDLCK
	// Exclusive: one file has it alone.
	Exclusive LockMode = unix.F_WRLCK
	// Unlocked is neither.
	Unlocked LockMode = unix.F_UNLCK
)

// Lock locks n bytes from off on, or all from there on if n is 0, and waits
// until no other file has a lock that is in the way: with the error EINTR, until
// ctx is done. What f has locked there before changes its mode; while a wait for
// more goes on it is kept.
//
// The lock is f's own (an open file description's, in the words of fcntl(2)):
// it excludes those of other files, opened by this program or by processes on a
// mount, and goes with an Unlock or when f is closed. Locks of this kind never
// fail with EDEADLK. EBADF if f is not open for reading, or, for Exclusive, for
// writing.
func (f *File) Lock(ctx context.Context, mode LockMode, off, n int64) error {
	return f.lock(ctx, unix.F_SETLKW, mode, off, n)
}

// TryLock is Lock without a wait: EAGAIN if another lock is in the way.
func (f *File) TryLock(mode LockMode, off, n int64) error {
	return f.lock(context.Background(), unix.F_SETLK, mode, off, n)
}

// Unlock gives up what f has locked of n bytes from off on, or of all from there
// on if n is 0.
func (f *File) Unlock(off, n int64) error {
	return f.lock(context.Background(), unix.F_SETLK, Unlocked, off, n)
}

var lockTypes = map[LockMode]filelock.Type{Shared: filelock.Read, Exclusive: filelock.Write, Unlocked: filelock.Unlock}

func (f *File) lock(ctx context.Context, cmd int, mode LockMode, off, n int64) error {
	op := "lock"
	if mode == Unlocked {
		op = "unlock"
	}
	return f.call(op, func(t *vfs.Task, file *vfs.File) error {
		typ, ok := lockTypes[mode]
		switch {
		case !ok, off < 0 || n < 0:
			return unix.EINVAL
		case mode == Shared && file.Mode()&vfs.FileRead == 0, mode == Exclusive && file.Mode()&vfs.FileWrite == 0:
			return unix.EBADF
		}
		req := &filelock.Lock{Owner: filelock.OwnerOf(file), File: file, PID: t.PID, Kind: filelock.OFD, Type: typ}
		var err error
		if req.Start, req.End, err = filelock.Range(unix.SEEK_SET, off, n, 0, 0); err != nil {
			return err
		}
		if cmd == unix.F_SETLKW {
			req.Flags = filelock.FlagSleep
		}
		t.SetDone(ctx.Done())
		err = file.PosixLock(t, cmd, req)
		t.SetDone(nil)
		req.Release(t)
		return err
	})
}

// A Lease is a promise to be told before somebody else opens or truncates a
// file: with Shared before it is changed, with Exclusive before it is even
// looked at.
type Lease struct {
	file   *File
	breaks chan LockMode
}

// Lease asks for a lease on the file. Until it is given up by Downgrade or
// Release, or by the closing of f, whoever opens the file in a way that is
// against it waits, for 45 seconds at most; then the lease is gone. onBreak, if
// not nil, is called for each such break with what the lease is to become; it
// runs under locks, and must neither block nor call anything of this package.
// [Lease.Breaks] tells the same.
//
// EAGAIN if the file is open in a way that is against the lease: for writing, or,
// for Exclusive, other than by f at all; or if another lease is. EBUSY if f has a
// lease already; EINVAL for what is no regular file; EACCES for somebody else's
// file without CAP_LEASE.
func (f *File) Lease(mode LockMode, onBreak func(to LockMode)) (*Lease, error) {
	l := &Lease{file: f, breaks: make(chan LockMode, 1)}
	err := f.call("lease", func(t *vfs.Task, file *vfs.File) error {
		if mode != Shared && mode != Exclusive {
			return unix.EINVAL
		}
		return file.LeaseTo(t, int(mode), func(to filelock.Type) {
			mode := Unlocked
			if to == filelock.Read {
				mode = Shared
			}
			if onBreak != nil {
				onBreak(mode)
			}
			select {
			case <-l.breaks: // the older word is overtaken
			default:
			}
			l.breaks <- mode
		})
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Breaks has, once somebody needs the file, what the lease is to become: Shared,
// or Unlocked. If it was not received it is replaced by what is asked for next.
func (l *Lease) Breaks() <-chan LockMode { return l.breaks }

// Mode is what the lease is, or what it is being broken to; Unlocked once it is
// gone.
func (l *Lease) Mode() (mode LockMode, err error) {
	err = l.file.call("lease", func(_ *vfs.Task, file *vfs.File) error {
		mode = LockMode(file.LeaseType())
		return nil
	})
	return mode, err
}

// Downgrade makes an Exclusive lease Shared. EAGAIN if the file is open for
// writing, or the lease is gone.
func (l *Lease) Downgrade() error { return l.set(unix.F_RDLCK) }

// Release gives the lease up. EAGAIN if it is gone already.
func (l *Lease) Release() error { return l.set(unix.F_UNLCK) }

func (l *Lease) set(typ int) error {
	return l.file.call("lease", func(t *vfs.Task, file *vfs.File) error {
		if typ != unix.F_UNLCK && file.LeaseType() == unix.F_UNLCK {
			return unix.EAGAIN
		}
		return file.Lease(t, typ)
	})
}
