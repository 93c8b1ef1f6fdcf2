package difftest

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A System makes system calls as one user, with a current directory and a
// umask of the user's own. Descriptors are shared by the users of a machine.
// dir is a descriptor or AT_FDCWD. Errors are Errnos.
type System interface {
	Openat(dir int, path string, flags int, mode uint32) (int, error)
	Openat2(dir int, path string, flags int, mode uint32, resolve uint64) (int, error)
	Close(fd int) error
	Dup(fd int) (int, error)
	Getfl(fd int) (int, error)
	Setfl(fd, flags int) error
	Getflags(fd int) (int, error)
	Setflags(fd, flags int) error

	Read(fd int, p []byte) (int, error)
	Write(fd int, p []byte) (int, error)
	Pread(fd int, p []byte, off int64) (int, error)
	Pwrite(fd int, p []byte, off int64) (int, error)
	Readv(fd int, iov [][]byte) (int, error)
	Writev(fd int, iov [][]byte) (int, error)
	Lseek(fd int, off int64, whence int) (int64, error)
	Ftruncate(fd int, size int64) error
	Truncate(path string, size int64) error
	Fallocate(fd int, mode uint32, off, n int64) error
	CopyFileRange(in int, inOff *int64, out int, outOff *int64, n int) (int, error)
	Fsync(fd int) error
	Flock(fd, op int) error

	Mkdirat(dir int, path string, mode uint32) error
	Mknodat(dir int, path string, mode uint32, dev uint64) error
	Symlinkat(body string, dir int, path string) error
	Linkat(dir int, path string, dir2 int, path2 string, flags int) error
	Unlinkat(dir int, path string, flags int) error
	Renameat2(dir int, path string, dir2 int, path2 string, flags uint) error
	Readlinkat(dir int, path string, p []byte) (int, error)
	Chdir(path string) error
	Fchdir(fd int) error
	Getcwd() (string, error)
	Umask(mask uint32) uint32

	Faccessat2(dir int, path string, mode uint32, flags int) error
	Fchmodat2(dir int, path string, mode uint32, flags int) error
	Fchmod(fd int, mode uint32) error
	Fchownat(dir int, path string, uid, gid uint32, flags int) error
	Fchown(fd int, uid, gid uint32) error
	// The times of Utimensat and Futimens are now for both if nil.
	Utimensat(dir int, path string, times *[2]TimeArg, flags int) error
	Futimens(fd int, times *[2]TimeArg) error

	Setxattr(path, name string, value []byte, flags int, follow bool) error
	Getxattr(path, name string, p []byte, follow bool) (int, error)
	Listxattr(path string, p []byte, follow bool) (int, error)
	Removexattr(path, name string, follow bool) error
	Fsetxattr(fd int, name string, value []byte, flags int) error
	Fgetxattr(fd int, name string, p []byte) (int, error)
	Flistxattr(fd int, p []byte) (int, error)
	Fremovexattr(fd int, name string) error

	// Getdents reads the directory on from its position to its end.
	Getdents(fd int) ([]Entry, error)
	Statx(dir int, path string, flags int) (Info, error)
	Statfs(path string) (FSInfo, error)
	Fstatfs(fd int) (FSInfo, error)
}

// split is how readv and writev get their bytes: three pieces, one of them
// empty.
func split(p []byte) [][]byte {
	third := len(p) / 3
	return [][]byte{p[:third], {}, p[third:]}
}

// errnoOf takes an error apart: what is not an Errno is odd.
func errnoOf(err error) (unix.Errno, string) {
	if err == nil {
		return 0, ""
	}
	if e, ok := err.(unix.Errno); ok {
		return e, ""
	}
	var e unix.Errno
	if errors.As(err, &e) {
		return e, "wrapped: " + err.Error()
	}
	return 0, err.Error()
}
