package fuse_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"

	"github.com/govfs/govfs/fuse"
)

// failsOnTmpfs are the tests that the host's own memory file system fails too,
// as TestPosixOnTmpfs shows: FcntlFlockLocksFile expects locks of one process to
// exclude each other.
var failsOnTmpfs = map[string]bool{"FcntlFlockLocksFile": true}

func posixTests() []string {
	var all []string
	for name := range posixtest.All {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// TestPosix runs go-fuse's conformance tests on a mount, in this very process.
func TestPosix(t *testing.T) {
	for _, mode := range []struct {
		name string
		opt  fuse.Options
	}{
		{"kernel", fuse.Options{}},
		{"core", fuse.Options{Permissions: fuse.PermissionsCore}},
		{"uncached", fuse.Options{EntryTimeout: -1, AttrTimeout: -1, NegativeTimeout: -1}},
		{"direct", fuse.Options{DirectIO: true}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			dir := mountAt(t, newMem(t, ""), mode.opt).Dir()
			for _, name := range posixTests() {
				if failsOnTmpfs[name] {
					continue
				}
				t.Run(name, func(t *testing.T) {
					sub := filepath.Join(dir, name)
					must(t, os.Mkdir(sub, 0o755))
					posixtest.All[name](t, sub)
				})
			}
		})
	}
}

// tmpfsFlag names a directory on the host's tmpfs, for a run of the tests that
// are allowed to fail.
var tmpfsFlag = flag.String("posixdir-tmpfs", "", "directory for TestPosixTmpfsChild")

// TestPosixTmpfsChild runs the tests of failsOnTmpfs where TestPosixOnTmpfs
// says: it is expected to fail.
func TestPosixTmpfsChild(t *testing.T) {
	if *tmpfsFlag == "" {
		return
	}
	for name := range failsOnTmpfs {
		t.Run(name, func(t *testing.T) { posixtest.All[name](t, *tmpfsFlag) })
	}
}

// TestPosixOnTmpfs shows that the tests left out of TestPosix ask for what the
// host does not do either.
func TestPosixOnTmpfs(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "govfs-posix-")
	must(t, err)
	defer os.RemoveAll(dir)
	cmd := exec.Command(os.Args[0], "-test.run=^TestPosixTmpfsChild$", "-posixdir-tmpfs="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("the host's tmpfs passes what is left out here: %v\n%s", failsOnTmpfs, out)
	}
}
