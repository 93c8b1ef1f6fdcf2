package govfs

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// dirEntry is an entry of a directory as fs.DirEntry.
type dirEntry struct {
	fs   *FS
	dir  string // as it was opened
	name string
	typ  fs.FileMode
	info fs.FileInfo // nil until it is needed, unless the type was not told
}

func (e *dirEntry) Name() string      { return e.name }
func (e *dirEntry) IsDir() bool       { return e.typ.IsDir() }
func (e *dirEntry) Type() fs.FileMode { return e.typ }
func (e *dirEntry) String() string    { return fs.FormatDirEntry(e) }

// Info describes the entry as it is now; fs.ErrNotExist if it has gone.
func (e *dirEntry) Info() (fs.FileInfo, error) {
	if e.info != nil {
		return e.info, nil
	}
	return e.fs.Lstat(e.dir + "/" + e.name)
}

// rawEntry is an entry as the system call gives it.
type rawEntry struct {
	name string
	typ  uint8 // DT_*
}

// readEntries reads up to n entries of an open directory, without "." and "..",
// from its position on; n <= 0 means all. Fewer than n without an error mean
// that there are no more.
func readEntries(t *vfs.Task, dir *vfs.File, n int) (list []rawEntry, err error) {
	more := true
	dc := vfs.DirContext{Emit: func(name string, _ uint64, typ uint8, _ int64) bool {
		if name == "." || name == ".." {
			more = true
			return true
		}
		if n > 0 && len(list) == n {
			return false
		}
		more = true
		list = append(list, rawEntry{name, typ})
		return true
	}}
	// A directory ends where reading yields nothing; it may come in pieces.
	for more && (n <= 0 || len(list) < n) {
		more = false
		if err := dir.Iterate(t, &dc); err != nil {
			return list, err
		}
	}
	return list, nil
}

// entries reads up to n entries for a method of File, and hands each to take,
// which returns false for one that is gone.
func (f *File) entries(n int, take func(*vfs.Task, *vfs.File, rawEntry) (bool, error)) error {
	if f == nil {
		return fs.ErrInvalid
	}
	found := false
	err := f.call("readdirent", func(t *vfs.Task, dir *vfs.File) error {
		for !found {
			list, err := readEntries(t, dir, n)
			for _, e := range list {
				ok, err := take(t, dir, e)
				if err != nil {
					return err
				}
				found = found || ok
			}
			if err != nil {
				return err
			}
			if n <= 0 || len(list) < n {
				return nil
			}
		}
		return nil
	})
	if err == nil && n > 0 && !found {
		return io.EOF
	}
	return err
}

// ReadDir reads the next n entries of a directory, in its own order: with n <= 0
// all that are left, with n > 0 at most n, and io.EOF if there are no more.
func (f *File) ReadDir(n int) ([]fs.DirEntry, error) {
	list := []fs.DirEntry{}
	err := f.entries(n, func(t *vfs.Task, dir *vfs.File, r rawEntry) (bool, error) {
		e := &dirEntry{fs: f.handle.fs, dir: f.name, name: r.name, typ: typeOf(uint32(r.typ) << 12)}
		if r.typ == unix.DT_UNKNOWN {
			info, err := lstatAt(t, dir, r.name)
			if info == nil {
				return false, err
			}
			e.typ, e.info = info.Mode().Type(), info
		}
		list = append(list, e)
		return true, nil
	})
	return list, err
}

// Readdir is ReadDir with a description of each entry. ReadDir is better
// where not all are needed.
func (f *File) Readdir(n int) ([]fs.FileInfo, error) {
	list := []fs.FileInfo{}
	err := f.entries(n, func(t *vfs.Task, dir *vfs.File, r rawEntry) (bool, error) {
		info, err := lstatAt(t, dir, r.name)
		if info == nil {
			return false, err
		}
		list = append(list, info)
		return true, nil
	})
	return list, err
}

// Readdirnames is ReadDir of the names alone.
func (f *File) Readdirnames(n int) ([]string, error) {
	list := []string{}
	err := f.entries(n, func(_ *vfs.Task, _ *vfs.File, r rawEntry) (bool, error) {
		list = append(list, r.name)
		return true, nil
	})
	return list, err
}

// lstatAt describes an entry of an open directory; nil, without an error, if
// it has gone since it was read.
func lstatAt(t *vfs.Task, dir *vfs.File, name string) (fs.FileInfo, error) {
	info := &fileInfo{name: name}
	switch err := t.Fstatat(vfs.AtPath(dir.Path()), name, &info.st, unix.AT_SYMLINK_NOFOLLOW); err {
	case nil:
		return info, nil
	case unix.ENOENT:
		return nil, nil
	default:
		return nil, err
	}
}

// ReadDir reads a directory, sorted by name. With an error it returns what it
// has read.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := f.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	list, err := dir.ReadDir(-1)
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}
