package vfs_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// protected makes a tree of root's with a directory that all may write, one
// that a group may, and a task of another user in that group.
func protected(t *testing.T) (root, user *vfs.Task) {
	t.Helper()
	root = newRoot(t, "")
	root.Umask(0)
	must(t, "mkdir", root.Mkdirat(vfs.AtCWD, "/tmp", 0o1777))
	must(t, "mkdir", root.Mkdirat(vfs.AtCWD, "/team", 0o1770))
	must(t, "chown", root.Fchownat(vfs.AtCWD, "/team", 0, 2000, 0))
	return root, clone(t, root, vfs.UserCred(1000, 1000, 2000), 0)
}

func TestProtectedHardlinks(t *testing.T) {
	root, user := protected(t)
	make := func(path string, mode uint32) {
		must(t, "mknod", root.Mknodat(vfs.AtCWD, path, unix.S_IFREG|mode, 0))
		must(t, "chmod", root.Fchmodat(vfs.AtCWD, path, mode, 0))
	}
	make("/open", 0o666)
	make("/secret", 0o600)
	make("/readonly", 0o644)
	make("/setuid", 0o4777)
	make("/setgid", 0o2777)
	make("/lockable", 0o2666)
	must(t, "mkfifo", root.Mknodat(vfs.AtCWD, "/fifo", unix.S_IFIFO|0o666, 0))
	make("/own", 0o4600)
	must(t, "chown", root.Fchownat(vfs.AtCWD, "/own", 1000, 1000, 0))
	must(t, "chmod", root.Fchmodat(vfs.AtCWD, "/own", 0o4600, 0))
	link := func(who *vfs.Task, path string) error {
		err := who.Linkat(vfs.AtCWD, path, vfs.AtCWD, "/tmp/new", 0)
		if err == nil {
			must(t, "unlink", root.Unlinkat(vfs.AtCWD, "/tmp/new", 0))
		}
		return err
	}
	refused := map[string]bool{"/secret": true, "/readonly": true, "/setuid": true, "/setgid": true, "/fifo": true}
	for _, path := range []string{"/open", "/secret", "/readonly", "/setuid", "/setgid", "/lockable", "/fifo", "/own"} {
		wantErr(t, "link to "+path+" unprotected", link(user, path), nil)
	}
	root.Namespace().Protect(vfs.ProtectHardlinks)
	for _, path := range []string{"/open", "/secret", "/readonly", "/setuid", "/setgid", "/lockable", "/fifo", "/own"} {
		want := error(nil)
		if refused[path] {
			want = unix.EPERM
		}
		wantErr(t, "link to "+path, link(user, path), want)
		wantErr(t, "root's link to "+path, link(root, path), nil)
	}
	// It comes before the right to make a name there.
	must(t, "mkdir", root.Mkdirat(vfs.AtCWD, "/closed", 0o755))
	wantErr(t, "link into a closed directory", user.Linkat(vfs.AtCWD, "/secret", vfs.AtCWD, "/closed/new", 0), unix.EPERM)
	wantErr(t, "link to a name that is taken", user.Linkat(vfs.AtCWD, "/secret", vfs.AtCWD, "/closed", 0), unix.EEXIST)
}

