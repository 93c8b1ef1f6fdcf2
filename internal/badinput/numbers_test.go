package badinput

import (
	"fmt"
	"math"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// fdCall is a call on a descriptor.
type fdCall struct {
	name string
	call func(t *vfs.Task, fd int) error
}

func fdCalls() []fdCall {
	n := func(_ int, err error) error { return err }
	buf := make([]byte, 16)
	return []fdCall{
		{"close", func(t *vfs.Task, fd int) error { return t.Close(fd) }},
		{"dup", func(t *vfs.Task, fd int) error { return n(t.Dup(fd)) }},
		{"dup3", func(t *vfs.Task, fd int) error { return n(t.Dup3(fd, 100, 0)) }},
		{"F_DUPFD", func(t *vfs.Task, fd int) error { return n(t.FcntlDupFD(fd, 0, true)) }},
		{"F_GETFD", func(t *vfs.Task, fd int) error { return n(t.GetFD(fd)) }},
		{"F_SETFD", func(t *vfs.Task, fd int) error { return t.SetFD(fd, 0) }},
		{"F_GETFL", func(t *vfs.Task, fd int) error { return n(t.GetFL(fd)) }},
		{"F_SETFL", func(t *vfs.Task, fd int) error { return t.SetFL(fd, 0) }},
		{"F_GETLK", func(t *vfs.Task, fd int) error { return t.FcntlLock(fd, unix.F_GETLK, &vfs.Flock{Type: unix.F_RDLCK}) }},
		{"F_GETLEASE", func(t *vfs.Task, fd int) error { return n(t.Getlease(fd)) }},
		{"F_GETPIPE_SZ", func(t *vfs.Task, fd int) error { return n(t.GetPipeSize(fd)) }},
		{"flock", func(t *vfs.Task, fd int) error { return t.Flock(fd, unix.LOCK_SH) }},
		{"read", func(t *vfs.Task, fd int) error { return n(t.Read(fd, buf)) }},
		{"write", func(t *vfs.Task, fd int) error { return n(t.Write(fd, buf)) }},
		{"pread", func(t *vfs.Task, fd int) error { return n(t.Pread(fd, buf, 0)) }},
		{"pwrite", func(t *vfs.Task, fd int) error { return n(t.Pwrite(fd, buf, 0)) }},
		{"readv", func(t *vfs.Task, fd int) error { return n(t.Readv(fd, [][]byte{buf}, 0)) }},
		{"writev", func(t *vfs.Task, fd int) error { return n(t.Writev(fd, [][]byte{buf}, 0)) }},
		{"preadv", func(t *vfs.Task, fd int) error { return n(t.Preadv(fd, [][]byte{buf}, 0, 0)) }},
		{"pwritev", func(t *vfs.Task, fd int) error { return n(t.Pwritev(fd, [][]byte{buf}, 0, 0)) }},
		{"lseek", func(t *vfs.Task, fd int) error { _, err := t.Lseek(fd, 0, 0); return err }},
		{"getdents", func(t *vfs.Task, fd int) error { return n(t.Getdents(fd, func(vfs.Dirent) bool { return true })) }},
		{"fstat", func(t *vfs.Task, fd int) error { return t.Fstat(fd, new(vfs.Stat)) }},
		{"fstatfs", func(t *vfs.Task, fd int) error { return t.Fstatfs(fd, new(vfs.StatFS)) }},
		{"fsync", func(t *vfs.Task, fd int) error { return t.Fsync(fd) }},
		{"fdatasync", func(t *vfs.Task, fd int) error { return t.Fdatasync(fd) }},
		{"syncfs", func(t *vfs.Task, fd int) error { return t.Syncfs(fd) }},
		{"sync_file_range", func(t *vfs.Task, fd int) error { return t.SyncFileRange(fd, 0, 1, 0) }},
		{"ftruncate", func(t *vfs.Task, fd int) error { return t.Ftruncate(fd, 0) }},
		{"fallocate", func(t *vfs.Task, fd int) error { return t.Fallocate(fd, 0, 0, 1) }},
		{"fiemap", func(t *vfs.Task, fd int) error { return t.Fiemap(fd, new(vfs.FiemapRequest)) }},
		{"ioctl", func(t *vfs.Task, fd int) error { return n(t.Ioctl(fd, unix.FS_IOC_GETFLAGS, &vfs.IoctlArg{Out: buf})) }},
		{"fchmod", func(t *vfs.Task, fd int) error { return t.Fchmod(fd, 0o600) }},
		{"fchown", func(t *vfs.Task, fd int) error { return t.Fchown(fd, 0, 0) }},
		{"futimens", func(t *vfs.Task, fd int) error { return t.Futimens(fd, nil) }},
		{"fsetxattr", func(t *vfs.Task, fd int) error { return t.Fsetxattr(fd, "user.a", nil, 0) }},
		{"fgetxattr", func(t *vfs.Task, fd int) error { return n(t.Fgetxattr(fd, "user.a", nil)) }},
		{"flistxattr", func(t *vfs.Task, fd int) error { return n(t.Flistxattr(fd, nil)) }},
		{"fremovexattr", func(t *vfs.Task, fd int) error { return t.Fremovexattr(fd, "user.a") }},
		{"fchdir", func(t *vfs.Task, fd int) error { return t.Fchdir(fd) }},
		{"openat", func(t *vfs.Task, fd int) error { return n(t.Openat(vfs.AtFD(fd), "x", unix.O_RDONLY, 0)) }},
		{"mkdirat", func(t *vfs.Task, fd int) error { return t.Mkdirat(vfs.AtFD(fd), "x", 0o755) }},
		{"fstatat", func(t *vfs.Task, fd int) error { return t.Fstatat(vfs.AtFD(fd), "x", new(vfs.Stat), 0) }},
		{"fstatat of itself", func(t *vfs.Task, fd int) error {
			return t.Fstatat(vfs.AtFD(fd), "", new(vfs.Stat), unix.AT_EMPTY_PATH)
		}},
		{"copy_file_range from", func(t *vfs.Task, fd int) error { return n(t.CopyFileRange(fd, nil, 0, nil, 1, 0)) }},
		{"copy_file_range to", func(t *vfs.Task, fd int) error { return n(t.CopyFileRange(0, nil, fd, nil, 1, 0)) }},
		{"sendfile from", func(t *vfs.Task, fd int) error { return n(t.Sendfile(0, fd, nil, 1)) }},
		{"splice from", func(t *vfs.Task, fd int) error { return n(t.Splice(fd, nil, 0, nil, 1, 0)) }},
		{"tee from", func(t *vfs.Task, fd int) error { return n(t.Tee(fd, 0, 1, 0)) }},
	}
}

func TestBadDescriptors(t *testing.T) {
	for _, c := range fdCalls() {
		for _, fd := range []int{-1, -2, math.MinInt, 77, 1 << 20, 1 << 40, math.MaxInt} {
			task := newTask(t)
			first, err := task.Openat(vfs.AtCWD, "/dir/file", unix.O_RDWR, 0)
			ok(t, err)
			if first != 0 {
				t.Fatalf("the first descriptor is %d", first)
			}
			if err := c.call(task, fd); err != unix.EBADF {
				t.Errorf("%s of descriptor %d: %v", c.name, fd, err)
			}
		}
	}
}

func TestBadOffsets(t *testing.T) {
	task := newTask(t)
	fd, err := task.Openat(vfs.AtCWD, "/dir/file", unix.O_RDWR, 0)
	ok(t, err)
	_, err = task.Write(fd, []byte("contents"))
	ok(t, err)
	one := make([]byte, 1)
	n := func(_ int, err error) error { return err }
	pos := func(_ int64, err error) error { return err }
	const most = math.MaxInt64
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"pread before the start", n(task.Pread(fd, one, -1)), unix.EINVAL},
		{"pread from the least number", n(task.Pread(fd, one, math.MinInt64)), unix.EINVAL},
		{"pread around the end", n(task.Pread(fd, one, most)), unix.EINVAL},
		{"pread at the very end", n(task.Pread(fd, one, most-1)), nil},
		{"pwrite before the start", n(task.Pwrite(fd, one, -1)), unix.EINVAL},
		{"pwrite around the end", n(task.Pwrite(fd, one, most)), unix.EINVAL},
		{"pwrite of nothing beyond the end", n(task.Pwrite(fd, nil, most)), nil},
		{"pwrite of two at the last byte", n(task.Pwrite(fd, make([]byte, 2), most-1)), unix.EINVAL},
		{"preadv before the start", n(task.Preadv(fd, [][]byte{one}, -2, 0)), unix.EINVAL}, // -1 is the file's position
		{"readv of too many", n(task.Readv(fd, make([][]byte, 1025), 0)), unix.EINVAL},
		{"readv with unknown flags", n(task.Readv(fd, [][]byte{one}, 1<<30)), unix.EOPNOTSUPP},
		{"seek before the start", pos(task.Lseek(fd, -1, unix.SEEK_SET)), unix.EINVAL},
		{"seek back too far", pos(task.Lseek(fd, -100, unix.SEEK_CUR)), unix.EINVAL},
		{"seek from nowhere", pos(task.Lseek(fd, 0, 99)), unix.EINVAL},
		{"seek from nowhere, below", pos(task.Lseek(fd, 0, -1)), unix.EINVAL},
		{"seek around the end", pos(task.Lseek(fd, most, unix.SEEK_END)), unix.EINVAL},
		{"data before the start", pos(task.Lseek(fd, -1, unix.SEEK_DATA)), unix.ENXIO},
		{"a hole beyond the end", pos(task.Lseek(fd, most, unix.SEEK_HOLE)), unix.ENXIO},
		{"ftruncate to less than nothing", task.Ftruncate(fd, -1), unix.EINVAL},
		{"truncate to less than nothing", task.Truncate("/dir/file", math.MinInt64), unix.EINVAL},
		{"fallocate of nothing", task.Fallocate(fd, 0, 0, 0), unix.EINVAL},
		{"fallocate of less", task.Fallocate(fd, 0, 0, -1), unix.EINVAL},
		{"fallocate before the start", task.Fallocate(fd, 0, -1, 1), unix.EINVAL},
		{"fallocate around the end", task.Fallocate(fd, 0, most, 1), unix.EFBIG},
		{"fallocate of more than there is", task.Fallocate(fd, 0, 0, 1<<40), unix.ENOSPC},
		{"fallocate of everything", task.Fallocate(fd, 0, 0, most), unix.ENOSPC},
		{"fallocate in an unknown way", task.Fallocate(fd, 1<<30, 0, 1), unix.EOPNOTSUPP},
		{"sync_file_range before the start", task.SyncFileRange(fd, -1, 1, 0), unix.EINVAL},
		{"sync_file_range around the end", task.SyncFileRange(fd, most, most, 0), unix.EINVAL},
		{"sync_file_range in an unknown way", task.SyncFileRange(fd, 0, 1, 1<<20), unix.EINVAL},
		{"a lock before the start", task.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK, Start: -1}), unix.EINVAL},
		{"a lock around the end", task.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK, Start: most, Len: most}), unix.EOVERFLOW},
		{"a lock of an unknown kind", task.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: 99}), unix.EINVAL},
		{"an unknown flock", task.Flock(fd, 0), unix.EINVAL},
		{"a lease of an unknown kind", task.Setlease(fd, 99), unix.EINVAL},
		{"dup to a negative number", n(task.Dup2(fd, -1)), unix.EBADF},
		{"dup to too large a number", n(task.Dup2(fd, math.MaxInt)), unix.EBADF},
		{"dup3 to itself", n(task.Dup3(fd, fd, 0)), unix.EINVAL},
		{"F_DUPFD from too large a number", n(task.FcntlDupFD(fd, math.MaxInt, false)), unix.EINVAL},
		{"F_DUPFD from a negative number", n(task.FcntlDupFD(fd, -1, false)), unix.EINVAL},
		{"an unknown fcntl", n(task.Fcntl(fd, 1<<20, 0)), unix.EINVAL},
		{"an unknown ioctl", n(task.Ioctl(fd, 0xdeadbeef, &vfs.IoctlArg{})), unix.ENOTTY},
		{"an ioctl without memory", n(task.Ioctl(fd, unix.FS_IOC_GETFLAGS, &vfs.IoctlArg{})), unix.EFAULT},
	} {
		if c.err != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	ok(t, task.Ftruncate(fd, most))
	ok(t, pos(task.Lseek(fd, most, unix.SEEK_SET)))
	if err := n(task.Read(fd, one)); err != unix.EINVAL {
		t.Errorf("read around the end: %v", err)
	}
	if err := pos(task.Lseek(fd, 1, unix.SEEK_CUR)); err != unix.EOVERFLOW && err != unix.EINVAL {
		t.Errorf("seek beyond the last position: %v", err)
	}
	ok(t, task.SetFL(fd, unix.O_APPEND))
	if err := n(task.Pwrite(fd, one, 0)); err != unix.EFBIG {
		t.Errorf("append to the largest file: %v", err)
	}
}

