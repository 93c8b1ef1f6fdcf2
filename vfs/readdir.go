package vfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"
)

// DirContext is a listing of a directory in progress, from Pos on.
type DirContext struct {
	// Pos is the cookie of the next entry: 0 is ".", 1 "..", and what follows
	// is the driver's. The method leaves it at the entry that was refused, or
	// at one that yields nothing more.
	Pos int64
	// Emit takes one entry: its name, inode number, type (DT_*), and its own
	// cookie. False means that it was refused: the method stops at once, with
	// success.
	Emit func(name string, ino uint64, typ uint8, pos int64) bool
}

// EmitDots emits "." and ".." as far as they are due, and leaves Pos at 2.
// False if one was refused.
func (dc *DirContext) EmitDots(f *File) bool {
	if dc.Pos == 0 {
		if !dc.Emit(".", f.inode.ino, dtDir, 0) {
			return false
		}
		dc.Pos = 1
	}
	if dc.Pos == 1 {
		if !dc.Emit("..", f.path.Dentry.parentIno(), dtDir, 1) {
			return false
		}
		dc.Pos = 2
	}
	return true
}

// A Dirent is one entry of a directory as getdents gives it.
type Dirent struct {
	Name string
	Ino  uint64
	Off  int64 // position of the entry after it, for Lseek
	Type uint8 // DT_*
}

const dtDir = 4 // DT_DIR

// DirentType is the DT_* of a mode.
func DirentType(mode uint32) uint8 { return uint8(mode >> 12 & 15) }

// parentIno is the inode number of the dentry's parent, its own at a root.
func (d *Dentry) parentIno() uint64 {
	if in := d.Parent().Inode(); in != nil {
		return in.ino
	}
	return 0
}

// Iterate lists the directory from the file's position on, to dc.Emit, and
// moves the position to where it ended. dc.Pos is set by it. The directory's
// i_mutex is held for Emit, which is not to enter the file system again. ENOTDIR
// for what is no directory; ENOENT for one that was removed; EINTR while it
// waits for i_mutex.
func (f *File) Iterate(ctx context.Context, dc *DirContext) error {
	if f.ops.iterate == nil {
		return unix.ENOTDIR
	}
	in := f.inode
	if err := in.mutex.LockContext(ctx); err != nil {
		return err
	}
	defer in.mutex.Unlock()
	if in.Dead() {
		return unix.ENOENT
	}
	dc.Pos = f.Pos()
	err := gateIterate(f.ops.iterate, ctx, f, dc)
	f.pos.Store(dc.Pos)
	f.Accessed(ctx)
	return err
}

// Getdents lists an open directory from its position on: emit gets one entry
// after the other, and says false for one that it has no room for; that one
// comes first the next time. It returns how many were taken, 0 at the end.
// emit is not to enter the file system again. EBADF; ENOTDIR; ENOENT for a
// directory that was removed; EINVAL if there is no room for the first entry;
// EIO for an entry that could not be a name; an error after some entries shows
// the next time.
func (t *Task) Getdents(fd int, emit func(Dirent) bool) (n int, err error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	return f.Getdents(t, emit)
}

// Getdents does [Task.Getdents] on an open file.
func (f *File) Getdents(ctx context.Context, emit func(Dirent) bool) (n int, err error) {
	if f.mode&FileAtomicPos != 0 {
		f.posLock.Lock()
		defer f.posLock.Unlock()
	}
	d := direntBuffer{emit: emit}
	dc := DirContext{Emit: d.take}
	err = f.Iterate(ctx, &dc)
	if d.flush(dc.Pos); d.rejected {
		f.pos.Store(d.entryPos)
	}
	switch {
	case d.taken > 0:
		return d.taken, nil
	case err != nil:
		return 0, err
	case d.err != nil:
		return 0, d.err
	case d.rejected:
		return 0, unix.EINVAL
	}
	return 0, nil
}

// direntBuffer holds one entry back: its Off is the position of the entry after
// it.
type direntBuffer struct {
	emit     func(Dirent) bool
	entry    Dirent
	entryPos int64 // of entry itself
	full     bool  // entry is there
	rejected bool  // entry was not taken
	taken    int
	err      error
}

// take is the Emit of the listing.
func (d *direntBuffer) take(name string, ino uint64, typ uint8, pos int64) bool {
	if name == "" || strings.IndexByte(name, '/') >= 0 {
		d.err = unix.EIO
		return false
	}
	if !d.flush(pos) {
		return false
	}
	d.entry, d.entryPos, d.full = Dirent{Name: name, Ino: ino, Type: typ}, pos, true
	return true
}

// flush hands the entry on, the one after it being at next.
func (d *direntBuffer) flush(next int64) bool {
	if d.rejected || !d.full {
		return !d.rejected
	}
	d.entry.Off = next
	if !d.emit(d.entry) {
		d.rejected = true
		return false
	}
	d.full = false
	d.taken++
	return true
}
