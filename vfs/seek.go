package vfs

import (
	"context"
	"math"

	"golang.org/x/sys/unix"
)

// Whence of Lseek, beside SEEK_SET, SEEK_CUR and SEEK_END.
const (
	SeekData = unix.SEEK_DATA // the next byte that is no hole
	SeekHole = unix.SEEK_HOLE // the next hole; the end of the file is one
)

// Seek moves the file's position and returns it, in bytes from the start; on a
// directory it is a cookie of Getdents. EINVAL for an unknown whence or a
// position that is negative or beyond the file system's limit; ENXIO for
// SeekData and SeekHole at or beyond the end; ESPIPE for a file without a
// position.
func (f *File) Seek(ctx context.Context, off int64, whence int) (int64, error) {
	if whence < unix.SEEK_SET || whence > unix.SEEK_HOLE {
		return 0, unix.EINVAL
	}
	if f.mode&FileLseek == 0 || f.ops.llseek == nil {
		return 0, unix.ESPIPE
	}
	if f.mode&FileAtomicPos != 0 {
		f.posLock.Lock()
		defer f.posLock.Unlock()
	}
	return gateLlseek(f.ops.llseek, ctx, f, off, whence)
}

// Lseek moves the position of a descriptor; see [File.Seek]. EBADF first.
func (t *Task) Lseek(fd int, off int64, whence int) (int64, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	pos, err := f.Seek(t, off, whence)
	f.Put(t)
	return pos, err
}

// GenericLlseek is the Llseek of a driver whose files have a size and no holes
// that it knows of. It takes no i_mutex: the size is read in one piece. It does
// not block.
func GenericLlseek(_ context.Context, f *File, off int64, whence int) (int64, error) {
	size, limit := f.inode.Size(), f.inode.sb.MaxBytes
	switch whence {
	case unix.SEEK_SET:
		return f.MoveTo(off, limit)
	case unix.SEEK_CUR:
		if off == 0 {
			return f.Pos(), nil // asking must not undo what another task does
		}
		f.lock.Lock()
		defer f.lock.Unlock()
		if off > 0 && f.Pos() > math.MaxInt64-off {
			return 0, unix.EINVAL
		}
		return f.MoveTo(f.Pos()+off, limit)
	case unix.SEEK_END:
		if off > 0 && size > math.MaxInt64-off {
			return 0, unix.EINVAL
		}
		return f.MoveTo(size+off, limit)
	case SeekData:
		if off < 0 || off >= size {
			return 0, unix.ENXIO
		}
		return f.MoveTo(off, limit)
	case SeekHole:
		if off < 0 || off >= size {
			return 0, unix.ENXIO
		}
		return f.MoveTo(size, limit)
	}
	return 0, unix.EINVAL
}

// MoveTo sets the position, for an Llseek: EINVAL if it is negative or beyond
// limit.
func (f *File) MoveTo(pos, limit int64) (int64, error) {
	if pos < 0 || pos > limit {
		return 0, unix.EINVAL
	}
	f.pos.Store(pos)
	return pos, nil
}