func TestBadFlags(t *testing.T) {
	task := newTask(t)
	at := vfs.AtCWD
	const unknown = 1 << 28
	st := new(vfs.Stat)
	fd := func(_ int, err error) error { return err }
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"openat2 with unknown flags", fd(task.Openat2(at, "/dir", vfs.OpenHow{Flags: 1 << 40})), unix.EINVAL},
		{"openat2 with an unknown way", fd(task.Openat2(at, "/dir", vfs.OpenHow{Resolve: 1 << 40})), unix.EINVAL},
		{"openat2 with a mode for nothing", fd(task.Openat2(at, "/dir", vfs.OpenHow{Mode: 0o600})), unix.EINVAL},
		{"openat2 with a mode that is none", fd(task.Openat2(at, "/x", vfs.OpenHow{Flags: unix.O_CREAT, Mode: 1 << 30})), unix.EINVAL},
		{"open of a directory to create it", fd(task.Openat(at, "/dir", unix.O_CREAT|unix.O_DIRECTORY, 0)), unix.EINVAL},
		{"O_TMPFILE to read", fd(task.Openat(at, "/dir", unix.O_TMPFILE, 0)), unix.EINVAL},
		{"fstatat", task.Fstatat(at, "/dir", st, unknown), unix.EINVAL},
		{"faccessat", task.Faccessat(at, "/dir", 0, unknown), unix.EINVAL},
		{"faccessat with a mode that is none", task.Faccessat(at, "/dir", 8, 0), unix.EINVAL},
		{"fchmodat", task.Fchmodat(at, "/dir", 0, unknown), unix.EINVAL},
		{"fchownat", task.Fchownat(at, "/dir", 0, 0, unknown), unix.EINVAL},
		{"utimensat", task.Utimensat(at, "/dir", nil, unknown), unix.EINVAL},
		{"utimensat with too many nanoseconds", task.Utimensat(at, "/dir", &[2]vfs.Utime{{Timespec: vfs.Timespec{Nsec: 1e9}}}, 0), unix.EINVAL},
		{"linkat", task.Linkat(at, "/dir/file", at, "/new", unknown), unix.EINVAL},
		{"unlinkat", task.Unlinkat(at, "/dir/file", unknown), unix.EINVAL},
		{"renameat2", task.Renameat2(at, "/dir/file", at, "/new", unknown), unix.EINVAL},
		{"renameat2 that replaces and does not", task.Renameat2(at, "/dir/file", at, "/link", vfs.RenameNoReplace|vfs.RenameExchange), unix.EINVAL},
		{"mknod of a directory", task.Mknodat(at, "/new", unix.S_IFDIR, 0), unix.EPERM},
		{"mknod of a symlink", task.Mknodat(at, "/new", unix.S_IFLNK, 0), unix.EINVAL},
		{"mknod of nothing known", task.Mknodat(at, "/new", 0o030000, 0), unix.EINVAL},
		{"setxattr on nothing known", task.Setxattr(at, "/dir", "user.a", nil, 0, unknown), unix.EINVAL},
		{"readlink of a directory", fd(task.Readlinkat(at, "/dir", make([]byte, 1))), unix.EINVAL},
		{"readlink without room", fd(task.Readlinkat(at, "/link", nil)), unix.EINVAL},
		{"chroot to a file", task.Chroot("/dir/file"), unix.ENOTDIR},
		{"chdir to a file", task.Chdir("/dir/file"), unix.ENOTDIR},
	} {
		if c.err != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	if _, _, err := task.Pipe2(unknown); err != unix.EINVAL {
		t.Errorf("pipe2: %v", err)
	}
}

