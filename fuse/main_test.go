package fuse_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/vfs"
)

// helperEnv makes the test binary, started again, one of the helpers below: a
// client or a daemon in a process of its own.
const helperEnv = "GOVFS_FUSE_TEST_HELPER"

var helpers = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperEnv); name != "" {
		if err := helpers[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	lockdeptest.Main(m)
}

// needMount skips a test that cannot mount; in CI that is a failure.
func needMount(t testing.TB) {
	t.Helper()
	why := ""
	if os.Geteuid() != 0 {
		why = "needs root"
	} else if _, err := os.Stat("/dev/fuse"); err != nil {
		why = "needs /dev/fuse"
	}
	if why == "" {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// newMem makes a memory file system, closed at the end of the test, when
// nothing of it or of its mounts may be left.
func newMem(t testing.TB, options string) *vfs.Namespace {
	t.Helper()
	ns, err := memfs.New(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, ns)
	return ns
}

// closeAtEnd closes a namespace after the mounts that the test makes.
func closeAtEnd(t testing.TB, ns *vfs.Namespace) {
	before := goleak.IgnoreCurrent()
	supers := vfs.Superblocks()
	t.Cleanup(func() {
		ns.Close(context.Background())
		goleak.VerifyNone(t, before)
		if n := vfs.Superblocks(); n != supers-1 {
			t.Errorf("%d superblocks are left", n-supers+1)
		}
	})
}

// mountAt mounts ns, and unmounts it at the end of the test.
func mountAt(t testing.TB, ns *vfs.Namespace, opt fuse.Options) *fuse.Server {
	t.Helper()
	needMount(t)
	s, err := fuse.Mount(ns, tempDir(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Unmount(); err != nil {
			t.Error(err)
			if err := fuse.UnmountDir(s.Dir(), true); err != nil {
				t.Error(err)
			}
		}
		checkBalance(t, s)
	})
	return s
}

// checkBalance: after the end the kernel holds nothing.
func checkBalance(t testing.TB, s *fuse.Server) {
	t.Helper()
	st := s.Stats()
	if st.Lookups != st.Forgets || st.Nodes != 1 || st.Handles != 0 || st.InFlight != 0 || st.NotificationsQueued != 0 {
		t.Errorf("left after unmount: %+v", st)
	}
}

// tempDir is like t.TempDir, but nothing removes what is mounted there.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "govfs-fuse-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Rmdir(dir); err != nil {
			t.Errorf("rmdir %s: %v", dir, err)
		}
	})
	return dir
}

// mount mounts a new memory file system and returns the directory.
func mount(t testing.TB) string {
	t.Helper()
	return mountAt(t, newMem(t, ""), fuse.Options{}).Dir()
}

// task is a task beside the mount, as the Go API's are.
func task(t testing.TB, ns *vfs.Namespace) *vfs.Task {
	t.Helper()
	task := ns.NewTask(vfs.RootCred())
	t.Cleanup(task.Exit)
	return task
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writeTask writes a file through a task.
func writeTask(t testing.TB, task *vfs.Task, path, data string) {
	t.Helper()
	fd, err := task.Openat(vfs.AtCWD, path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o644)
	must(t, err)
	_, err = task.Write(fd, []byte(data))
	must(t, err)
	must(t, task.Close(fd))
}

// names lists a directory.
func names(t testing.TB, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func read(t testing.TB, elem ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	must(t, err)
	return string(data)
}
