package vfs_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

func TestWhoMayChangeAttributes(t *testing.T) {
	task := newRoot(t, "")
	owner, member, other := vfs.UserCred(10, 20, 21), vfs.UserCred(11, 20), vfs.UserCred(12, 22)
	writer := vfs.UserCred(13, 20) // the group may write
	chowner := vfs.UserCred(14, 14)
	chowner.Caps = chowner.Caps.With(vfs.CapChown)
	fowner := vfs.UserCred(15, 15)
	fowner.Caps = fowner.Caps.With(vfs.CapFowner)
	const same = ^uint32(0)
	some := &[2]vfs.Utime{{Timespec: vfs.Timespec{Sec: 1}}, {Omit: true}}
	for _, c := range []struct {
		what   string
		cred   *vfs.Cred
		change func(task *vfs.Task) error
		want   error
	}{
		{"chmod by the owner", owner, func(t *vfs.Task) error { return t.Fchmodat(vfs.AtCWD, "/f", 0o600, 0) }, nil},
		{"chmod by the group", member, func(t *vfs.Task) error { return t.Fchmodat(vfs.AtCWD, "/f", 0o600, 0) }, unix.EPERM},
		{"chmod with CAP_FOWNER", fowner, func(t *vfs.Task) error { return t.Fchmodat(vfs.AtCWD, "/f", 0o600, 0) }, nil},
		{"chown by the owner", owner, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", 11, same, 0) }, unix.EPERM},
		{"chown by the owner to himself", owner, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", 10, same, 0) }, nil},
		{"chown with CAP_CHOWN", chowner, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", 11, 99, 0) }, nil},
		{"chgrp by the owner to a group of his", owner, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", same, 21, 0) }, nil},
		{"chgrp by the owner to another", owner, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", same, 99, 0) }, unix.EPERM},
		{"chgrp by the group", member, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", same, 20, 0) }, unix.EPERM},
		{"chown of nothing by anybody", other, func(t *vfs.Task) error { return t.Fchownat(vfs.AtCWD, "/f", same, same, 0) }, nil},
		{"times by the owner", owner, func(t *vfs.Task) error { return t.Utimensat(vfs.AtCWD, "/f", some, 0) }, nil},
		{"times by who may write", writer, func(t *vfs.Task) error { return t.Utimensat(vfs.AtCWD, "/f", some, 0) }, unix.EPERM},
		{"now by who may write", writer, func(t *vfs.Task) error { return t.Utimensat(vfs.AtCWD, "/f", nil, 0) }, nil},
		{"now, said twice, by who may write", writer, func(t *vfs.Task) error {
			return t.Utimensat(vfs.AtCWD, "/f", &[2]vfs.Utime{{Now: true}, {Now: true}}, 0)
		}, nil},
		{"now and nothing by who may write", writer, func(t *vfs.Task) error {
			return t.Utimensat(vfs.AtCWD, "/f", &[2]vfs.Utime{{Now: true}, {Omit: true}}, 0)
		}, unix.EPERM},
		{"now by anybody", other, func(t *vfs.Task) error { return t.Utimensat(vfs.AtCWD, "/f", nil, 0) }, unix.EACCES},
		{"truncate by who may write", writer, func(t *vfs.Task) error { return t.Truncate("/f", 1) }, nil},
		{"truncate by anybody", other, func(t *vfs.Task) error { return t.Truncate("/f", 1) }, unix.EACCES},
	} {
		create(t, task, "/f", "data")
		must(t, "chown", task.Fchownat(vfs.AtCWD, "/f", 10, 20, 0))
		must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/f", 0o664, 0))
		wantErr(t, c.what, c.change(clone(t, task, c.cred, 0)), c.want)
		must(t, "unlink", task.Unlinkat(vfs.AtCWD, "/f", 0))
	}
}

func TestSetgidNeedsTheGroup(t *testing.T) {
	task := newRoot(t, "")
	for _, c := range []struct {
		what string
		cred *vfs.Cred
		want uint32
	}{
		{"a member", vfs.UserCred(10, 20), 0o2755},
		{"another group", vfs.UserCred(10, 99), 0o755},
		{"root", nil, 0o2755},
	} {
		create(t, task, "/f", "")
		must(t, "chown", task.Fchownat(vfs.AtCWD, "/f", 10, 20, 0))
		must(t, "chmod", clone(t, task, c.cred, 0).Fchmodat(vfs.AtCWD, "/f", 0o2755, 0))
		if got := stat(t, task, "/f").Mode & 0o7777; got != c.want {
			t.Errorf("%s: mode %o, want %o", c.what, got, c.want)
		}
		must(t, "unlink", task.Unlinkat(vfs.AtCWD, "/f", 0))
	}
}

func TestFlagsThatForbidChanges(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "data")
	fd := open(t, task, "/f", unix.O_RDWR|unix.O_APPEND)
	f, err := task.File(fd)
	must(t, "file", err)
	defer f.Put(task)
	in := f.Inode()
	defer in.SetFlags(0)
	given := &[2]vfs.Utime{{Timespec: vfs.Timespec{Sec: 1}}, {Timespec: vfs.Timespec{Sec: 1}}}
	for _, c := range []struct {
		what                 string
		change               func() error
		immutable, appending error
	}{
		{"chmod", func() error { return task.Fchmod(fd, 0o600) }, unix.EPERM, unix.EPERM},
		{"chown", func() error { return task.Fchown(fd, 1, 1) }, unix.EPERM, unix.EPERM},
		{"times", func() error { return task.Futimens(fd, given) }, unix.EPERM, unix.EPERM},
		{"now", func() error { return task.Futimens(fd, nil) }, unix.EPERM, nil},
		{"truncate", func() error { return task.Truncate("/f", 1) }, unix.EPERM, unix.EPERM},
		{"ftruncate", func() error { return task.Ftruncate(fd, 4) }, nil, unix.EPERM},
		{"setxattr", func() error { return task.Fsetxattr(fd, "user.a", nil, 0) }, unix.EPERM, unix.EPERM},
		{"removexattr", func() error { return task.Fremovexattr(fd, "trusted.a") }, unix.EPERM, unix.EPERM},
		{"a hole", func() error { return task.Fallocate(fd, 3, 0, 1) }, unix.EPERM, unix.EPERM},
		{"preallocation", func() error { return task.Fallocate(fd, 1, 0, 1) }, unix.EPERM, nil},
		{"no O_APPEND", func() error { return task.SetFL(fd, 0) }, nil, unix.EPERM},
	} {
		in.SetFlags(vfs.FlagImmutable)
		wantErr(t, c.what+" of an immutable file", c.change(), c.immutable)
		in.SetFlags(0)
		must(t, "F_SETFL", task.SetFL(fd, unix.O_APPEND))
		in.SetFlags(vfs.FlagAppend)
		wantErr(t, c.what+" of an append-only file", c.change(), c.appending)
		in.SetFlags(0)
	}
	in.SetFlags(vfs.FlagImmutable | vfs.FlagAppend)
	var st vfs.Stat
	must(t, "fstat", task.Fstat(fd, &st))
	if st.Attrs&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND {
		t.Errorf("attributes %x", st.Attrs)
	}
}

func TestTruncateErrors(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "data")
	newFIFO(t, task)
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	r, d := open(t, task, "/f", unix.O_RDONLY), open(t, task, "/d", unix.O_RDONLY)
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"a negative size, before the path", task.Truncate("/none", -1), unix.EINVAL},
		{"no file", task.Truncate("/none", 0), unix.ENOENT},
		{"a directory", task.Truncate("/d", 0), unix.EISDIR},
		{"a FIFO", task.Truncate("/fifo", 0), unix.EINVAL},
		{"a negative size, before the descriptor", task.Ftruncate(99, -1), unix.EINVAL},
		{"a bad descriptor", task.Ftruncate(99, 0), unix.EBADF},
		{"a file not open for writing", task.Ftruncate(r, 0), unix.EINVAL},
		{"a descriptor of a directory", task.Ftruncate(d, 0), unix.EINVAL},
	} {
		wantErr(t, c.what, c.err, c.want)
	}
	f, err := task.File(r)
	must(t, "file", err)
	defer f.Put(task)
	must(t, "execution", f.Inode().DenyWrite())
	wantErr(t, "a file that is executed", task.Truncate("/f", 0), unix.ETXTBSY)
	f.Inode().AllowWrite()
	must(t, "truncate", task.Truncate("/f", 2))
	if got := content(t, task, "/f"); got != "da" {
		t.Errorf("content %q", got)
	}
	must(t, "truncate", task.Truncate("/f", 4))
	if got := content(t, task, "/f"); got != "da\x00\x00" {
		t.Errorf("content %q", got)
	}
}

func TestUtimensat(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "")
	must(t, "symlink", task.Symlinkat("f", vfs.AtCWD, "/l"))
	at, mt := vfs.Timespec{Sec: 100, Nsec: 5}, vfs.Timespec{Sec: -7, Nsec: 999999999}
	must(t, "utimensat", task.Utimensat(vfs.AtCWD, "/l", &[2]vfs.Utime{{Timespec: at}, {Timespec: mt}}, 0))
	st := stat(t, task, "/f")
	if st.Atime != at || st.Mtime != mt || time.Since(st.Ctime.Time()) > time.Minute {
		t.Errorf("times %v %v %v", st.Atime, st.Mtime, st.Ctime)
	}
	must(t, "utimensat of the link", task.Utimensat(vfs.AtCWD, "/l", &[2]vfs.Utime{{Omit: true}, {Timespec: at}}, unix.AT_SYMLINK_NOFOLLOW))
	if l := stat(t, task, "/l"); l.Mtime != at {
		t.Errorf("time of the link %v", l.Mtime)
	}
	must(t, "both omitted, of nothing", task.Utimensat(vfs.AtFD(99), "none", &[2]vfs.Utime{{Omit: true}, {Omit: true}}, 1<<20))
	late := &[2]vfs.Utime{{Timespec: vfs.Timespec{Nsec: 1e9}}, {}}
	wantErr(t, "nanoseconds out of range", task.Utimensat(vfs.AtCWD, "/f", late, 0), unix.EINVAL)
	wantErr(t, "nanoseconds out of range, of nothing", task.Utimensat(vfs.AtCWD, "/none", late, 0), unix.ENOENT)
	wantErr(t, "unknown flags", task.Utimensat(vfs.AtCWD, "/none", nil, 1<<20), unix.EINVAL)
	wantErr(t, "mode of a symlink", task.Fchmodat(vfs.AtCWD, "/l", 0o777, unix.AT_SYMLINK_NOFOLLOW), unix.EOPNOTSUPP)
	fd := open(t, task, "/f", unix.O_RDONLY)
	must(t, "futimens", task.Futimens(fd, &[2]vfs.Utime{{Timespec: at}, {Omit: true}}))
	must(t, "utimensat of the descriptor", task.Utimensat(vfs.AtFD(fd), "", &[2]vfs.Utime{{Omit: true}, {Timespec: at}}, unix.AT_EMPTY_PATH))
	if st := stat(t, task, "/f"); st.Atime != at || st.Mtime != at {
		t.Errorf("times %v %v", st.Atime, st.Mtime)
	}
}

func TestAccessTimePolicy(t *testing.T) {
	long := vfs.Timespec{Sec: 1000}
	for _, c := range []struct {
		what         string
		mount        vfs.SuperFlags
		open         int
		atime, mtime vfs.Timespec
		moves        bool
	}{
		{"relatime, older than the change", 0, 0, long, long, true},
		{"relatime, a day old", 0, 0, vfs.TimespecOf(time.Now().Add(-25 * time.Hour)), long, true},
		{"relatime, newer than the change", 0, 0, vfs.TimespecOf(time.Now().Add(time.Hour)), long, false},
		{"strictatime", unix.MS_STRICTATIME, 0, vfs.TimespecOf(time.Now().Add(time.Hour)), long, true},
		{"noatime", unix.MS_NOATIME, 0, long, long, false},
		{"O_NOATIME", 0, unix.O_NOATIME, long, long, false},
		{"nodiratime on a file", unix.MS_NODIRATIME, 0, long, long, true},
		{"read-only", unix.MS_RDONLY, 0, long, long, false},
	} {
		task := newRoot(t, "")
		must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/m", 0o755))
		must(t, "mount", task.Mount("none", "/m", "memfs", c.mount&^unix.MS_RDONLY, ""))
		create(t, task, "/m/f", "x")
		if c.mount&unix.MS_RDONLY != 0 {
			must(t, "remount", task.Mount("none", "/m", "memfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		} else {
			must(t, "utimensat", task.Utimensat(vfs.AtCWD, "/m/f", &[2]vfs.Utime{{Timespec: c.atime}, {Timespec: c.mtime}}, 0))
		}
		before := stat(t, task, "/m/f").Atime
		fd := open(t, task, "/m/f", unix.O_RDONLY|c.open)
		if n, err := task.Read(fd, make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("read: %d, %v", n, err)
		}
		if moved := stat(t, task, "/m/f").Atime != before; moved != c.moves {
			t.Errorf("%s: the access time moved: %v", c.what, moved)
		}
		must(t, "close", task.Close(fd))
		must(t, "umount", task.Umount("/m", 0))
	}
}

func TestStatfs(t *testing.T) {
	task := newRoot(t, "size=1m")
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/m", 0o755))
	must(t, "mount", task.Mount("none", "/m", "memfs", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NOATIME, ""))
	var root, sub vfs.StatFS
	must(t, "statfs", task.Statfs(vfs.AtCWD, "/", &root))
	must(t, "statfs", task.Statfs(vfs.AtCWD, "/m", &sub))
	if root.Blocks != 256 || root.Frsize != 4096 || root.Namelen != 255 {
		t.Errorf("statfs %+v", root)
	}
	const valid, nosuid, noexec, noatime, relatime = 0x20, 0x2, 0x8, 0x400, 0x1000
	if root.Flags != valid|relatime || sub.Flags != valid|nosuid|noexec|noatime {
		t.Errorf("flags %#x and %#x", root.Flags, sub.Flags)
	}
	must(t, "umount", task.Umount("/m", 0))
	wantErr(t, "fstatfs of a bad descriptor", task.Fstatfs(99, &root), unix.EBADF)
}

func TestReadOnlyMountRefusesChanges(t *testing.T) {
	task := newRoot(t, "")
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/m", 0o755))
	must(t, "mount", task.Mount("none", "/m", "memfs", 0, ""))
	create(t, task, "/m/f", "x")
	must(t, "remount", task.Mount("none", "/m", "memfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	for what, err := range map[string]error{
		"chmod":       task.Fchmodat(vfs.AtCWD, "/m/f", 0, 0),
		"chown":       task.Fchownat(vfs.AtCWD, "/m/f", 1, 1, 0),
		"utimensat":   task.Utimensat(vfs.AtCWD, "/m/f", nil, 0),
		"truncate":    task.Truncate("/m/f", 0),
		"setxattr":    task.Setxattr(vfs.AtCWD, "/m/f", "user.a", nil, 0, 0),
		"removexattr": task.Removexattr(vfs.AtCWD, "/m/f", "user.a", 0),
	} {
		wantErr(t, what, err, unix.EROFS)
	}
	must(t, "umount", task.Umount("/m", 0))
}
