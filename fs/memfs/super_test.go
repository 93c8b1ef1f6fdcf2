package memfs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// TestRemountLikeTmpfs compares what a remount takes, and what it leads to.
func TestRemountLikeTmpfs(t *testing.T) {
	for _, first := range []string{"size=64k,nr_inodes=10", "size=0,nr_inodes=0", "size=64k,nr_inodes=0", "nr_blocks=5"} {
		t.Run(first, func(t *testing.T) {
			host, mem := world(newHostWorld(t, first)), world(newMemWorld(t, first))
			for _, w := range []world{host, mem} {
				fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
				must(t, err)
				n, err := w.pwrite(fd, make([]byte, 5*pageSize), 100)
				if n <= 0 {
					t.Fatal(n, err)
				}
				must(t, w.setxattr("f", "user.x", make([]byte, 100), 0))
				must(t, w.mkdir("d", 0o755))
				w.close(fd)
			}
			for _, options := range []string{
				"size=1m", "size=16k", "nr_inodes=3", "nr_inodes=4", "nr_inodes=5", "nr_inodes=100", "size=20k,nr_inodes=2", "size=24k,nr_inodes=4", "nr_blocks=6",
				"nr_blocks=5", "mode=700", "uid=5,gid=6", "", "size=12k,nr_inodes=1000", "size=100k,nr_inodes=0", "nr_inodes=7", "size=0", "size=10m",
			} {
				h, m := errName(host.remount(options)), errName(mem.remount(options))
				if h != m {
					t.Errorf("remount with %q: host %s, memfs %s", options, h, m)
				}
				diffWorlds(t, host, mem)
			}
			for _, w := range []world{host, mem} {
				must(t, w.unlink("f"))
			}
			diffWorlds(t, host, mem)
		})
	}
}

func TestRemountErrorsSayWhy(t *testing.T) {
	w := newMemWorld(t, "nr_blocks=2,nr_inodes=5,noacl")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	_, err = w.pwrite(fd, make([]byte, 2*pageSize), 0)
	must(t, err)
	for options, want := range map[string]string{
		"size=4k":     `memfs: option "size": less than is in use`,
		"nr_inodes=1": `memfs: option "nr_inodes": less than is in use`,
		"acl":         `memfs: option "acl": cannot change in a remount`,
		"x":           `memfs: option "x": unknown`,
	} {
		err := w.t.Mount("", "/", "", unix.MS_REMOUNT, options)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, unix.EINVAL) {
			t.Errorf("remount with %q: %v, want %s", options, err, want)
		}
	}
	must(t, w.t.Mount("", "/", "", unix.MS_REMOUNT, "size=0,nr_inodes=0,noacl"))
	if err := w.t.Mount("", "/", "", unix.MS_REMOUNT, "size=1g"); err == nil || !strings.Contains(err.Error(), "there is no limit") {
		t.Errorf("a limit where there was none: %v", err)
	}
}

// TestDefaultsLikeTmpfs compares a file system without options, of which the
// host's size varies with what its kernel needs for itself.
func TestDefaultsLikeTmpfs(t *testing.T) {
	var h, m unix.Statfs_t
	must(t, newHostWorld(t, "").statfs(&h))
	mem := newMemWorld(t, "")
	must(t, mem.statfs(&m))
	near := func(a, b uint64) bool { return a >= b-b/100 && a <= b+b/100 }
	if !near(m.Blocks, h.Blocks) || m.Bfree != m.Blocks || !near(m.Files, h.Files) || m.Ffree != m.Files-1 {
		t.Errorf("host %+v, memfs %+v", h, m)
	}
	var shown bytes.Buffer
	must(t, superMethods{}.ShowOptions(nil, &shown, mem.ns.Superblock().Root()))
	if shown.Len() != 0 {
		t.Errorf("options %q are shown where none was given", shown.String())
	}
}

