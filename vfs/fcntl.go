package vfs

import (
	"golang.org/x/sys/unix"
)

// setflMask are the flags that F_SETFL changes; O_ASYNC goes through Fasync.
const setflMask = unix.O_APPEND | unix.O_NONBLOCK | unix.O_DIRECT | unix.O_NOATIME

// Dup gives the lowest free descriptor for the open file of fd. EBADF, EMFILE,
// ENFILE.
func (t *Task) Dup(fd int) (int, error) { return t.dup(fd, 0, false) }

// FcntlDupFD is F_DUPFD, and F_DUPFD_CLOEXEC: the lowest free descriptor that is
// at least min. EINVAL for a min beyond the task's limit.
func (t *Task) FcntlDupFD(fd, min int, cloexec bool) (int, error) {
	return t.dup(fd, min, cloexec)
}

func (t *Task) dup(fd, min int, cloexec bool) (int, error) {
	f, err := t.files.get(fd)
	if err != nil {
		return -1, err
	}
	if min < 0 || min >= t.Limits.Files {
		f.Put(t)
		return -1, unix.EINVAL
	}
	n, err := t.files.reserve(min, t.Limits.Files)
	if err != nil {
		f.Put(t)
		return -1, err
	}
	t.files.install(n, f, cloexec)
	return n, nil
}

// Dup2 makes newfd a descriptor of oldfd's open file, closing what it was
// before; nothing is done if they are the same. EBADF for a bad oldfd, or a
// newfd beyond the limit; EBUSY if another task is just opening newfd.
func (t *Task) Dup2(oldfd, newfd int) (int, error) {
	if oldfd == newfd {
		f, err := t.files.get(oldfd)
		if err != nil {
			return -1, err
		}
		f.Put(t)
		return newfd, nil
	}
	return t.Dup3(oldfd, newfd, 0)
}

// Dup3 is Dup2 with flags: O_CLOEXEC, EINVAL for others; EINVAL also if the
// descriptors are the same.
func (t *Task) Dup3(oldfd, newfd, flags int) (int, error) {
	if flags&^unix.O_CLOEXEC != 0 || oldfd == newfd {
		return -1, unix.EINVAL
	}
	if newfd < 0 || newfd >= t.Limits.Files {
		return -1, unix.EBADF
	}
	f, err := t.files.get(oldfd)
	if err != nil {
		return -1, err
	}
	old, err := t.files.replace(newfd, f, flags&unix.O_CLOEXEC != 0)
	if err != nil {
		f.Put(t)
		return -1, err
	}
	if old != nil {
		// dup2 reports no error of the close that it implies.
		_ = t.closeFile(old)
	}
	return newfd, nil
}

// GetFD is F_GETFD: FD_CLOEXEC or 0. EBADF.
func (t *Task) GetFD(fd int) (int, error) {
	on, err := t.files.cloexec(fd)
	if on {
		return unix.FD_CLOEXEC, err
	}
	return 0, err
}

// SetFD is F_SETFD. EBADF.
func (t *Task) SetFD(fd, flags int) error { return t.files.setCloexec(fd, flags&unix.FD_CLOEXEC != 0) }

// GetFL is F_GETFL: access mode and status flags (O_*). EBADF; an O_PATH
// descriptor has an answer.
func (t *Task) GetFL(fd int) (int, error) {
	f, err := t.files.get(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	return f.Flags(), nil
}

// SetFL is F_SETFL, for O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME and O_ASYNC;
// other flags are ignored. EBADF; EPERM to change O_APPEND of an append-only
// file, or to set O_NOATIME on somebody else's; EINVAL for O_DIRECT where it is
// not supported; what the driver's CheckFlags and Fasync say.
func (t *Task) SetFL(fd, flags int) error {
	return t.withFile(fd, func(f *File) error { return f.setFlags(t, fd, flags) })
}

func (f *File) setFlags(t *Task, fd, flags int) error {
	in, old := f.inode, f.Flags()
	if (flags^old)&unix.O_APPEND != 0 && in.hasFlag(FlagAppend) {
		return unix.EPERM
	}
	if flags&^old&unix.O_NOATIME != 0 && !t.cred.ownerOrCapable(in) {
		return unix.EPERM
	}
	// On a pipe O_DIRECT asks for packets.
	if flags&unix.O_DIRECT != 0 && in.Type() != unix.S_IFIFO && f.mode&FileDirect == 0 {
		return unix.EINVAL
	}
	if f.ops.checkFlags != nil {
		if err := gateCheckFlags(f.ops.checkFlags, t, flags); err != nil {
			return err
		}
	}
	if (flags^old)&unix.O_ASYNC != 0 && f.ops.fasync != nil {
		if _, err := gateFasync(f.ops.fasync, t, fd, f, flags&unix.O_ASYNC != 0); err != nil {
			return err
		}
	}
	f.changeFlags(setflMask, flags)
	return nil
}

// ReplaceFlags sets the flags of mask, among O_APPEND, O_NONBLOCK and O_NOATIME,
// to those in flags, for a front end that keeps its client's flags and has
// checked that it may have them.
func (f *File) ReplaceFlags(mask, flags int) {
	f.changeFlags(mask&(unix.O_APPEND|unix.O_NONBLOCK|unix.O_NOATIME), flags)
}

// changeFlags replaces the flags of mask.
func (f *File) changeFlags(mask, flags int) {
	f.lock.Lock()
	f.flags.Store(f.flags.Load()&^uint32(mask) | uint32(flags&mask))
	f.lock.Unlock()
}

// GetPipeSize is F_GETPIPE_SZ: how many bytes the pipe holds. EBADF for what is
// no pipe.
func (t *Task) GetPipeSize(fd int) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	p := f.pipe()
	if p == nil {
		return 0, unix.EBADF
	}
	return p.capacity(), nil
}

// SetPipeSize is F_SETPIPE_SZ: it rounds size, in bytes, up to a power of two
// pages, and returns what the pipe holds now. EBADF for what is no pipe;
// EINVAL; EBUSY if the pipe holds more than that; EPERM beyond 1 MiB without
// CAP_SYS_RESOURCE.
func (t *Task) SetPipeSize(fd, size int) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	p := f.pipe()
	if p == nil {
		return 0, unix.EBADF
	}
	return p.resize(size, t.cred.Has(CapSysResource))
}

// Fcntl is fcntl for the commands whose argument is a number. Locks and owners
// have methods of their own. EINVAL for a command that is not known.
func (t *Task) Fcntl(fd, cmd, arg int) (int, error) {
	switch cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
		return t.dup(fd, arg, cmd == unix.F_DUPFD_CLOEXEC)
	case unix.F_GETFD:
		return t.GetFD(fd)
	case unix.F_SETFD:
		return 0, t.SetFD(fd, arg)
	case unix.F_GETFL:
		return t.GetFL(fd)
	case unix.F_SETFL:
		return 0, t.SetFL(fd, arg)
	case unix.F_GETOWN:
		return t.GetOwn(fd)
	case unix.F_SETSIG:
		return 0, t.SetSig(fd, arg)
	case unix.F_GETSIG:
		return t.GetSig(fd)
	case unix.F_SETLEASE:
		return 0, t.Setlease(fd, arg)
	case unix.F_GETLEASE:
		return t.Getlease(fd)
	case unix.F_GETPIPE_SZ:
		return t.GetPipeSize(fd)
	case unix.F_SETPIPE_SZ:
		return t.SetPipeSize(fd, arg)
	}
	return -1, t.withFile(fd, func(*File) error { return unix.EINVAL })
}
