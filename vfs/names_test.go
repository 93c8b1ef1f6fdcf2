package vfs

import (
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNames(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/d", "/d/sub", "/e")
	touch(t, task, "/d/f")
	symlink(t, task, "f", "/d/l")
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"mkdir of what exists", task.Mkdirat(AtCWD, "/d", 0o755), unix.EEXIST},
		{"mkdir .", task.Mkdirat(AtCWD, "/d/.", 0o755), unix.EEXIST},
		{"mkdir with a slash", task.Mkdirat(AtCWD, "/d/sub2/", 0o755), nil},
		{"mkdir below a file", task.Mkdirat(AtCWD, "/d/f/x", 0o755), unix.ENOTDIR},
		{"symlink with a slash", task.Symlinkat("x", AtCWD, "/d/new/"), unix.ENOENT},
		{"empty symlink", task.Symlinkat("", AtCWD, "/d/new"), unix.ENOENT},
		{"unlink of a directory", task.Unlinkat(AtCWD, "/d/sub", 0), unix.EISDIR},
		{"unlink with a slash", task.Unlinkat(AtCWD, "/d/f/", 0), unix.ENOTDIR},
		{"unlink .", task.Unlinkat(AtCWD, "/d/.", 0), unix.EISDIR},
		{"rmdir .", task.Unlinkat(AtCWD, "/d/.", unix.AT_REMOVEDIR), unix.EINVAL},
		{"rmdir ..", task.Unlinkat(AtCWD, "/d/..", unix.AT_REMOVEDIR), unix.ENOTEMPTY},
		{"rmdir /", task.Unlinkat(AtCWD, "/", unix.AT_REMOVEDIR), unix.EBUSY},
		{"rmdir of a file", task.Unlinkat(AtCWD, "/d/f", unix.AT_REMOVEDIR), unix.ENOTDIR},
		{"rmdir of a full directory", task.Unlinkat(AtCWD, "/d", unix.AT_REMOVEDIR), unix.ENOTEMPTY},
		{"rmdir of a link/", task.Unlinkat(AtCWD, "/d/l/", unix.AT_REMOVEDIR), unix.ENOTDIR},
		{"link of a directory", task.Linkat(AtCWD, "/d/sub", AtCWD, "/d/x", 0), unix.EPERM},
		{"link onto something", task.Linkat(AtCWD, "/d/f", AtCWD, "/d/l", 0), unix.EEXIST},
		{"link", task.Linkat(AtCWD, "/d/f", AtCWD, "/e/f2", 0), nil},
		{"rename onto own name", task.Renameat2(AtCWD, "/d/f", AtCWD, "/e/f2", 0), nil},
		{"rename into itself", task.Renameat2(AtCWD, "/d", AtCWD, "/d/sub/x", 0), unix.EINVAL},
		{"rename onto an ancestor", task.Renameat2(AtCWD, "/d/sub", AtCWD, "/d", 0), unix.ENOTEMPTY},
		{"exchange with an ancestor", task.Renameat2(AtCWD, "/d/sub", AtCWD, "/d", RenameExchange), unix.EINVAL},
		{"rename file onto directory", task.Renameat2(AtCWD, "/d/f", AtCWD, "/d/sub", 0), unix.EISDIR},
		{"rename directory onto file", task.Renameat2(AtCWD, "/d/sub", AtCWD, "/d/f", 0), unix.ENOTDIR},
		{"noreplace", task.Renameat2(AtCWD, "/d/f", AtCWD, "/d/sub", RenameNoReplace), unix.EEXIST},
		{"exchange with nothing", task.Renameat2(AtCWD, "/d/f", AtCWD, "/d/no", RenameExchange), unix.ENOENT},
		{"exchange", task.Renameat2(AtCWD, "/d/f", AtCWD, "/d/sub", RenameExchange), nil},
		{"rmdir of what is now a directory", task.Unlinkat(AtCWD, "/d/f", unix.AT_REMOVEDIR), nil},
		{"unlink", task.Unlinkat(AtCWD, "/d/sub", 0), nil},
		{"rename across directories", task.Renameat2(AtCWD, "/d/sub2", AtCWD, "/e/moved", 0), nil},
		{"rename over an empty directory", task.Renameat2(AtCWD, "/d", AtCWD, "/e/moved", 0), nil},
		{"unlink what moved", task.Unlinkat(AtCWD, "/e/moved/l", 0), nil},
		{"open of the old name", openErr(task, "/d", 0), unix.ENOENT},
		{"create with a slash", openErr(task, "/e/new/", unix.O_CREAT), unix.EISDIR},
		{"create as directory", openErr(task, "/e/new", unix.O_CREAT|unix.O_DIRECTORY), unix.EINVAL},
		{"create what is a directory", openErr(task, "/e/moved", unix.O_CREAT), unix.EISDIR},
		{"open a directory to write", openErr(task, "/e", unix.O_WRONLY), unix.EISDIR},
		{"open a file as directory", openErr(task, "/e/f2", unix.O_DIRECTORY), unix.ENOTDIR},
		{"exclusive create of what exists", openErr(task, "/e/f2", unix.O_CREAT|unix.O_EXCL), unix.EEXIST},
	} {
		if c.err != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
}

