package govfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"
)

// What every function of package os does on Linux's tmpfs, ours does too.

func TestLikeOSNames(t *testing.T) {
	both(t, func(r *recorder) {
		r.do("mkdir", r.Mkdir("/d", 0o755))
		r.do("mkdir again", r.Mkdir("/d", 0o755))
		r.do("mkdir all bits", r.Mkdir("/bits", 0o777|fs.ModeSticky|fs.ModeSetgid|fs.ModeSetuid))
		r.do("mkdir below nothing", r.Mkdir("/none/d", 0o755))
		r.do("mkdir with slashes", r.Mkdir("/slash//", 0o700))
		r.do("mkdir of nothing", r.Mkdir("", 0o755))
		r.do("mkdir NUL", r.Mkdir("/a\x00b", 0o755))
		r.do("mkdir long", r.Mkdir("/"+strings.Repeat("x", 256), 0o755))
		r.do("mkdir very long", r.Mkdir("/"+strings.Repeat("x/", 5000), 0o755))
		r.do("mkdirall", r.MkdirAll("/a/b/c//d/", 0o750))
		r.do("mkdirall again", r.MkdirAll("/a/b/c/d", 0o777))
		r.do("mkdirall dot", r.MkdirAll("/a/e/.", 0o755))
		r.do("mkdirall nothing", r.MkdirAll("", 0o755))
		r.do("write", r.WriteFile("/a/file", []byte("x"), 0o640))
		r.do("mkdirall file", r.MkdirAll("/a/file", 0o755))
		r.do("mkdirall below file", r.MkdirAll("/a/file/x/y", 0o755))
		r.do("mkdir below file", r.Mkdir("/a/file/x", 0o755))

		r.do("link", r.Link("/a/file", "/d/hard"))
		r.do("link again", r.Link("/a/file", "/d/hard"))
		r.do("link of nothing", r.Link("/none", "/d/none"))
		r.do("link of dir", r.Link("/a", "/d/adir"))
		r.do("link NUL", r.Link("/none", "/d/\x00"))
		r.do("symlink", r.Symlink("../a/file", "/d/soft"))
		r.do("symlink again", r.Symlink("x", "/d/soft"))
		r.do("symlink dangling", r.Symlink("nowhere", "/d/dangling"))
		r.do("symlink loop", r.Symlink("loop", "/d/loop"))
		r.do("symlink dir", r.Symlink("a", "/todir"))
		r.do("symlink empty", r.Symlink("", "/d/empty"))
		r.do("symlink NUL", r.Symlink("a\x00", "/d/nul"))
		r.do("symlink long", r.Symlink(strings.Repeat("y", 4096), "/d/long"))
		r.do("symlink longest", r.Symlink(strings.Repeat("y", 4095), "/d/longest"))
		r.do("link of symlink", r.Link("/d/soft", "/d/softer"))
		for _, n := range []string{
			"/d/hard", "/d/soft", "/d/dangling", "/d/loop", "/todir", "/todir/", "/todir/.", "/todir/file", "/a/file/", "/a/file/.", "", "/", "/.",
			"/none", "/bits", "/slash", "/a/b/../file", "/d/longest", "/d/\x00", "/d/softer",
		} {
			r.stat(n)
			body, err := r.Readlink(n)
			r.log("readlink %q: %q, %s", n, body, r.err(err))
		}
		r.tree()
	})
}