// TestExtremes gives every call on descriptors the extremes of its numbers, on
// files of all types: whatever it answers, it answers.
func TestExtremes(t *testing.T) {
	numbers := []int64{0, 1, -1, 4095, 4096, 1 << 31, 1<<32 - 1, 1 << 40, math.MaxInt64, math.MinInt64, math.MaxInt64 - 4095}
	buf := make([]byte, 5000)
	calls := map[string]func(t *vfs.Task, fd int, a, b int64) error{
		"pread":  func(t *vfs.Task, fd int, a, b int64) error { _, err := t.Pread(fd, buf[:b&4095], a); return err },
		"pwrite": func(t *vfs.Task, fd int, a, b int64) error { _, err := t.Pwrite(fd, buf[:b&4095], a); return err },
		"lseek":  func(t *vfs.Task, fd int, a, b int64) error { _, err := t.Lseek(fd, a, int(b)); return err },
		"read":   func(t *vfs.Task, fd int, a, b int64) error { _, err := t.Read(fd, buf); return err },
		"getdents": func(t *vfs.Task, fd int, a, b int64) error {
			_, err := t.Getdents(fd, func(vfs.Dirent) bool { return b&1 == 0 })
			return err
		},
		"ftruncate":       func(t *vfs.Task, fd int, a, b int64) error { return t.Ftruncate(fd, a) },
		"fallocate":       func(t *vfs.Task, fd int, a, b int64) error { return t.Fallocate(fd, 0, a, b) },
		"punch":           func(t *vfs.Task, fd int, a, b int64) error { return t.Fallocate(fd, 3, a, b) },
		"zero":            func(t *vfs.Task, fd int, a, b int64) error { return t.Fallocate(fd, 16, a, b) },
		"collapse":        func(t *vfs.Task, fd int, a, b int64) error { return t.Fallocate(fd, 8, a, b) },
		"insert":          func(t *vfs.Task, fd int, a, b int64) error { return t.Fallocate(fd, 32, a, b) },
		"mode":            func(t *vfs.Task, fd int, a, b int64) error { return t.Fallocate(fd, uint32(a), 0, b) },
		"sync_file_range": func(t *vfs.Task, fd int, a, b int64) error { return t.SyncFileRange(fd, a, b, 7) },
		"copy_file_range": func(t *vfs.Task, fd int, a, b int64) error {
			_, err := t.CopyFileRange(fd, &a, fd, &b, int(a^b), 0)
			return err
		},
		"sendfile": func(t *vfs.Task, fd int, a, b int64) error {
			_, err := t.Sendfile(fd, fd, &a, int(min(b, 1<<20)))
			return err
		},
		"lock": func(t *vfs.Task, fd int, a, b int64) error {
			return t.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: unix.F_RDLCK, Start: a, Len: b})
		},
		"lock type": func(t *vfs.Task, fd int, a, b int64) error {
			return t.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: int16(a), Whence: int16(b)})
		},
		"lock command": func(t *vfs.Task, fd int, a, b int64) error {
			return t.FcntlLock(fd, int(a), &vfs.Flock{Start: b})
		},
		"flock": func(t *vfs.Task, fd int, a, b int64) error { return t.Flock(fd, int(a)|unix.LOCK_NB) },
		"lease": func(t *vfs.Task, fd int, a, b int64) error { return t.Setlease(fd, int(a)) },
		"fiemap": func(t *vfs.Task, fd int, a, b int64) error {
			return t.Fiemap(fd, &vfs.FiemapRequest{Start: uint64(a), Length: uint64(b)})
		},
		"dup2":  func(t *vfs.Task, fd int, a, b int64) error { _, err := t.Dup2(fd, int(max(a, 1<<12))); return err },
		"fcntl": func(t *vfs.Task, fd int, a, b int64) error { _, err := t.Fcntl(fd, int(a), int(b)); return err },
		"ioctl": func(t *vfs.Task, fd int, a, b int64) error {
			_, err := t.Ioctl(fd, uint32(a), &vfs.IoctlArg{Value: uint64(b)})
			return err
		},
		"fchmod": func(t *vfs.Task, fd int, a, b int64) error { return t.Fchmod(fd, uint32(a)) },
		"fchown": func(t *vfs.Task, fd int, a, b int64) error { return t.Fchown(fd, uint32(a), uint32(b)) },
		"futimens": func(t *vfs.Task, fd int, a, b int64) error {
			return t.Futimens(fd, &[2]vfs.Utime{{Timespec: vfs.Timespec{Sec: a, Nsec: uint32(b)}}, {Timespec: vfs.Timespec{Sec: b}}})
		},
		"setfl": func(t *vfs.Task, fd int, a, b int64) error { return t.SetFL(fd, int(a)|unix.O_NONBLOCK) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			task := newTask(t)
			ok(t, task.Mknodat(vfs.AtCWD, "/fifo", unix.S_IFIFO|0o600, 0))
			open := func(path string, flags int) int {
				fd, err := task.Openat(vfs.AtCWD, path, flags|unix.O_NONBLOCK, 0o600)
				ok(t, err)
				return fd
			}
			fds := []int{open("/dir/file", unix.O_RDWR), open("/dir", unix.O_RDONLY), open("/fifo", unix.O_RDWR), open("/dir", unix.O_PATH),
				open("/dir", unix.O_TMPFILE|unix.O_RDWR), open("/dir/file", unix.O_WRONLY|unix.O_APPEND)}
			for _, fd := range fds {
				for _, a := range numbers {
					for _, b := range numbers {
						if err := answer(task, call, fd, a, b); err != nil {
							t.Errorf("descriptor %d, %d, %d: %v", fd, a, b, err)
						}
					}
				}
			}
		})
	}
}

// answer makes a call, and fails unless it ends with success or an errno.
func answer(task *vfs.Task, call func(t *vfs.Task, fd int, a, b int64) error, fd int, a, b int64) (odd error) {
	defer func() {
		if p := recover(); p != nil {
			odd = fmt.Errorf("panic: %v", p)
		}
	}()
	err := call(task, fd, a, b)
	if _, isErrno := err.(syscall.Errno); err != nil && !isErrno {
		return fmt.Errorf("an error that is no errno: %w", err)
	}
	return nil
}
