package vfs_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// capRevision is the head of a file capability of revision 2.
func capRevision() []byte {
	return binary.LittleEndian.AppendUint32(nil, 0x02000000)
}

// validCap is a file capability that grants nothing.
func validCap() []byte { return append(capRevision(), make([]byte, 16)...) }

func TestXattrNamesAndValues(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "")
	must(t, "mknod", task.Mknodat(vfs.AtCWD, "/fifo", unix.S_IFIFO|0o666, 0))
	must(t, "symlink", task.Symlinkat("/f", vfs.AtCWD, "/l"))
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/sticky", 0o755))
	must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/sticky", 0o1777, 0))
	user := clone(t, task, vfs.UserCred(9, 9), 0)
	x := []byte("x")
	set := func(task *vfs.Task, path, name string, value []byte, flags int) error {
		return task.Setxattr(vfs.AtCWD, path, name, value, flags, unix.AT_SYMLINK_NOFOLLOW)
	}
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"unknown flags, before the name", set(task, "/none", "", x, 4), unix.EINVAL},
		{"an empty name, before the path", set(task, "/none", "", x, 0), unix.ERANGE},
		{"a name of 256 bytes", set(task, "/none", "user."+strings.Repeat("n", 251), x, 0), unix.ERANGE},
		{"a value beyond the limit", set(task, "/none", "user.a", make([]byte, 65537), 0), unix.E2BIG},
		{"no file", set(task, "/none", "user.a", x, 0), unix.ENOENT},
		{"a namespace without a name", set(task, "/f", "user.", x, 0), unix.EINVAL},
		{"a namespace that is none", set(task, "/f", "foo.bar", x, 0), unix.EOPNOTSUPP},
		{"a replacement of nothing", set(task, "/f", "user.a", x, vfs.XattrReplace), unix.ENODATA},
		{"a creation", set(task, "/f", "user.a", x, vfs.XattrCreate), nil},
		{"a second creation", set(task, "/f", "user.a", x, vfs.XattrCreate), unix.EEXIST},
		{"a replacement", set(task, "/f", "user.a", []byte("longer"), vfs.XattrReplace), nil},
		{"user. on a FIFO", set(task, "/fifo", "user.a", x, 0), unix.EPERM},
		{"user. on a symlink", set(task, "/l", "user.a", x, 0), unix.EPERM},
		{"trusted. on a symlink", set(task, "/l", "trusted.a", x, 0), nil},
		{"trusted. of a user", set(user, "/f", "trusted.a", x, 0), unix.EPERM},
		{"security. of a user", set(user, "/f", "security.a", x, 0), unix.EPERM},
		{"user. without the right to write", set(user, "/f", "user.b", x, 0), unix.EACCES},
		{"user. on somebody else's sticky directory", set(user, "/sticky", "user.a", x, 0), unix.EPERM},
		{"capabilities that are none", set(task, "/f", "security.capability", x, 0), unix.EINVAL},
		{"capabilities that are none, of a user", set(user, "/f", "security.capability", x, 0), unix.EINVAL},
		{"capabilities of a user", set(user, "/f", "security.capability", validCap(), 0), unix.EPERM},
		{"capabilities", set(task, "/f", "security.capability", validCap(), 0), nil},
		{"no capabilities any more, of a user", user.Removexattr(vfs.AtCWD, "/f", "security.capability", 0), unix.EPERM},
		{"removal of what is not there", task.Removexattr(vfs.AtCWD, "/f", "user.none", 0), unix.ENODATA},
		{"unknown flags of the path", task.Removexattr(vfs.AtCWD, "/f", "user.a", 1<<20), unix.EINVAL},
	} {
		wantErr(t, c.what, c.err, c.want)
	}

	get := func(task *vfs.Task, path, name string, room int) (string, error) {
		buf := make([]byte, room)
		n, err := task.Getxattr(vfs.AtCWD, path, name, buf, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil || room == 0 {
			return strings.Repeat("?", n), err
		}
		return string(buf[:n]), nil
	}
	for _, c := range []struct {
		what       string
		task       *vfs.Task
		path, name string
		room       int
		want       string
		err        error
	}{
		{"the length", task, "/f", "user.a", 0, "??????", nil},
		{"the value", task, "/f", "user.a", 100, "longer", nil},
		{"too little room", task, "/f", "user.a", 5, "", unix.ERANGE},
		{"what is not there", task, "/f", "user.none", 5, "", unix.ENODATA},
		{"user. of a FIFO", task, "/fifo", "user.a", 5, "", unix.ENODATA},
		{"trusted. of a symlink", task, "/l", "trusted.a", 5, "x", nil},
		{"trusted. for a user", user, "/l", "trusted.a", 5, "", unix.ENODATA},
		{"user. for a user who may read", user, "/f", "user.a", 9, "longer", nil},
	} {
		if got, err := get(c.task, c.path, c.name, c.room); got != c.want || err != c.err {
			t.Errorf("%s: %q, %v, want %q, %v", c.what, got, err, c.want, c.err)
		}
	}
	must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/f", 0o600, 0))
	_, err := get(user, "/f", "user.a", 9)
	wantErr(t, "user. for a user who may not read", err, unix.EACCES)

	names := func(task *vfs.Task, path string) string {
		buf := make([]byte, 1000)
		n, err := task.Listxattr(vfs.AtCWD, path, buf, unix.AT_SYMLINK_NOFOLLOW)
		must(t, "listxattr", err)
		return string(buf[:n])
	}
	if got := names(task, "/l"); got != "trusted.a\x00" {
		t.Errorf("names %q", got)
	}
	if got := names(user, "/l"); got != "" {
		t.Errorf("names for a user %q", got)
	}
	_, err = task.Listxattr(vfs.AtCWD, "/l", make([]byte, 3), unix.AT_SYMLINK_NOFOLLOW)
	wantErr(t, "listxattr with too little room", err, unix.ERANGE)
	if n, err := task.Listxattr(vfs.AtCWD, "/l", nil, unix.AT_SYMLINK_NOFOLLOW); n != 10 || err != nil {
		t.Errorf("length of the names: %d, %v", n, err)
	}
}

