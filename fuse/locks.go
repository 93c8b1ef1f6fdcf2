package fuse

import (
	"context"
	"sync"
	"sync/atomic"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/vfs"
)

// Requests about file locks. To the tree a server is a lock manager: the owners
// of its byte-range locks are the kernel's, who come as numbers, one for a
// process's descriptors and one for an open file. A request that has to wait is
// queued, and repeated when the tree says that its turn has come; an interrupt
// cancels it.

// lockOwner is who owns a lock, to the kernel of one server.
type lockOwner uint64

// lockCall is a request for a lock in progress.
type lockCall struct {
	filelock.Lock
	owner lockOwner

	// Of a request that may wait: each has room for one.
	turn   chan struct{} // the request is to be repeated
	answer chan error    // of a driver that was asked first
	over   atomic.Bool   // nobody waits for the answer any more
}

// lockManager is the server as the tree sees it. Its methods run under spin
// locks.
type lockManager struct{}

// lockManagerOf makes a server's own: what it holds is never another server's.
func lockManagerOf() *filelock.ManagerOps { return filelock.TrustedManagerOpsOf(lockManager{}) }

func ownerOf(l *filelock.Lock) lockOwner { return l.Owner.Value().(*lockCall).owner }

// CompareOwner implements [filelock.OwnerComparer].
func (lockManager) CompareOwner(a, b *filelock.Lock) bool { return ownerOf(a) == ownerOf(b) }

// OwnerKey implements [filelock.OwnerKeyer].
func (lockManager) OwnerKey(l *filelock.Lock) uint64 { return uint64(ownerOf(l)) }

// Notify implements [filelock.Notifier].
func (lockManager) Notify(l *filelock.Lock) {
	select {
	case l.Owner.Value().(*lockCall).turn <- struct{}{}:
	default: // a turn that was not taken yet is as good
	}
}

// Grant implements [filelock.Granter]: ENOENT once the caller has given up.
func (lockManager) Grant(l, _ *filelock.Lock, result error) error {
	call := l.Owner.Value().(*lockCall)
	if !call.over.CompareAndSwap(false, true) {
		go l.Release(context.Background()) // which may block
		return unix.ENOENT
	}
	call.answer <- result
	return nil
}

// newLock makes the request for a lock of an owner.
func (s *Server) newLock(owner uint64) *lockCall {
	call := &lockCall{owner: lockOwner(owner)}
	call.Owner, call.Manager = filelock.OwnerOf(call), s.locks
	return call
}

// lockRequest is the request for a byte-range lock.
func (s *Server) lockRequest(h *handle, in *gofuse.LkIn, kind filelock.Kind) (*lockCall, error) {
	call := s.newLock(in.Owner)
	call.File, call.PID, call.Kind = h.file, int(in.Lk.Pid), kind
	call.Start, call.End = int64(in.Lk.Start), int64(in.Lk.End)
	if call.Start < 0 || call.End < call.Start {
		return nil, unix.EINVAL
	}
	switch in.Lk.Typ {
	case unix.F_RDLCK:
		call.Type = filelock.Read
	case unix.F_WRLCK:
		call.Type = filelock.Write
	case unix.F_UNLCK:
		call.Type = filelock.Unlock
	default:
		return nil, unix.EINVAL
	}
	return call, nil
}

func (fs *rawFS) GetLk(cancel <-chan struct{}, in *gofuse.LkIn, out *gofuse.LkOut) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		kind := filelock.POSIX
		if in.Lk.Typ == unix.F_UNLCK { // only F_OFD_GETLK asks so
			kind = filelock.OFD
		}
		call, err := fs.lockRequest(h, in, kind)
		if err != nil {
			return err
		}
		defer call.Release(t)
		if err := h.file.PosixLock(t, unix.F_GETLK, &call.Lock); err != nil {
			return err
		}
		out.Lk = gofuse.FileLock{Start: uint64(call.Start), End: uint64(call.End)}
		if call.PID > 0 {
			out.Lk.Pid = uint32(call.PID)
		}
		switch call.Type {
		case filelock.Read:
			out.Lk.Typ = unix.F_RDLCK
		case filelock.Write:
			out.Lk.Typ = unix.F_WRLCK
		default:
			out.Lk = gofuse.FileLock{Typ: unix.F_UNLCK}
		}
		return nil
	})
}

func (fs *rawFS) SetLk(cancel <-chan struct{}, in *gofuse.LkIn) gofuse.Status {
	return fs.setLock(cancel, in, false)
}

func (fs *rawFS) SetLkw(cancel <-chan struct{}, in *gofuse.LkIn) gofuse.Status {
	return fs.setLock(cancel, in, true)
}

