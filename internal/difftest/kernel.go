package difftest

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel makes the system calls of the calling thread. Where the wrappers of
// package unix do more than the call itself, it is made raw.
type kernel struct{}

func (kernel) Openat(dir int, path string, flags int, mode uint32) (int, error) {
	return unix.Openat(dir, path, flags, mode)
}

// Openat2 tries again where the kernel could not say, since somebody renamed or
// mounted something anywhere on the machine during a walk with "..".
func (kernel) Openat2(dir int, path string, flags int, mode uint32, resolve uint64) (fd int, err error) {
	const tries = 100
	how := unix.OpenHow{Flags: uint64(flags), Mode: uint64(mode), Resolve: resolve}
	for range tries {
		if fd, err = unix.Openat2(dir, path, &how); err != unix.EAGAIN {
			break
		}
	}
	return fd, err
}

func (kernel) Close(fd int) error      { return unix.Close(fd) }
func (kernel) Dup(fd int) (int, error) { return unix.Dup(fd) }
func (kernel) Setfl(fd, flags int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
	return err
}

func (kernel) Getfl(fd int) (int, error) {
	const largeFile = 0o100000 // O_LARGEFILE, which a 64-bit kernel sets by itself
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return flags &^ largeFile, err
}

func (kernel) Getflags(fd int) (int, error) {
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	return int(flags), err
}

func (kernel) Setflags(fd, flags int) error {
	return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(uint32(flags)))
}

func (kernel) Read(fd int, p []byte) (int, error)  { return unix.Read(fd, p) }
func (kernel) Write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
func (kernel) Pread(fd int, p []byte, off int64) (int, error) {
	return unix.Pread(fd, p, off)
}

func (kernel) Pwrite(fd int, p []byte, off int64) (int, error) {
	return unix.Pwrite(fd, p, off)
}

func (kernel) Readv(fd int, iov [][]byte) (int, error)  { return unix.Readv(fd, iov) }
func (kernel) Writev(fd int, iov [][]byte) (int, error) { return unix.Writev(fd, iov) }
func (kernel) Lseek(fd int, off int64, whence int) (int64, error) {
	return unix.Seek(fd, off, whence)
}
func (kernel) Ftruncate(fd int, size int64) error     { return unix.Ftruncate(fd, size) }
func (kernel) Truncate(path string, size int64) error { return unix.Truncate(path, size) }
func (kernel) Fsync(fd int) error                     { return unix.Fsync(fd) }
func (kernel) Flock(fd, op int) error                 { return unix.Flock(fd, op) }
func (kernel) Fallocate(fd int, mode uint32, off, n int64) error {
	return unix.Fallocate(fd, mode, off, n)
}

func (kernel) CopyFileRange(in int, inOff *int64, out int, outOff *int64, n int) (int, error) {
	return unix.CopyFileRange(in, inOff, out, outOff, n, 0)
}

func (kernel) Mkdirat(dir int, path string, mode uint32) error { return unix.Mkdirat(dir, path, mode) }
func (kernel) Mknodat(dir int, path string, mode uint32, dev uint64) error {
	return unix.Mknodat(dir, path, mode, int(dev))
}
func (kernel) Symlinkat(body string, dir int, path string) error {
	return unix.Symlinkat(body, dir, path)
}
func (kernel) Linkat(dir int, path string, dir2 int, path2 string, flags int) error {
	return unix.Linkat(dir, path, dir2, path2, flags)
}
func (kernel) Unlinkat(dir int, path string, flags int) error { return unix.Unlinkat(dir, path, flags) }
func (kernel) Renameat2(dir int, path string, dir2 int, path2 string, flags uint) error {
	return unix.Renameat2(dir, path, dir2, path2, flags)
}

func (kernel) Readlinkat(dir int, path string, p []byte) (int, error) {
	return unix.Readlinkat(dir, path, p)
}
func (kernel) Chdir(path string) error { return unix.Chdir(path) }
func (kernel) Fchdir(fd int) error     { return unix.Fchdir(fd) }

func (kernel) Getcwd() (string, error) {
	buf := make([]byte, 2*unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(buf[:n], []byte{0})), nil
}

func (kernel) Umask(mask uint32) uint32 { return uint32(unix.Umask(int(mask))) }

// onPath makes a call whose second argument is a path.
func onPath(trap uintptr, dir int, path string, a, b, c uintptr) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	if _, _, e := unix.Syscall6(trap, uintptr(dir), uintptr(unsafe.Pointer(p)), a, b, c, 0); e != 0 {
		return e
	}
	return nil
}

func (kernel) Faccessat2(dir int, path string, mode uint32, flags int) error {
	return onPath(unix.SYS_FACCESSAT2, dir, path, uintptr(mode), uintptr(flags), 0)
}

