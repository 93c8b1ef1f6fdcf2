package memfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/pagecache"
	"github.com/govfs/govfs/vfs"
)

// endOfPages is beyond every page of a file: the largest file ends with a part
// of the page before.
const endOfPages = vfs.MaxFileSize>>pageShift + 1

// dataFileMethods are the methods of open regular files.
type dataFileMethods struct{ ioctlMethods }

// Open allows O_DIRECT, as there is no cache to bypass.
func (dataFileMethods) Open(_ context.Context, _ *vfs.Inode, f *vfs.File) error {
	f.SetMode(f.Mode() | vfs.FileDirect)
	return nil
}

// Fsync has nothing to do.
func (dataFileMethods) Fsync(context.Context, *vfs.File, int64, int64, bool) error { return nil }

// ReadIter copies what the file has at iocb.Pos. It takes no lock: beside a
// writer it may see a part of what is written. Beside a truncation it sees the
// file before or after it.
func (dataFileMethods) ReadIter(ctx context.Context, iocb *vfs.Kiocb, iter *vfs.Iter) (int, error) {
	f := iocb.File.(*vfs.File)
	n := inodeOf(f.Inode()).read(iter, iocb.Pos)
	iocb.Pos += int64(n)
	f.Accessed(ctx)
	return n, nil
}

func (in *inode) read(iter *vfs.Iter, pos int64) int {
	arena := &in.super().arena
	start := pos
	for iter.Len() > 0 {
		cuts := in.cuts.Load()
		size := in.Size()
		if pos >= size {
			break
		}
		off := int(pos & (pageSize - 1))
		n := int(min(int64(pageSize-off), size-pos))
		v, f := in.pin(arena, pos>>pageShift)
		if hasFrame(v) {
			n = iter.CopyOut(arena.page(f)[off : off+n])
			arena.unpin(f, in.ID())
		} else {
			n = iter.Zero(n)
		}
		if in.cuts.Load() != cuts {
			// Zeros may have come from beyond a new end.
			iter.Revert(n)
			continue
		}
		pos += int64(n)
	}
	return int(pos - start)
}

// pin looks page i up, without a lock, and takes a reference on its frame, if
// it has one.
func (in *inode) pin(arena *arena, i int64) (v uint32, f frame) {
	for {
		v = in.pages.get(i)
		if !hasFrame(v) {
			return v, 0
		}
		if !arena.pin(frame(v)) {
			continue // freed meanwhile
		}
		if in.pages.get(i) == v {
			return v, frame(v)
		}
		arena.unpin(frame(v), in.ID())
	}
}

// WriteIter writes iter at iocb.Pos, or at the end of the file. Without space
// for all of it, it writes what fits; ENOSPC if that is nothing.
func (dataFileMethods) WriteIter(ctx context.Context, iocb *vfs.Kiocb, iter *vfs.Iter) (int, error) {
	f := iocb.File.(*vfs.File)
	in := inodeOf(f.Inode())
	if iocb.Flags&pagecache.IocbNowait == 0 {
		in.Lock()
	} else if !in.TryLock() {
		return 0, unix.EAGAIN
	}
	defer in.Unlock()
	if n, err := vfs.GenericWriteChecks(ctx, iocb, iter); n == 0 || err != nil {
		return 0, err
	}
	if err := f.RemovePrivs(ctx); err != nil {
		return 0, err
	}
	if err := f.UpdateTimes(ctx); err != nil {
		return 0, err
	}
	n, err := in.write(iter, iocb.Pos)
	iocb.Pos += int64(n)
	return n, err
}

// write copies iter to the file, page by page; i_mutex is held. The error is
// nil if anything was written.
func (in *inode) write(iter *vfs.Iter, pos int64) (int, error) {
	start := pos
	for iter.Len() > 0 {
		off := int(pos & (pageSize - 1))
		n := min(pageSize-off, iter.Len())
		if err := in.writePage(iter, pos>>pageShift, off, n); err != nil {
			if pos == start {
				return 0, err
			}
			break
		}
		pos += int64(n)
		if pos > in.Size() {
			in.SetSize(pos)
		}
	}
	return int(pos - start), nil
}

// writePage copies n bytes of iter to page i, from off on.
func (in *inode) writePage(iter *vfs.Iter, i int64, off, n int) error {
	sb := in.super()
	v := in.pages.get(i)
	if hasFrame(v) {
		iter.CopyIn(sb.arena.page(frame(v))[off : off+n])
		return nil
	}
	if v == pageHole && !sb.blocks.take(1) {
		return unix.ENOSPC
	}
	f, zeroed, err := sb.arena.alloc(in.ID())
	if err != nil {
		if v == pageHole {
			sb.blocks.give(1)
		}
		return err
	}
	page := sb.arena.page(f)
	if !zeroed {
		clear(page[:off])
		clear(page[off+n:])
	}
	iter.CopyIn(page[off : off+n])
	in.pages.set(i, uint32(f))
	if v == pageHole {
		in.AddBlocks(pageSize / 512)
	}
	return nil
}

// truncate sets the size; i_mutex is held. Pages beyond the new end go, also
// if the size stays: they may have been preallocated.
func (in *inode) truncate(size int64) {
	old := in.Size()
	if size != old {
		in.SetSize(size)
	}
	if size <= old {
		// In this order: a reader that misses a page without having seen the
		// new size sees the new count.
		in.cuts.Add(1)
		in.punch(size, vfs.MaxFileSize)
	}
}

// punch makes the bytes in [from, to) zeros: whole pages become holes.
// i_mutex is held.
func (in *inode) punch(from, to int64) {
	in.zeroEdges(from, to)
	end := to >> pageShift
	if to == vfs.MaxFileSize {
		end = endOfPages
	}
	in.dropPages(pageFrom(from), end)
}

// pageFrom is the first page that begins at off or behind it.
func pageFrom(off int64) int64 {
	page := off >> pageShift
	if off&(pageSize-1) != 0 {
		page++
	}
	return page
}

// zeroEdges clears the parts of pages at both ends of [from, to) that are not
// whole pages of it.
func (in *inode) zeroEdges(from, to int64) {
	first, last := from>>pageShift, to>>pageShift
	a, b := int(from&(pageSize-1)), int(to&(pageSize-1))
	if first == last {
		in.zeroPart(first, a, b)
		return
	}
	if a != 0 {
		in.zeroPart(first, a, pageSize)
	}
	if b != 0 {
		in.zeroPart(last, 0, b)
	}
}

func (in *inode) zeroPart(i int64, from, to int) {
	if v := in.pages.get(i); hasFrame(v) {
		clear(in.super().arena.page(frame(v))[from:to])
	}
}

// dropPages makes holes of the pages in [from, to). i_mutex is held, or nobody
// has the inode any more.
func (in *inode) dropPages(from, to int64) {
	sb := in.super()
	release := frameRelease{arena: &sb.arena, hint: in.ID()}
	pages := int64(0)
	in.pages.clear(from, to, func(v uint32) {
		pages++
		if hasFrame(v) {
			release.drop(frame(v))
		}
	})
	if pages > 0 {
		release.flush()
		sb.blocks.give(pages)
		in.AddBlocks(-pages * (pageSize / 512))
	}
}