func (fs *rawFS) setLock(cancel <-chan struct{}, in *gofuse.LkIn, wait bool) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		if in.LkFlags&gofuse.LK_FLOCK != 0 {
			return fs.flock(t, h, in, wait)
		}
		kind := filelock.POSIX
		if in.Lk.Typ != unix.F_UNLCK {
			// Before the lock is there: the handle may be closed at any
			// moment.
			kind = h.noteOwner(in.Owner, in.Pid, wait)
		}
		call, err := fs.lockRequest(h, in, kind)
		if err != nil {
			return err
		}
		if wait {
			call.Flags |= filelock.FlagSleep
			call.turn, call.answer = make(chan struct{}, 1), make(chan error, 1)
		}
		err = h.file.PosixLock(t, unix.F_SETLK, &call.Lock)
		if err == filelock.ErrDeferred {
			return call.wait(t, h.file)
		}
		call.Release(t)
		return err
	})
}

// wait waits until a request that was deferred is answered, and gives it up
// with EINTR if the caller is interrupted. It releases the request.
func (c *lockCall) wait(t *vfs.Task, f *vfs.File) error {
	for {
		select {
		case <-c.turn:
			if err := f.PosixLock(t, unix.F_SETLK, &c.Lock); err != filelock.ErrDeferred {
				c.Release(t)
				return err
			}
		case err := <-c.answer:
			c.Release(t)
			return err
		case <-t.Done():
			return c.giveUp(t, f)
		}
	}
}

// giveUp cancels a request. One that cannot be is either to be repeated, and is
// not, or a driver is about to answer it: then Grant refuses, and releases it.
func (c *lockCall) giveUp(t *vfs.Task, f *vfs.File) error {
	err := f.CancelLock(t, &c.Lock)
	switch {
	case !c.over.CompareAndSwap(false, true):
		err = <-c.answer // it came first
		c.Release(t)
		return err
	case err == nil, len(c.turn) > 0:
		c.Release(t)
	}
	return unix.EINTR
}

// flock is for the open file, and the tree's open file is one of the kernel's:
// so its last close unlocks it.
func (fs *rawFS) flock(t *vfs.Task, h *handle, in *gofuse.LkIn, wait bool) error {
	var op int
	switch in.Lk.Typ {
	case unix.F_RDLCK:
		op = unix.LOCK_SH
	case unix.F_WRLCK:
		op = unix.LOCK_EX
	case unix.F_UNLCK:
		op = unix.LOCK_UN
	default:
		return unix.EINVAL
	}
	if !wait {
		op |= unix.LOCK_NB
	}
	if in.Lk.Pid != 0 {
		t.PID = int(in.Lk.Pid) // the process, not the thread
	}
	return h.file.Flock(t, op, filelock.OwnerOf(h.file))
}

// lockOwners are who took byte-range locks through a handle, and of which kind.
type lockOwners struct {
	mu   sync.Mutex
	kind map[uint64]filelock.Kind
}

// noteOwner remembers that an owner is about to take a byte-range lock through
// the handle, and says of which kind its locks are: that of an owner does not
// change while the handle is open. The kernel does not tell; the call that the
// caller is in does. Without an answer it is the usual kind, POSIX.
func (h *handle) noteOwner(owner uint64, thread uint32, wait bool) filelock.Kind {
	o := &h.owners
	o.mu.Lock()
	kind, known := o.kind[owner]
	o.mu.Unlock()
	if known {
		return kind
	}
	kind = filelock.POSIX
	if isOpenFileLock(thread, wait) {
		kind = filelock.OFD
	}
	o.mu.Lock()
	if o.kind == nil {
		o.kind = make(map[uint64]filelock.Kind)
	}
	o.kind[owner] = kind
	o.mu.Unlock()
	return kind
}

// closeOwner gives up what an owner has locked through whatever handle of the
// file: one of its descriptors is closed.
func (h *handle) closeOwner(ctx context.Context, s *Server, owner uint64) {
	h.owners.mu.Lock()
	delete(h.owners.kind, owner)
	h.owners.mu.Unlock()
	if h.file.Inode().Locks() != nil {
		h.file.CloseOwner(ctx, &s.newLock(owner).Lock)
	}
}

// dropLocks gives up the locks of who took some through the handle and has not
// closed it. A process has closed it, with a flush, before the kernel releases
// it; what is left are OFD locks, which end now.
func (h *handle) dropLocks(ctx context.Context, s *Server) {
	h.owners.mu.Lock()
	owners := h.owners.kind
	h.owners.kind = nil
	h.owners.mu.Unlock()
	for owner := range owners {
		h.closeOwner(ctx, s, owner)
	}
}
