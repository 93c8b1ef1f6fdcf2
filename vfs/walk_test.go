package vfs

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// lookupBoth resolves a path in both walk modes, which must agree.
func lookupBoth(t *testing.T, task *Task, name string, flags WalkFlags) (uint64, error) {
	t.Helper()
	var ref walk
	refErr := ref.lookup(task, AtCWD, name, flags)
	var refIno uint64
	if refErr == nil {
		refIno = ref.path.Inode().Ino()
		ref.path.Put(task)
	}
	p, err := task.Lookup(AtCWD, name, flags)
	var ino uint64
	if err == nil {
		ino = p.Inode().Ino()
		p.Put(task)
	}
	if err != refErr || ino != refIno {
		t.Fatalf("%q: rcu-walk says %d %v, ref-walk %d %v", name, ino, err, refIno, refErr)
	}
	return ino, err
}

func TestWalk(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/a", "/a/b", "/a/b/c")
	touch(t, task, "/a/b/f")
	symlink(t, task, "/a/b", "/abs")
	symlink(t, task, "b/c", "/a/rel")
	symlink(t, task, "rel", "/a/rel2")
	symlink(t, task, "loop", "/loop")
	symlink(t, task, "gone", "/dangling")
	symlink(t, task, "..", "/a/b/up")
	symlink(t, task, "/", "/root")
	symlink(t, task, "a/b/f", "/tofile")
	symlink(t, task, "a/b/", "/slashdir")

	ino := func(name string) uint64 {
		p, err := task.Lookup(AtCWD, name, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer p.Put(task)
		return p.Inode().Ino()
	}
	same := []struct{ path, as string }{
		{"/abs/f", "/a/b/f"}, {"/abs/../b/f", "/a/b/f"}, {"/a/rel/../f", "/a/b/f"}, {"/a/rel2/..", "/a/b"},
		{"/a/b/up/b/f", "/a/b/f"}, {"/root/a/b", "/a/b"}, {"/root/", "/"}, {"///a//b///f", "/a/b/f"},
		{"/../../a/./b/.", "/a/b"}, {"/tofile", "/a/b/f"}, {"/abs/", "/a/b"}, {"/a/rel2/", "/a/b/c"}, {"/root", "/"},
		{"/slashdir/f", "/a/b/f"}, {"/slashdir", "/a/b"}, {"/a/rel2/../../b/up", "/a"},
	}
	for _, s := range same {
		for range 2 { // the second time from the cache
			got, err := lookupBoth(t, task, s.path, WalkFollow)
			if err != nil || got != ino(s.as) {
				t.Errorf("%s is %d, %v; want %s (%d)", s.path, got, err, s.as, ino(s.as))
			}
		}
	}
	if got, err := lookupBoth(t, task, "/abs", 0); err != nil || got == ino("/a/b") {
		t.Errorf("a last symlink was followed without being asked to: %v", err)
	}
	if _, err := lookupBoth(t, task, "/a/nothing", 0); err != unix.ENOENT {
		t.Error(err)
	}
	for name, want := range map[string]error{
		"": unix.ENOENT, "/loop": unix.ELOOP, "/dangling": unix.ENOENT, "/a/b/f/": unix.ENOTDIR, "/a/b/f/x": unix.ENOTDIR, "/a/b/f/..": unix.ENOTDIR,
		"/a/x/y": unix.ENOENT, "/tofile/": unix.ENOTDIR, "/" + strings.Repeat("n", 256): unix.ENAMETOOLONG,
		strings.Repeat("/", 4096): unix.ENAMETOOLONG, "/a\x00b": unix.EINVAL, "/loop/x": unix.ELOOP,
	} {
		if _, err := lookupBoth(t, task, name, WalkFollow); err != want {
			t.Errorf("%.20q: %v, want %v", name, err, want)
		}
	}
}

func TestWalkCountsLinks(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/end")
	prev := "/end"
	for i := 1; i <= 41; i++ {
		name := fmt.Sprintf("/l%d", i)
		symlink(t, task, prev, name)
		prev = name
	}
	if _, err := lookupBoth(t, task, "/l40", WalkFollow); err != nil {
		t.Errorf("40 links: %v", err)
	}
	if _, err := lookupBoth(t, task, "/l41", WalkFollow); err != unix.ELOOP {
		t.Errorf("41 links: %v", err)
	}
}

func TestWalkNeedsSearch(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/d", "/d/sub")
	p, _ := task.Lookup(AtCWD, "/d", 0)
	p.Inode().SetMode(unix.S_IFDIR | 0o600)
	p.Put(task)
	task.SetCred(UserCred(1000, 1000))
	for _, name := range []string{"/d/sub", "/d/.", "/d/..", "/d/missing"} {
		if _, err := lookupBoth(t, task, name, 0); err != unix.EACCES {
			t.Errorf("%s: %v", name, err)
		}
	}
	task.SetCred(RootCred())
}

func TestResolveFlags(t *testing.T) {
	task := newRAM(t, nil)
	mkdir(t, task, "/jail", "/jail/in", "/out")
	symlink(t, task, "/out", "/jail/abs")
	symlink(t, task, "../out", "/jail/rel")
	symlink(t, task, "in", "/jail/ok")
	dir, err := task.Openat(AtCWD, "/jail", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close(dir)
	for _, c := range []struct {
		path    string
		resolve uint64
		want    error
	}{
		{"in", unix.RESOLVE_BENEATH, nil}, {"ok", unix.RESOLVE_BENEATH, nil}, {"in/..", unix.RESOLVE_BENEATH, nil},
		{"..", unix.RESOLVE_BENEATH, unix.EXDEV}, {"abs", unix.RESOLVE_BENEATH, unix.EXDEV}, {"rel", unix.RESOLVE_BENEATH, unix.EXDEV},
		{"/jail", unix.RESOLVE_BENEATH, unix.EXDEV}, {"../jail/in", unix.RESOLVE_BENEATH, unix.EXDEV},
		{"..", unix.RESOLVE_IN_ROOT, nil}, {"/in", unix.RESOLVE_IN_ROOT, nil}, {"abs", unix.RESOLVE_IN_ROOT, unix.ENOENT},
		{"ok", unix.RESOLVE_NO_SYMLINKS, unix.ELOOP}, {"in", unix.RESOLVE_NO_SYMLINKS, nil},
		{"in", unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT, unix.EINVAL}, {"in", 1 << 40, unix.EINVAL},
	} {
		fd, err := task.Openat2(AtFD(dir), c.path, OpenHow{Flags: unix.O_PATH, Resolve: c.resolve})
		if err != c.want {
			t.Errorf("%s with %#x: %v, want %v", c.path, c.resolve, err, c.want)
		}
		if err == nil {
			task.Close(fd)
		}
	}
}

func TestStatAllocatesNothing(t *testing.T) {
	if lockdep.Enabled {
		return // the checker itself allocates
	}
	task := newRAM(t, nil)
	mkdir(t, task, "/a", "/a/b", "/a/b/c")
	touch(t, task, "/a/b/c/f")
	symlink(t, task, "b/c", "/a/l")
	var st Stat
	for _, name := range []string{"/a/b/c/f", "/a/l/../c/f", "/a/missing"} {
		task.Stat(name, &st)
		task.Stat(name, &st)
		if n := testing.AllocsPerRun(100, func() { task.Stat(name, &st) }); n != 0 {
			t.Errorf("stat of %s allocates %v times", name, n)
		}
	}
}

func BenchmarkStat(b *testing.B) {
	task := newRAM(b, nil)
	name := ""
	for i := 1; i <= 8; i++ {
		name += fmt.Sprintf("/dir%d", i)
		mkdir(b, task, name)
		if i == 1 || i == 4 || i == 8 {
			b.Run(fmt.Sprint(i), func(b *testing.B) {
				var st Stat
				b.ReportAllocs()
				for b.Loop() {
					if err := task.Stat(name, &st); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("missing", func(b *testing.B) {
		var st Stat
		b.ReportAllocs()
		for b.Loop() {
			task.Stat("/dir1/dir2/dir3/none", &st)
		}
	})
}
