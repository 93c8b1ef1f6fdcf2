package govfs

import (
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Mkdir makes a directory, with permissions perm before umask.
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	return f.call("mkdir", name, func(t *vfs.Task) error { return t.Mkdirat(vfs.AtCWD, name, permOf(perm)) })
}

// MkdirAll makes a directory and those above it that are missing, all with
// permissions perm before umask. A directory that is there is fine; anything
// else is ENOTDIR.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	if info, err := f.Stat(name); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: name, Err: unix.ENOTDIR}
	}
	if parent := parentOf(name); parent != "" {
		if err := f.MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	err := f.Mkdir(name, perm)
	if err == nil {
		return nil
	}
	// Somebody else was faster, or the last component is a dot.
	if info, e := f.Lstat(name); e == nil && info.IsDir() {
		return nil
	}
	return err
}

// parentOf is the path before the last component and its slash, as it is
// written; slashes at the end do not count.
func parentOf(name string) string {
	name = strings.TrimRight(name, "/")
	return name[:max(strings.LastIndexByte(name, '/'), 0)]
}

// Remove removes a file or an empty directory.
func (f *FS) Remove(name string) error {
	return f.call("remove", name, func(t *vfs.Task) error {
		errFile := t.Unlinkat(vfs.AtCWD, name, 0)
		if errFile == nil {
			return nil
		}
		errDir := t.Unlinkat(vfs.AtCWD, name, unix.AT_REMOVEDIR)
		if errDir == unix.ENOTDIR {
			return errFile // it was the right call, or the path itself is broken
		}
		return errDir
	})
}

// Rename renames a file or directory. A file in the place of newname is
// replaced; a directory there is EEXIST, even an empty one, as with os.Rename.
// Errors are of type *os.LinkError.
func (f *FS) Rename(oldname, newname string) error {
	return f.call2("rename", oldname, newname, func(t *vfs.Task) error {
		var from, to vfs.Stat
		if t.Lstat(newname, &to) == nil && to.Mode&unix.S_IFMT == unix.S_IFDIR {
			if err := t.Lstat(oldname, &from); err != nil {
				return err
			}
			if newname == oldname || from.Dev != to.Dev || from.Ino != to.Ino {
				return unix.EEXIST
			}
		}
		return t.Renameat2(vfs.AtCWD, oldname, vfs.AtCWD, newname, 0)
	})
}

// Link gives a file another name; a symlink is not followed. Errors are of
// type *os.LinkError.
func (f *FS) Link(oldname, newname string) error {
	return f.call2("link", oldname, newname, func(t *vfs.Task) error {
		return t.Linkat(vfs.AtCWD, oldname, vfs.AtCWD, newname, 0)
	})
}

// Symlink makes newname a symbolic link to oldname. Errors are of type
// *os.LinkError.
func (f *FS) Symlink(oldname, newname string) error {
	return f.call2("symlink", oldname, newname, func(t *vfs.Task) error {
		return t.Symlinkat(oldname, vfs.AtCWD, newname)
	})
}

// Readlink reads the body of a symbolic link.
func (f *FS) Readlink(name string) (body string, err error) {
	err = f.call("readlink", name, func(t *vfs.Task) error {
		for size := 128; ; size *= 2 {
			buf := make([]byte, size)
			n, err := t.Readlinkat(vfs.AtCWD, name, buf)
			if err != nil {
				return err
			}
			if n < size {
				body = string(buf[:n])
				return nil
			}
		}
	})
	return body, err
}
