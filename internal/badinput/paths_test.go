package badinput

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

// newTask is root in a memory file system of one MiB, with /dir, /dir/file and
// /link, a symlink to /dir. Nothing of it may be left at the end.
func newTask(t *testing.T) *vfs.Task {
	t.Helper()
	before := vfs.Superblocks()
	ns, err := memfs.New(context.Background(), "size=1m")
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(vfs.RootCred())
	t.Cleanup(func() {
		task.Exit()
		if err := vfs.CheckSuper(ns.Superblock()); err != nil {
			t.Error(err)
		}
		ns.Close(context.Background())
		if n := vfs.Superblocks(); n != before {
			t.Errorf("%d superblocks are left", n-before)
		}
	})
	ok(t, task.Mkdirat(vfs.AtCWD, "/dir", 0o755))
	ok(t, task.Mknodat(vfs.AtCWD, "/dir/file", unix.S_IFREG|0o644, 0))
	ok(t, task.Symlinkat("/dir", vfs.AtCWD, "/link"))
	return task
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pathCall is a call that takes a path.
type pathCall struct {
	name string
	call func(t *vfs.Task, path string) error
	// creates: the path is of something new, and there is no EEXIST to hide
	// behind.
	creates bool
}

func pathCalls() []pathCall {
	at := vfs.AtCWD
	fd := func(_ int, err error) error { return err }
	return []pathCall{
		{"open", func(t *vfs.Task, p string) error { return fd(t.Openat(at, p, unix.O_RDONLY, 0)) }, false},
		{"open O_PATH", func(t *vfs.Task, p string) error { return fd(t.Openat(at, p, unix.O_PATH, 0)) }, false},
		{"open O_CREAT", func(t *vfs.Task, p string) error { return fd(t.Openat(at, p, unix.O_CREAT|unix.O_WRONLY, 0o600)) }, true},
		{"open O_TMPFILE", func(t *vfs.Task, p string) error { return fd(t.Openat(at, p, unix.O_TMPFILE|unix.O_RDWR, 0o600)) }, false},
		{"openat2", func(t *vfs.Task, p string) error { return fd(t.Openat2(at, p, vfs.OpenHow{})) }, false},
		{"mkdir", func(t *vfs.Task, p string) error { return t.Mkdirat(at, p, 0o755) }, true},
		{"mknod", func(t *vfs.Task, p string) error { return t.Mknodat(at, p, unix.S_IFIFO|0o600, 0) }, true},
		{"symlink", func(t *vfs.Task, p string) error { return t.Symlinkat("body", at, p) }, true},
		{"link from", func(t *vfs.Task, p string) error { return t.Linkat(at, p, at, "/new", 0) }, false},
		{"link to", func(t *vfs.Task, p string) error { return t.Linkat(at, "/dir/file", at, p, 0) }, true},
		{"unlink", func(t *vfs.Task, p string) error { return t.Unlinkat(at, p, 0) }, false},
		{"rmdir", func(t *vfs.Task, p string) error { return t.Unlinkat(at, p, unix.AT_REMOVEDIR) }, false},
		{"rename from", func(t *vfs.Task, p string) error { return t.Renameat2(at, p, at, "/new", 0) }, false},
		{"rename to", func(t *vfs.Task, p string) error { return t.Renameat2(at, "/dir/file", at, p, 0) }, true},
		{"readlink", func(t *vfs.Task, p string) error { return fd(t.Readlinkat(at, p, make([]byte, 16))) }, false},
		{"access", func(t *vfs.Task, p string) error { return t.Faccessat(at, p, unix.R_OK, 0) }, false},
		{"stat", func(t *vfs.Task, p string) error { return t.Stat(p, new(vfs.Stat)) }, false},
		{"lstat", func(t *vfs.Task, p string) error { return t.Lstat(p, new(vfs.Stat)) }, false},
		{"statfs", func(t *vfs.Task, p string) error { return t.Statfs(at, p, new(vfs.StatFS)) }, false},
		{"chmod", func(t *vfs.Task, p string) error { return t.Fchmodat(at, p, 0o600, 0) }, false},
		{"chown", func(t *vfs.Task, p string) error { return t.Fchownat(at, p, 0, 0, 0) }, false},
		{"utimens", func(t *vfs.Task, p string) error { return t.Utimensat(at, p, nil, 0) }, false},
		{"truncate", func(t *vfs.Task, p string) error { return t.Truncate(p, 0) }, false},
		{"setxattr", func(t *vfs.Task, p string) error { return t.Setxattr(at, p, "user.a", nil, 0, 0) }, false},
		{"getxattr", func(t *vfs.Task, p string) error { return fd(t.Getxattr(at, p, "user.a", nil, 0)) }, false},
		{"listxattr", func(t *vfs.Task, p string) error { return fd(t.Listxattr(at, p, nil, 0)) }, false},
		{"removexattr", func(t *vfs.Task, p string) error { return t.Removexattr(at, p, "user.a", 0) }, false},
		{"chdir", func(t *vfs.Task, p string) error { return t.Chdir(p) }, false},
		{"chroot", func(t *vfs.Task, p string) error { return t.Chroot(p) }, false},
		{"mount", func(t *vfs.Task, p string) error { return t.Mount("none", p, "memfs", 0, "") }, false},
		{"bind from", func(t *vfs.Task, p string) error { return t.Mount(p, "/dir", "", unix.MS_BIND, nil) }, false},
		{"umount", func(t *vfs.Task, p string) error { return t.Umount(p, 0) }, false},
	}
}

func TestBadPaths(t *testing.T) {
	long, tooLong := strings.Repeat("n", vfs.NameMax), strings.Repeat("n", vfs.NameMax+1)
	longest := "/" + strings.Repeat("./", (vfs.PathMax-2)/2)
	longest = longest[:vfs.PathMax-1]
	for _, c := range []struct {
		what, path   string
		want, create error // nil: no matter
	}{
		{"an empty path", "", unix.ENOENT, unix.ENOENT},
		{"a NUL at the end", "/dir/file\x00", unix.EINVAL, unix.EINVAL},
		{"a NUL in a name", "/dir/fi\x00le", unix.EINVAL, unix.EINVAL},
		{"a NUL alone", "\x00", unix.EINVAL, unix.EINVAL},
		{"a name of 256 bytes", "/" + tooLong, unix.ENAMETOOLONG, unix.ENAMETOOLONG},
		{"a directory's name of 256 bytes", "/" + tooLong + "/x", unix.ENAMETOOLONG, unix.ENAMETOOLONG},
		{"a name of 255 bytes", "/" + long, unix.ENOENT, nil},
		{"a path of 4096 bytes", longest + "x", unix.ENAMETOOLONG, unix.ENAMETOOLONG},
		{"a path of 4096 slashes", strings.Repeat("/", vfs.PathMax), unix.ENAMETOOLONG, unix.ENAMETOOLONG},
		{"a path of a million bytes", strings.Repeat("x/", 500_000), unix.ENAMETOOLONG, unix.ENAMETOOLONG},
		{"a file as a directory", "/dir/file/x", unix.ENOTDIR, unix.ENOTDIR},
		{"a file with a slash", "/dir/file/", unix.ENOTDIR, nil},
		{"a missing directory", "/gone/x", unix.ENOENT, unix.ENOENT},
	} {
		for _, call := range pathCalls() {
			want := c.want
			if call.creates {
				want = c.create
			}
			if c.path == "" && call.name == "bind from" {
				want = unix.EINVAL // no source at all
			}
			task := newTask(t)
			err := call.call(task, c.path)
			switch {
			case want == nil:
				if _, isErrno := err.(syscall.Errno); err != nil && !isErrno {
					t.Errorf("%s with %s: %v", call.name, c.what, err)
				}
			case err != want:
				t.Errorf("%s with %s: %v, want %v", call.name, c.what, err, want)
			}
		}
	}
}

// TestLongestPath: one byte less than what is too long is not too long.
func TestLongestPath(t *testing.T) {
	task := newTask(t)
	path := strings.Repeat("./", vfs.PathMax)[:vfs.PathMax-len("/dir/file")-1] + "/dir/file"
	path = "/." + path[2:]
	if len(path) != vfs.PathMax-1 {
		t.Fatalf("the path has %d bytes", len(path))
	}
	ok(t, task.Stat(path, new(vfs.Stat)))
	body := strings.Repeat("b", vfs.PathMax-1)
	ok(t, task.Symlinkat(body, vfs.AtCWD, "/long"))
	buf := make([]byte, vfs.PathMax)
	if n, err := task.Readlinkat(vfs.AtCWD, "/long", buf); err != nil || string(buf[:n]) != body {
		t.Errorf("the longest body: %d, %v", n, err)
	}
}

func TestBadSymlinkBodies(t *testing.T) {
	task := newTask(t)
	for body, want := range map[string]error{
		"": unix.ENOENT, "a\x00b": unix.EINVAL, strings.Repeat("b", vfs.PathMax): unix.ENAMETOOLONG,
	} {
		if err := task.Symlinkat(body, vfs.AtCWD, "/new"); err != want {
			t.Errorf("%.20q: %v, want %v", body, err, want)
		}
	}
	// A chain of more than forty is a loop to a walk, even if it has an end.
	last := "/dir"
	for i := range 41 {
		name := fmt.Sprintf("/l%d", i)
		ok(t, task.Symlinkat(last, vfs.AtCWD, name))
		last = name
	}
	if err := task.Stat(last, new(vfs.Stat)); err != unix.ELOOP {
		t.Errorf("a chain of 41 links: %v", err)
	}
}

func TestBadXattrNames(t *testing.T) {
	task := newTask(t)
	for name, want := range map[string]error{
		"":                                 unix.ERANGE,
		"user." + strings.Repeat("x", 251): unix.ERANGE,
		"user.":                            unix.EINVAL,
		"user.a\x00b":                      unix.ERANGE,
		"nothing.a":                        unix.EOPNOTSUPP,
		"a":                                unix.EOPNOTSUPP,
	} {
		if err := task.Setxattr(vfs.AtCWD, "/dir", name, nil, 0, 0); err != want {
			t.Errorf("setxattr %.20q: %v, want %v", name, err, want)
		}
		if _, err := task.Getxattr(vfs.AtCWD, "/dir", name, nil, 0); err != want {
			t.Errorf("getxattr %.20q: %v, want %v", name, err, want)
		}
		if err := task.Removexattr(vfs.AtCWD, "/dir", name, 0); err != want {
			t.Errorf("removexattr %.20q: %v, want %v", name, err, want)
		}
	}
	if err := task.Setxattr(vfs.AtCWD, "/dir", "user.a", make([]byte, vfs.XattrSizeMax+1), 0, 0); err != unix.E2BIG {
		t.Errorf("a value of more than 64 KiB: %v", err)
	}
	if err := task.Setxattr(vfs.AtCWD, "/dir", "user.a", nil, 4, 0); err != unix.EINVAL {
		t.Errorf("unknown flags: %v", err)
	}
}