func TestWritingTakesCapabilitiesAndSetuid(t *testing.T) {
	task := newRoot(t, "")
	user := clone(t, task, vfs.UserCred(9, 9), 0)
	caps := func() bool {
		_, err := task.Getxattr(vfs.AtCWD, "/f", "security.capability", nil, 0)
		return err == nil
	}
	for name, c := range map[string]struct {
		by     *vfs.Task
		mode   uint32
		change func(task *vfs.Task, fd int) error
		want   uint32
		caps   bool
	}{
		"write by a user":            {user, 0o6777, func(task *vfs.Task, fd int) error { _, err := task.Write(fd, []byte("x")); return err }, 0o777, false},
		"empty write by a user":      {user, 0o6777, func(task *vfs.Task, fd int) error { _, err := task.Write(fd, nil); return err }, 0o6777, true},
		"write by root":              {task, 0o6777, func(task *vfs.Task, fd int) error { _, err := task.Write(fd, []byte("x")); return err }, 0o6777, false},
		"ftruncate by a user":        {user, 0o6777, func(task *vfs.Task, fd int) error { return task.Ftruncate(fd, 1) }, 0o777, false},
		"fallocate by a user":        {user, 0o6777, func(task *vfs.Task, fd int) error { return task.Fallocate(fd, 0, 0, 1) }, 0o777, false},
		"setgid without group exec":  {user, 0o2767, func(task *vfs.Task, fd int) error { _, err := task.Write(fd, []byte("x")); return err }, 0o767, false},
		"chown by root, of nothing":  {task, 0o6777, func(task *vfs.Task, fd int) error { return task.Fchown(fd, ^uint32(0), ^uint32(0)) }, 0o777, false},
		"chown, setgid as mark":      {task, 0o2767, func(task *vfs.Task, fd int) error { return task.Fchown(fd, 3, ^uint32(0)) }, 0o2767, false},
		"chmod":                      {task, 0o755, func(task *vfs.Task, fd int) error { return task.Fchmod(fd, 0o4755) }, 0o4755, true},
		"utimes by a user who may":   {user, 0o6777, func(task *vfs.Task, fd int) error { return task.Futimens(fd, nil) }, 0o6777, true},
		"truncate by a user by path": {user, 0o6777, func(task *vfs.Task, _ int) error { return task.Truncate("/f", 0) }, 0o777, false},
	} {
		create(t, task, "/f", "data")
		must(t, "chown", task.Fchownat(vfs.AtCWD, "/f", 7, 7, 0))
		must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/f", 0o777, 0))
		fd := open(t, c.by, "/f", unix.O_RDWR)
		must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/f", c.mode, 0))
		must(t, "setxattr", task.Setxattr(vfs.AtCWD, "/f", "security.capability", validCap(), 0, 0))
		must(t, name, c.change(c.by, fd))
		if got := stat(t, task, "/f").Mode & 0o7777; got != c.want || caps() != c.caps {
			t.Errorf("%s: mode %o, capabilities %v, want %o, %v", name, got, caps(), c.want, c.caps)
		}
		must(t, "close", c.by.Close(fd))
		must(t, "unlink", task.Unlinkat(vfs.AtCWD, "/f", 0))
	}
}
