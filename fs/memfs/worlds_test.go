package memfs

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// A world is a file system as a program sees it: the host's tmpfs, or memfs
// through the core's system calls. Paths are relative to its root. What one
// says the other has to say.
type world interface {
	open(path string, flags int, mode uint32) (int, error)
	close(fd int) error
	pread(fd int, p []byte, off int64) (int, error)
	pwrite(fd int, p []byte, off int64) (int, error)
	write(fd int, p []byte) (int, error)
	lseek(fd int, off int64, whence int) (int64, error)
	ftruncate(fd int, size int64) error
	fallocate(fd int, mode uint32, off, n int64) error
	fsync(fd int) error
	fstat(fd int, st *unix.Stat_t) error
	ioctl(fd int, cmd uint32, arg uint32) (uint32, error)
	linkFD(fd int, path string) error

	mkdir(path string, mode uint32) error
	mknod(path string, mode uint32, dev int) error
	symlink(target, path string) error
	link(old, path string) error
	unlink(path string) error
	rmdir(path string) error
	rename(old, path string, flags uint) error
	readlink(path string) (string, error)
	truncate(path string, size int64) error
	chmod(path string, mode uint32) error
	chown(path string, uid, gid int) error
	utimes(path string, atime, mtime int64) error
	lstat(path string, st *unix.Stat_t) error
	setxattr(path, name string, value []byte, flags int) error
	getxattr(path, name string, buf []byte) (int, error)
	listxattr(path string) ([]string, error)
	removexattr(path, name string) error
	readdir(path string) ([]string, error)
	statfs(st *unix.Statfs_t) error
	remount(options string) error
}

// needRoot skips a test that needs to mount, which fails where CI is set.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this test mounts a tmpfs and needs root")
	}
	t.Skip("this test mounts a tmpfs and needs root")
}

// hostWorld is a tmpfs of the host, mounted for the test.
type hostWorld struct{ dir string }

// newHostWorld mounts a tmpfs for the test.
func newHostWorld(t testing.TB, options string) *hostWorld {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "memfs-host-")
	if err != nil {
		t.Fatal(err)
	}
	w, unmount, err := mountHostWorld(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
		os.Remove(dir)
	})
	return w
}

func mountHostWorld(dir, options string) (w *hostWorld, unmount func() error, err error) {
	if err := unix.Mount("none", dir, "tmpfs", 0, options); err != nil {
		return nil, nil, fmt.Errorf("mount of a tmpfs with %q: %w", options, err)
	}
	unix.Umask(0o022)
	return &hostWorld{dir}, func() error {
		err := unix.Unmount(dir, 0)
		if err != nil {
			unix.Unmount(dir, unix.MNT_DETACH)
		}
		return err
	}, nil
}

func (w *hostWorld) path(p string) string { return filepath.Join(w.dir, p) }

