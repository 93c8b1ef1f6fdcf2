package govfs

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Extended attributes have names with a namespace before them: "user." for
// anybody's use on regular files and directories, "trusted." and "security."
// for privileged ones (xattr(7)). A name that is not there is ENODATA.

// Getxattr reads an extended attribute of a file; a symlink is followed.
func (f *FS) Getxattr(name, attr string) ([]byte, error) {
	return f.getxattr("getxattr", name, attr, 0)
}

// Lgetxattr is Getxattr that reads from a symlink itself.
func (f *FS) Lgetxattr(name, attr string) ([]byte, error) {
	return f.getxattr("lgetxattr", name, attr, unix.AT_SYMLINK_NOFOLLOW)
}

func (f *FS) getxattr(op, name, attr string, flags int) (value []byte, err error) {
	err = f.call(op, name, func(t *vfs.Task) (err error) {
		value, err = xattrOf(t, vfs.AtCWD, name, attr, flags)
		return err
	})
	return value, err
}

// Setxattr sets an extended attribute of a file; a symlink is followed. mode
// is 0, vfs.XattrCreate (EEXIST if it is there) or vfs.XattrReplace (ENODATA if
// it is not).
func (f *FS) Setxattr(name, attr string, value []byte, mode int) error {
	return f.setxattr("setxattr", name, attr, value, mode, 0)
}

// Lsetxattr is Setxattr that changes a symlink itself.
func (f *FS) Lsetxattr(name, attr string, value []byte, mode int) error {
	return f.setxattr("lsetxattr", name, attr, value, mode, unix.AT_SYMLINK_NOFOLLOW)
}

func (f *FS) setxattr(op, name, attr string, value []byte, mode, flags int) error {
	return f.call(op, name, func(t *vfs.Task) error {
		if hasNUL(attr) {
			return unix.EINVAL
		}
		return t.Setxattr(vfs.AtCWD, name, attr, value, mode, flags)
	})
}

// Listxattr lists the names of a file's extended attributes; a symlink is
// followed.
func (f *FS) Listxattr(name string) ([]string, error) { return f.listxattr("listxattr", name, 0) }

// Llistxattr is Listxattr of a symlink itself.
func (f *FS) Llistxattr(name string) ([]string, error) {
	return f.listxattr("llistxattr", name, unix.AT_SYMLINK_NOFOLLOW)
}

func (f *FS) listxattr(op, name string, flags int) (attrs []string, err error) {
	err = f.call(op, name, func(t *vfs.Task) (err error) {
		attrs, err = xattrsOf(t, vfs.AtCWD, name, flags)
		return err
	})
	return attrs, err
}

// Removexattr removes an extended attribute of a file; a symlink is followed.
func (f *FS) Removexattr(name, attr string) error { return f.removexattr("removexattr", name, attr, 0) }

// Lremovexattr is Removexattr that changes a symlink itself.
func (f *FS) Lremovexattr(name, attr string) error {
	return f.removexattr("lremovexattr", name, attr, unix.AT_SYMLINK_NOFOLLOW)
}

func (f *FS) removexattr(op, name, attr string, flags int) error {
	return f.call(op, name, func(t *vfs.Task) error {
		if hasNUL(attr) {
			return unix.EINVAL
		}
		return t.Removexattr(vfs.AtCWD, name, attr, flags)
	})
}

// Getxattr reads an extended attribute of the file.
func (f *File) Getxattr(attr string) (value []byte, err error) {
	err = f.call("fgetxattr", func(t *vfs.Task, file *vfs.File) (err error) {
		value, err = xattrOf(t, vfs.AtPath(file.Path()), "", attr, unix.AT_EMPTY_PATH)
		return err
	})
	return value, err
}

// Setxattr sets an extended attribute of the file; see [FS.Setxattr].
func (f *File) Setxattr(attr string, value []byte, mode int) error {
	return f.call("fsetxattr", func(t *vfs.Task, file *vfs.File) error {
		if hasNUL(attr) {
			return unix.EINVAL
		}
		return t.Setxattr(vfs.AtPath(file.Path()), "", attr, value, mode, unix.AT_EMPTY_PATH)
	})
}

// Listxattr lists the names of the file's extended attributes.
func (f *File) Listxattr() (attrs []string, err error) {
	err = f.call("flistxattr", func(t *vfs.Task, file *vfs.File) (err error) {
		attrs, err = xattrsOf(t, vfs.AtPath(file.Path()), "", unix.AT_EMPTY_PATH)
		return err
	})
	return attrs, err
}

// Removexattr removes an extended attribute of the file.
func (f *File) Removexattr(attr string) error {
	return f.call("fremovexattr", func(t *vfs.Task, file *vfs.File) error {
		if hasNUL(attr) {
			return unix.EINVAL
		}
		return t.Removexattr(vfs.AtPath(file.Path()), "", attr, unix.AT_EMPTY_PATH)
	})
}

func xattrOf(t *vfs.Task, at vfs.At, name, attr string, flags int) ([]byte, error) {
	if hasNUL(attr) {
		return nil, unix.EINVAL
	}
	return growing(func(buf []byte) (int, error) { return t.Getxattr(at, name, attr, buf, flags) })
}

func xattrsOf(t *vfs.Task, at vfs.At, name string, flags int) ([]string, error) {
	list, err := growing(func(buf []byte) (int, error) { return t.Listxattr(at, name, buf, flags) })
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00"), nil
}

// growing calls a read that tells the size for an empty buffer, and ERANGE for
// one that is too small, until it fits.
func growing(read func([]byte) (int, error)) ([]byte, error) {
	for {
		size, err := read(nil)
		if err != nil || size == 0 {
			return []byte{}, err
		}
		buf := make([]byte, size)
		n, err := read(buf)
		if err == unix.ERANGE {
			continue // it grew meanwhile
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}
