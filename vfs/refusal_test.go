package vfs_test

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// TestOrderOfRefusals: where several things are wrong, the one is told that
// Linux tells.
func TestOrderOfRefusals(t *testing.T) {
	task := newRoot(t, "")
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	create(t, task, "/f", "contents")
	dir := open(t, task, "/d", unix.O_RDONLY)
	file := open(t, task, "/f", unix.O_RDWR)
	n := func(_ int, err error) error { return err }
	fd := func(_ int, err error) error { return err }
	const closed = 99
	wrong := &[2]vfs.Utime{{Timespec: vfs.Timespec{Nsec: 1e9}}}
	buf := make([]byte, 16)

	wantErr(t, "a range before the directory", n(task.Pread(dir, buf, vfs.MaxFileSize)), unix.EINVAL)
	wantErr(t, "a directory", n(task.Pread(dir, buf, 0)), unix.EISDIR)
	wantErr(t, "a name before the descriptor", task.Fsetxattr(closed, "", nil, 0), unix.ERANGE)
	wantErr(t, "a value before the descriptor", task.Fsetxattr(closed, "user.a", make([]byte, vfs.XattrSizeMax+1), 0), unix.E2BIG)
	wantErr(t, "a name before the descriptor", n(task.Fgetxattr(closed, "", nil)), unix.ERANGE)
	wantErr(t, "a name before the descriptor", task.Fremovexattr(closed, ""), unix.ERANGE)
	wantErr(t, "the path before the times", task.Utimensat(vfs.AtCWD, "/gone", wrong, 0), unix.ENOENT)
	wantErr(t, "the descriptor before the times", task.Futimens(closed, wrong), unix.EBADF)
	wantErr(t, "the descriptor before the right", task.Linkat(vfs.AtFD(closed), "", vfs.AtCWD, "/new", unix.AT_EMPTY_PATH), unix.EBADF)
	wantErr(t, "a copy from behind the end", n(task.CopyFileRange(file, ptr(vfs.MaxFileSize), file, ptr(0), 100, 0)), nil)
	wantErr(t, "a copy to behind the end", n(task.CopyFileRange(file, ptr(0), file, ptr(vfs.MaxFileSize), 1, 0)), unix.EFBIG)

	task.SetCred(&vfs.Cred{Caps: vfs.AllCaps})
	flags := make([]byte, 4)
	binary.NativeEndian.PutUint32(flags, 0x20) // FS_APPEND_FL
	must(t, "chattr +a", n(task.Ioctl(file, unix.FS_IOC_SETFLAGS, &vfs.IoctlArg{In: flags})))
	bad := binary.LittleEndian.AppendUint32(nil, 7)
	wantErr(t, "a list's version before what the file forbids", task.Setxattr(vfs.AtCWD, "/f", "system.posix_acl_access", bad, 0, 0), unix.EOPNOTSUPP)
	wantErr(t, "what the file forbids", task.Setxattr(vfs.AtCWD, "/f", "user.a", nil, 0, 0), unix.EPERM)
	must(t, "chattr -a", n(task.Ioctl(file, unix.FS_IOC_SETFLAGS, &vfs.IoctlArg{In: make([]byte, 4)})))

	// A relative walk that has not met the root does not know that it stays on
	// one mount when a link leads there.
	must(t, "symlink", task.Symlinkat("/", vfs.AtCWD, "/root"))
	noXdev := vfs.OpenHow{Resolve: unix.RESOLVE_NO_XDEV}
	wantErr(t, "a relative path to the root", fd(task.Openat2(vfs.AtCWD, "root", noXdev)), unix.EXDEV)
	wantErr(t, "an absolute path to the root", fd(task.Openat2(vfs.AtCWD, "/root", noXdev)), nil)
}

func ptr(n int64) *int64 { return &n }

// TestLinkOfADescriptor: AT_EMPTY_PATH is for those who opened it, with the
// identity that they still have, and for those who may read everything.
func TestLinkOfADescriptor(t *testing.T) {
	root := newRoot(t, "")
	must(t, "chmod", root.Fchmodat(vfs.AtCWD, "/", 0o777, 0))
	user := clone(t, root, vfs.UserCred(1000, 1000), vfs.CloneFiles)
	link := func(who *vfs.Task, fd int) error {
		err := who.Linkat(vfs.AtFD(fd), "", vfs.AtCWD, "/new", unix.AT_EMPTY_PATH)
		if err == nil {
			must(t, "unlink", root.Unlinkat(vfs.AtCWD, "/new", 0))
		}
		return err
	}
	own := open(t, user, "/own", unix.O_CREAT|unix.O_RDWR)
	roots := open(t, root, "/roots", unix.O_CREAT|unix.O_RDWR)
	wantErr(t, "what the user has opened", link(user, own), nil)
	wantErr(t, "what root has opened", link(user, roots), unix.ENOENT)
	wantErr(t, "root, what the user has opened", link(root, own), nil)
	same := *user.Cred()
	user.SetCred(&same)
	wantErr(t, "what the user opened as another identity", link(user, own), unix.ENOENT)
}

