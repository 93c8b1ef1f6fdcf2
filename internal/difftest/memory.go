package difftest

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

// NewMemory is a machine on a fresh memory file system in this process. Its
// Close fails if a count of the file system is not back at zero.
func NewMemory(c Config) (*Machine, error) {
	before := vfs.Superblocks()
	ns, err := NewNamespace(c)
	if err != nil {
		return nil, err
	}
	protection, err := hostProtection()
	if err != nil {
		return nil, err
	}
	ns.Protect(protection)
	m := NewMemoryOn(ns)
	exit := m.end
	m.end = func() error {
		exit()
		ns.Close(context.Background())
		if n := vfs.Superblocks(); n > before {
			return fmt.Errorf("%d superblocks are left", n-before)
		}
		return nil
	}
	return m, nil
}

// NewNamespace is a memory file system as the configuration asks for it.
func NewNamespace(c Config) (*vfs.Namespace, error) {
	return vfs.NewNamespaceOf(context.Background(), memfs.Type, "difftest", vfs.SuperFlags(c.MountFlags), c.Options)
}

// NewMemoryOn is a machine on a namespace, which the caller closes after the
// machine.
func NewMemoryOn(ns *vfs.Namespace) *Machine {
	watch := ns.NewTask(vfs.RootCred())
	tasks := []*vfs.Task{watch}
	var users []Caller
	for _, u := range Users {
		t := watch.Clone(vfs.CloneFiles)
		if u.UID != 0 {
			t.SetCred(vfs.UserCred(u.UID, u.GID, u.Groups...))
		}
		tasks = append(tasks, t)
		users = append(users, taskCaller{t})
	}
	return newMachine(users, taskCaller{watch}, func() error {
		for _, t := range tasks {
			t.Exit()
		}
		return nil
	})
}

type taskCaller struct{ *vfs.Task }

func (c taskCaller) Do(f func(System)) { f(taskSystem{c.Task}) }

// taskSystem makes the system calls of a task.
type taskSystem struct{ t *vfs.Task }

func atOf(dir int) vfs.At {
	if dir == unix.AT_FDCWD {
		return vfs.AtCWD
	}
	return vfs.AtFD(dir)
}

func (s taskSystem) Openat(dir int, path string, flags int, mode uint32) (int, error) {
	return s.t.Openat(atOf(dir), path, flags, mode)
}

func (s taskSystem) Openat2(dir int, path string, flags int, mode uint32, resolve uint64) (int, error) {
	return s.t.Openat2(atOf(dir), path, vfs.OpenHow{Flags: flags, Mode: mode, Resolve: resolve})
}

func (s taskSystem) Close(fd int) error      { return s.t.Close(fd) }
func (s taskSystem) Dup(fd int) (int, error) { return s.t.Dup(fd) }
func (s taskSystem) Getfl(fd int) (int, error) {
	flags, err := s.t.GetFL(fd)
	return flags &^ unix.O_LARGEFILE, err
}
func (s taskSystem) Setfl(fd, flags int) error { return s.t.SetFL(fd, flags) }

func (s taskSystem) Getflags(fd int) (int, error) {
	arg := vfs.IoctlArg{Out: make([]byte, 4)}
	if _, err := s.t.Ioctl(fd, unix.FS_IOC_GETFLAGS, &arg); err != nil {
		return 0, err
	}
	arg.In = arg.Out
	flags, err := arg.Uint32()
	return int(flags), err
}

func (s taskSystem) Setflags(fd, flags int) error {
	arg := vfs.IoctlArg{Out: make([]byte, 4)}
	if err := arg.PutUint32(uint32(flags)); err != nil {
		return err
	}
	arg.In = arg.Out
	_, err := s.t.Ioctl(fd, unix.FS_IOC_SETFLAGS, &arg)
	return err
}

func (s taskSystem) Read(fd int, p []byte) (int, error)  { return s.t.Read(fd, p) }
func (s taskSystem) Write(fd int, p []byte) (int, error) { return s.t.Write(fd, p) }
func (s taskSystem) Pread(fd int, p []byte, off int64) (int, error) {
	return s.t.Pread(fd, p, off)
}

func (s taskSystem) Pwrite(fd int, p []byte, off int64) (int, error) {
	return s.t.Pwrite(fd, p, off)
}
func (s taskSystem) Readv(fd int, iov [][]byte) (int, error)  { return s.t.Readv(fd, iov, 0) }
func (s taskSystem) Writev(fd int, iov [][]byte) (int, error) { return s.t.Writev(fd, iov, 0) }

