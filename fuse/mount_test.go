package fuse_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// mountsLine is the line of /proc/mounts about a directory.
func mountsLine(t *testing.T, dir string) string {
	for _, line := range strings.Split(read(t, "/proc/self/mounts"), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[1] == dir {
			return line
		}
	}
	return ""
}

func TestMountShowsItsOptions(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{
		Source: "some source", Flags: vfs.SuperReadOnly | vfs.SuperNoSUID | vfs.SuperNoDev | vfs.SuperNoExec,
		AllowOther: true, MaxRead: 65536,
	})
	line := mountsLine(t, s.Dir())
	if !strings.HasPrefix(line, `some\040source `+s.Dir()+" fuse.govfs ") {
		t.Errorf("line %q", line)
	}
	for _, want := range []string{"ro", "nosuid", "nodev", "noexec", "allow_other", "default_permissions", "max_read=65536"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %q", want, line)
		}
	}
	if err := os.WriteFile(s.Dir()+"/f", nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("create on a read-only mount: %v", err)
	}
}

func TestMountErrors(t *testing.T) {
	needMount(t)
	ns := newMem(t, "")
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/file", nil, 0o644))
	for _, c := range []struct {
		dir   string
		opt   fuse.Options
		errno syscall.Errno
		says  string
	}{
		{dir + "/missing", fuse.Options{}, unix.ENOENT, "does not exist"},
		{dir + "/file", fuse.Options{}, unix.ENOTDIR, "not a directory"},
		{dir + "/file/below", fuse.Options{}, unix.ENOTDIR, "not a directory"},
		{dir, fuse.Options{Flags: vfs.SuperNoUser}, unix.EINVAL, "not known"},
		{dir, fuse.Options{MaxRead: -1}, unix.EINVAL, "negative"},
		{dir, fuse.Options{Permissions: 7}, unix.EINVAL, "not known"},
	} {
		s, err := fuse.Mount(ns, c.dir, c.opt)
		if s != nil || !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+v: %v", c.dir, c.opt, err)
		}
	}
}

// TestMountPointThroughSymlink: the mount is where the symlink leads, and is
// unmounted from there.
func TestMountPointThroughSymlink(t *testing.T) {
	needMount(t)
	dir := tempDir(t)
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	s, err := fuse.Mount(newMem(t, ""), link, fuse.Options{})
	must(t, err)
	if s.Dir() != dir {
		t.Errorf("mounted at %s, want %s", s.Dir(), dir)
	}
	must(t, s.Unmount())
}

func TestUnmountBusy(t *testing.T) {
	ns := newMem(t, "")
	s := mountAt(t, ns, fuse.Options{})
	f, err := os.Create(s.Dir() + "/f")
	must(t, err)
	if err := s.Unmount(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("unmount of a busy mount: %v", err)
	}
	_, err = f.WriteString("still there")
	must(t, err)
	must(t, f.Close())
	must(t, s.Unmount())
	must(t, s.Unmount()) // once more is no error
	if st := s.Stats(); st.Handles != 0 || st.Nodes != 1 {
		t.Errorf("%+v", st)
	}
}

// TestUnmountUnderAnother: a mount on top is not what is unmounted.
func TestUnmountUnderAnother(t *testing.T) {
	ns := [2]*vfs.Namespace{newMem(t, ""), newMem(t, "")}
	lower := mountAt(t, ns[0], fuse.Options{})
	upper, err := fuse.Mount(ns[1], lower.Dir(), fuse.Options{})
	must(t, err)
	if err := lower.Unmount(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("unmount of the lower one: %v", err)
	}
	must(t, os.WriteFile(lower.Dir()+"/f", nil, 0o644))
	must(t, upper.Unmount())
	if got := names(t, lower.Dir()); got != "" {
		t.Errorf("the lower one has %q", got)
	}
}

// TestUnmountedByOthers: the server ends by itself.
func TestUnmountedByOthers(t *testing.T) {
	needMount(t)
	ns := newMem(t, "")
	s, err := fuse.Mount(ns, tempDir(t), fuse.Options{})
	must(t, err)
	must(t, os.WriteFile(s.Dir()+"/f", []byte("x"), 0o644))
	must(t, fuse.UnmountDir(s.Dir(), false))
	must(t, s.Wait())
	must(t, s.Unmount())
	checkBalance(t, s)
	// The tree is the caller's, and goes on.
	var st vfs.Stat
	must(t, task(t, ns).Stat("/f", &st))
}

// TestUnmountLazy: who has something open goes on, and the end comes after.
func TestUnmountLazy(t *testing.T) {
	needMount(t)
	s, err := fuse.Mount(newMem(t, ""), tempDir(t), fuse.Options{})
	must(t, err)
	f, err := os.Create(s.Dir() + "/f")
	must(t, err)
	must(t, fuse.UnmountDir(s.Dir(), true))
	_, err = f.WriteString("into the lazy mount")
	must(t, err)
	must(t, f.Close())
	must(t, s.Wait())
	checkBalance(t, s)
}