func TestLikeOSRemove(t *testing.T) {
	both(t, func(r *recorder) {
		r.do("tree", r.MkdirAll("/a/b/c", 0o755))
		r.do("tree", r.WriteFile("/a/f", []byte("1"), 0o644))
		r.do("tree", r.WriteFile("/a/b/g", []byte("2"), 0o644))
		r.do("tree", r.Symlink("a", "/l"))
		r.do("tree", r.Mkdir("/empty", 0o755))
		r.do("remove full dir", r.Remove("/a"))
		r.do("remove nothing", r.Remove("/none"))
		r.do("remove empty path", r.Remove(""))
		r.do("remove below file", r.Remove("/a/f/x"))
		r.do("remove file with slash", r.Remove("/a/f/"))
		r.do("remove dot", r.Remove("/a/."))
		r.do("remove dotdot", r.Remove("/a/b/.."))
		r.do("remove through link", r.Remove("/l/f"))
		r.do("remove link with slash", r.Remove("/l/"))
		r.do("remove link", r.Remove("/l"))
		r.do("remove empty dir with slash", r.Remove("/empty/"))
		r.do("removeall nothing", r.RemoveAll("/none"))
		r.do("removeall below nothing", r.RemoveAll("/none/x"))
		r.do("removeall empty path", r.RemoveAll(""))
		r.do("removeall dot", r.RemoveAll("/a/."))
		r.do("removeall below file", r.RemoveAll("/a/b/g/x"))
		r.do("removeall NUL", r.RemoveAll("/a\x00"))
		r.do("link to dir", r.Symlink("b", "/a/lb"))
		r.do("removeall link", r.RemoveAll("/a/lb"))
		r.tree()
		for i := range 2100 {
			must(r.t, r.WriteFile(fmt.Sprintf("/a/b/c/%d", i), nil, 0o600))
		}
		r.do("removeall", r.RemoveAll("/a//"))
		r.tree()
	})
}

func TestLikeOSRename(t *testing.T) {
	both(t, func(r *recorder) {
		for _, d := range []string{"/d1/sub", "/d2", "/empty"} {
			r.do("tree", r.MkdirAll(d, 0o755))
		}
		r.do("tree", r.WriteFile("/f1", []byte("1"), 0o644))
		r.do("tree", r.WriteFile("/f2", []byte("2"), 0o644))
		r.do("tree", r.Link("/f1", "/f1too"))
		r.do("tree", r.Symlink("d1", "/l"))
		for _, p := range [][2]string{
			{"/none", "/x"}, {"/none", "/d2"}, {"/f1", "/none/x"}, {"/f1", "/d2"}, {"/d1", "/f1"}, {"/d1", "/empty"}, {"/d1", "/d1"},
			{"/d1", "/d1/sub/x"}, {"/f1", "/f1"}, {"/f1", "/f1too"}, {"", "/x"}, {"/f1", ""}, {"/f1", "/f2/x"}, {"/f1/", "/x"}, {"/f1", "/x/"},
			{"/d1/", "/d3/"}, {"/d3", "/d1"}, {"/d1/.", "/x"}, {"/d1/..", "/x"}, {"/f1", "/l"}, {"/l", "/f2"}, {"/f2", "/d1/sub/in"},
			{"/f1too", "/d1/f\x00"}, {"/d1/sub", "/up"},
		} {
			r.do(fmt.Sprintf("rename %q", p), r.Rename(p[0], p[1]))
			r.tree()
		}
	})
}

func TestLikeOSAttributes(t *testing.T) {
	both(t, func(r *recorder) {
		r.do("tree", r.WriteFile("/f", []byte("some text"), 0o666))
		r.do("tree", r.Mkdir("/d", 0o777))
		r.do("tree", r.Symlink("f", "/l"))
		for _, m := range []fs.FileMode{0, 0o777, 0o4755, 0o755 | fs.ModeSetuid, 0o2755 | fs.ModeSetgid, 0o777 | fs.ModeSticky, fs.ModeDir | 0o640} {
			for _, n := range []string{"/f", "/d", "/l", "/none", ""} {
				r.do(fmt.Sprintf("chmod %s %v", n, m), r.Chmod(n, m))
				r.stat(n)
			}
		}
		for _, o := range [][2]int{{-1, -1}, {1, 2}, {-1, 3}, {4, -1}, {0, 0}} {
			if os.Geteuid() != 0 && (o[0] > 0 || o[1] > 0) {
				continue
			}
			for _, n := range []string{"/f", "/d", "/l", "/none"} {
				r.do(fmt.Sprintf("chown %s %v", n, o), r.Chown(n, o[0], o[1]))
				r.do(fmt.Sprintf("lchown %s %v", n, o), r.Lchown(n, o[0], o[1]))
				r.stat(n)
			}
		}
		for _, tm := range [][2]time.Time{{time.Unix(1, 2), time.Unix(3, 4)}, {{}, time.Unix(5, 6)}, {time.Unix(7, 8), {}}, {{}, {}}, {time.Unix(-5, 6), time.Unix(1<<33, 7)}} {
			for _, n := range []string{"/f", "/d", "/l", "/none"} {
				r.do(fmt.Sprintf("chtimes %s", n), r.Chtimes(n, tm[0], tm[1]))
				if i, err := r.Stat(n); err == nil {
					st := i.Sys().(*syscall.Stat_t)
					r.log("times %v %v", st.Atim, i.ModTime().UnixNano())
				}
			}
		}
		for _, size := range []int64{0, 3, 5000, 1 << 20, -1, 2} {
			for _, n := range []string{"/f", "/d", "/l", "/none", ""} {
				r.do(fmt.Sprintf("truncate %s %d", n, size), r.Truncate(n, size))
			}
			r.stat("/f")
		}
		r.tree()
	})
}