func TestMountOptionsReachTheRoot(t *testing.T) {
	w := newMemWorld(t, "mode=2750,uid=12,gid=34,size=1m,nr_inodes=7,noacl")
	var st vfs.Stat
	must(t, w.t.Stat("/", &st))
	if st.Mode != unix.S_IFDIR|0o2750 || st.UID != 12 || st.GID != 34 || st.Ino != 1 || st.Nlink != 2 || st.Size != 40 {
		t.Errorf("%+v", st)
	}
	var shown bytes.Buffer
	must(t, superMethods{}.ShowOptions(nil, &shown, w.ns.Superblock().Root()))
	if got, want := shown.String(), ",size=1024k,nr_inodes=7,mode=2750,uid=12,gid=34,noacl"; got != want {
		t.Errorf("options %q are shown, want %q", got, want)
	}
	if err := w.setxattr("/", "system.posix_acl_access", diffACLs[3], 0); err != unix.EOPNOTSUPP {
		t.Errorf("an access control list with noacl: %v", err)
	}
}

func TestMountErrors(t *testing.T) {
	before := vfs.Superblocks()
	for _, data := range []any{"bogus", "size=-1", 17} {
		if _, err := vfs.NewNamespaceOf(nil, Type, "", 0, data); !errors.Is(err, unix.EINVAL) {
			t.Errorf("mount with %v: %v", data, err)
		}
	}
	if n := vfs.Superblocks(); n != before {
		t.Errorf("%d superblocks are left", n-before)
	}
	if typ, err := vfs.LookupType("memfs"); typ != Type || err != nil {
		t.Errorf("type memfs: %v, %v", typ, err)
	}
}

// TestNothingIsLeft unmounts a tree with everything in it, a deep one, and
// files that were unlinked while open.
func TestNothingIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t)
	w, unmount, err := mountMemWorld("size=100m")
	must(t, err)
	dir := "."
	for i := range 200 {
		dir += fmt.Sprint("/d", i)
		must(t, w.mkdir(dir, 0o755))
	}
	for i := range 300 {
		fd, err := w.open(fmt.Sprint("f", i), unix.O_RDWR|unix.O_CREAT, 0o600)
		must(t, err)
		_, err = w.pwrite(fd, make([]byte, 50000), int64(i)*pageSize)
		must(t, err)
		must(t, w.link(fmt.Sprint("f", i), fmt.Sprint("d0/l", i)))
		must(t, w.symlink("f", fmt.Sprint("s", i)))
		must(t, w.setxattr(fmt.Sprint("f", i), "user.x", make([]byte, 100), 0))
		if i%3 == 0 {
			must(t, w.unlink(fmt.Sprint("f", i)))
			must(t, w.unlink(fmt.Sprint("d0/l", i)))
		}
		if i%2 == 0 {
			w.close(fd)
		}
	}
	must(t, w.rename("f1", "white", unix.RENAME_WHITEOUT))
	fd, err := w.open("d0", unix.O_TMPFILE|unix.O_RDWR, 0o600)
	must(t, err)
	_, err = w.pwrite(fd, make([]byte, 50000), 0)
	must(t, err)
	if err := unmount(); err != nil {
		t.Error(err)
	}
}

// TestSpaceComesBackWithTheLastUser unlinks an open file.
func TestSpaceComesBackWithTheLastUser(t *testing.T) {
	w := newMemWorld(t, "nr_blocks=10,nr_inodes=3")
	free := func() string {
		var st unix.Statfs_t
		must(t, w.statfs(&st))
		return fmt.Sprint(st.Bfree, " ", st.Ffree)
	}
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	_, err = w.pwrite(fd, make([]byte, 10*pageSize), 0)
	must(t, err)
	must(t, w.unlink("f"))
	if got := free(); got != "0 1" {
		t.Errorf("free with the file open: %s", got)
	}
	w.close(fd)
	if got := free(); got != "10 2" {
		t.Errorf("free with the file closed: %s", got)
	}
}
