package bench

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// osFS is package os on the host's tmpfs. Its names are relative to the working
// directory, which openOS puts at the root of the tree: a prefix would add
// components to each walk.
type osFS struct{}

// openOS mounts a tmpfs of its own where it may, and takes a directory of
// /dev/shm where it may not. The file system is the same code either way.
func openOS(tb testing.TB) (fsys, error) {
	dir, err := tmpfsDir(tb)
	if err != nil {
		return nil, err
	}
	tb.Chdir(dir) // undone before the cleanup that tmpfsDir registered
	return osFS{}, nil
}

func tmpfsDir(tb testing.TB) (string, error) {
	dir, err := os.MkdirTemp("", "govfs-bench-")
	if err != nil {
		return "", err
	}
	tb.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			tb.Errorf("clean up: %v", err)
		}
	})
	err = unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size=256m")
	if err == nil {
		tb.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				tb.Errorf("clean up: unmount %s: %v", dir, err)
			}
		})
		return dir, nil
	}
	if !errors.Is(err, unix.EPERM) {
		return "", fmt.Errorf("mount tmpfs on %s: %w", dir, err)
	}

	const shm = "/dev/shm"
	var st unix.Statfs_t
	if err := unix.Statfs(shm, &st); err != nil || int64(st.Type) != unix.TMPFS_MAGIC {
		return "", fmt.Errorf("no right to mount a tmpfs, and %s is none: %w", shm, errUnavailable)
	}
	shmDir, err := os.MkdirTemp(shm, "govfs-bench-")
	if err != nil {
		return "", fmt.Errorf("no right to mount a tmpfs, nor to write to %s (%v): %w", shm, err, errUnavailable)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(shmDir); err != nil {
			tb.Errorf("clean up: %v", err)
		}
	})
	return shmDir, nil
}

func (osFS) Stat(name string) error {
	_, err := os.Stat(name)
	return err
}

func (osFS) Create(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func (osFS) Unlink(name string) error { return os.Remove(name) }

func (osFS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func (osFS) Mkdir(name string) error { return os.Mkdir(name, 0o755) }

func (osFS) Readdir(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	entries, err := f.ReadDir(-1) // unlike os.ReadDir, does not sort
	return len(entries), errors.Join(err, f.Close())
}

func (osFS) Errno(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}
