package govfs

import (
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// fileInfo is an fs.FileInfo from a stat.
type fileInfo struct {
	name string
	st   vfs.Stat
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.st.Size }
func (i *fileInfo) Mode() fs.FileMode  { return fileMode(i.st.Mode) }
func (i *fileInfo) ModTime() time.Time { return i.st.Mtime.Time() }
func (i *fileInfo) IsDir() bool        { return i.st.Mode&unix.S_IFMT == unix.S_IFDIR }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

// Sys is a *syscall.Stat_t, as with package os.
func (i *fileInfo) Sys() any {
	s := new(syscall.Stat_t)
	s.Dev, s.Ino, s.Rdev = i.st.Dev, i.st.Ino, i.st.Rdev
	s.Mode, s.Uid, s.Gid = i.st.Mode, i.st.UID, i.st.GID
	s.Size, s.Blocks = i.st.Size, i.st.Blocks
	setInt(&s.Nlink, int64(i.st.Nlink))
	setInt(&s.Blksize, int64(i.st.Blksize))
	s.Atim, s.Mtim, s.Ctim = timespecOf(i.st.Atime), timespecOf(i.st.Mtime), timespecOf(i.st.Ctime)
	return s
}

// setInt sets a field whose width depends on the machine.
func setInt[T ~int32 | ~uint32 | ~int64 | ~uint64](field *T, n int64) { *field = T(n) }

func timespecOf(t vfs.Timespec) (ts syscall.Timespec) {
	setInt(&ts.Sec, t.Sec)
	setInt(&ts.Nsec, int64(t.Nsec))
	return ts
}

// SameFile reports whether two results of Stat or Lstat are about the same
// file. Those of anything but an [FS] are about none.
func SameFile(a, b fs.FileInfo) bool {
	x, ok := a.(*fileInfo)
	y, ok2 := b.(*fileInfo)
	return ok && ok2 && x.st.Dev == y.st.Dev && x.st.Ino == y.st.Ino
}

// fileMode is a mode of stat as io/fs has it.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	m |= typeOf(mode)
	if mode&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// typeOf is the type in a mode of stat as io/fs has it.
func typeOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	case unix.S_IFIFO:
		return fs.ModeNamedPipe
	case unix.S_IFSOCK:
		return fs.ModeSocket
	case unix.S_IFCHR:
		return fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		return fs.ModeDevice
	}
	return 0
}

// permOf is the permission part of a mode as the system calls take it.
func permOf(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= unix.S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		mode |= unix.S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		mode |= unix.S_ISVTX
	}
	return mode
}
