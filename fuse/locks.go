package fuse

import (
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/vfs"
)

// Requests about file locks. The kernel names the owner of a lock by a number:
// of a process's descriptors for POSIX locks, of an open file for OFD and flock
// locks. It does not say which of the first two it is; [handle.dropLocks] makes
// up for that.

// lockRequest is the request for a byte-range lock.
func (s *Server) lockRequest(h *handle, in *gofuse.LkIn) (*filelock.Lock, error) {
	lock := &filelock.Lock{
		Owner: s.lockOwner(in.Owner), File: h.file, PID: int(in.Lk.Pid), Kind: filelock.POSIX,
		Start: int64(in.Lk.Start), End: int64(in.Lk.End),
	}
	if lock.Start < 0 || lock.End < lock.Start {
		return nil, unix.EINVAL
	}
	switch in.Lk.Typ {
	case unix.F_RDLCK:
		lock.Type = filelock.Read
	case unix.F_WRLCK:
		lock.Type = filelock.Write
	case unix.F_UNLCK:
		lock.Type = filelock.Unlock
	default:
		return nil, unix.EINVAL
	}
	return lock, nil
}

func (fs *rawFS) GetLk(cancel <-chan struct{}, in *gofuse.LkIn, out *gofuse.LkOut) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		lock, err := fs.lockRequest(h, in)
		if err != nil {
			return err
		}
		if err := h.file.PosixLock(t, unix.F_GETLK, lock); err != nil {
			return err
		}
		out.Lk = gofuse.FileLock{Start: uint64(lock.Start), End: uint64(lock.End), Pid: uint32(lock.PID)}
		switch lock.Type {
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
		lock, err := fs.lockRequest(h, in)
		if err != nil {
			return err
		}
		cmd := unix.F_SETLK
		if wait {
			cmd = unix.F_SETLKW
			lock.Flags |= filelock.FlagSleep
		}
		if lock.Type != filelock.Unlock {
			// Before the lock is there: the handle may be closed at any
			// moment.
			h.noteOwner(in.Owner)
		}
		return h.file.PosixLock(t, cmd, lock)
	})
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
	return h.file.Flock(t, op, filelock.OwnerOf(h.file))
}
