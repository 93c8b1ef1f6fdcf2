package fuse_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// besideCases change a tree beside the mount, after the kernel has cached what
// they change. Each check is to hold once the change has returned.
var besideCases = []struct {
	name   string
	before func(t *testing.T, task *vfs.Task, dir string) // through the mount
	change func(t *testing.T, task *vfs.Task)
	after  func(t *testing.T, dir string)
}{
	{
		"data",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/f", []byte("before"), 0o644))
			read(t, dir, "f")
		},
		func(t *testing.T, task *vfs.Task) { writeTask(t, task, "/f", "after, and longer") },
		func(t *testing.T, dir string) {
			if got := read(t, dir, "f"); got != "after, and longer" {
				t.Errorf("read %q", got)
			}
		},
	},
	{
		"data in place",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/f", make([]byte, 3*4096), 0o644))
			read(t, dir, "f")
		},
		func(t *testing.T, task *vfs.Task) {
			fd, err := task.Openat(vfs.AtCWD, "/f", unix.O_WRONLY, 0)
			must(t, err)
			_, err = task.Pwrite(fd, []byte("x"), 5000)
			must(t, err)
			must(t, task.Close(fd))
		},
		func(t *testing.T, dir string) {
			if got := read(t, dir, "f"); got[5000] != 'x' {
				t.Error("the old data were read")
			}
		},
	},
	{
		"truncate",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/f", []byte("before"), 0o644))
			read(t, dir, "f")
		},
		func(t *testing.T, task *vfs.Task) { must(t, task.Truncate("/f", 3)) },
		func(t *testing.T, dir string) {
			if got := read(t, dir, "f"); got != "bef" {
				t.Errorf("read %q", got)
			}
		},
	},
	{
		"a name that was missing",
		func(t *testing.T, task *vfs.Task, dir string) {
			if _, err := os.Stat(dir + "/new"); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			names(t, dir)
		},
		func(t *testing.T, task *vfs.Task) { writeTask(t, task, "/new", "hello") },
		func(t *testing.T, dir string) {
			if got := read(t, dir, "new"); got != "hello" {
				t.Errorf("read %q", got)
			}
			if got := names(t, dir); got != "new" {
				t.Errorf("listed %q", got)
			}
		},
	},
	{
		"a listing of names never asked for",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/old", nil, 0o644))
			names(t, dir)
			names(t, dir)
		},
		func(t *testing.T, task *vfs.Task) { must(t, task.Mkdirat(vfs.AtCWD, "/young", 0o755)) },
		func(t *testing.T, dir string) {
			var st unix.Stat_t
			must(t, unix.Stat(dir, &st))
			if st.Nlink != 3 {
				t.Errorf("%d links of the parent", st.Nlink)
			}
			if got := names(t, dir); got != "old young" {
				t.Errorf("listed %q", got)
			}
		},
	},
	{
		"unlink",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/f", []byte("data"), 0o644))
			must(t, os.Link(dir+"/f", dir+"/g"))
			read(t, dir, "f")
			read(t, dir, "g")
		},
		func(t *testing.T, task *vfs.Task) { must(t, task.Unlinkat(vfs.AtCWD, "/f", 0)) },
		func(t *testing.T, dir string) {
			if _, err := os.Stat(dir + "/f"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("stat of the removed name: %v", err)
			}
			var st unix.Stat_t
			must(t, unix.Stat(dir+"/g", &st))
			if st.Nlink != 1 {
				t.Errorf("%d links", st.Nlink)
			}
		},
	},
	{
		"rename over",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/f", []byte("f"), 0o644))
			must(t, os.WriteFile(dir+"/g", []byte("g"), 0o644))
			read(t, dir, "f")
			read(t, dir, "g")
		},
		func(t *testing.T, task *vfs.Task) {
			must(t, task.Renameat2(vfs.AtCWD, "/f", vfs.AtCWD, "/g", 0))
		},
		func(t *testing.T, dir string) {
			if got := read(t, dir, "g"); got != "f" {
				t.Errorf("read %q", got)
			}
			if got := names(t, dir); got != "g" {
				t.Errorf("listed %q", got)
			}
		},
	},
	{
		"exchange",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.Mkdir(dir+"/f", 0o755))
			must(t, os.WriteFile(dir+"/f/in", []byte("f"), 0o644))
			must(t, os.WriteFile(dir+"/g", []byte("g"), 0o644))
			read(t, dir, "f/in")
			read(t, dir, "g")
		},
		func(t *testing.T, task *vfs.Task) {
			must(t, task.Renameat2(vfs.AtCWD, "/f", vfs.AtCWD, "/g", vfs.RenameExchange))
		},
		func(t *testing.T, dir string) {
			if got := read(t, dir, "g/in"); got != "f" {
				t.Errorf("read %q", got)
			}
			if got := read(t, dir, "f"); got != "g" {
				t.Errorf("read %q", got)
			}
		},
	},
	{
		"a moved directory stays whole",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.MkdirAll(dir+"/a/b", 0o755))
			must(t, os.Mkdir(dir+"/c", 0o755))
			must(t, os.WriteFile(dir+"/a/b/f", []byte("f"), 0o644))
			read(t, dir, "a/b/f")
			names(t, dir+"/c")
		},
		func(t *testing.T, task *vfs.Task) {
			must(t, task.Renameat2(vfs.AtCWD, "/a/b", vfs.AtCWD, "/c/d", 0))
		},
		func(t *testing.T, dir string) {
			if got := read(t, dir, "c/d/f"); got != "f" {
				t.Errorf("read %q", got)
			}
			must(t, os.WriteFile(dir+"/c/d/g", nil, 0o644))
			if got := names(t, dir+"/c/d"); got != "f g" {
				t.Errorf("listed %q", got)
			}
		},
	},
	{
		"attributes",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.WriteFile(dir+"/f", nil, 0o644))
			_, err := os.Stat(dir + "/f")
			must(t, err)
		},
		func(t *testing.T, task *vfs.Task) {
			must(t, task.Fchmodat(vfs.AtCWD, "/f", 0o600, 0))
			must(t, task.Fchownat(vfs.AtCWD, "/f", 12, 34, 0))
		},
		func(t *testing.T, dir string) {
			var st unix.Stat_t
			must(t, unix.Stat(dir+"/f", &st))
			if st.Mode&0o7777 != 0o600 || st.Uid != 12 || st.Gid != 34 {
				t.Errorf("mode %o uid %d gid %d", st.Mode, st.Uid, st.Gid)
			}
		},
	},
	{
		"symlink",
		func(t *testing.T, task *vfs.Task, dir string) {
			must(t, os.Symlink("one", dir+"/l"))
			_, err := os.Readlink(dir + "/l")
			must(t, err)
		},
		func(t *testing.T, task *vfs.Task) {
			must(t, task.Unlinkat(vfs.AtCWD, "/l", 0))
			must(t, task.Symlinkat("two", vfs.AtCWD, "/l"))
		},
		func(t *testing.T, dir string) {
			if got, err := os.Readlink(dir + "/l"); err != nil || got != "two" {
				t.Errorf("%q %v", got, err)
			}
		},
	},
}

