package vfs

import (
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// SetOwn is F_SETOWN: pid is who is to get the signals that the open file
// causes, and notify delivers them: it is called under spin locks, and does not
// block. fd is that of the O_ASYNC registration, -1 for a lease. EBADF.
func (t *Task) SetOwn(fd, pid int, notify func(signal, fd int)) error {
	return t.withFile(fd, func(f *File) error {
		f.SetOwner(pid, notify)
		return nil
	})
}

// SetOwner is [Task.SetOwn] for an open file.
func (f *File) SetOwner(pid int, notify func(signal, fd int)) {
	f.lock.Lock()
	f.owner.pid, f.owner.notify = pid, notify
	f.lock.Unlock()
}

// FileSignal is a signal that an open file causes: which, and the descriptor
// that [Task.SetOwn] tells of.
type FileSignal struct{ Signal, FD int }

// SignalChannel is a notify for [Task.SetOwn] that sends to a channel. What
// finds it full is lost, as is a signal to a process that has not handled the
// last of its kind: one with room for one misses nothing.
func SignalChannel(ch chan<- FileSignal) (notify func(signal, fd int)) {
	return func(signal, fd int) {
		select {
		case ch <- FileSignal{signal, fd}:
		default:
		}
	}
}

// GetOwn is F_GETOWN: the pid that SetOwn set, 0 for none. EBADF.
func (t *Task) GetOwn(fd int) (pid int, err error) {
	err = t.withFile(fd, func(f *File) error {
		f.lock.Lock()
		pid = f.owner.pid
		f.lock.Unlock()
		return nil
	})
	return pid, err
}

const maxSignal = 64

// SetSig is F_SETSIG: the signal to send instead of SIGIO; 0 is SIGIO. EBADF;
// EINVAL for what is no signal.
func (t *Task) SetSig(fd, signal int) error {
	return t.withFile(fd, func(f *File) error {
		if signal < 0 || signal > maxSignal {
			return unix.EINVAL
		}
		f.lock.Lock()
		f.owner.signal = signal
		f.lock.Unlock()
		return nil
	})
}

// GetSig is F_GETSIG. EBADF.
func (t *Task) GetSig(fd int) (signal int, err error) {
	err = t.withFile(fd, func(f *File) error {
		f.lock.Lock()
		signal = f.owner.signal
		f.lock.Unlock()
		return nil
	})
	return signal, err
}

// ownBy makes pid the owner, unless there is one.
func (f *File) ownBy(pid int) {
	f.lock.Lock()
	if f.owner.pid == 0 {
		f.owner.pid = pid
	}
	f.lock.Unlock()
}

// clearOwner forgets owner and signal: a lease is gone.
func (f *File) clearOwner() {
	f.lock.Lock()
	f.owner = fileOwner{}
	f.lock.Unlock()
}

// sendSignal tells the owner; fd is what it knows the file by.
func (f *File) sendSignal(fd int) {
	f.lock.Lock()
	owner := f.owner
	f.lock.Unlock()
	if owner.notify == nil {
		return
	}
	if owner.signal == 0 {
		owner.signal = int(unix.SIGIO)
	}
	owner.notify(owner.signal, fd)
}

// A FasyncList is who gets a signal when something becomes ready. A driver
// whose files offer that keeps one, and answers Fasync with
// [File.FasyncHelper].
type FasyncList struct {
	lock    lockdep.SpinLock // fasync_lock
	entries []fasyncEntry
}

type fasyncEntry struct {
	file *File
	fd   int
}

// Init prepares the list, before it is used.
func (l *FasyncList) Init() { l.lock.Init(lockdep.FasyncLock) }

// FasyncHelper is the Fasync of a driver: it puts the file on the list, or
// takes it off, and keeps O_ASYNC in the file's flags the same as that. changed
// is false if it was so already. It does not block.
func (f *File) FasyncHelper(fd int, on bool, l *FasyncList) (changed bool, err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	l.lock.Lock()
	defer l.lock.Unlock()
	for i := range l.entries {
		if l.entries[i].file != f {
			continue
		}
		if on {
			l.entries[i].fd = fd
			return false, nil
		}
		l.entries = append(l.entries[:i], l.entries[i+1:]...)
		f.flags.And(^uint32(unix.O_ASYNC))
		return true, nil
	}
	if !on {
		return false, nil
	}
	l.entries = append(l.entries, fasyncEntry{f, fd})
	f.flags.Or(unix.O_ASYNC)
	return true, nil
}

// Signal tells the owners of all files on the list. It does not block.
func (l *FasyncList) Signal() {
	l.lock.Lock()
	// The owner's lock comes before the list's: signals go out after it.
	all := append([]fasyncEntry(nil), l.entries...)
	l.lock.Unlock()
	for _, e := range all {
		e.file.sendSignal(e.fd)
	}
}
