package govfs

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// RemoveAll removes a file or directory with all that is below it. It removes
// what it can, and returns the first error; that there is nothing to remove is
// none.
//
// It goes by open directories: a directory below that is replaced by a
// symlink meanwhile leads nowhere else.
func (f *FS) RemoveAll(name string) error {
	if name == "" {
		return nil
	}
	if name == "." || strings.HasSuffix(name, "/.") {
		return &fs.PathError{Op: "RemoveAll", Path: name, Err: unix.EINVAL}
	}
	err := f.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, base := splitName(name)
	t, err := f.begin()
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer f.end(t)
	parent, err := t.OpenFile(vfs.AtCWD, dir, vfs.OpenHow{Flags: unix.O_RDONLY})
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer parent.Put(t)
	if err := removeAllAt(t, parent, base); err != nil {
		err.Path = dir + "/" + err.Path
		return err
	}
	return nil
}

// splitName cuts the last component off a path: its directory is "." if it has
// none. Slashes after it are dropped.
func splitName(name string) (dir, base string) {
	name = strings.TrimRight(name, "/")
	switch i := strings.LastIndexByte(name, '/'); {
	case name == "":
		return ".", "/"
	case i < 0:
		return ".", name
	case strings.Trim(name[:i], "/") == "":
		return "/", name[i+1:]
	default:
		return name[:i], name[i+1:]
	}
}

// removeBatch is how many names RemoveAll reads at a time.
const removeBatch = 1024

// removeAllAt removes base in the open directory dir. The path of an error
// begins with base.
func removeAllAt(t *vfs.Task, dir *vfs.File, base string) *fs.PathError {
	at := vfs.AtPath(dir.Path())
	unlinkErr := t.Unlinkat(at, base, 0)
	switch unlinkErr {
	case nil, unix.ENOENT:
		return nil
	case unix.EISDIR, unix.EPERM, unix.EACCES:
		// A directory, or something that the permissions of dir protect: that
		// may be a directory too, whose content can go all the same.
	default:
		return &fs.PathError{Op: "unlinkat", Path: base, Err: unlinkErr}
	}
	var first *fs.PathError
	d, err := t.OpenFile(at, base, vfs.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW})
	switch err {
	case nil:
		first = removeEntries(t, d, base)
		d.Put(t)
	case unix.ENOENT:
		return nil
	case unix.ENOTDIR, unix.ELOOP:
		return &fs.PathError{Op: "unlinkat", Path: base, Err: unlinkErr}
	default:
		first = &fs.PathError{Op: "openfdat", Path: base, Err: err}
	}
	err = t.Unlinkat(at, base, unix.AT_REMOVEDIR)
	switch {
	case err == nil, err == unix.ENOENT:
		return nil
	case first != nil:
		return first
	}
	return &fs.PathError{Op: "unlinkat", Path: base, Err: err}
}

// removeEntries removes what is in the open directory d, named base, and
// returns the first error. That names go while they are read does not disturb
// the reading.
func removeEntries(t *vfs.Task, d *vfs.File, base string) (first *fs.PathError) {
	for {
		entries, err := readEntries(t, d, removeBatch)
		for _, e := range entries {
			if err := removeAllAt(t, d, e.name); err != nil && first == nil {
				err.Path = base + "/" + err.Path
				first = err
			}
		}
		if err != nil && err != unix.ENOENT && first == nil {
			first = &fs.PathError{Op: "readdirnames", Path: base, Err: err}
		}
		if err != nil || len(entries) == 0 {
			return first
		}
	}
}
