package iofs

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/govfs/govfs/vfs"
)

// dirFile is an open directory: the list of its names as it was when reading
// began, so that a position means the same entry throughout.
type dirFile struct {
	vfs.File
	loaded  bool
	entries []dirEntry // by name
}

type dirEntry struct {
	name string
	ino  uint64
	typ  uint8 // DT_*
}

// firstPos is the position of the first entry after "." and "..".
const firstPos = 2

// dirFileOps are the methods of open directories.
type dirFileOps struct{}

var dirFileTable = vfs.FileOpsOf(dirFileOps{})

// AllocFile allocates an open directory.
func (dirFileOps) AllocFile() vfs.FileImpl { return new(dirFile) }

// Iterate lists the directory. A rewind shows what is there now, if it can
// have changed.
func (dirFileOps) Iterate(_ context.Context, file *vfs.File, dc *vfs.DirContext) error {
	d := file.Impl().(*dirFile)
	if !d.loaded || dc.Pos == 0 && superOf(file.Inode().Superblock()).live {
		if err := d.load(inodeOf(file.Inode())); err != nil {
			return err
		}
	}
	if !dc.EmitDots(file) {
		return nil
	}
	for dc.Pos >= firstPos && dc.Pos-firstPos < int64(len(d.entries)) {
		e := &d.entries[dc.Pos-firstPos]
		if !dc.Emit(e.name, e.ino, e.typ, dc.Pos) {
			return nil
		}
		dc.Pos++
	}
	return nil
}

// Llseek moves the position; see [vfs.GenericLlseek].
func (dirFileOps) Llseek(ctx context.Context, file *vfs.File, offset int64, whence int) (int64, error) {
	return vfs.GenericLlseek(ctx, file, offset, whence)
}

// Fsync has nothing to write.
func (dirFileOps) Fsync(context.Context, *vfs.File, int64, int64, bool) error { return nil }

// load reads the directory: sorted, each name once, and none that a lookup
// would not find.
func (d *dirFile) load(in *inode) error {
	list, err := fs.ReadDir(in.super().fsys, in.path)
	if err != nil {
		return errnoOf(err)
	}
	base := fnvBasis
	if in.path != "." {
		base = base.add(in.path).add("/")
	}
	entries := make([]dirEntry, 0, len(list))
	for _, e := range list {
		if name := e.Name(); validName(name) {
			entries = append(entries, dirEntry{name, base.add(name).ino(), vfs.DirentType(modeOf(e.Type()))})
		}
	}
	slices.SortStableFunc(entries, func(a, b dirEntry) int { return strings.Compare(a.name, b.name) })
	d.entries = slices.CompactFunc(entries, func(a, b dirEntry) bool { return a.name == b.name })
	d.loaded = true
	return nil
}
