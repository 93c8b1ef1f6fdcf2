package govfs

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/govfs/govfs/vfs"
)

// randomCalls draws calls on a small name space, and makes them on both
// systems one after the other.
func randomCalls(t *rapid.T, want, got *recorder) {
	paths := rapid.SampledFrom([]string{
		"/a", "/b", "/a/a", "/a/b", "/b/a", "/b/b", "/a/a/a", "/a/b/a", "/b/a/b", "/l", "/l/a", "/a/l", "/a/", "/b/.", "/a/..", "/none/x", "/l/",
	})
	targets := rapid.SampledFrom([]string{"a", "b", "../b", "l", "a/b", "..", ".", "nowhere"})
	modes := rapid.SampledFrom([]fs.FileMode{0o777, 0o755, 0o700, 0o500, 0o300, 0o644, 0, 0o1777 | fs.ModeSticky, 0o2775 | fs.ModeSetgid, 0o755 | fs.ModeSetuid})
	sizes := rapid.SampledFrom([]int64{0, 1, 100, 4096, 5000, 70000})
	flags := rapid.SampledFrom([]int{
		os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND | os.O_CREATE,
		os.O_RDONLY | unix.O_DIRECTORY, os.O_RDONLY | unix.O_NOFOLLOW,
	})
	calls := map[string]func(t *rapid.T) (string, func(r *recorder)){
		"mkdir": func(t *rapid.T) (string, func(r *recorder)) {
			p, m := paths.Draw(t, "path"), modes.Draw(t, "mode")
			return fmt.Sprintf("mkdir %s %v", p, m), func(r *recorder) { r.do("", r.Mkdir(p, m)) }
		},
		"mkdirall": func(t *rapid.T) (string, func(r *recorder)) {
			p, m := paths.Draw(t, "path"), modes.Draw(t, "mode")
			return fmt.Sprintf("mkdirall %s %v", p, m), func(r *recorder) { r.do("", r.MkdirAll(p, m)) }
		},
		"write": func(t *rapid.T) (string, func(r *recorder)) {
			p, m, n := paths.Draw(t, "path"), modes.Draw(t, "mode"), sizes.Draw(t, "size")
			return fmt.Sprintf("write %s %v %d", p, m, n), func(r *recorder) { r.do("", r.WriteFile(p, make([]byte, n), m)) }
		},
		"open": func(t *rapid.T) (string, func(r *recorder)) {
			p, m, fl := paths.Draw(t, "path"), modes.Draw(t, "mode"), flags.Draw(t, "flags")
			return fmt.Sprintf("open %s %#x %v", p, fl, m), func(r *recorder) {
				f, err := r.OpenFile(p, fl, m)
				r.do("", err)
				if err != nil {
					return
				}
				n, err := f.Write([]byte("some bytes"))
				r.log("%d %s", n, r.err(err))
				n, err = f.ReadAt(make([]byte, 20), 5)
				r.log("%d %s", n, r.err(err))
				r.do("truncate", f.Truncate(3))
				r.do("chmod", f.Chmod(m))
				i, err := f.Stat()
				r.log("%s, %s", r.info(i), r.err(err))
				r.do("close", f.Close())
			}
		},
		"remove": func(t *rapid.T) (string, func(r *recorder)) {
			p := paths.Draw(t, "path")
			return "remove " + p, func(r *recorder) { r.do("", r.Remove(p)) }
		},
		"removeall": func(t *rapid.T) (string, func(r *recorder)) {
			p := paths.Draw(t, "path")
			return "removeall " + p, func(r *recorder) {
				err := r.RemoveAll(p)
				if e, ok := err.(*fs.PathError); ok {
					// Of several failures the first depends on the order of names,
					// and with it which call it is of.
					e.Path, e.Op = "", ""
				}
				r.do("", err)
			}
		},
		"rename": func(t *rapid.T) (string, func(r *recorder)) {
			p, q := paths.Draw(t, "from"), paths.Draw(t, "to")
			return "rename " + p + " " + q, func(r *recorder) { r.do("", r.Rename(p, q)) }
		},
		"link": func(t *rapid.T) (string, func(r *recorder)) {
			p, q := paths.Draw(t, "from"), paths.Draw(t, "to")
			return "link " + p + " " + q, func(r *recorder) { r.do("", r.Link(p, q)) }
		},
		"symlink": func(t *rapid.T) (string, func(r *recorder)) {
			p, q := targets.Draw(t, "body"), paths.Draw(t, "path")
			return "symlink " + p + " " + q, func(r *recorder) { r.do("", r.Symlink(p, q)) }
		},
		"stat": func(t *rapid.T) (string, func(r *recorder)) {
			p := paths.Draw(t, "path")
			return "stat " + p, func(r *recorder) { r.stat(p) }
		},
		"readdir": func(t *rapid.T) (string, func(r *recorder)) {
			p := paths.Draw(t, "path")
			return "readdir " + p, func(r *recorder) {
				list, err := r.ReadDir(p)
				r.log("%v %s", list, r.err(err))
			}
		},
		"chmod": func(t *rapid.T) (string, func(r *recorder)) {
			p, m := paths.Draw(t, "path"), modes.Draw(t, "mode")
			return fmt.Sprintf("chmod %s %v", p, m), func(r *recorder) { r.do("", r.Chmod(p, m)) }
		},
		"chown": func(t *rapid.T) (string, func(r *recorder)) {
			p, u, g := paths.Draw(t, "path"), rapid.IntRange(-1, 2).Draw(t, "uid"), rapid.IntRange(-1, 2).Draw(t, "gid")
			return fmt.Sprintf("chown %s %d %d", p, u, g), func(r *recorder) { r.do("", r.Chown(p, u, g)) }
		},
		"chtimes": func(t *rapid.T) (string, func(r *recorder)) {
			p, n := paths.Draw(t, "path"), rapid.Int64Range(0, 1<<40).Draw(t, "ns")
			return "chtimes " + p, func(r *recorder) {
				r.do("", r.Chtimes(p, time.Unix(0, n), time.Unix(1, n)))
				if i, err := r.Stat(p); err == nil {
					r.log("%d %v", i.ModTime().UnixNano(), i.Sys().(*syscall.Stat_t).Atim)
				}
			}
		},
		"truncate": func(t *rapid.T) (string, func(r *recorder)) {
			p, n := paths.Draw(t, "path"), sizes.Draw(t, "size")
			return fmt.Sprintf("truncate %s %d", p, n), func(r *recorder) { r.do("", r.Truncate(p, n)) }
		},
	}
	var names []string
	for name := range calls {
		names = append(names, name)
	}
	slices.Sort(names)
	pick := rapid.SampledFrom(names)
	for range rapid.IntRange(1, 40).Draw(t, "calls") {
		what, do := calls[pick.Draw(t, "call")](t)
		for _, r := range []*recorder{want, got} {
			r.lines = nil
			do(r)
			r.tree()
		}
		compare(t, want.lines, got.lines)
		if t.Failed() {
			t.Fatalf("after %s", what)
		}
	}
}

