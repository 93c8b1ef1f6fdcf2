package badinput

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs"
	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

func TestBadMounts(t *testing.T) {
	task := newTask(t)
	for _, c := range []struct {
		what                   string
		source, target, fsType string
		flags                  vfs.SuperFlags
		data                   any
		want                   error
	}{
		{"an unknown type", "none", "/dir", "nofs", 0, "", unix.ENODEV},
		{"no type", "none", "/dir", "", 0, "", unix.EINVAL},
		{"a missing mount point", "none", "/gone", "memfs", 0, "", unix.ENOENT},
		{"a file as mount point", "none", "/dir/file", "memfs", 0, "", unix.ENOTDIR},
		{"an unknown option", "none", "/dir", "memfs", 0, "colour=red", unix.EINVAL},
		{"an option without its value", "none", "/dir", "memfs", 0, "size", unix.EINVAL},
		{"a value that is none", "none", "/dir", "memfs", 0, "size=much", unix.EINVAL},
		{"a value beyond all numbers", "none", "/dir", "memfs", 0, "size=" + strings.Repeat("9", 100), unix.EINVAL},
		{"options that are no text", "none", "/dir", "memfs", 0, 42, unix.EINVAL},
		{"a bind of nothing", "", "/dir", "", unix.MS_BIND, nil, unix.EINVAL},
		{"a bind of a missing file", "/gone", "/dir", "", unix.MS_BIND, nil, unix.ENOENT},
		{"a bind of a file on a directory", "/dir/file", "/dir", "", unix.MS_BIND, nil, unix.ENOTDIR},
		{"a remount of what is no mount", "", "/dir", "", unix.MS_REMOUNT, "", unix.EINVAL},
	} {
		err := task.Mount(c.source, c.target, c.fsType, c.flags, c.data)
		if !errors.Is(err, c.want) {
			t.Errorf("mount of %s: %v, want %v", c.what, err, c.want)
		}
		oneLine(t, c.what, err)
	}
	task.SetCred(vfs.UserCred(1000, 1000))
	if err := task.Mount("none", "/dir", "memfs", 0, ""); err != unix.EPERM {
		t.Errorf("mount by an ordinary user: %v", err)
	}
	if err := task.Umount("/", 0); err == nil {
		t.Error("unmount by an ordinary user succeeds")
	}
	task.SetCred(vfs.RootCred())
}

func TestBadUnmounts(t *testing.T) {
	task := newTask(t)
	ok(t, task.Mount("none", "/dir", "memfs", 0, ""))
	fd, err := task.Openat(vfs.AtCWD, "/dir/busy", unix.O_CREAT|unix.O_RDWR, 0o600)
	ok(t, err)
	for _, c := range []struct {
		what, target string
		flags        int
		want         error
	}{
		{"what is open", "/dir", 0, unix.EBUSY},
		{"what is no mount point", "/dir/busy", 0, unix.EINVAL},
		{"what is missing", "/gone", 0, unix.ENOENT},
		{"the root", "/", 0, unix.EINVAL},
		{"with unknown flags", "/dir", 1 << 20, unix.EINVAL},
	} {
		if err := task.Umount(c.target, c.flags); err != c.want {
			t.Errorf("unmount of %s: %v, want %v", c.what, err, c.want)
		}
	}
	ok(t, task.Close(fd))
	ok(t, task.Chdir("/dir"))
	if err := task.Umount("/dir", 0); err != unix.EBUSY {
		t.Errorf("unmount of a current directory: %v", err)
	}
	ok(t, task.Chdir("/"))
	ok(t, task.Umount("/dir", 0))
	if err := task.Umount("/dir", 0); err != unix.EINVAL {
		t.Errorf("second unmount: %v", err)
	}
}

// oneLine wants an error to be one line, not too long to be read.
func oneLine(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if text := err.Error(); text == "" || strings.Contains(text, "\n") || len(text) > 200 {
		t.Errorf("%s: the error is not one line: %q", what, text)
	}
}

// says wants an error to be one line with the words, which name what is wrong.
func says(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	oneLine(t, what, err)
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not speak of %q", what, err, w)
		}
	}
}

func TestAPISaysWhatIsWrong(t *testing.T) {
	ctx := context.Background()
	open := func(source string, opts ...govfs.Option) error {
		fs, err := govfs.Open(ctx, source, opts...)
		if err == nil {
			fs.Close()
		}
		return err
	}
	says(t, "an unknown type", open("mem", govfs.WithType("nofs")), "nofs")
	says(t, "an unknown option", open("mem", govfs.WithOptions("colour=red")), "colour")
	says(t, "a value that is none", open("mem", govfs.WithOptions("size=much")), "size", "much")
	says(t, "a missing source", open("/nowhere/at/all"), "/nowhere/at/all")
	if err := open("mem", govfs.WithOptions("colour=red")); !errors.Is(err, unix.EINVAL) {
		t.Errorf("an unknown option is no EINVAL: %v", err)
	}
}

// needFUSE skips on a person's machine, and fails where CI=true promises that
// nothing is skipped.
func needFUSE(t *testing.T) {
	t.Helper()
	_, err := os.Stat("/dev/fuse")
	switch {
	case err == nil && os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("needs root and /dev/fuse")
	default:
		t.Skip("needs root and /dev/fuse")
	}
}

func TestMountSaysWhatIsWrong(t *testing.T) {
	needFUSE(t)
	ns, err := memfs.New(context.Background(), "")
	ok(t, err)
	defer ns.Close(context.Background())
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	ok(t, os.WriteFile(file, nil, 0o600))
	mount := func(dir string, opt fuse.Options) error {
		s, err := fuse.Mount(ns, dir, opt)
		if err == nil {
			ok(t, s.Unmount())
		}
		return err
	}
	missing := filepath.Join(dir, "missing")
	says(t, "a missing mount point", mount(missing, fuse.Options{}), missing)
	says(t, "no mount point", mount("", fuse.Options{}))
	says(t, "a file as mount point", mount(file, fuse.Options{}), file)
	says(t, "a mount point with a NUL", mount(dir+"\x00", fuse.Options{}))
	says(t, "an unknown flag", mount(dir, fuse.Options{Flags: 1 << 40}), "flags")
	says(t, "a negative limit", mount(dir, fuse.Options{MaxRead: -1}))
	if err := mount(missing, fuse.Options{}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a missing mount point is no ENOENT: %v", err)
	}

	s, err := fuse.Mount(ns, dir, fuse.Options{})
	ok(t, err)
	f, err := os.Create(filepath.Join(dir, "open"))
	ok(t, err)
	err = s.Unmount()
	says(t, "a busy mount", err, dir)
	if !errors.Is(err, unix.EBUSY) {
		t.Errorf("a busy mount is no EBUSY: %v", err)
	}
	ok(t, f.Close())
	ok(t, s.Unmount())
}