func (w *hostWorld) open(path string, flags int, mode uint32) (int, error) {
	return unix.Open(w.path(path), flags, mode)
}
func (w *hostWorld) close(fd int) error { return unix.Close(fd) }
func (w *hostWorld) pread(fd int, p []byte, off int64) (int, error) {
	return unix.Pread(fd, p, off)
}
func (w *hostWorld) pwrite(fd int, p []byte, off int64) (int, error) {
	return unix.Pwrite(fd, p, off)
}
func (w *hostWorld) write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
func (w *hostWorld) lseek(fd int, off int64, whence int) (int64, error) {
	return unix.Seek(fd, off, whence)
}
func (w *hostWorld) ftruncate(fd int, size int64) error { return unix.Ftruncate(fd, size) }
func (w *hostWorld) fallocate(fd int, mode uint32, off, n int64) error {
	return unix.Fallocate(fd, mode, off, n)
}
func (w *hostWorld) fsync(fd int) error                  { return unix.Fsync(fd) }
func (w *hostWorld) fstat(fd int, st *unix.Stat_t) error { return unix.Fstat(fd, st) }
func (w *hostWorld) ioctl(fd int, cmd uint32, arg uint32) (uint32, error) {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(cmd), uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		return arg, errno
	}
	return arg, nil
}
func (w *hostWorld) linkFD(fd int, path string) error {
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, w.path(path), unix.AT_SYMLINK_FOLLOW)
}
func (w *hostWorld) mkdir(path string, mode uint32) error { return unix.Mkdir(w.path(path), mode) }
func (w *hostWorld) mknod(path string, mode uint32, dev int) error {
	return unix.Mknod(w.path(path), mode, dev)
}
func (w *hostWorld) symlink(target, path string) error { return unix.Symlink(target, w.path(path)) }
func (w *hostWorld) link(old, path string) error       { return unix.Link(w.path(old), w.path(path)) }
func (w *hostWorld) unlink(path string) error          { return unix.Unlink(w.path(path)) }
func (w *hostWorld) rmdir(path string) error           { return unix.Rmdir(w.path(path)) }
func (w *hostWorld) rename(old, path string, flags uint) error {
	return unix.Renameat2(unix.AT_FDCWD, w.path(old), unix.AT_FDCWD, w.path(path), flags)
}
func (w *hostWorld) readlink(path string) (string, error) {
	var buf [4096]byte
	n, err := unix.Readlink(w.path(path), buf[:])
	return string(buf[:max(n, 0)]), err
}
func (w *hostWorld) truncate(path string, size int64) error {
	return unix.Truncate(w.path(path), size)
}
func (w *hostWorld) chmod(path string, mode uint32) error { return unix.Chmod(w.path(path), mode) }
func (w *hostWorld) chown(path string, uid, gid int) error {
	return unix.Lchown(w.path(path), uid, gid)
}
func (w *hostWorld) utimes(path string, atime, mtime int64) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, w.path(path), []unix.Timespec{{Sec: atime}, {Sec: mtime}}, unix.AT_SYMLINK_NOFOLLOW)
}
func (w *hostWorld) lstat(path string, st *unix.Stat_t) error { return unix.Lstat(w.path(path), st) }
func (w *hostWorld) setxattr(path, name string, value []byte, flags int) error {
	return unix.Lsetxattr(w.path(path), name, value, flags)
}
func (w *hostWorld) getxattr(path, name string, buf []byte) (int, error) {
	return unix.Lgetxattr(w.path(path), name, buf)
}
func (w *hostWorld) listxattr(path string) ([]string, error) {
	buf := make([]byte, vfs.XattrListMax)
	n, err := unix.Llistxattr(w.path(path), buf)
	return splitNames(buf[:max(n, 0)]), err
}
func (w *hostWorld) removexattr(path, name string) error {
	return unix.Lremovexattr(w.path(path), name)
}
func (w *hostWorld) readdir(path string) ([]string, error) {
	fd, err := unix.Open(w.path(path), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var names []string
	buf := make([]byte, 4096)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}
func (w *hostWorld) statfs(st *unix.Statfs_t) error { return unix.Statfs(w.dir, st) }
func (w *hostWorld) remount(options string) error {
	return unix.Mount("none", w.dir, "", unix.MS_REMOUNT, options)
}

// memWorld is a memory file system, reached by the system calls of a task of
// root's.
type memWorld struct {
	t  *vfs.Task
	ns *vfs.Namespace
	sb *super
}

// newMemWorld mounts a memory file system for the test, which must leave
// nothing behind.
func newMemWorld(t testing.TB, options string) *memWorld {
	t.Helper()
	w, unmount, err := mountMemWorld(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func mountMemWorld(options string) (w *memWorld, unmount func() error, err error) {
	before := vfs.Superblocks()
	ns, err := New(nil, options)
	if err != nil {
		return nil, nil, err
	}
	w = &memWorld{t: ns.NewTask(vfs.RootCred()), ns: ns, sb: ns.Superblock().Impl().(*super)}
	return w, func() error {
		w.t.Exit()
		ns.Close(nil)
		if n := vfs.Superblocks(); n != before {
			return fmt.Errorf("%d superblocks are left", n-before)
		}
		if n := w.sb.arena.mapped.Load(); n != 0 {
			return fmt.Errorf("%d slabs are left", n)
		}
		return nil
	}, nil
}

func (w *memWorld) open(path string, flags int, mode uint32) (int, error) {
	return w.t.Openat(vfs.AtCWD, path, flags, mode)
}
func (w *memWorld) close(fd int) error { return w.t.Close(fd) }
func (w *memWorld) pread(fd int, p []byte, off int64) (int, error) {
	return w.t.Pread(fd, p, off)
}
func (w *memWorld) pwrite(fd int, p []byte, off int64) (int, error) {
	return w.t.Pwrite(fd, p, off)
}
func (w *memWorld) write(fd int, p []byte) (int, error) { return w.t.Write(fd, p) }
func (w *memWorld) lseek(fd int, off int64, whence int) (int64, error) {
	return w.t.Lseek(fd, off, whence)
}
func (w *memWorld) ftruncate(fd int, size int64) error { return w.t.Ftruncate(fd, size) }
func (w *memWorld) fallocate(fd int, mode uint32, off, n int64) error {
	return w.t.Fallocate(fd, mode, off, n)
}
func (w *memWorld) fsync(fd int) error { return w.t.Fsync(fd) }
func (w *memWorld) fstat(fd int, st *unix.Stat_t) error {
	var s vfs.Stat
	err := w.t.Fstat(fd, &s)
	hostStat(st, &s)
	return err
}
func (w *memWorld) ioctl(fd int, cmd uint32, arg uint32) (uint32, error) {
	mem := unsafe.Slice((*byte)(unsafe.Pointer(&arg)), 4)
	_, err := w.t.Ioctl(fd, cmd, &vfs.IoctlArg{In: mem, Out: mem})
	return arg, err
}
func (w *memWorld) linkFD(fd int, path string) error {
	return w.t.Linkat(vfs.AtFD(fd), "", vfs.AtCWD, path, unix.AT_EMPTY_PATH)
}
func (w *memWorld) mkdir(path string, mode uint32) error {
	return w.t.Mkdirat(vfs.AtCWD, path, mode)
}
func (w *memWorld) mknod(path string, mode uint32, dev int) error {
	return w.t.Mknodat(vfs.AtCWD, path, mode, uint64(dev))
}
func (w *memWorld) symlink(target, path string) error {
	return w.t.Symlinkat(target, vfs.AtCWD, path)
}
func (w *memWorld) link(old, path string) error {
	return w.t.Linkat(vfs.AtCWD, old, vfs.AtCWD, path, 0)
}
func (w *memWorld) unlink(path string) error { return w.t.Unlinkat(vfs.AtCWD, path, 0) }
func (w *memWorld) rmdir(path string) error {
	return w.t.Unlinkat(vfs.AtCWD, path, unix.AT_REMOVEDIR)
}
func (w *memWorld) rename(old, path string, flags uint) error {
	return w.t.Renameat2(vfs.AtCWD, old, vfs.AtCWD, path, vfs.RenameFlags(flags))
}
func (w *memWorld) readlink(path string) (string, error) {
	var buf [4096]byte
	n, err := w.t.Readlinkat(vfs.AtCWD, path, buf[:])
	return string(buf[:max(n, 0)]), err
}
func (w *memWorld) truncate(path string, size int64) error { return w.t.Truncate(path, size) }
func (w *memWorld) chmod(path string, mode uint32) error {
	return w.t.Fchmodat(vfs.AtCWD, path, mode, 0)
}
func (w *memWorld) chown(path string, uid, gid int) error {
	return w.t.Fchownat(vfs.AtCWD, path, uint32(uid), uint32(gid), unix.AT_SYMLINK_NOFOLLOW)
}
func (w *memWorld) utimes(path string, atime, mtime int64) error {
	return w.t.Utimensat(vfs.AtCWD, path, &[2]vfs.Utime{
		{Timespec: vfs.Timespec{Sec: atime}}, {Timespec: vfs.Timespec{Sec: mtime}},
	}, unix.AT_SYMLINK_NOFOLLOW)
}
func (w *memWorld) lstat(path string, st *unix.Stat_t) error {
	var s vfs.Stat
	err := w.t.Lstat(path, &s)
	hostStat(st, &s)
	return err
}
func (w *memWorld) setxattr(path, name string, value []byte, flags int) error {
	return w.t.Setxattr(vfs.AtCWD, path, name, value, flags, unix.AT_SYMLINK_NOFOLLOW)
}
func (w *memWorld) getxattr(path, name string, buf []byte) (int, error) {
	return w.t.Getxattr(vfs.AtCWD, path, name, buf, unix.AT_SYMLINK_NOFOLLOW)
}
func (w *memWorld) listxattr(path string) ([]string, error) {
	buf := make([]byte, vfs.XattrListMax)
	n, err := w.t.Listxattr(vfs.AtCWD, path, buf, unix.AT_SYMLINK_NOFOLLOW)
	return splitNames(buf[:max(n, 0)]), err
}
func (w *memWorld) removexattr(path, name string) error {
	return w.t.Removexattr(vfs.AtCWD, path, name, unix.AT_SYMLINK_NOFOLLOW)
}
func (w *memWorld) readdir(path string) ([]string, error) {
	fd, err := w.open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer w.close(fd)
	var names []string
	for {
		n, err := w.t.Getdents(fd, func(d vfs.Dirent) bool {
			if d.Name != "." && d.Name != ".." {
				names = append(names, d.Name)
			}
			return true
		})
		if n == 0 || err != nil {
			return names, err
		}
	}
}
func (w *memWorld) statfs(st *unix.Statfs_t) error {
	var s vfs.StatFS
	err := w.t.Statfs(vfs.AtCWD, ".", &s)
	*st = unix.Statfs_t{
		Type: s.Type, Bsize: s.Bsize, Frsize: s.Frsize, Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail,
		Files: s.Files, Ffree: s.Ffree, Namelen: s.Namelen,
	}
	return err
}
func (w *memWorld) remount(options string) error {
	err := w.t.Mount("", "/", "", unix.MS_REMOUNT, options)
	var opt *OptionError
	if errors.As(err, &opt) {
		return unix.EINVAL
	}
	return err
}

func hostStat(st *unix.Stat_t, s *vfs.Stat) {
	*st = unix.Stat_t{
		Ino: s.Ino, Mode: s.Mode, Nlink: uint64(s.Nlink), Uid: s.UID, Gid: s.GID, Rdev: s.Rdev, Size: s.Size,
		Blksize: int64(s.Blksize), Blocks: s.Blocks,
		Atim: hostTime(s.Atime), Mtim: hostTime(s.Mtime), Ctim: hostTime(s.Ctime),
	}
}

func hostTime(t vfs.Timespec) unix.Timespec { return unix.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)} }

func splitNames(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// errName is how a result is compared.
func errName(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// snapshot is all that can be seen of a world.
func snapshot(w world) []string {
	var lines []string
	var st unix.Statfs_t
	err := w.statfs(&st)
	lines = append(lines, fmt.Sprintf("statfs %s type %#x bsize %d/%d blocks %d free %d/%d files %d free %d namelen %d", errName(err),
		st.Type, st.Bsize, st.Frsize, st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree, st.Namelen))
	return append(lines, snapshotTree(w, ".")...)
}

func snapshotTree(w world, path string) []string {
	var st unix.Stat_t
	if err := w.lstat(path, &st); err != nil {
		return []string{path + ": " + errName(err)}
	}
	line := fmt.Sprintf("%s: ino %d mode %o nlink %d uid %d gid %d rdev %d size %d blksize %d blocks %d", path,
		st.Ino, st.Mode, st.Nlink, st.Uid, st.Gid, st.Rdev, st.Size, st.Blksize, st.Blocks)
	names, err := w.listxattr(path)
	if err != nil || names != nil {
		line += " xattrs " + errName(err)
	}
	for _, name := range names {
		buf := make([]byte, vfs.XattrSizeMax)
		n, err := w.getxattr(path, name, buf)
		line += fmt.Sprintf(" %s=%s:%x", name, errName(err), hashOf(buf[:max(n, 0)]))
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return []string{line + " data " + dataOf(w, path)}
	case unix.S_IFLNK:
		body, err := w.readlink(path)
		return []string{line + " link " + errName(err) + " " + body}
	case unix.S_IFDIR:
		names, err := w.readdir(path)
		lines := []string{line + " list " + errName(err)}
		sort.Strings(names)
		for _, name := range names {
			lines = append(lines, snapshotTree(w, filepath.Join(path, name))...)
		}
		return lines
	}
	return []string{line}
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// dataOf is where a file has data, and what they are.
func dataOf(w world, path string) string {
	fd, err := w.open(path, unix.O_RDONLY, 0)
	if err != nil {
		return errName(err)
	}
	defer w.close(fd)
	return dataOfFD(w, fd)
}

func dataOfFD(w world, fd int) string {
	var b strings.Builder
	for off := int64(0); ; {
		data, err := w.lseek(fd, off, unix.SEEK_DATA)
		if err != nil {
			return b.String() + errName(err)
		}
		hole, err := w.lseek(fd, data, unix.SEEK_HOLE)
		if err != nil {
			return b.String() + errName(err)
		}
		buf := make([]byte, hole-data)
		n, err := w.pread(fd, buf, data)
		fmt.Fprintf(&b, "[%d,%d)=%d %s %x ", data, hole, max(n, 0), errName(err), hashOf(buf))
		off = hole
	}
}

// diffWorlds fails the test if the worlds can be told apart.
func diffWorlds(t interface {
	Helper()
	Fatalf(string, ...any)
}, host, mem world) {
	t.Helper()
	h, m := snapshot(host), snapshot(mem)
	if slices.Equal(h, m) {
		return
	}
	var b strings.Builder
	for i := range max(len(h), len(m)) {
		var hl, ml string
		if i < len(h) {
			hl = h[i]
		}
		if i < len(m) {
			ml = m[i]
		}
		if hl != ml {
			fmt.Fprintf(&b, "\nhost  %s\nmemfs %s", hl, ml)
		}
	}
	t.Fatalf("the worlds differ:%s", b.String())
}