func TestProtectedSymlinks(t *testing.T) {
	root, user := protected(t)
	create(t, root, "/target", "x")
	must(t, "chmod", root.Fchmodat(vfs.AtCWD, "/target", 0o666, 0))
	mallory := clone(t, root, vfs.UserCred(1001, 1001), 0)
	must(t, "symlink", mallory.Symlinkat("/target", vfs.AtCWD, "/tmp/trap"))
	must(t, "symlink", mallory.Symlinkat("/", vfs.AtCWD, "/tmp/dir"))
	must(t, "symlink", root.Symlinkat("/target", vfs.AtCWD, "/tmp/roots"))
	must(t, "symlink", user.Symlinkat("/target", vfs.AtCWD, "/tmp/own"))
	must(t, "symlink", user.Symlinkat("/tmp/trap", vfs.AtCWD, "/tmp/chain"))
	follow := func(path string) error { return user.Stat(path, new(vfs.Stat)) }
	for _, path := range []string{"/tmp/trap", "/tmp/dir/target", "/tmp/roots", "/tmp/own", "/tmp/chain"} {
		wantErr(t, path+" unprotected", follow(path), nil)
	}
	root.Namespace().Protect(vfs.ProtectSymlinks)
	for _, c := range []struct {
		path string
		want error
	}{
		{"/tmp/trap", unix.EACCES},
		{"/tmp/dir/target", nil}, // not the last component
		{"/tmp/dir", unix.EACCES},
		{"/tmp/roots", nil}, // the directory's owner's
		{"/tmp/own", nil},
		{"/tmp/chain", unix.EACCES},
	} {
		for range 2 { // by both kinds of walk
			wantErr(t, c.path, follow(c.path), c.want)
		}
	}
	if _, err := user.Openat(vfs.AtCWD, "/tmp/trap", unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o600); err != unix.EACCES {
		t.Errorf("open through the trap: %v", err)
	}
	wantErr(t, "lstat", user.Lstat("/tmp/trap", new(vfs.Stat)), nil)
	must(t, "chmod", root.Fchmodat(vfs.AtCWD, "/tmp", 0o777, 0))
	wantErr(t, "a directory that is not sticky", follow("/tmp/trap"), nil)
}

func TestProtectedCreation(t *testing.T) {
	root, user := protected(t)
	mallory := clone(t, root, vfs.UserCred(1001, 1001, 2000), 0)
	for _, dir := range []string{"/tmp", "/team"} {
		for _, who := range []struct {
			name string
			task *vfs.Task
		}{{"mallory", mallory}, {"own", user}, {"root", root}} {
			who.task.Umask(0)
			must(t, "mknod", who.task.Mknodat(vfs.AtCWD, dir+"/file-"+who.name, unix.S_IFREG|0o666, 0))
			must(t, "mkfifo", who.task.Mknodat(vfs.AtCWD, dir+"/fifo-"+who.name, unix.S_IFIFO|0o666, 0))
		}
	}
	openIt := func(path string, flags int) error {
		fd, err := user.Openat(vfs.AtCWD, path, flags|unix.O_RDWR|unix.O_NONBLOCK, 0o600)
		if err == nil {
			user.Close(fd)
		}
		return err
	}
	for _, c := range []struct {
		what    string
		protect vfs.Protection
		refused []string // in addition to none
	}{
		{"nothing", 0, nil},
		{"regular files", vfs.ProtectRegular, []string{"/tmp/file-mallory"}},
		{"FIFOs", vfs.ProtectFIFOs, []string{"/tmp/fifo-mallory"}},
		{"regular files of groups", vfs.ProtectRegular | vfs.ProtectRegularGroup, []string{"/tmp/file-mallory", "/team/file-mallory"}},
		{"FIFOs of groups", vfs.ProtectFIFOs | vfs.ProtectFIFOsGroup, []string{"/tmp/fifo-mallory", "/team/fifo-mallory"}},
	} {
		root.Namespace().Protect(c.protect)
		refused := map[string]bool{}
		for _, path := range c.refused {
			refused[path] = true
		}
		for _, dir := range []string{"/tmp", "/team"} {
			for _, kind := range []string{"/file-", "/fifo-"} {
				for _, who := range []string{"mallory", "own", "root"} {
					path := dir + kind + who
					want := error(nil)
					if refused[path] {
						want = unix.EACCES
					}
					wantErr(t, path+" while protecting "+c.what, openIt(path, unix.O_CREAT), want)
					wantErr(t, path+" without O_CREAT", openIt(path, 0), nil)
				}
			}
		}
		wantErr(t, "a new file", openIt("/tmp/new", unix.O_CREAT), nil)
		must(t, "unlink", root.Unlinkat(vfs.AtCWD, "/tmp/new", 0))
	}
}