// TestRemovedDirectoryKeepsItsParent: what another directory was renamed over is
// still below the directory that it was in.
func TestRemovedDirectoryKeepsItsParent(t *testing.T) {
	task := newRoot(t, "")
	for _, dir := range []string{"/from", "/from/moved", "/to", "/to/over"} {
		must(t, "mkdir", task.Mkdirat(vfs.AtCWD, dir, 0o755))
	}
	over := open(t, task, "/to/over", unix.O_RDONLY)
	must(t, "rename", task.Renameat2(vfs.AtCWD, "/from/moved", vfs.AtCWD, "/to/over", 0))
	var st vfs.Stat
	must(t, "stat ..", task.Fstatat(vfs.AtFD(over), "..", &st, 0))
	if want := stat(t, task, "/to"); st.Ino != want.Ino {
		t.Errorf("the parent of the removed directory is inode %d, want %d", st.Ino, want.Ino)
	}
	must(t, "stat ..", task.Stat("/to/over/..", &st))
	if want := stat(t, task, "/to"); st.Ino != want.Ino {
		t.Errorf("the parent of the moved directory is inode %d, want %d", st.Ino, want.Ino)
	}
	must(t, "rmdir", task.Unlinkat(vfs.AtCWD, "/from", unix.AT_REMOVEDIR))
	if err := vfs.CheckSuper(task.Namespace().Superblock()); err != nil {
		t.Error(err)
	}
}

// TestCapabilitiesRead: file capabilities are shown as the reader's namespace
// has them, and not at all if they are none.
func TestCapabilitiesRead(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "")
	const name = "security.capability"
	value := func(revision byte, words ...uint32) []byte {
		v := []byte{1, 0, 0, revision}
		for _, w := range words {
			v = binary.LittleEndian.AppendUint32(v, w)
		}
		return v
	}
	for _, c := range []struct {
		what         string
		stored, read []byte
		want         error
	}{
		{"revision 2", value(2, 1, 2, 3, 4), value(2, 1, 2, 3, 4), nil},
		{"revision 3 of our root", value(3, 1, 2, 3, 4, 0), value(2, 1, 2, 3, 4), nil},
		{"revision 3 of another root", value(3, 1, 2, 3, 4, 1000), value(3, 1, 2, 3, 4, 1000), nil},
		{"nothing", nil, nil, unix.EINVAL},
	} {
		must(t, "setxattr", task.Setxattr(vfs.AtCWD, "/f", name, c.stored, 0, 0))
		buf := make([]byte, 100)
		n, err := task.Getxattr(vfs.AtCWD, "/f", name, buf, 0)
		wantErr(t, c.what, err, c.want)
		if err != nil {
			continue
		}
		if string(buf[:n]) != string(c.read) {
			t.Errorf("%s: %x, want %x", c.what, buf[:n], c.read)
		}
		if n, err := task.Getxattr(vfs.AtCWD, "/f", name, nil, 0); n != len(c.read) || err != nil {
			t.Errorf("%s: length %d, %v", c.what, n, err)
		}
		if _, err := task.Getxattr(vfs.AtCWD, "/f", name, buf[:10], 0); err != unix.ERANGE {
			t.Errorf("%s into ten bytes: %v", c.what, err)
		}
	}
}

// TestRemovedACLTakesSetgid from a file whose group its owner is not in, as a new
// one does.
func TestRemovedACLTakesSetgid(t *testing.T) {
	root := newRoot(t, "")
	user := clone(t, root, vfs.UserCred(1000, 1000), 0)
	create(t, root, "/f", "")
	must(t, "chown", root.Fchownat(vfs.AtCWD, "/f", 1000, 2000, 0))
	must(t, "chmod", root.Fchmodat(vfs.AtCWD, "/f", 0o2755, 0))
	must(t, "removexattr", user.Removexattr(vfs.AtCWD, "/f", "system.posix_acl_access", 0))
	if mode := stat(t, root, "/f").Mode; mode != unix.S_IFREG|0o755 {
		t.Errorf("the mode is %o", mode)
	}
}
