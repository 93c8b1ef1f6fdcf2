package iofs

import (
	"bytes"
	"context"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/vfs"
)

func TestMain(m *testing.M) { lockdeptest.Main(m) }

// mount mounts data for the identity of cred and gives a task there. At the end
// of the test everything must be gone again.
func mount(t testing.TB, source string, data any) *vfs.Task {
	t.Helper()
	before, running := vfs.Superblocks(), goleak.IgnoreCurrent()
	ns, err := vfs.NewNamespaceOf(context.Background(), Type, source, 0, data)
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(vfs.RootCred())
	sb := superOf(ns.Superblock())
	t.Cleanup(func() {
		task.Exit()
		ns.Close(context.Background())
		if n := vfs.Superblocks(); n != before {
			t.Errorf("%d superblocks are left", n-before)
		}
		if n := sb.opens.Load(); n != 0 {
			t.Errorf("%d files of the file system are still open", n)
		}
		goleak.VerifyNone(t, running)
	})
	return task
}

// readAll reads a file with reads of the given size.
func readAll(task *vfs.Task, path string, size int) ([]byte, error) {
	f, err := task.OpenFile(vfs.AtCWD, path, vfs.OpenHow{Flags: unix.O_RDONLY})
	if err != nil {
		return nil, err
	}
	defer f.Put(task)
	var all []byte
	for {
		buf := make([]byte, size)
		n, err := f.Pread(task, buf, int64(len(all)))
		all = append(all, buf[:n]...)
		if err != nil || n == 0 {
			return all, err
		}
	}
}

func mustRead(t testing.TB, task *vfs.Task, path string) []byte {
	t.Helper()
	data, err := readAll(task, path, 1<<20)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return data
}

// entriesOf reads a directory, without the dots.
func entriesOf(t testing.TB, task *vfs.Task, path string) (entries []dirEntry) {
	t.Helper()
	f, err := task.OpenFile(vfs.AtCWD, path, vfs.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY})
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	defer f.Put(task)
	err = f.Iterate(task, &vfs.DirContext{Emit: func(name string, ino uint64, typ uint8, pos int64) bool {
		if name != "." && name != ".." {
			entries = append(entries, dirEntry{name, ino, typ})
		}
		return true
	}})
	if err != nil {
		t.Fatalf("read directory %s: %v", path, err)
	}
	return entries
}

// list is the names in a directory, in the order they come in: those of
// directories with a slash, those of links with an at sign.
func list(t testing.TB, task *vfs.Task, path string) (names []string) {
	t.Helper()
	for _, e := range entriesOf(t, task, path) {
		switch e.typ {
		case unix.DT_DIR:
			e.name += "/"
		case unix.DT_LNK:
			e.name += "@"
		}
		names = append(names, e.name)
	}
	return names
}

func lstat(t testing.TB, task *vfs.Task, path string) vfs.Stat {
	t.Helper()
	var st vfs.Stat
	if err := task.Lstat(path, &st); err != nil {
		t.Fatalf("lstat %s: %v", path, err)
	}
	return st
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if err != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// testFile is a file whose reads are under a test's control.
type testFile struct {
	info   fs.FileInfo
	read   func(p []byte, off int64) (int, error)
	off    int64
	closed *atomic.Int64
}

func (f *testFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *testFile) Close() error {
	if f.closed != nil {
		f.closed.Add(1)
	}
	return nil
}

func (f *testFile) Read(p []byte) (int, error) {
	n, err := f.read(p, f.off)
	f.off += int64(n)
	return n, err
}

// funcFS is a file system made of functions.
type funcFS struct {
	open func(name string) (fs.File, error)
}

func (f funcFS) Open(name string) (fs.File, error) { return f.open(name) }

// pattern is n bytes of which each tells where it is.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func wantBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Fatalf("%s: %d bytes, want %d; they differ at %d", what, len(got), len(want), i)
}

func wantNames(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