func TestLikeOSOpen(t *testing.T) {
	flags := []int{
		os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL,
		os.O_WRONLY | os.O_CREATE | os.O_TRUNC, os.O_RDONLY | unix.O_DIRECTORY, os.O_RDONLY | unix.O_NOFOLLOW, os.O_RDWR | os.O_SYNC,
		os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW, unix.O_PATH, unix.O_PATH | unix.O_NOFOLLOW, os.O_RDONLY | unix.O_NOATIME, 3,
		os.O_RDWR | unix.O_TMPFILE, os.O_RDONLY | unix.O_TMPFILE, os.O_RDWR | unix.O_DIRECTORY,
	}
	both(t, func(r *recorder) {
		for i, flag := range flags {
			d := fmt.Sprintf("/%d", i)
			r.do("tree", r.MkdirAll(d+"/d", 0o755))
			r.do("tree", r.WriteFile(d+"/f", []byte("0123456789"), 0o644))
			r.do("tree", r.Symlink("f", d+"/l"))
			r.do("tree", r.Symlink("new2", d+"/dangling"))
			r.do("tree", r.Symlink("d", d+"/ld"))
			for _, n := range []string{"/f", "/d", "/l", "/ld", "/dangling", "/new", "/none/x", "/f/x", "/f/", "/d/", "/new/", "/d/.", "/d/.."} {
				f, err := r.OpenFile(d+n, flag, 0o640|fs.ModeSticky)
				r.log("open %s %#x: %s", n, flag, r.err(err))
				if err != nil {
					continue
				}
				buf := make([]byte, 4)
				k, err := f.Read(buf)
				r.log("read: %d %q, %s", k, buf[:max(k, 0)], r.err(err))
				k, err = f.Write([]byte("AB"))
				r.log("write: %d, %s", k, r.err(err))
				k, err = f.ReadAt(buf, 2)
				r.log("readat: %d, %s", k, r.err(err))
				k, err = f.WriteAt([]byte("C"), 8)
				r.log("writeat: %d, %s", k, r.err(err))
				p, err := f.Seek(0, io.SeekCurrent)
				r.log("seek: %d, %s", p, r.err(err))
				names, err := f.Readdirnames(1)
				r.log("readdirnames: %d, %s", len(names), r.err(err))
				r.do("truncate", f.Truncate(7))
				r.do("chmod", f.Chmod(0o604))
				r.do("chown", f.Chown(-1, -1))
				r.do("sync", f.Sync())
				info, err := f.Stat()
				r.log("stat: %s, %s", r.info(info), r.err(err))
				r.do("close", f.Close())
			}
		}
		r.tree()
	})
}

