package vfs_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
	"github.com/govfs/govfs/vfs"
)

func TestReadAndWriteMoveThePosition(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	for _, s := range []string{"hello ", "world"} {
		if n, err := task.Write(fd, []byte(s)); n != len(s) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	buf := make([]byte, 20)
	if n, err := task.Read(fd, buf); n != 0 || err != nil {
		t.Errorf("read at the end: %d, %v", n, err)
	}
	if pos, err := task.Lseek(fd, 3, unix.SEEK_SET); pos != 3 || err != nil {
		t.Errorf("lseek: %d, %v", pos, err)
	}
	if n, err := task.Read(fd, buf[:4]); n != 4 || err != nil || string(buf[:4]) != "lo w" {
		t.Errorf("read: %d, %v, %q", n, err, buf[:n])
	}
	if n, err := task.Pread(fd, buf, 6); n != 5 || err != nil || string(buf[:5]) != "world" {
		t.Errorf("pread: %d, %v, %q", n, err, buf[:n])
	}
	if n, err := task.Pwrite(fd, []byte("H"), 0); n != 1 || err != nil {
		t.Errorf("pwrite: %d, %v", n, err)
	}
	if pos, err := task.Lseek(fd, 0, unix.SEEK_CUR); pos != 7 || err != nil {
		t.Errorf("position after pread and pwrite: %d, %v, want 7", pos, err)
	}
	if got := content(t, task, "/f"); got != "Hello world" {
		t.Errorf("content %q", got)
	}
}

func TestWritesWithAppendGoToTheEnd(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "123")
	fd := open(t, task, "/f", unix.O_WRONLY|unix.O_APPEND)
	if _, err := task.Write(fd, []byte("45")); err != nil {
		t.Fatal(err)
	}
	// As on Linux, O_APPEND is stronger than the offset of pwrite.
	if _, err := task.Pwrite(fd, []byte("6"), 0); err != nil {
		t.Fatal(err)
	}
	if n, err := task.Pwritev(fd, [][]byte{[]byte("X")}, 0, unix.RWF_NOAPPEND); n != 1 || err != nil {
		t.Errorf("pwritev RWF_NOAPPEND: %d, %v", n, err)
	}
	if got := content(t, task, "/f"); got != "X23456" {
		t.Errorf("content %q, want X23456", got)
	}
	fd = open(t, task, "/f", unix.O_WRONLY)
	if n, err := task.Pwritev(fd, [][]byte{[]byte("7")}, 0, unix.RWF_APPEND); n != 1 || err != nil {
		t.Errorf("pwritev RWF_APPEND: %d, %v", n, err)
	}
	if got := content(t, task, "/f"); got != "X234567" {
		t.Errorf("content %q, want X234567", got)
	}
}

