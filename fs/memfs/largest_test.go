package memfs_test

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

// TestLargestFileKeepsItsPages: cutting a file at the largest size cuts nothing
// off, and one below it what is behind.
func TestLargestFileKeepsItsPages(t *testing.T) {
	ns, err := memfs.New(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close(context.Background())
	task := ns.NewTask(vfs.RootCred())
	defer task.Exit()
	fd, err := task.Openat(vfs.AtCWD, "/f", unix.O_CREAT|unix.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.Pwrite(fd, []byte("data"), 4096); err != nil {
		t.Fatal(err)
	}
	blocks := func() int64 {
		t.Helper()
		var st vfs.Stat
		if err := task.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks
	}
	for _, size := range []int64{vfs.MaxFileSize, vfs.MaxFileSize, vfs.MaxFileSize - 1, vfs.MaxFileSize - 4095} {
		if err := task.Ftruncate(fd, size); err != nil {
			t.Fatal(err)
		}
		if n := blocks(); n != 8 {
			t.Errorf("cut at %d: %d blocks, want 8", size, n)
		}
	}
	if err := task.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, vfs.MaxFileSize-5000, 5000); err != nil {
		t.Fatal(err)
	}
	if n := blocks(); n != 8 {
		t.Errorf("a hole at the end: %d blocks, want 8", n)
	}
	if _, err := task.Pwrite(fd, []byte("x"), vfs.MaxFileSize-1); err != nil {
		t.Fatal(err)
	}
	if n := blocks(); n != 16 {
		t.Errorf("the last byte: %d blocks, want 16", n)
	}
	if err := task.Ftruncate(fd, vfs.MaxFileSize-4095); err != nil {
		t.Fatal(err)
	}
	if n := blocks(); n != 8 {
		t.Errorf("cut before the last byte: %d blocks, want 8", n)
	}
}
