package fuse_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
)

// A script is a list of calls in a directory; it prints what each of them says.
// Every script prints on a mount what it prints on the host's tmpfs.
type script struct {
	name string
	// user, if not zero, is who runs the second part, after root's first.
	user  uint32
	setup func(p *printer, dir string)
	run   func(p *printer, dir string)
}

type printer struct{ strings.Builder }

func (p *printer) say(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// err prints a call and its error, as a name.
func (p *printer) err(what string, err error) {
	var errno unix.Errno
	switch {
	case err == nil:
		p.say("%s: ok", what)
	case errors.As(err, &errno):
		p.say("%s: %s", what, unix.ErrnoName(errno))
	default:
		p.say("%s: %v", what, err)
	}
}

// stat prints mode, links and size.
func (p *printer) stat(path string) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		p.err("stat", err)
		return
	}
	p.say("mode %o links %d size %d uid %d gid %d rdev %x", st.Mode, st.Nlink, st.Size, st.Uid, st.Gid, st.Rdev)
}

func init() { helpers["scripts"] = playScripts }

// playScripts dir: runs every script in a directory of its own below dir, and
// prints what they say, each behind its name.
func playScripts(args []string) error {
	for i := range scripts {
		s := &scripts[i]
		dir := fmt.Sprintf("%s/%d", args[0], i)
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			return err
		}
		var p printer
		if s.setup != nil {
			s.setup(&p, dir)
		}
		if s.user != 0 {
			if err := becomeThread(s.user, someGroup); err != nil {
				return err
			}
		}
		s.run(&p, dir)
		if s.user != 0 {
			if err := becomeThread(0); err != nil {
				return err
			}
		}
		if err := unix.Chdir("/"); err != nil {
			return err
		}
		fmt.Printf("%s%s\n%s", scriptMark, s.name, p.String())
		removeAll(dir)
	}
	return nil
}

const scriptMark = "== "

// becomeThread makes the calling thread an ordinary user's, or root's again.
// The helper runs on one thread alone.
func becomeThread(id uint32, groups ...uint32) error {
	call := func(nr, a, b, c uintptr) error {
		if _, _, e := unix.RawSyscall(nr, a, b, c); e != 0 {
			return e
		}
		return nil
	}
	if id == 0 {
		if err := call(unix.SYS_SETRESUID, 0, 0, 0); err != nil {
			return err
		}
	}
	list := append([]uint32{0}, groups...)[1:]
	if err := call(unix.SYS_SETGROUPS, uintptr(len(list)), uintptr(unsafe.Pointer(unsafe.SliceData(list))), 0); err != nil {
		return err
	}
	if err := call(unix.SYS_SETRESGID, uintptr(id), uintptr(id), 0); err != nil {
		return err
	}
	if id == 0 {
		return nil
	}
	return call(unix.SYS_SETRESUID, uintptr(id), uintptr(id), 0)
}

// become makes the process an ordinary user's: only then, as the user may not
// execute the test binary.
func become(uid, gid int, groups ...int) error {
	if err := syscall.Setgroups(groups); err != nil {
		return err
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return err
	}
	return syscall.Setresuid(uid, uid, uid)
}

// play runs the scripts below a directory and returns what each says.
func play(t *testing.T, dir string) map[string]string {
	must(t, os.Chmod(dir, 0o777))
	said := make(map[string]string)
	for _, part := range strings.Split(run(t, "scripts", dir), scriptMark)[1:] {
		name, text, _ := strings.Cut(part, "\n")
		said[name] = text
	}
	return said
}

// TestScripts compares what programs see on a mount with what they see on the
// host's tmpfs.
func TestScripts(t *testing.T) {
	needMount(t)
	host, err := os.MkdirTemp("/dev/shm", "govfs-script-")
	must(t, err)
	defer os.RemoveAll(host)
	want := play(t, host)
	for _, mode := range []struct {
		name string
		opt  fuse.Options
	}{
		{"kernel", fuse.Options{AllowOther: true}},
		{"core", fuse.Options{AllowOther: true, Permissions: fuse.PermissionsCore}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			got := play(t, mountAt(t, newMem(t, ""), mode.opt).Dir())
			for _, s := range scripts {
				t.Run(s.name, func(t *testing.T) {
					if want[s.name] == "" {
						t.Fatal("it said nothing")
					}
					if got[s.name] != want[s.name] {
						t.Error(difference(got[s.name], want[s.name]))
					}
				})
			}
		})
	}
}

// removeAll removes a tree in which files may be immutable.
func removeAll(dir string) {
	_ = setFlags(dir+"/f", 0)
	_ = setFlags(dir+"/d", 0)
	_ = os.RemoveAll(dir)
}

// difference shows the lines that differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	var b strings.Builder
	for i := range max(len(g), len(w)) {
		at := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return ""
		}
		if at(g) != at(w) {
			fmt.Fprintf(&b, "line %d: mount %q, tmpfs %q (after %q)\n", i+1, at(g), at(w), at(w[max(i-1, 0):]))
		}
	}
	return b.String()
}
