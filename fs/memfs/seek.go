package memfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Llseek knows data from holes, in whole pages: what was written is data, be it
// zeros; what was only preallocated is a hole.
func (dataFileMethods) Llseek(ctx context.Context, f *vfs.File, offset int64, whence int) (int64, error) {
	if whence != unix.SEEK_DATA && whence != unix.SEEK_HOLE {
		return vfs.GenericLlseek(ctx, f, offset, whence)
	}
	in := inodeOf(f.Inode())
	in.Lock()
	defer in.Unlock()
	size := in.Size()
	if offset < 0 || offset >= size {
		return 0, unix.ENXIO
	}
	if whence == unix.SEEK_DATA {
		offset = in.nextData(offset)
		if offset >= size {
			return 0, unix.ENXIO
		}
	} else {
		offset = min(in.nextHole(offset), size)
	}
	f.SetPos(offset)
	return offset, nil
}

// nextData is the first byte from offset on that is data; MaxFileSize if there
// is none. i_mutex is held.
func (in *inode) nextData(offset int64) int64 {
	i := offset >> pageShift
	for {
		at, v, ok := in.pages.next(i)
		if !ok {
			return vfs.MaxFileSize
		}
		if v != pageReserved {
			return max(offset, at<<pageShift)
		}
		i = at + 1
	}
}

// nextHole is the first byte from offset on that is in a hole. i_mutex is held.
func (in *inode) nextHole(offset int64) int64 {
	for i := offset >> pageShift; i < endOfPages; i++ {
		at, v, ok := in.pages.next(i)
		if !ok || at != i || v == pageReserved {
			return max(offset, i<<pageShift)
		}
	}
	return vfs.MaxFileSize
}
