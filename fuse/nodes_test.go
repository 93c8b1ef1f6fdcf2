package fuse_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
)

// dropNames makes the kernel forget the names of a mount that are not in use:
// a remount does that for the one superblock.
func dropNames(t testing.TB, dir string) {
	t.Helper()
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT, ""))
}

// TestHardLinks: the names of one inode are one file, with one node.
func TestHardLinks(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{})
	dir := s.Dir()
	must(t, os.MkdirAll(dir+"/a/b", 0o755))
	must(t, os.WriteFile(dir+"/f", []byte("one"), 0o644))
	must(t, os.Link(dir+"/f", dir+"/a/g"))
	must(t, os.Link(dir+"/a/g", dir+"/a/b/h"))
	dropNames(t, dir)
	eventually(t, "all is forgotten", func() bool { return s.Stats().Nodes == 1 })

	var first unix.Stat_t
	for i, name := range []string{"/f", "/a/g", "/a/b/h"} {
		var st unix.Stat_t
		must(t, unix.Stat(dir+name, &st))
		if i == 0 {
			first = st
		}
		if st.Ino != first.Ino || st.Nlink != 3 {
			t.Errorf("%s: inode %d, %d links; want %d, 3", name, st.Ino, st.Nlink, first.Ino)
		}
	}
	if n := s.Stats().Nodes; n != 4 { // root, a, b and the file
		t.Errorf("%d nodes", n)
	}
	// What is written by one name is read by another, through one cache.
	must(t, os.WriteFile(dir+"/a/g", []byte("two"), 0o644))
	if got := read(t, dir, "a/b/h"); got != "two" {
		t.Errorf("read %q", got)
	}
	// The file lives on by its other names when the one goes by which it was
	// found.
	must(t, os.Remove(dir+"/f"))
	must(t, os.Rename(dir+"/a/g", dir+"/g"))
	if got := read(t, dir, "g"); got != "two" {
		t.Errorf("read %q", got)
	}
	f, err := os.OpenFile(dir+"/a/b/h", os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	must(t, os.Remove(dir+"/a/b/h"))
	must(t, os.Remove(dir+"/g"))
	// Without a name it can still be opened again.
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
	must(t, err)
	defer again.Close()
	_, err = again.WriteAt([]byte("x"), 0)
	must(t, err)
	buf := make([]byte, 3)
	_, err = f.ReadAt(buf, 0)
	must(t, err)
	if string(buf) != "xwo" {
		t.Errorf("read %q", buf)
	}
}

// TestBalance: under eviction, by the kernel and by the tree, the kernel's
// lookups and forgets stay in balance, and what it still uses stays usable.
func TestBalance(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{})
	dir := s.Dir()
	const dirs, files = 8, 50
	for i := range dirs {
		sub := filepath.Join(dir, fmt.Sprint(i))
		must(t, os.Mkdir(sub, 0o755))
		for j := range files {
			must(t, os.WriteFile(filepath.Join(sub, fmt.Sprint(j)), []byte{byte(i), byte(j)}, 0o644))
		}
	}
	open, err := os.Open(dir + "/3/7")
	must(t, err)
	defer open.Close()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				file := filepath.Join(dir, fmt.Sprint(n%dirs), fmt.Sprint(n%files))
				if data, err := os.ReadFile(file); err != nil || data[1] != byte(n%files) {
					t.Errorf("%s: %v %v", file, data, err)
					return
				}
				if n%16 == 0 {
					if list, err := os.ReadDir(filepath.Dir(file)); err != nil || len(list) != files {
						t.Errorf("%s: %d entries, %v", filepath.Dir(file), len(list), err)
					}
				}
			}
		}()
	}
	for range 100 {
		dropNames(t, dir)
	}
	close(stop)
	wg.Wait()
	must(t, open.Close())
	dropNames(t, dir)
	eventually(t, "all is forgotten", func() bool {
		st := s.Stats()
		return st.Nodes == 1 && st.Lookups == st.Forgets && st.Handles == 0
	})
	if st := s.Stats(); st.Lookups < dirs*files {
		t.Errorf("only %d lookups", st.Lookups)
	}
}