// TestBesideByTask: a change through the Go API shows when it returns.
func TestBesideByTask(t *testing.T) {
	for _, c := range besideCases {
		t.Run(c.name, func(t *testing.T) {
			ns := newMem(t, "")
			s := mountAt(t, ns, fuse.Options{})
			beside := task(t, ns)
			c.before(t, beside, s.Dir())
			c.change(t, beside)
			c.after(t, s.Dir())
			if st := s.Stats(); st.NotificationsLate != 0 {
				t.Errorf("%d notifications were late", st.NotificationsLate)
			}
		})
	}
}

// TestBesideByMount: a change through a second mount shows soon.
func TestBesideByMount(t *testing.T) {
	ns := newMem(t, "")
	a, b := mountAt(t, ns, fuse.Options{}).Dir(), mountAt(t, ns, fuse.Options{}).Dir()

	must(t, os.WriteFile(a+"/f", []byte("one"), 0o644))
	eventually(t, "the file is seen", func() bool { data, _ := os.ReadFile(b + "/f"); return string(data) == "one" })
	must(t, os.WriteFile(b+"/f", []byte("two and more"), 0o644))
	eventually(t, "the data are seen", func() bool { return read(t, a, "f") == "two and more" })
	must(t, os.Rename(a+"/f", a+"/g"))
	eventually(t, "the rename is seen", func() bool { return names(t, b) == "g" })
	must(t, os.Chmod(b+"/g", 0o600))
	eventually(t, "the mode is seen", func() bool {
		fi, err := os.Stat(a + "/g")
		return err == nil && fi.Mode() == 0o600
	})
	must(t, os.Remove(b+"/g"))
	eventually(t, "the removal is seen", func() bool { _, err := os.Stat(a + "/g"); return errors.Is(err, fs.ErrNotExist) })
}

