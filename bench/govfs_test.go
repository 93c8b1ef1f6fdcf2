package bench

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

// govfsFS is this project's memfs, in process, through the system calls of a
// task: permission checks, descriptors and all.
type govfsFS struct {
	t  *vfs.Task
	st *vfs.Stat
}

func openGovfs(tb testing.TB) (fsys, error) {
	ns, err := memfs.New(nil, "")
	if err != nil {
		return nil, err
	}
	t := ns.NewTask(vfs.RootCred())
	tb.Cleanup(func() {
		t.Exit()
		ns.Close(nil)
	})
	return govfsFS{t, new(vfs.Stat)}, nil
}

func (g govfsFS) Stat(name string) error { return g.t.Stat(name, g.st) }

func (g govfsFS) Create(name string) error {
	fd, err := g.t.Openat(vfs.AtCWD, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return g.t.Close(fd)
}

func (g govfsFS) Unlink(name string) error { return g.t.Unlinkat(vfs.AtCWD, name, 0) }

func (g govfsFS) Rename(oldname, newname string) error {
	return g.t.Renameat2(vfs.AtCWD, oldname, vfs.AtCWD, newname, 0)
}

func (g govfsFS) Mkdir(name string) error { return g.t.Mkdirat(vfs.AtCWD, name, 0o755) }

func (g govfsFS) Readdir(name string) (int, error) {
	fd, err := g.t.Openat(vfs.AtCWD, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return 0, err
	}
	entries := 0
	for err == nil {
		n := 0
		n, err = g.t.Getdents(fd, func(d vfs.Dirent) bool {
			if d.Name != "." && d.Name != ".." {
				entries++
			}
			return true
		})
		if n == 0 {
			break
		}
	}
	return entries, errors.Join(err, g.t.Close(fd))
}

func (govfsFS) Errno(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}