func (s taskSystem) Lseek(fd int, off int64, whence int) (int64, error) {
	return s.t.Lseek(fd, off, whence)
}
func (s taskSystem) Ftruncate(fd int, size int64) error     { return s.t.Ftruncate(fd, size) }
func (s taskSystem) Truncate(path string, size int64) error { return s.t.Truncate(path, size) }
func (s taskSystem) Flock(fd, op int) error                 { return s.t.Flock(fd, op) }
func (s taskSystem) Fsync(fd int) error                     { return s.t.Fsync(fd) }
func (s taskSystem) Fallocate(fd int, mode uint32, off, n int64) error {
	return s.t.Fallocate(fd, mode, off, n)
}

func (s taskSystem) CopyFileRange(in int, inOff *int64, out int, outOff *int64, n int) (int, error) {
	return s.t.CopyFileRange(in, inOff, out, outOff, n, 0)
}

func (s taskSystem) Mkdirat(dir int, path string, mode uint32) error {
	return s.t.Mkdirat(atOf(dir), path, mode)
}

func (s taskSystem) Mknodat(dir int, path string, mode uint32, dev uint64) error {
	return s.t.Mknodat(atOf(dir), path, mode, dev)
}

func (s taskSystem) Symlinkat(body string, dir int, path string) error {
	return s.t.Symlinkat(body, atOf(dir), path)
}

func (s taskSystem) Linkat(dir int, path string, dir2 int, path2 string, flags int) error {
	return s.t.Linkat(atOf(dir), path, atOf(dir2), path2, flags)
}

func (s taskSystem) Unlinkat(dir int, path string, flags int) error {
	return s.t.Unlinkat(atOf(dir), path, flags)
}

func (s taskSystem) Renameat2(dir int, path string, dir2 int, path2 string, flags uint) error {
	return s.t.Renameat2(atOf(dir), path, atOf(dir2), path2, vfs.RenameFlags(flags))
}

func (s taskSystem) Readlinkat(dir int, path string, p []byte) (int, error) {
	return s.t.Readlinkat(atOf(dir), path, p)
}
func (s taskSystem) Chdir(path string) error  { return s.t.Chdir(path) }
func (s taskSystem) Fchdir(fd int) error      { return s.t.Fchdir(fd) }
func (s taskSystem) Getcwd() (string, error)  { return s.t.Getcwd() }
func (s taskSystem) Umask(mask uint32) uint32 { return s.t.Umask(mask) }

func (s taskSystem) Faccessat2(dir int, path string, mode uint32, flags int) error {
	return s.t.Faccessat(atOf(dir), path, mode, flags)
}

func (s taskSystem) Fchmodat2(dir int, path string, mode uint32, flags int) error {
	return s.t.Fchmodat(atOf(dir), path, mode, flags)
}
func (s taskSystem) Fchmod(fd int, mode uint32) error { return s.t.Fchmod(fd, mode) }

func (s taskSystem) Fchownat(dir int, path string, uid, gid uint32, flags int) error {
	return s.t.Fchownat(atOf(dir), path, uid, gid, flags)
}
func (s taskSystem) Fchown(fd int, uid, gid uint32) error { return s.t.Fchown(fd, uid, gid) }

func (s taskSystem) Utimensat(dir int, path string, times *[2]TimeArg, flags int) error {
	ts, err := utimes(times)
	if err != nil {
		return err
	}
	return s.t.Utimensat(atOf(dir), path, ts, flags)
}

func (s taskSystem) Futimens(fd int, times *[2]TimeArg) error {
	ts, err := utimes(times)
	if err != nil {
		return err
	}
	return s.t.Futimens(fd, ts)
}

// utimes converts the times of utimensat. Nanoseconds are signed in the
// kernel's structure only: what does not fit stays wrong.
func utimes(times *[2]TimeArg) (*[2]vfs.Utime, error) {
	if times == nil {
		return nil, nil
	}
	var u [2]vfs.Utime
	for i, t := range times {
		switch t.Nsec {
		case unix.UTIME_NOW:
			u[i].Now = true
		case unix.UTIME_OMIT:
			u[i].Omit = true
		default:
			u[i].Timespec = vfs.Timespec{Sec: t.Sec, Nsec: uint32(t.Nsec)}
		}
	}
	return &u, nil
}

func linkFlag(follow bool) int {
	if follow {
		return 0
	}
	return unix.AT_SYMLINK_NOFOLLOW
}

func (s taskSystem) Setxattr(path, name string, value []byte, flags int, follow bool) error {
	return s.t.Setxattr(vfs.AtCWD, path, name, value, flags, linkFlag(follow))
}

func (s taskSystem) Getxattr(path, name string, p []byte, follow bool) (int, error) {
	return s.t.Getxattr(vfs.AtCWD, path, name, p, linkFlag(follow))
}