// TestUnmountForced: the connection is aborted, and who waits gets an error.
func TestUnmountForced(t *testing.T) {
	needMount(t)
	s, err := fuse.Mount(newMem(t, ""), tempDir(t), fuse.Options{})
	must(t, err)
	must(t, os.WriteFile(s.Dir()+"/f", nil, 0o644))
	holder := start(t, "locks", s.Dir()+"/f")
	holder.expect("locked")
	waiter := start(t, "wait", s.Dir()+"/f")
	waiter.line()
	eventually(t, "the lock is waited for", func() bool { return s.Stats().InFlight == 1 })
	must(t, unix.Unmount(s.Dir(), unix.MNT_FORCE|unix.MNT_DETACH))
	if got := waiter.line(); got == "<nil>" {
		t.Error("the lock was granted")
	}
	holder.kill()
	waiter.kill()
	must(t, s.Wait())
	checkBalance(t, s)
}

// TestDaemonDeath: the mount of a daemon that was killed says so, refuses a
// further mount, and can be cleared.
func TestDaemonDeath(t *testing.T) {
	needMount(t)
	dir := tempDir(t)
	d := start(t, "daemon", dir)
	d.expect("mounted")
	must(t, os.WriteFile(dir+"/f", nil, 0o644))
	d.kill()
	if _, err := os.Stat(dir); !errors.Is(err, unix.ENOTCONN) {
		t.Errorf("stat: %v", err)
	}
	if _, err := fuse.Mount(newMem(t, ""), dir, fuse.Options{}); !errors.Is(err, unix.ENOTCONN) || !strings.Contains(err.Error(), "unmount it first") {
		t.Errorf("mount: %v", err)
	}
	must(t, fuse.UnmountDir(dir, true))
	if got := names(t, dir); got != "" {
		t.Errorf("the directory has %q", got)
	}
	if err := fuse.UnmountDir(dir, true); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "nothing is mounted") {
		t.Errorf("unmount of nothing: %v", err)
	}
}

// TestSharedSuperblock: the superblock goes with its last user, be it a mount.
func TestSharedSuperblock(t *testing.T) {
	ns := newMem(t, "")
	dirs := [2]string{tempDir(t), tempDir(t)}
	var servers [2]*fuse.Server
	needMount(t)
	for i, dir := range dirs {
		s, err := fuse.Mount(ns, dir, fuse.Options{})
		must(t, err)
		servers[i] = s
	}
	must(t, os.WriteFile(dirs[0]+"/f", []byte("x"), 0o644))
	must(t, servers[0].Unmount())
	if got := read(t, dirs[1], "f"); got != "x" {
		t.Errorf("read %q", got)
	}
	must(t, servers[1].Unmount())
}

// TestOwnMount: a process uses its own mount from many goroutines, also where
// the runtime has a single processor for them and the server.
func TestOwnMount(t *testing.T) {
	dir := mount(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			sub := filepath.Join(dir, string(rune('a'+i)))
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				f, err := os.CreateTemp(sub, "")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := f.WriteString("some data"); err != nil {
					t.Error(err)
				}
				f.Close()
				if _, err := os.ReadDir(dir); err != nil {
					t.Error(err)
				}
				if data, err := os.ReadFile(f.Name()); err != nil || string(data) != "some data" {
					t.Errorf("%q %v", data, err)
				}
			}
			if err := os.RemoveAll(sub); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
}

// TestExec: a program on the mount runs. It is started by a shell, not by the
// server's own process.
func TestExec(t *testing.T) {
	dir := mount(t)
	sh, err := exec.LookPath("sh")
	must(t, err)
	must(t, exec.Command(sh, "-c", "cp /bin/true "+dir+"/true && "+dir+"/true").Run())
	if out, err := exec.Command(sh, "-c", "printf '#!/bin/sh\\necho from a script\\n' >"+dir+"/s && chmod 755 "+dir+"/s && "+dir+"/s").CombinedOutput(); err != nil || string(out) != "from a script\n" {
		t.Errorf("%q %v", out, err)
	}
	// A running program cannot be written.
	if out, _ := exec.Command(sh, "-c", "cp /bin/sleep "+dir+"/z; "+dir+"/z 3 & sleep 0.3; : >"+dir+"/z; kill $!; wait").CombinedOutput(); !strings.Contains(string(out), "busy") {
		t.Errorf("writing to a running program: %q", out)
	}
}

// TestKilledClient: SIGKILL of a client leaves no handle, no lock, no request.
func TestKilledClient(t *testing.T) {
	ns := newMem(t, "")
	s := mountAt(t, ns, fuse.Options{})
	file := s.Dir() + "/f"
	must(t, os.WriteFile(file, nil, 0o644))
	holder := start(t, "locks", file)
	holder.expect("locked")
	var waiters []*client
	for range 3 {
		w := start(t, "wait", file)
		w.line()
		waiters = append(waiters, w)
	}
	eventually(t, "three wait", func() bool { return s.Stats().InFlight == 3 })
	for _, w := range waiters {
		began := time.Now()
		w.kill()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v to kill a waiter", d)
		}
	}
	eventually(t, "no request is left", func() bool { return s.Stats().InFlight == 0 })
	holder.kill()
	eventually(t, "no handle is left", func() bool { return s.Stats().Handles == 0 })
	beside := task(t, ns)
	fd, err := beside.Openat(vfs.AtCWD, "/f", unix.O_RDWR, 0)
	must(t, err)
	defer beside.Close(fd)
	must(t, beside.Flock(fd, unix.LOCK_EX|unix.LOCK_NB))
	must(t, beside.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK}))
}