func openErr(task *Task, name string, flags int) error {
	fd, err := task.Openat(AtCWD, name, flags, 0o600)
	if err == nil {
		task.Close(fd)
	}
	return err
}

func TestTmpfileGetsAName(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/d")
	fd, err := task.Openat(AtCWD, "/d", unix.O_TMPFILE|unix.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if n := task.Namespace().Superblock().Removals(); n != 1 {
		t.Errorf("%d inodes without a name, want 1", n)
	}
	if err := task.Linkat(AtFD(fd), "", AtCWD, "/d/named", unix.AT_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
	task.Close(fd)
	if err := openErr(task, "/d/named", 0); err != nil {
		t.Error(err)
	}
	fd, _ = task.Openat(AtCWD, "/d", unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL, 0o600)
	if err := task.Linkat(AtFD(fd), "", AtCWD, "/d/other", unix.AT_EMPTY_PATH); err != unix.ENOENT {
		t.Errorf("link of an O_EXCL tmpfile: %v", err)
	}
	task.Close(fd)
	if n := task.Namespace().Superblock().Removals(); n != 0 {
		t.Errorf("%d inodes without a name are left", n)
	}
}

func TestMounts(t *testing.T) {
	if err := Register(ramType); err != nil {
		t.Fatal(err)
	}
	defer Unregister(ramType)
	task := newRAM(t, nil)
	mkdir(t, task, "/m", "/m/under", "/b")
	if err := task.Mount("x", "/m", "ramtest", 0, nil); err != nil {
		t.Fatal(err)
	}
	mkdir(t, task, "/m/top", "/m/top/deep")
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"what is covered", task.Mkdirat(AtCWD, "/m/under", 0o700), nil},
		{"rmdir of a mountpoint", task.Unlinkat(AtCWD, "/m", unix.AT_REMOVEDIR), unix.EBUSY},
		{"rename of a mountpoint", task.Renameat2(AtCWD, "/m", AtCWD, "/n", 0), unix.EBUSY},
		{"rename between mounts", task.Renameat2(AtCWD, "/m/top", AtCWD, "/n", 0), unix.EXDEV},
		{"bind", task.Mount("/m/top", "/b", "", unix.MS_BIND, nil), nil},
		{"through the bind mount", openErr(task, "/b/deep", 0), nil},
		{"out of the bind mount", openErr(task, "/b/deep/../../m/top", 0), nil},
		{"link between mounts of one file system", task.Renameat2(AtCWD, "/m/top/deep", AtCWD, "/b/x", 0), unix.EXDEV},
		{"read-only bind", task.Mount("", "/b", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, nil), nil},
		{"mkdir on it", task.Mkdirat(AtCWD, "/b/no", 0o700), unix.EROFS},
		{"mkdir beside it", task.Mkdirat(AtCWD, "/m/top/yes", 0o700), nil},
		{"umount of what is no mount", task.Umount("/m/top", 0), unix.EINVAL},
		{"umount of the bind", task.Umount("/b", 0), nil},
		{"umount", task.Umount("/m", 0), nil},
		{"the covered directory again", openErr(task, "/m/under", 0), nil},
		{"an unknown type", task.Mount("x", "/m", "nosuch", 0, nil), unix.ENODEV},
	} {
		if c.err != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	if err := task.Mount("x", "/m", "ramtest", 0, nil); err != nil {
		t.Fatal(err)
	}
	touch(t, task, "/m/busy")
	fd, _ := task.Openat(AtCWD, "/m/busy", 0, 0)
	if err := task.Umount("/m", 0); err != unix.EBUSY {
		t.Errorf("umount while busy: %v", err)
	}
	if err := task.Umount("/m", unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
	var st Stat
	if err := task.Fstat(fd, &st); err != nil {
		t.Errorf("a file of a detached mount: %v", err)
	}
	task.Close(fd)
}

func TestConcurrentNames(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/0", "/1", "/2", "/0/s", "/1/s")
	var wg sync.WaitGroup
	for g := range 8 {
		c := task.Clone(0)
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer c.Exit()
			seed := uint32(g*7919 + 1)
			name := func() string {
				seed = seed*1664525 + 1013904223
				n := seed >> 10
				s := ""
				for range n%3 + 1 {
					s += fmt.Sprintf("/%d", (n>>3)%4)
					n >>= 5
				}
				return s
			}
			var st Stat
			for i := range 4000 {
				seed = seed*1664525 + 1013904223
				switch (seed >> 16) % 8 {
				case 0:
					c.Mkdirat(AtCWD, name(), 0o755)
				case 1:
					c.Unlinkat(AtCWD, name(), unix.AT_REMOVEDIR)
				case 2:
					c.Unlinkat(AtCWD, name(), 0)
				case 3:
					c.Renameat2(AtCWD, name(), AtCWD, name(), 0)
				case 4:
					c.Renameat2(AtCWD, name(), AtCWD, name(), RenameExchange)
				case 5:
					openErr(c, name(), unix.O_CREAT|unix.O_RDWR)
				case 6:
					c.Linkat(AtCWD, name(), AtCWD, name(), 0)
				default:
					c.Stat(name()+"/../"+fmt.Sprint(i%4), &st)
				}
			}
		}()
	}
	wg.Wait()
}
