package vfs

import (
	"context"
	"math/bits"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// An FDTable maps descriptors to open files. It is also the owner of the
// POSIX locks that its tasks take.
type FDTable struct {
	lock  lockdep.SpinLock
	slots []fdSlot
	used  []uint64 // one bit a slot that is taken
	users atomic.Int32
}

type fdSlot struct {
	file    *File // nil while the slot is being opened
	cloexec bool
}

// maxFiles bounds the open descriptors of the whole process (ENFILE).
const maxFiles = 1 << 24

var openDescriptors atomic.Int64

func newFDTable() *FDTable {
	t := &FDTable{}
	t.lock.Init(lockdep.FdTableLock)
	t.users.Store(1)
	return t
}

func (t *FDTable) share() *FDTable {
	t.users.Add(1)
	return t
}

// clone copies the table, as fork does.
func (t *FDTable) clone() *FDTable {
	c := newFDTable()
	t.lock.Lock()
	c.slots = append([]fdSlot(nil), t.slots...)
	c.used = append([]uint64(nil), t.used...)
	for i, s := range c.slots {
		if s.file != nil {
			s.file.Get()
			openDescriptors.Add(1)
		} else {
			c.used[i/64] &^= 1 << (i % 64)
		}
	}
	t.lock.Unlock()
	return c
}

func (t *FDTable) put(task *Task) {
	if t.users.Add(-1) != 0 {
		return
	}
	for fd := range t.slots {
		if f := t.take(fd); f != nil {
			task.closeFile(f)
		}
	}
}

// get references the file of a descriptor; EBADF if there is none.
func (t *FDTable) get(fd int) (*File, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if fd < 0 || fd >= len(t.slots) || t.slots[fd].file == nil {
		return nil, unix.EBADF
	}
	return t.slots[fd].file.Get(), nil
}

// reserve takes the lowest free descriptor that is at least min: EMFILE at
// the limit, ENFILE when the process has too many.
func (t *FDTable) reserve(min, limit int) (int, error) {
	if openDescriptors.Add(1) > maxFiles {
		openDescriptors.Add(-1)
		return -1, unix.ENFILE
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	fd := t.lowestFree(min)
	if fd >= limit {
		openDescriptors.Add(-1)
		return -1, unix.EMFILE
	}
	t.growTo(fd)
	t.used[fd/64] |= 1 << (fd % 64)
	return fd, nil
}

func (t *FDTable) lowestFree(min int) int {
	for w := min / 64; w < len(t.used); w++ {
		free := ^t.used[w]
		if w == min/64 {
			free &= ^uint64(0) << (min % 64)
		}
		if free != 0 {
			return w*64 + bits.TrailingZeros64(free)
		}
	}
	if n := len(t.used) * 64; n > min {
		return n
	}
	return min
}

func (t *FDTable) growTo(fd int) {
	for fd >= len(t.slots) {
		t.slots = append(t.slots, fdSlot{})
	}
	for fd/64 >= len(t.used) {
		t.used = append(t.used, 0)
	}
}

// install puts a file, with its reference, into a reserved descriptor.
func (t *FDTable) install(fd int, f *File, cloexec bool) {
	t.lock.Lock()
	t.slots[fd] = fdSlot{f, cloexec}
	t.lock.Unlock()
}

// release gives a reserved descriptor back.
func (t *FDTable) release(fd int) {
	t.lock.Lock()
	t.used[fd/64] &^= 1 << (fd % 64)
	t.lock.Unlock()
	openDescriptors.Add(-1)
}

// take empties a descriptor and hands its reference over; nil if it has none.
func (t *FDTable) take(fd int) *File {
	t.lock.Lock()
	defer t.lock.Unlock()
	if fd < 0 || fd >= len(t.slots) || t.slots[fd].file == nil {
		return nil
	}
	f := t.slots[fd].file
	t.slots[fd] = fdSlot{}
	t.used[fd/64] &^= 1 << (fd % 64)
	openDescriptors.Add(-1)
	return f
}

// replace puts f, with its reference, at descriptor fd and returns what was
// there. EBUSY if the slot is being opened by another task.
func (t *FDTable) replace(fd int, f *File, cloexec bool) (*File, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.growTo(fd)
	old := t.slots[fd].file
	taken := t.used[fd/64]&(1<<(fd%64)) != 0
	if old == nil && taken {
		return nil, unix.EBUSY
	}
	if !taken {
		openDescriptors.Add(1)
	}
	t.used[fd/64] |= 1 << (fd % 64)
	t.slots[fd] = fdSlot{f, cloexec}
	return old, nil
}

// cloexec gets or sets the close-on-exec flag.
func (t *FDTable) cloexec(fd int) (bool, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if fd < 0 || fd >= len(t.slots) || t.slots[fd].file == nil {
		return false, unix.EBADF
	}
	return t.slots[fd].cloexec, nil
}

func (t *FDTable) setCloexec(fd int, on bool) error {
	t.lock.Lock()
	defer t.lock.Unlock()
	if fd < 0 || fd >= len(t.slots) || t.slots[fd].file == nil {
		return unix.EBADF
	}
	t.slots[fd].cloexec = on
	return nil
}

// InstallFD gives the task a descriptor for f, whose reference it takes over.
func (t *Task) InstallFD(f *File, cloexec bool) (int, error) {
	fd, err := t.files.reserve(0, t.Limits.Files)
	if err != nil {
		return -1, err
	}
	t.files.install(fd, f, cloexec)
	return fd, nil
}

// File is the open file of a descriptor, with a reference that the caller
// puts. EBADF if there is none.
func (t *Task) File(fd int) (*File, error) { return t.files.get(fd) }

// Close closes a descriptor. The error is the driver's Flush; the descriptor
// is gone in any case. EBADF if there is none.
func (t *Task) Close(fd int) error {
	f := t.files.take(fd)
	if f == nil {
		return unix.EBADF
	}
	return t.closeFile(f)
}

// closeFile is the end of one descriptor: flush, the task's POSIX locks on
// the inode, the reference.
func (t *Task) closeFile(f *File) error {
	var err error
	if f.mode&FilePath == 0 {
		err = f.Flush(t, t.LockOwner())
	}
	f.Put(t)
	return err
}

// CloseOnExec closes all descriptors that are marked so.
func (t *Task) CloseOnExec() {
	for fd := range len(t.files.slots) {
		if on, err := t.files.cloexec(fd); err == nil && on {
			t.Close(fd)
		}
	}
}

// Flush is what close does before the reference goes: the driver's Flush,
// then the POSIX locks of the owner. An interrupted flush reports EINTR.
func (f *File) Flush(ctx context.Context, owner lockOwner) error {
	var err error
	if f.ops.flush != nil {
		err = gateFlush(f.ops.flush, ctx, f, owner)
	}
	if l := f.inode.Locks(); l != nil {
		f.closePosix(ctx, l, owner)
	}
	return err
}
