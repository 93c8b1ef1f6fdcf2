package memfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Fallocate preallocates, makes holes, zeros, removes or inserts. The first two
// are what tmpfs does; for the others, which it lacks, ext4 is the model, with
// pages for its blocks. ENOSPC leaves the data as they were.
func (dataFileMethods) Fallocate(ctx context.Context, f *vfs.File, mode uint32, offset, length int64) error {
	in := inodeOf(f.Inode())
	in.Lock()
	defer in.Unlock()
	keepSize := mode&unix.FALLOC_FL_KEEP_SIZE != 0
	end := offset + length
	var err error
	switch mode &^ unix.FALLOC_FL_KEEP_SIZE {
	case 0:
		err = in.grow(ctx, end, keepSize, func() error { return in.reserve(ctx, offset, end, true) })
	case unix.FALLOC_FL_PUNCH_HOLE:
		in.punch(offset, end)
	case unix.FALLOC_FL_ZERO_RANGE:
		err = in.grow(ctx, end, keepSize, func() error { return in.zeroRange(ctx, offset, end) })
	case unix.FALLOC_FL_COLLAPSE_RANGE:
		err = in.collapse(offset, length)
	case unix.FALLOC_FL_INSERT_RANGE:
		err = in.insert(ctx, offset, length)
	default:
		err = unix.EOPNOTSUPP
	}
	if err != nil {
		return err
	}
	if err := f.RemovePrivs(ctx); err != nil {
		return err
	}
	return f.UpdateTimes(ctx)
}

// grow allocates space up to end, which becomes the end of the file unless
// keepSize is set. The caller's limit on the size counts in any case.
func (in *inode) grow(ctx context.Context, end int64, keepSize bool, allocate func() error) error {
	if err := in.mayGrow(ctx, end); err != nil {
		return err
	}
	if err := allocate(); err != nil {
		return err
	}
	if !keepSize && end > in.Size() {
		in.SetSize(end)
	}
	return nil
}

func (in *inode) mayGrow(ctx context.Context, end int64) error {
	limits := &vfs.TaskFrom(ctx).Limits
	if end <= in.Size() || end <= limits.FileSize {
		return nil
	}
	if limits.OnXFSZ != nil {
		limits.OnXFSZ()
	}
	return unix.EFBIG
}

// reserve pays for the holes among the pages that [from, to) touches. With
// settle, pages that were paid for earlier become data, as with tmpfs. ENOSPC,
// or EINTR: nothing is paid for. i_mutex is held.
func (in *inode) reserve(ctx context.Context, from, to int64, settle bool) error {
	first, end := from>>pageShift, (to-1)>>pageShift+1
	blocks := &in.super().blocks
	most := blocks.total.Load()
	if most == 0 {
		most = memoryPages() // no limit, but what would never be usable
	}
	if end-first > most {
		return unix.ENOSPC
	}
	var paid []pageRun
	for i := first; i < end; i++ {
		v := in.pages.get(i)
		if v == pageReserved && settle {
			in.pages.set(i, pageZero)
		}
		if v != pageHole {
			continue
		}
		var err error
		if i%1024 == 0 && ctx.Err() != nil {
			err = unix.EINTR
		} else if !blocks.take(1) {
			err = unix.ENOSPC
		}
		if err != nil {
			for _, r := range paid {
				in.dropPages(r.first, r.end)
			}
			return err
		}
		in.pages.set(i, pageReserved)
		in.AddBlocks(pageSize / 512)
		if n := len(paid); n > 0 && paid[n-1].end == i {
			paid[n-1].end++
		} else {
			paid = append(paid, pageRun{i, i + 1})
		}
	}
	return nil
}

// A pageRun is the pages in [first, end).
type pageRun struct{ first, end int64 }

// zeroRange makes [from, to) zeros that are paid for: whole pages as if just
// preallocated.
func (in *inode) zeroRange(ctx context.Context, from, to int64) error {
	if err := in.reserve(ctx, from, to, false); err != nil {
		return err
	}
	in.zeroEdges(from, to)
	release := frameRelease{arena: &in.super().arena, hint: in.ID()}
	for i, end := pageFrom(from), to>>pageShift; i < end; i++ {
		if v := in.pages.set(i, pageReserved); hasFrame(v) {
			release.drop(frame(v))
		}
	}
	release.flush()
	return nil
}

// collapse removes the bytes of whole pages, from offset on; what follows moves
// up.
func (in *inode) collapse(offset, length int64) error {
	size := in.Size()
	if (offset|length)&(pageSize-1) != 0 || length >= size-offset {
		return unix.EINVAL
	}
	first, end := offset>>pageShift, (offset+length)>>pageShift
	var gone []uint32
	var moved pageIndex
	in.pages.each(func(i int64, v uint32) {
		switch {
		case i < first:
			moved.set(i, v)
		case i < end:
			gone = append(gone, v)
		default:
			moved.set(i-(end-first), v)
		}
	})
	in.SetSize(size - length)
	in.pages.become(&moved)
	in.release(gone)
	return nil
}

// insert makes room, a hole, of whole pages before offset.
func (in *inode) insert(ctx context.Context, offset, length int64) error {
	size := in.Size()
	if (offset|length)&(pageSize-1) != 0 || offset >= size {
		return unix.EINVAL
	}
	if length > vfs.MaxFileSize-size {
		return unix.EFBIG
	}
	if err := in.mayGrow(ctx, size+length); err != nil {
		return err
	}
	first, by := offset>>pageShift, length>>pageShift
	fits := true
	var moved pageIndex
	in.pages.each(func(i int64, v uint32) {
		if i >= first {
			i += by
		}
		fits = fits && i < endOfPages
		moved.set(i, v)
	})
	if !fits { // preallocated pages far beyond the end
		return unix.EINVAL
	}
	in.pages.become(&moved)
	in.SetSize(size + length)
	return nil
}

// release frees pages that are no longer in the index.
func (in *inode) release(pages []uint32) {
	sb := in.super()
	release := frameRelease{arena: &sb.arena, hint: in.ID()}
	for _, v := range pages {
		if hasFrame(v) {
			release.drop(frame(v))
		}
	}
	release.flush()
	sb.blocks.give(int64(len(pages)))
	in.AddBlocks(-int64(len(pages)) * (pageSize / 512))
}