func (kernel) Fchmodat2(dir int, path string, mode uint32, flags int) error {
	return onPath(unix.SYS_FCHMODAT2, dir, path, uintptr(mode), uintptr(flags), 0)
}

func (kernel) Fchmod(fd int, mode uint32) error { return unix.Fchmod(fd, mode) }

func (kernel) Fchownat(dir int, path string, uid, gid uint32, flags int) error {
	return onPath(unix.SYS_FCHOWNAT, dir, path, uintptr(uid), uintptr(gid), uintptr(flags))
}

func (kernel) Fchown(fd int, uid, gid uint32) error {
	return unix.Fchown(fd, int(int32(uid)), int(int32(gid)))
}

func (kernel) Utimensat(dir int, path string, times *[2]TimeArg, flags int) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	return utimensat(dir, p, times, flags)
}

func (kernel) Futimens(fd int, times *[2]TimeArg) error { return utimensat(fd, nil, times, 0) }

func utimensat(dir int, path *byte, times *[2]TimeArg, flags int) error {
	var ts *[2]unix.Timespec
	if times != nil {
		ts = &[2]unix.Timespec{
			{Sec: times[0].Sec, Nsec: times[0].Nsec}, {Sec: times[1].Sec, Nsec: times[1].Nsec},
		}
	}
	_, _, e := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(dir), uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(ts)), uintptr(flags), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

func (kernel) Setxattr(path, name string, value []byte, flags int, follow bool) error {
	if follow {
		return unix.Setxattr(path, name, value, flags)
	}
	return unix.Lsetxattr(path, name, value, flags)
}

func (kernel) Getxattr(path, name string, p []byte, follow bool) (int, error) {
	if follow {
		return unix.Getxattr(path, name, p)
	}
	return unix.Lgetxattr(path, name, p)
}

func (kernel) Listxattr(path string, p []byte, follow bool) (int, error) {
	if follow {
		return unix.Listxattr(path, p)
	}
	return unix.Llistxattr(path, p)
}

func (kernel) Removexattr(path, name string, follow bool) error {
	if follow {
		return unix.Removexattr(path, name)
	}
	return unix.Lremovexattr(path, name)
}

func (kernel) Fsetxattr(fd int, name string, value []byte, flags int) error {
	return unix.Fsetxattr(fd, name, value, flags)
}

func (kernel) Fgetxattr(fd int, name string, p []byte) (int, error) {
	return unix.Fgetxattr(fd, name, p)
}
func (kernel) Flistxattr(fd int, p []byte) (int, error) { return unix.Flistxattr(fd, p) }
func (kernel) Fremovexattr(fd int, name string) error   { return unix.Fremovexattr(fd, name) }

func (kernel) Getdents(fd int) ([]Entry, error) {
	var names []Entry
	buf := make([]byte, 16384)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return names, nil
		}
		for p := buf[:n]; len(p) > 0; {
			length := binary.NativeEndian.Uint16(p[16:])
			name := p[19:length]
			names = append(names, Entry{
				Name: string(name[:bytes.IndexByte(name, 0)]),
				Ino:  binary.NativeEndian.Uint64(p),
				Type: p[18],
			})
			p = p[length:]
		}
	}
}

// shownAttributes are the attributes that a file system answers for.
const shownAttributes = unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND | unix.STATX_ATTR_NODUMP

func (kernel) Statx(dir int, path string, flags int) (Info, error) {
	var st unix.Statx_t
	if err := unix.Statx(dir, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return Info{}, err
	}
	ts := func(t unix.StatxTimestamp) Time { return Time{t.Sec, t.Nsec} }
	return Info{
		Ino: st.Ino, Rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor),
		Mode: uint32(st.Mode), Nlink: st.Nlink, UID: st.Uid, GID: st.Gid,
		Size: int64(st.Size), Blocks: int64(st.Blocks), Blksize: st.Blksize,
		Attributes: st.Attributes & shownAttributes,
		Atime:      ts(st.Atime), Mtime: ts(st.Mtime), Ctime: ts(st.Ctime), Btime: ts(st.Btime),
	}, nil
}

func (kernel) Statfs(path string) (FSInfo, error) {
	var st unix.Statfs_t
	err := unix.Statfs(path, &st)
	return fsInfo(&st), err
}

func (kernel) Fstatfs(fd int) (FSInfo, error) {
	var st unix.Statfs_t
	err := unix.Fstatfs(fd, &st)
	return fsInfo(&st), err
}

func fsInfo(st *unix.Statfs_t) FSInfo {
	return FSInfo{
		Type: st.Type, Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: st.Bsize, Frsize: st.Frsize, Namelen: st.Namelen, Flags: st.Flags,
	}
}

// setIdentity changes the calling thread's groups, group and user. Leaving
// uid 0 takes the capabilities away.
func setIdentity(u User) error {
	groups := u.Groups
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID)); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID)); e != 0 {
		return e
	}
	return nil
}