func TestLikeOSFile(t *testing.T) {
	both(t, func(r *recorder) {
		f, err := r.OpenFile("/f", os.O_RDWR|os.O_CREATE, 0o644)
		r.log("create: %s", r.err(err))
		n, err := f.WriteString("hello world")
		r.log("write: %d, %s", n, r.err(err))
		n, err = f.Write(nil)
		r.log("write nothing: %d, %s", n, r.err(err))
		for _, s := range []struct {
			off    int64
			whence int
		}{{0, 0}, {3, 0}, {2, 1}, {-1, 2}, {-100, 0}, {0, 9}, {1 << 40, 0}, {-1, 1}, {0, unix.SEEK_DATA}, {0, unix.SEEK_HOLE}, {100, unix.SEEK_DATA}} {
			p, err := f.Seek(s.off, s.whence)
			r.log("seek %d %d: %d, %s", s.off, s.whence, p, r.err(err))
		}
		f.Seek(6, io.SeekStart)
		for _, size := range []int{0, 3, 100, 100, 0} {
			buf := make([]byte, size)
			n, err := f.Read(buf)
			r.log("read %d: %q, %s", size, buf[:n], r.err(err))
		}
		for _, c := range []struct {
			size int
			off  int64
		}{{5, 0}, {5, 9}, {5, 11}, {5, 100}, {0, 0}, {0, 100}, {1, -1}} {
			buf := make([]byte, c.size)
			n, err := f.ReadAt(buf, c.off)
			r.log("readat %d %d: %q, %s", c.size, c.off, buf[:n], r.err(err))
			n, err = f.WriteAt(buf, c.off)
			r.log("writeat %d %d: %d, %s", c.size, c.off, n, r.err(err))
		}
		r.do("truncate", f.Truncate(4))
		r.do("truncate", f.Truncate(-4))
		r.do("chmod", f.Chmod(0o600|fs.ModeSetuid))
		r.do("sync", f.Sync())
		r.do("remove", r.Remove("/f"))
		i, err := f.Stat()
		r.log("stat after remove: %s, %s", r.info(i), r.err(err))
		r.do("close", f.Close())
		r.do("close again", f.Close())
		n, err = f.Read(make([]byte, 1))
		r.log("read closed: %d, %s", n, r.err(err))
		n, err = f.Write([]byte("x"))
		r.log("write closed: %d, %s", n, r.err(err))
		n, err = f.ReadAt(make([]byte, 1), 0)
		r.log("readat closed: %d, %s", n, r.err(err))
		_, err = f.Seek(0, 0)
		r.do("seek closed", err)
		_, err = f.Stat()
		r.do("stat closed", err)
		r.do("sync closed", f.Sync())
		r.do("chmod closed", f.Chmod(0))
		r.do("truncate closed", f.Truncate(0))
		if _, err = f.ReadDir(0); err == nil { // os has two errors for closed files
			r.log("readdir closed: ok")
		}
		r.log("name %s", f.Name())

		f, err = r.OpenFile("/app", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
		r.log("append: %s", r.err(err))
		f.Write([]byte("one"))
		f.Seek(0, io.SeekStart)
		f.Write([]byte("two"))
		n, err = f.WriteAt([]byte("x"), 0)
		r.log("writeat: %d, %s", n, r.err(err))
		r.do("close", f.Close())
		r.tree()
	})
}

func TestLikeOSDirectory(t *testing.T) {
	both(t, func(r *recorder) {
		r.do("tree", r.Mkdir("/d", 0o755))
		for i := range 25 {
			r.do("tree", r.WriteFile(fmt.Sprintf("/d/%02d", i), []byte("x"), 0o644))
		}
		r.do("tree", r.Mkdir("/d/sub", 0o700))
		r.do("tree", r.Symlink("x", "/d/link"))
		r.do("tree", r.Mkdir("/empty", 0o755))
		all := func(what string, read func(f sysFile, n int) ([]string, error)) {
			for _, dir := range []string{"/d", "/empty", "/d/00"} {
				for _, n := range []int{-1, 0, 1, 7, 27, 100} {
					f, err := r.OpenFile(dir, os.O_RDONLY, 0)
					if err != nil {
						r.do("open", err)
						continue
					}
					var names []string
					for range 30 {
						got, err := read(f, n)
						names = append(names, got...)
						r.log("%s %s %d: %d, nil %v, %s", what, dir, n, len(got), got == nil, r.err(err))
						if err != nil || len(got) == 0 {
							break
						}
					}
					slices.Sort(names)
					r.log("%q", names)
					f.Seek(0, io.SeekStart)
					got, err := read(f, n)
					r.log("again: %d, %s", len(got), r.err(err))
					r.do("close", f.Close())
				}
			}
		}
		all("names", func(f sysFile, n int) ([]string, error) { return f.Readdirnames(n) })
		all("entries", func(f sysFile, n int) (names []string, err error) {
			list, err := f.ReadDir(n)
			if list != nil {
				names = []string{}
			}
			for _, e := range list {
				i, err := e.Info()
				names = append(names, fmt.Sprintf("%v %v %s %s", e, e.Type(), r.info(i), r.err(err)))
			}
			return names, err
		})
		all("infos", func(f sysFile, n int) (names []string, err error) {
			list, err := f.Readdir(n)
			if list != nil {
				names = []string{}
			}
			for _, i := range list {
				names = append(names, r.info(i))
			}
			return names, err
		})
		for _, n := range []string{"/d", "/empty", "/d/00", "/none", "", "/d/sub/..", "/d/link"} {
			list, err := r.ReadDir(n)
			var names []string
			for _, e := range list {
				names = append(names, e.Name())
			}
			r.log("readdir %s: %q, %s", n, names, r.err(err))
		}
		// What is gone when it is asked about, and a directory that is gone.
		list, _ := r.ReadDir("/d")
		f, _ := r.OpenFile("/d", os.O_RDONLY, 0)
		r.do("removeall", r.RemoveAll("/d"))
		_, err := list[0].Info()
		r.do("info of what is gone", err)
		got, err := f.Readdirnames(-1)
		r.log("names of what is gone: %q, %s", got, r.err(err))
		r.do("close", f.Close())
	})
}

func TestLikeOSContent(t *testing.T) {
	both(t, func(r *recorder) {
		big := make([]byte, 3<<20+17)
		for i := range big {
			big[i] = byte(i % 251)
		}
		for _, data := range [][]byte{nil, []byte("x"), big} {
			r.do("write", r.WriteFile("/f", data, 0o600))
			got, err := r.ReadFile("/f")
			r.log("read: %v %d, %s", string(got) == string(data), len(got), r.err(err))
			r.stat("/f")
		}
		r.do("write to dir", r.WriteFile("/", nil, 0o600))
		r.do("write to nothing", r.WriteFile("/none/x", nil, 0o600))
		_, err := r.ReadFile("/")
		r.do("read dir", err)
		_, err = r.ReadFile("/none")
		r.do("read nothing", err)

		for _, dir := range []string{"/", "/none", "/f"} {
			for _, pattern := range []string{"p", "p*s", "*", "a*b*c", "a/b", ""} {
				f, err := r.CreateTemp(dir, pattern)
				r.do(fmt.Sprintf("createtemp %s %s", dir, pattern), digitless(err))
				if err == nil {
					r.log("name %s", shape(r.plain(f.Name())))
					i, err := f.Stat()
					r.log("mode %v, %s", i.Mode(), r.err(err))
					r.do("remove", r.Remove(strings.TrimPrefix(f.Name(), r.dir)))
					r.do("close", f.Close())
				}
				d, err := r.MkdirTemp(dir, pattern)
				r.do(fmt.Sprintf("mkdirtemp %s %s", dir, pattern), digitless(err))
				if err == nil {
					r.log("name %s", shape(r.plain(d)))
					r.stat("/")
					r.do("remove", r.Remove(strings.TrimPrefix(d, r.dir)))
				}
			}
		}

		src := fstest.MapFS{
			"a/b/file": &fstest.MapFile{Data: []byte("file"), Mode: 0o444},
			"a/exec":   &fstest.MapFile{Data: []byte("exec"), Mode: 0o755 | fs.ModeSetuid},
			"link":     &fstest.MapFile{Data: []byte("a/exec"), Mode: fs.ModeSymlink | 0o777},
		}
		r.do("copyfs", r.CopyFS("/copy", src))
		r.do("copyfs again", r.CopyFS("/copy", src))
		src["fifo"] = &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o600}
		r.do("copyfs fifo", r.CopyFS("/copy2", src))
		r.do("copyfs broken", r.CopyFS("/copy3", os.DirFS("/none")))
		r.tree()

		a, _ := r.Stat("/copy/link")
		b, _ := r.Lstat("/copy/a/exec")
		c, _ := r.Lstat("/copy/link")
		r.log("same: %v %v", r.SameFile(a, b), r.SameFile(a, c))
	})
}

// digitless takes the random part out of the path of an error.
func digitless(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		c := *e
		c.Path = shape(c.Path)
		return &c
	}
	return err
}

func shape(name string) string {
	i := strings.LastIndexByte(name, '/') + 1
	digits := false
	return name[:i] + strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			digits = false
			return r
		}
		if digits {
			return -1
		}
		digits = true
		return '#'
	}, name[i:])
}
