package govfs

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/vfs"
)

func TestMain(m *testing.M) { lockdeptest.Main(m) }

// openMem opens an empty memory file system. At the end of the test, when all
// files are closed, nothing of it must be left.
func openMem(t testing.TB, opts ...Option) *FS {
	t.Helper()
	return opened(t, func() (*FS, error) { return Open(context.Background(), "mem", opts...) })
}

// opened is openMem for any way to open a file system.
func opened(t testing.TB, open func() (*FS, error)) *FS {
	t.Helper()
	before, running := vfs.Superblocks(), goleak.IgnoreCurrent()
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !f.tree.closed.Load() {
			if err := f.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if n := f.tree.users.Load(); n != 0 {
			t.Errorf("%d files are still open", n)
		}
		if n := vfs.Superblocks(); n != before {
			t.Errorf("%d superblocks are left", n-before)
		}
		goleak.VerifyNone(t, running)
	})
	return f
}

// must fails the test for an error.
func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lacking skips a test for what the machine does not have; where tests must
// not be skipped it fails.
func lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needed: %s", what)
	}
	t.Skipf("needed: %s", what)
}

// hostTmpfs is an empty directory on a tmpfs of the host.
func hostTmpfs(t testing.TB) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		lacking(t, "a tmpfs on /dev/shm")
	}
	dir, err := os.MkdirTemp("/dev/shm", "govfs-test-")
	if err != nil {
		lacking(t, "a tmpfs on /dev/shm that can be written")
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}
