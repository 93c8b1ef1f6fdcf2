package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const table = `22 28 0:21 / /proc rw,relatime shared:5 - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 28 0:40 / /mnt/a\040b rw,relatime shared:9 master:1 - fuse.govfs mem rw,user_id=1000,group_id=100
41 28 0:41 / /mnt/twice rw - fuse.govfs first rw,user_id=0,group_id=0
42 41 0:42 / /mnt/twice ro,nosuid - fuse.govfs second\134\011\012 ro,user_id=0,group_id=0
43 40 0:43 /sub /mnt/a\040b/below rw - tmpfs # rw
44 28 0:44 / /mnt/empty rw -  none rw
`

func TestMountTable(t *testing.T) {
	mounts, err := parseMounts(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	want := mountEntry{ID: 40, Parent: 28, Dev: "0:40", Root: "/", Dir: "/mnt/a b", Options: "rw,relatime", Type: "fuse.govfs", Source: "mem", SuperOptions: "rw,user_id=1000,group_id=100"}
	if mounts[2] != want {
		t.Errorf("got %+v, want %+v", mounts[2], want)
	}
	if got := mounts[4].Source; got != "second\\\t\n" {
		t.Errorf("source %q", got)
	}
	if got := mounts[6]; got.Type != "" || got.Source != "none" {
		t.Errorf("a mount without a type: %+v", got)
	}
	if uid, ok := mountUser(&mounts[2]); uid != 1000 || !ok {
		t.Errorf("mounted by %d, %v", uid, ok)
	}
	if _, ok := mountUser(&mounts[0]); ok {
		t.Error("proc was mounted by a user")
	}
	if m := topMount(mounts, "/mnt/twice"); m == nil || m.ID != 42 {
		t.Errorf("top of /mnt/twice: %+v", m)
	}
	if m := topMount(mounts, "/mnt"); m != nil {
		t.Errorf("top of /mnt: %+v", m)
	}
	if got := mountsBelow(mounts, 40); len(got) != 1 || got[0] != "/mnt/a b/below" {
		t.Errorf("below 40: %q", got)
	}
}

func TestMountTableMalformed(t *testing.T) {
	for _, line := range []string{
		"x", "1 2 3", "1 2 0:1 / / rw", "1 2 0:1 / / rw shared:1", "1 2 0:1 / / rw - a b", "a 2 0:1 / / rw - a b c", "1 b 0:1 / / rw - a b c",
	} {
		if m, err := parseMounts(strings.NewReader(line)); err == nil {
			t.Errorf("%q: %+v", line, m)
		}
	}
}

func TestThisMountTable(t *testing.T) {
	mounts, err := readMounts()
	if err != nil {
		t.Fatal(err)
	}
	if m := topMount(mounts, "/proc"); m == nil || m.Type != "proc" {
		t.Errorf("/proc: %+v", m)
	}
}

func TestFindMountFollowsSymlinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(dir, "real")
	if err := os.MkdirAll(filepath.Join(real, "mnt"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"dir": "real", "mount": "real/mnt"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	mounts := []mountEntry{{ID: 7, Dir: filepath.Join(real, "mnt")}}
	for _, name := range []string{"real/mnt", "dir/mnt", "mount", "./real/../real/mnt/", filepath.Join(dir, "mount")} {
		m, got, err := findMount(mounts, name)
		if err != nil || m == nil || m.ID != 7 || got != mounts[0].Dir {
			t.Errorf("%s: %+v, %s, %v", name, m, got, err)
		}
	}
	if m, got, err := findMount(mounts, "dir"); m != nil || got != real || err != nil {
		t.Errorf("dir: %+v, %s, %v", m, got, err)
	}
	if _, _, err := findMount(mounts, "missing"); !os.IsNotExist(err) {
		t.Errorf("missing: %v", err)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add([]byte(table))
	f.Add([]byte("1 2 3:4 \\ \\1 \\400 - \\057 \\0 \\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		mounts, err := parseMounts(bytes.NewReader(b))
		if err != nil {
			return
		}
		for i := range mounts {
			topMount(mounts, mounts[i].Dir)
			mountsBelow(mounts, mounts[i].ID)
			mountUser(&mounts[i])
		}
	})
}
