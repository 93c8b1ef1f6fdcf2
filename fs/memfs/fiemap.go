package memfs

import (
	"context"

	"github.com/govfs/govfs/vfs"
)

// Fiemap reports runs of pages that follow each other in the file and in
// memory. The physical place is the one in the arena; pages without memory yet,
// which are paid for and read as zeros, are unwritten.
func (fileMethods) Fiemap(_ context.Context, core *vfs.Inode, info *vfs.FiemapInfo, start, length uint64) error {
	if err := info.CheckFlags(0); err != nil {
		return err
	}
	in := inodeOf(core)
	in.Lock()
	defer in.Unlock()
	var run extent // the one that is growing: its flags depend on what follows
	end := int64((start+min(length, vfs.MaxFileSize-start)-1)>>pageShift) + 1
	for i := int64(start >> pageShift); ; i++ {
		at, v, ok := in.pages.next(i)
		inside := ok && at < end
		if !inside || !run.append(at, v) {
			if run.pages > 0 && !run.report(info, !ok) || !inside {
				return nil
			}
			run = extent{first: at, value: v, pages: 1}
		}
		i = at
	}
}

// An extent is a run of pages, the first of which has value.
type extent struct {
	first, pages int64
	value        uint32
}

// append adds page i, of value v, if it continues the run.
func (e *extent) append(i int64, v uint32) bool {
	if e.pages == 0 || i != e.first+e.pages || hasFrame(v) != hasFrame(e.value) {
		return false
	}
	if hasFrame(v) && int64(v) != int64(e.value)+e.pages {
		return false
	}
	e.pages++
	return true
}

// report hands the run to info; false if that wants no more.
func (e *extent) report(info *vfs.FiemapInfo, last bool) bool {
	var flags uint32
	var physical uint64
	if hasFrame(e.value) {
		physical = frame(e.value).offset()
	} else {
		flags = vfs.FiemapUnwritten
	}
	if last {
		flags |= vfs.FiemapLast
	}
	return info.Extent(uint64(e.first)<<pageShift, physical, uint64(e.pages)<<pageShift, flags)
}
