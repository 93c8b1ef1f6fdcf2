package fuse

import (
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Requests that list directories.

// Sizes of an entry in an answer, in bytes: its header, padded with the name to
// a multiple of eight; and what goes before it in READDIRPLUS.
const (
	direntHeader = 24
	direntAlign  = 8
	entryOutSize = 128
)

func direntSize(name string) int {
	return (direntHeader + len(name) + direntAlign - 1) &^ (direntAlign - 1)
}

// list reads the entries from the position on that fit in size bytes, at extra
// bytes more for each. The position of each entry in the answer is that of the
// one after it, where a listing goes on.
//
// The entries are gathered first, and looked at later: while the driver lists
// them the directory is locked.
func (fs *rawFS) list(cancel <-chan struct{}, in *gofuse.ReadIn, size, extra int, each func(*vfs.Task, *handle, gofuse.DirEntry)) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		followNoAtime(h.file, in)
		entries, err := gather(t, h, int64(in.Offset), size, extra)
		for _, e := range entries {
			each(t, h, e)
		}
		if len(entries) > 0 {
			return nil // the error comes again with the next request
		}
		return err
	})
}

func gather(t *vfs.Task, h *handle, pos int64, size, extra int) ([]gofuse.DirEntry, error) {
	h.dir.Lock()
	defer h.dir.Unlock()
	if h.file.Pos() != pos {
		if _, err := h.file.Seek(t, pos, unix.SEEK_SET); err != nil {
			return nil, err
		}
	}
	var entries []gofuse.DirEntry
	full := false
	dc := vfs.DirContext{Pos: pos}
	dc.Emit = func(name string, ino uint64, typ uint8, at int64) bool {
		if n := len(entries); n > 0 {
			entries[n-1].Off = uint64(at)
		}
		need := direntSize(name) + extra
		if need > size {
			full = true
			return false
		}
		size -= need
		entries = append(entries, gofuse.DirEntry{Name: name, Ino: ino, Mode: uint32(typ) << 12})
		return true
	}
	err := h.file.Iterate(t, &dc)
	if n := len(entries); n > 0 {
		entries[n-1].Off = uint64(dc.Pos)
	} else if full {
		return nil, unix.EINVAL // no room for a single one
	}
	return entries, err
}

func (fs *rawFS) ReadDir(cancel <-chan struct{}, in *gofuse.ReadIn, out *gofuse.DirEntryList) gofuse.Status {
	return fs.list(cancel, in, int(in.Size), 0, func(_ *vfs.Task, _ *handle, e gofuse.DirEntry) {
		out.AddDirEntry(e)
	})
}

// ReadDirPlus lists entries with what a lookup of each would answer, and counts
// as that lookup. An entry that cannot be looked up, because it has just gone,
// or that stands for the directory itself or its parent, comes without.
func (fs *rawFS) ReadDirPlus(cancel <-chan struct{}, in *gofuse.ReadIn, out *gofuse.DirEntryList) gofuse.Status {
	return fs.list(cancel, in, int(in.Size), entryOutSize, func(t *vfs.Task, h *handle, e gofuse.DirEntry) {
		entry := out.AddDirLookupEntry(e)
		if entry == nil || e.Name == "." || e.Name == ".." {
			return
		}
		if err := fs.lookup(t, h.node, e.Name, entry); err != nil {
			*entry = gofuse.EntryOut{}
		}
	})
}
