package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

// Truncate sets the size, in bytes, of the regular file that path names.
// EINVAL for a negative one, before the walk; EISDIR for a directory, EINVAL
// for what else is no regular file; EROFS; EACCES; EPERM for an append-only
// one; ETXTBSY for one that is executed; EFBIG.
func (t *Task) Truncate(path string, size int64) error { return t.Truncateat(AtCWD, path, size) }

// Truncateat is Truncate with a place to start from.
func (t *Task) Truncateat(at At, path string, size int64) error {
	if size < 0 {
		return unix.EINVAL
	}
	return t.withPath(at, path, WalkFollow, func(p Path) error { return p.Truncate(t, size) })
}

// Truncate sets the size of the regular file at p; see [Task.Truncate].
func (p Path) Truncate(ctx context.Context, size int64) error {
	in := p.Dentry.Inode()
	switch {
	case size < 0:
		return unix.EINVAL
	case in.IsDir():
		return unix.EISDIR
	case !in.IsRegular():
		return unix.EINVAL
	}
	if err := p.Mount.WantWrite(ctx); err != nil {
		return err
	}
	err := p.truncateWritable(ctx, in, size)
	p.Mount.DropWrite()
	if err == nil {
		in.notifyData(ctx, size, -1)
	}
	return err
}

func (p Path) truncateWritable(ctx context.Context, in *Inode, size int64) error {
	if err := InodePermission(ctx, in, MayWrite); err != nil {
		return err
	}
	if in.hasFlag(FlagAppend) {
		return unix.EPERM
	}
	if err := in.getWriteAccess(); err != nil {
		return err
	}
	defer in.writes.Add(-1)
	if l := in.Locks(); l != nil {
		if err := l.BreakLease(ctx, filelock.Write, false); err != nil {
			return err
		}
		if err := in.checkMandatoryTruncate(ctx, nil, size); err != nil {
			return err
		}
	}
	return truncateInode(ctx, p.Dentry, size, 0, nil)
}

// truncateInode changes the size (the kernel's do_truncate), by way of an open
// file if f is not nil. The caller has write access to mount and inode.
func truncateInode(ctx context.Context, d *Dentry, size int64, valid AttrMask, f *File) error {
	in := d.Inode()
	if kill := dropOnWrite(ctx, d); kill != 0 {
		valid |= kill | AttrForce
	}
	if f != nil {
		valid |= AttrFile
	}
	_, err := in.lockedChange(ctx, d, func(_ *Inode, a *Attr) {
		*a = Attr{Valid: AttrSize | valid, Size: size, File: f}
	})
	return err
}

// truncateOpen is the O_TRUNC of an open: write access to the mount is held.
func (f *File) truncateOpen(ctx context.Context) error {
	in := f.inode
	if err := in.getWriteAccess(); err != nil {
		return err
	}
	defer in.writes.Add(-1)
	// The open has broken the leases there were; while it is not counted as a
	// writer, another one may have been given out.
	if l := in.Locks(); l != nil && f.mode&FileWrite == 0 {
		if err := l.BreakLease(ctx, filelock.Write, f.Flags()&unix.O_NONBLOCK != 0); err != nil {
			return err
		}
	}
	if f.mandatoryLocked(ctx) {
		return unix.EAGAIN
	}
	if err := truncateInode(ctx, f.path.Dentry, 0, AttrMtime|AttrCtime|AttrOpen, f); err != nil {
		return err
	}
	in.notifyData(ctx, 0, -1)
	return nil
}

// Truncate sets the size, in bytes, of the file, which is open for writing:
// EINVAL if it is not, or is no regular file, or for a negative size; EPERM
// for an append-only one; EFBIG.
func (f *File) Truncate(ctx context.Context, size int64) error {
	in := f.inode
	if size < 0 || !in.IsRegular() || f.mode&FileWrite == 0 {
		return unix.EINVAL
	}
	if in.hasFlag(FlagAppend) {
		return unix.EPERM
	}
	if err := in.checkMandatoryTruncate(ctx, f, size); err != nil {
		return err
	}
	in.sb.StartWrite(ctx)
	err := truncateInode(ctx, f.path.Dentry, size, AttrMtime|AttrCtime, f)
	in.sb.EndWrite()
	if err == nil {
		in.notifyData(ctx, size, -1)
	}
	return err
}

// Setattr makes a change of attributes through the open file; a size needs one
// that is open for writing, see [File.Truncate] for the checks of ftruncate.
func (f *File) Setattr(ctx context.Context, a *Attr) error {
	return f.path.change(ctx, func(_ *Inode, c *Attr) {
		*c = *a
		c.Valid |= AttrFile
		c.File = f
	})
}

// Ftruncate sets the size, in bytes, of an open file: see [File.Truncate].
// EINVAL for a negative one before EBADF.
func (t *Task) Ftruncate(fd int, size int64) error {
	if size < 0 {
		return unix.EINVAL
	}
	return t.withFile(fd, func(f *File) error { return f.Truncate(t, size) })
}