func TestReadAndWriteErrors(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "data")
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	r := open(t, task, "/f", unix.O_RDONLY)
	w := open(t, task, "/f", unix.O_WRONLY)
	d := open(t, task, "/d", unix.O_RDONLY|unix.O_DIRECTORY)
	o := open(t, task, "/f", unix.O_PATH)
	p := make([]byte, 4)
	vec := [][]byte{p}
	many := make([][]byte, 1025)
	for _, c := range []struct {
		name string
		call func() (int, error)
		want error
	}{
		{"read of a bad descriptor", func() (int, error) { return task.Read(99, p) }, unix.EBADF},
		{"read of an O_PATH descriptor", func() (int, error) { return task.Read(o, p) }, unix.EBADF},
		{"pread of an O_PATH descriptor", func() (int, error) { return task.Pread(o, p, 0) }, unix.EBADF},
		{"read of a file open for writing", func() (int, error) { return task.Read(w, p) }, unix.EBADF},
		{"write of a file open for reading", func() (int, error) { return task.Write(r, p) }, unix.EBADF},
		{"read of a directory", func() (int, error) { return task.Read(d, p) }, unix.EISDIR},
		{"empty read of a directory", func() (int, error) { return task.Read(d, nil) }, unix.EISDIR},
		{"pread of a directory", func() (int, error) { return task.Pread(d, p, 0) }, unix.EISDIR},
		{"readv of a directory", func() (int, error) { return task.Readv(d, vec, 0) }, unix.EISDIR},
		{"empty readv of a directory", func() (int, error) { return task.Readv(d, [][]byte{{}}, 0) }, nil},
		{"write of a directory", func() (int, error) { return task.Write(d, p) }, unix.EBADF},
		{"pread at a negative offset", func() (int, error) { return task.Pread(99, p, -1) }, unix.EINVAL},
		{"pwrite at a negative offset", func() (int, error) { return task.Pwrite(99, p, -1) }, unix.EINVAL},
		{"pread beyond the last offset", func() (int, error) { return task.Pread(r, p, vfs.MaxFileSize-1) }, unix.EINVAL},
		{"readv of many segments", func() (int, error) { return task.Readv(r, many, 0) }, unix.EINVAL},
		{"readv of many segments, not open for it", func() (int, error) { return task.Readv(w, many, 0) }, unix.EBADF},
		{"readv of nothing, not open for it", func() (int, error) { return task.Readv(w, nil, 0) }, unix.EBADF},
		{"readv of nothing", func() (int, error) { return task.Readv(r, nil, 0) }, nil},
		{"writev of many segments", func() (int, error) { return task.Writev(w, many, 0) }, unix.EINVAL},
		{"preadv at a negative offset", func() (int, error) { return task.Preadv(r, vec, -2, 0) }, unix.EINVAL},
		{"preadv2 with unknown flags", func() (int, error) { return task.Preadv(r, vec, 0, 1<<20) }, unix.EOPNOTSUPP},
		{"pwritev2 with a contradiction", func() (int, error) {
			return task.Pwritev(w, vec, 0, unix.RWF_APPEND|unix.RWF_NOAPPEND)
		}, unix.EINVAL},
	} {
		if _, err := c.call(); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestVectorsAreOneTransfer(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	if n, err := task.Writev(fd, [][]byte{[]byte("ab"), nil, []byte("cde")}, 0); n != 5 || err != nil {
		t.Fatalf("writev: %d, %v", n, err)
	}
	a, b := make([]byte, 1), make([]byte, 10)
	if n, err := task.Preadv(fd, [][]byte{a, b}, 1, 0); n != 4 || err != nil || string(a)+string(b[:3]) != "bcde" {
		t.Errorf("preadv: %d, %v, %q %q", n, err, a, b)
	}
	if pos, _ := task.Lseek(fd, 1, unix.SEEK_SET); pos != 1 {
		t.Fatalf("lseek: %d", pos)
	}
	if n, err := task.Preadv(fd, [][]byte{a}, -1, 0); n != 1 || err != nil || a[0] != 'b' {
		t.Errorf("preadv2 at the position: %d, %v, %q", n, err, a)
	}
	if pos, _ := task.Lseek(fd, 0, unix.SEEK_CUR); pos != 2 {
		t.Errorf("position %d, want 2", pos)
	}
}

func TestFileSizeLimit(t *testing.T) {
	task := newRoot(t, "")
	signals := 0
	task.Limits.FileSize = 10
	task.Limits.OnXFSZ = func() { signals++ }
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	if n, err := task.Write(fd, make([]byte, 8)); n != 8 || err != nil {
		t.Fatalf("write below the limit: %d, %v", n, err)
	}
	if n, err := task.Write(fd, make([]byte, 8)); n != 2 || err != nil || signals != 0 {
		t.Errorf("write across the limit: %d, %v, %d signals", n, err, signals)
	}
	if n, err := task.Write(fd, make([]byte, 1)); n != 0 || err != unix.EFBIG || signals != 1 {
		t.Errorf("write at the limit: %d, %v, %d signals", n, err, signals)
	}
	if n, err := task.Write(fd, nil); n != 0 || err != nil {
		t.Errorf("empty write at the limit: %d, %v", n, err)
	}
	if err := task.Ftruncate(fd, 11); err != unix.EFBIG || signals != 2 {
		t.Errorf("ftruncate: %v, %d signals", err, signals)
	}
	if err := task.Ftruncate(fd, 5); err != nil {
		t.Errorf("ftruncate to less: %v", err)
	}
}

func TestTransfersDoNotAllocate(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/file", strings.Repeat("x", 100))
	fd := open(t, task, "/file", unix.O_RDWR)
	p := make([]byte, 64)
	var st vfs.Stat
	if lockdep.Enabled {
		t.Log("the lock checker allocates")
		return
	}
	for name, call := range map[string]func(){
		"Pread":  func() { task.Pread(fd, p, 0) },
		"Pwrite": func() { task.Pwrite(fd, p, 0) },
		"Read":   func() { task.Lseek(fd, 0, unix.SEEK_SET); task.Read(fd, p) },
		"Write":  func() { task.Lseek(fd, 0, unix.SEEK_SET); task.Write(fd, p) },
		"Fstat":  func() { task.Fstat(fd, &st) },
		"Stat":   func() { task.Stat("/file", &st) },
	} {
		if n := testing.AllocsPerRun(200, call); n != 0 {
			t.Errorf("%s: %v allocations a call, want none", name, n)
		}
	}
}

func TestIteratorsOfTheCaller(t *testing.T) {
	task := newRoot(t, "")
	f, err := task.OpenFile(vfs.AtCWD, "/f", vfs.OpenHow{Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o600})
	must(t, "open", err)
	defer f.Put(task)
	var it pagecache.Iter
	it.Reset([][]byte{[]byte("one "), []byte("two")})
	if n, err := f.PwriteIter(task, &it, 2, 0); n != 7 || err != nil || it.Len() != 0 {
		t.Errorf("PwriteIter: %d, %v, %d left", n, err, it.Len())
	}
	buf := make([]byte, 16)
	it.ResetOne(buf)
	if n, err := f.PreadIter(task, &it, 0, 0); n != 9 || err != nil || string(buf[:n]) != "\x00\x00one two" {
		t.Errorf("PreadIter: %d, %v, %q", n, err, buf[:n])
	}
}