// Random calls do the same in a memory file system and on the host's tmpfs: as
// root, and as a user who is not allowed everything.
func TestLikeOSAtRandom(t *testing.T) {
	if os.Geteuid() != 0 {
		lacking(t, "root, to change the root directory")
	}
	for name, cred := range map[string]*vfs.Cred{"root": vfs.RootCred(), "user": vfs.UserCred(1000, 1001, 1)} {
		t.Run(name, func(t *testing.T) {
			dir := hostTmpfs(t)
			must(t, os.Chmod(dir, 0o777|fs.ModeSticky)) // as the root of a tmpfs
			must(t, os.Chown(dir, int(cred.UID), int(cred.GID)))
			inThread(t, dir, cred, func() {
				rapid.Check(t, func(t *rapid.T) { randomTrial(t, cred) })
			})
		})
	}
}

// inThread calls f in a thread of its own whose root directory is dir, so that
// no path can leave it, and whose identity is that of cred.
func inThread(t *testing.T, dir string, cred *vfs.Cred, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if err := enter(dir, cred); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func enter(dir string, cred *vfs.Cred) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	if err := unix.Chroot(dir); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if cred.UID == 0 {
		return nil
	}
	// The functions of package syscall would change all threads.
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&cred.Groups[0])), 0); e != 0 {
		return e
	}
	unix.SetfsgidRetGid(int(cred.GID))
	unix.SetfsuidRetUid(int(cred.UID))
	if now, err := unix.SetfsuidRetUid(-1); now != int(cred.UID) {
		return fmt.Errorf("setfsuid: still %d, %v", now, err)
	}
	return nil
}

// randomTrial is one run from two empty file systems on.
func randomTrial(t *rapid.T, cred *vfs.Cred) {
	must(t, os.Chown("/", int(cred.UID), int(cred.GID)))
	must(t, os.Chmod("/", 0o777|fs.ModeSticky))
	list, err := os.ReadDir("/")
	must(t, err)
	for _, e := range list {
		forceRemove("/" + e.Name())
	}
	mem, err := Open(t.Context(), "mem", WithCred(cred))
	must(t, err)
	defer mem.Close()
	randomCalls(t, &recorder{system: host{}, t: t}, &recorder{system: ours{mem}, t: t})
}

// forceRemove removes a tree in which directories may be closed to its owner.
func forceRemove(name string) {
	if err := os.RemoveAll(name); err == nil {
		return
	}
	_ = os.Chmod(name, 0o700)
	list, _ := os.ReadDir(name)
	for _, e := range list {
		forceRemove(name + "/" + e.Name())
	}
	_ = os.RemoveAll(name)
}