// TestBesideOpenDirectory: whoever is in a directory that is removed beside the
// mount sees that it is gone.
func TestBesideOpenDirectory(t *testing.T) {
	ns := newMem(t, "")
	dir := mountAt(t, ns, fuse.Options{}).Dir()
	must(t, os.Mkdir(dir+"/d", 0o755))
	fd, err := unix.Open(dir+"/d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, task(t, ns).Unlinkat(vfs.AtCWD, "/d", unix.AT_REMOVEDIR))
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	if st.Nlink != 0 {
		t.Errorf("%d links", st.Nlink)
	}
	if _, err := unix.Openat(fd, "f", unix.O_CREAT|unix.O_WRONLY, 0o644); err != unix.ENOENT {
		t.Errorf("create in a removed directory: %v", err)
	}
}

// TestBesideRewound: a directory that was open before a change shows it once it
// is rewound.
func TestBesideRewound(t *testing.T) {
	ns := newMem(t, "")
	dir := mountAt(t, ns, fuse.Options{}).Dir()
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	for i := range 3 {
		list, err := d.Readdirnames(-1)
		if err != nil || len(list) != i {
			t.Errorf("%q %v, want %d names", list, err, i)
		}
		must(t, task(t, ns).Mkdirat(vfs.AtCWD, fmt.Sprint("/", i), 0o755))
		_, err = d.Seek(0, 0)
		must(t, err)
	}
}

// TestBesideLookup: a change while the answer to a lookup is on its way, with
// attributes from before the change, is not lost.
func TestBesideLookup(t *testing.T) {
	super, s := mountOdd(t, fuse.Options{})
	super.slow.Store(true)
	looked, changed := make(chan error), make(chan error)
	go func() {
		var st unix.Stat_t
		looked <- unix.Stat(s.Dir()+"/slow", &st)
	}()
	<-super.entered
	beside := task(t, s.Namespace())
	go func() { changed <- beside.Fchmodat(vfs.AtCWD, "/slow", 0o600, 0) }()
	time.Sleep(5 * time.Millisecond) // the kernel is told too early
	close(super.hold)
	must(t, <-looked)
	must(t, <-changed)
	var st unix.Stat_t
	must(t, unix.Stat(s.Dir()+"/slow", &st))
	if st.Mode != unix.S_IFREG|0o600 {
		t.Errorf("mode %o", st.Mode)
	}
}

// TestBesideMapped: pages that a client has mapped change with the file, and the
// file with them; what is written through a map has its place, even if the
// descriptor that it was made with appends.
func TestBesideMapped(t *testing.T) {
	ns := newMem(t, "")
	dir := mountAt(t, ns, fuse.Options{}).Dir()
	beside := task(t, ns)
	must(t, os.WriteFile(dir+"/f", append([]byte("first"), make([]byte, 3*4096)...), 0o644))
	c := start(t, "mmap", dir+"/f")
	c.expect("first")

	fd, err := beside.Openat(vfs.AtCWD, "/f", unix.O_RDWR, 0)
	must(t, err)
	buf := make([]byte, 23)
	_, err = beside.Pread(fd, buf, 4096)
	must(t, err)
	if string(buf) != "written through the map" {
		t.Errorf("the tree has %q", buf)
	}
	var st vfs.Stat
	must(t, beside.Fstat(fd, &st))
	if st.Size != 5+3*4096 {
		t.Errorf("%d bytes", st.Size)
	}
	_, err = beside.Pwrite(fd, []byte("other"), 0)
	must(t, err)
	must(t, beside.Close(fd))
	c.stdin.Close()
	c.expect("other")
}

// TestNoEcho: the kernel is not told of what it asked for itself.
func TestNoEcho(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{})
	dir := s.Dir()
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o755))
	must(t, os.WriteFile(dir+"/a/f", []byte("data"), 0o644))
	must(t, os.Rename(dir+"/a/f", dir+"/a/b/g"))
	must(t, os.Chmod(dir+"/a/b/g", 0o600))
	must(t, os.RemoveAll(dir+"/a"))
	if st := s.Stats(); st.Notifications != 0 || st.NotificationsQueued != 0 {
		t.Errorf("%+v", st)
	}
}

// TestAppendByTwo: two mounts append to one file, and neither loses what the
// other wrote.
func TestAppendByTwo(t *testing.T) {
	ns := newMem(t, "")
	a, b := mountAt(t, ns, fuse.Options{}).Dir(), mountAt(t, ns, fuse.Options{}).Dir()
	must(t, os.WriteFile(a+"/log", nil, 0o644))
	open := func(dir string) *os.File {
		f, err := os.OpenFile(dir+"/log", os.O_APPEND|os.O_RDWR, 0)
		must(t, err)
		return f
	}
	fa, fb := open(a), open(b)
	defer fa.Close()
	defer fb.Close()
	want := ""
	for range 50 {
		_, err := fa.WriteString("from a\n")
		must(t, err)
		_, err = fb.WriteString("b\n")
		must(t, err)
		want += "from a\nb\n"
	}
	for _, dir := range []string{a, b} {
		eventually(t, "all is there through "+dir, func() bool { return read(t, dir, "log") == want })
	}
}
