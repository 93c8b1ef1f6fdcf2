package govfs

import (
	"io/fs"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Stat describes a file; a symlink is followed. Sys of the result is a
// *syscall.Stat_t.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	return f.stat("stat", name, 0)
}

// Lstat describes a file, be it a symlink.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	return f.stat("lstat", name, unix.AT_SYMLINK_NOFOLLOW)
}

func (f *FS) stat(op, name string, flags int) (fs.FileInfo, error) {
	info := &fileInfo{name: path.Base(name)}
	err := f.call(op, name, func(t *vfs.Task) error { return t.Fstatat(vfs.AtCWD, name, &info.st, flags) })
	if err != nil {
		return nil, err
	}
	return info, nil
}

// Chmod changes the permissions of a file, with setuid, setgid and sticky bit;
// a symlink is followed.
func (f *FS) Chmod(name string, mode fs.FileMode) error {
	return f.call("chmod", name, func(t *vfs.Task) error { return t.Fchmodat(vfs.AtCWD, name, permOf(mode), 0) })
}

// Chown changes owner and group of a file; a symlink is followed, and -1
// leaves one of them as it is.
func (f *FS) Chown(name string, uid, gid int) error {
	return f.call("chown", name, func(t *vfs.Task) error {
		return t.Fchownat(vfs.AtCWD, name, uint32(uid), uint32(gid), 0)
	})
}

// Lchown is Chown that changes a symlink itself.
func (f *FS) Lchown(name string, uid, gid int) error {
	return f.call("lchown", name, func(t *vfs.Task) error {
		return t.Fchownat(vfs.AtCWD, name, uint32(uid), uint32(gid), unix.AT_SYMLINK_NOFOLLOW)
	})
}

// Chtimes changes access and modification time of a file; a symlink is
// followed, and a zero time leaves the file's as it is.
func (f *FS) Chtimes(name string, atime, mtime time.Time) error {
	times := [2]vfs.Utime{utimeOf(atime), utimeOf(mtime)}
	return f.call("chtimes", name, func(t *vfs.Task) error { return t.Utimensat(vfs.AtCWD, name, &times, 0) })
}

func utimeOf(t time.Time) vfs.Utime {
	if t.IsZero() {
		return vfs.Utime{Omit: true}
	}
	return vfs.Utime{Timespec: vfs.TimespecOf(t)}
}

// Truncate changes the size of a file, in bytes; a symlink is followed.
func (f *FS) Truncate(name string, size int64) error {
	return f.call("truncate", name, func(t *vfs.Task) error { return t.Truncate(name, size) })
}
