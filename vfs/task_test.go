package vfs_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

// newRoot makes a memory file system and a task of root in it; both are gone at
// the end of the test.
func newRoot(t testing.TB, options string) *vfs.Task {
	t.Helper()
	ns, err := memfs.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(vfs.RootCred())
	ns.Close(nil)
	t.Cleanup(func() {
		task.SetDone(nil)
		task.Exit()
	})
	return task
}

// clone makes a further task in the same tree, ended with the test.
func clone(t testing.TB, task *vfs.Task, cred *vfs.Cred, flags vfs.CloneFlags) *vfs.Task {
	t.Helper()
	c := task.Clone(flags)
	if cred != nil {
		c.SetCred(cred)
	}
	t.Cleanup(func() {
		c.SetDone(nil)
		c.Exit()
	})
	return c
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// open opens or creates a file.
func open(t testing.TB, task *vfs.Task, path string, flags int) int {
	t.Helper()
	fd, err := task.Openat(vfs.AtCWD, path, flags, 0o644)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return fd
}

// create makes a file of the given content and closes it.
func create(t testing.TB, task *vfs.Task, path, content string) {
	t.Helper()
	fd := open(t, task, path, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC)
	if n, err := task.Write(fd, []byte(content)); n != len(content) || err != nil {
		t.Fatalf("write %s: %d, %v", path, n, err)
	}
	must(t, "close", task.Close(fd))
}

// content reads a whole file.
func content(t testing.TB, task *vfs.Task, path string) string {
	t.Helper()
	fd := open(t, task, path, unix.O_RDONLY)
	defer task.Close(fd)
	var all []byte
	buf := make([]byte, 4096)
	for {
		n, err := task.Read(fd, buf)
		if err != nil {
			t.Fatalf("read %s: %v", path, err)
		}
		if n == 0 {
			return string(all)
		}
		all = append(all, buf[:n]...)
	}
}

func stat(t testing.TB, task *vfs.Task, path string) vfs.Stat {
	t.Helper()
	var st vfs.Stat
	must(t, "stat "+path, task.Lstat(path, &st))
	return st
}
