package locktest

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

// File is what clients lock: an open file. A *vfs.File is one; [OfContext]
// makes one of the bare locks of an inode.
type File interface {
	PosixLock(ctx context.Context, cmd int, lock *filelock.Lock) error
	CancelLock(ctx context.Context, lock *filelock.Lock) error
	CloseOwner(ctx context.Context, like *filelock.Lock)
	Setlease(ctx context.Context, typ int, lease **filelock.Lock, priv *any) error
}

// OfContext is a file without a file system: the locks of c. It counts as open
// for as many as opens says; nil for nobody but the holder of a lease.
func OfContext(c *filelock.Context, opens filelock.Opens) File {
	if opens == nil {
		opens = nobody{}
	}
	return &contextFile{c, opens}
}

type nobody struct{}

func (nobody) Writers() bool   { return false }
func (nobody) Others(any) bool { return false }

type contextFile struct {
	locks *filelock.Context
	opens filelock.Opens
}

func (f *contextFile) PosixLock(ctx context.Context, cmd int, lock *filelock.Lock) error {
	if cmd == unix.F_GETLK {
		return f.locks.TestPosix(lock, lock)
	}
	return f.locks.SetPosix(ctx, lock, nil)
}

func (f *contextFile) CancelLock(_ context.Context, lock *filelock.Lock) error {
	return f.locks.Cancel(lock)
}

func (f *contextFile) CloseOwner(ctx context.Context, like *filelock.Lock) {
	f.locks.CloseOwner(ctx, like)
}

func (f *contextFile) Setlease(_ context.Context, typ int, lease **filelock.Lock, priv *any) error {
	if typ == unix.F_UNLCK {
		return f.locks.RemoveLease(f, filelock.OwnerOf(*priv))
	}
	return f.locks.SetLease(lease, f.opens)
}
