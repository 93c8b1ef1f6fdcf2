package vfs

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

// errDelegated says that a delegation has to be broken with all locks dropped,
// after which the operation is tried again; no caller of a system call sees it.
var errDelegated = errors.New("vfs: a delegation is being broken")

// tryBreakDelegation asks the holders of delegations to give them back,
// without waiting: errDelegated if one is still there.
func (in *Inode) tryBreakDelegation(ctx context.Context) error {
	l := in.Locks()
	if l == nil {
		return nil
	}
	if err := l.BreakDelegation(ctx, true); err == unix.EWOULDBLOCK {
		return errDelegated
	} else if err != nil {
		return err
	}
	return nil
}

// waitDelegation waits, with no lock held, until the delegations are gone.
func (in *Inode) waitDelegation(ctx context.Context) error {
	if l := in.Locks(); l != nil {
		return l.BreakDelegation(ctx, false)
	}
	return nil
}

// breakLease breaks the leases that the opening of f conflicts with, before
// the driver's Open; EWOULDBLOCK with O_NONBLOCK. To truncate is to write,
// whatever the file is opened for.
func (f *File) breakLease(ctx context.Context) error {
	l := f.inode.Locks()
	if l == nil || !l.HasLeases() || !f.inode.IsRegular() {
		return nil
	}
	typ := filelock.Read
	if f.mode&FileWrite != 0 || f.Flags()&unix.O_TRUNC != 0 {
		typ = filelock.Write
	}
	return l.BreakLease(ctx, typ, f.Flags()&unix.O_NONBLOCK != 0)
}