func (s taskSystem) Listxattr(path string, p []byte, follow bool) (int, error) {
	return s.t.Listxattr(vfs.AtCWD, path, p, linkFlag(follow))
}

func (s taskSystem) Removexattr(path, name string, follow bool) error {
	return s.t.Removexattr(vfs.AtCWD, path, name, linkFlag(follow))
}

func (s taskSystem) Fsetxattr(fd int, name string, value []byte, flags int) error {
	return s.t.Fsetxattr(fd, name, value, flags)
}

func (s taskSystem) Fgetxattr(fd int, name string, p []byte) (int, error) {
	return s.t.Fgetxattr(fd, name, p)
}
func (s taskSystem) Flistxattr(fd int, p []byte) (int, error) { return s.t.Flistxattr(fd, p) }
func (s taskSystem) Fremovexattr(fd int, name string) error   { return s.t.Fremovexattr(fd, name) }

func (s taskSystem) Getdents(fd int) ([]Entry, error) {
	var names []Entry
	_, err := s.t.Getdents(fd, func(d vfs.Dirent) bool {
		names = append(names, Entry{Name: d.Name, Ino: d.Ino, Type: d.Type})
		return true
	})
	return names, err
}

func (s taskSystem) Statx(dir int, path string, flags int) (Info, error) {
	var st vfs.Stat
	err := s.t.Fstatat(atOf(dir), path, &st, flags)
	if odd := s.walkAgain(dir, path, flags, st.Ino, err); odd != nil {
		return Info{}, odd
	}
	if err != nil {
		return Info{}, err
	}
	ts := func(t vfs.Timespec) Time { return Time{t.Sec, t.Nsec} }
	return Info{
		Ino: st.Ino, Rdev: st.Rdev, Mode: st.Mode, Nlink: st.Nlink, UID: st.UID, GID: st.GID,
		Size: st.Size, Blocks: st.Blocks, Blksize: uint32(st.Blksize), Attributes: st.Attrs & shownAttributes,
		Atime: ts(st.Atime), Mtime: ts(st.Mtime), Ctime: ts(st.Ctime), Btime: ts(st.Btime),
	}, nil
}

// walkAgain finds in ref-walk what stat has found in the walk that it prefers:
// the same inode, or the same error.
func (s taskSystem) walkAgain(dir int, path string, flags int, ino uint64, err error) error {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return nil
	}
	walk := vfs.WalkReval | vfs.WalkAutomount
	if flags&unix.AT_SYMLINK_NOFOLLOW == 0 {
		walk |= vfs.WalkFollow
	}
	if flags&unix.AT_EMPTY_PATH != 0 {
		walk |= vfs.WalkEmpty
	}
	p, refErr := s.t.Lookup(atOf(dir), path, walk)
	var refIno uint64
	if refErr == nil {
		refIno = p.Inode().Ino()
		p.Put(s.t)
	}
	if err != refErr || err == nil && ino != refIno {
		return fmt.Errorf("rcu-walk of %s finds %d, %v; ref-walk %d, %v", quote(path), ino, err, refIno, refErr)
	}
	return nil
}

func (s taskSystem) Statfs(path string) (FSInfo, error) {
	var st vfs.StatFS
	err := s.t.Statfs(vfs.AtCWD, path, &st)
	return fsInfoOf(&st), err
}

func (s taskSystem) Fstatfs(fd int) (FSInfo, error) {
	var st vfs.StatFS
	err := s.t.Fstatfs(fd, &st)
	return fsInfoOf(&st), err
}

func fsInfoOf(st *vfs.StatFS) FSInfo {
	return FSInfo{
		Type: st.Type, Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: st.Bsize, Frsize: st.Frsize, Namelen: st.Namelen, Flags: st.Flags,
	}
}

// hostProtection is what the host protects with its sysctls, which hold on its
// tmpfs: the namespace in process gets the same.
func hostProtection() (vfs.Protection, error) {
	var p vfs.Protection
	for _, s := range []struct {
		name       string
		some, more vfs.Protection
	}{
		{"protected_hardlinks", vfs.ProtectHardlinks, 0},
		{"protected_symlinks", vfs.ProtectSymlinks, 0},
		{"protected_fifos", vfs.ProtectFIFOs, vfs.ProtectFIFOsGroup},
		{"protected_regular", vfs.ProtectRegular, vfs.ProtectRegularGroup},
	} {
		text, err := os.ReadFile("/proc/sys/fs/" + s.name)
		if err != nil {
			return 0, err
		}
		switch strings.TrimSpace(string(text)) {
		case "0":
		case "1":
			p |= s.some
		default:
			p |= s.some | s.more
		}
	}
	return p, nil
}
