package fuse_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/fuse"
)

// needHelper skips a test without fusermount3; in CI that is a failure.
func needHelper(t *testing.T) {
	needMount(t)
	if _, err := exec.LookPath("fusermount3"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("needs fusermount3, of the package fuse3")
	}
	t.Skip("needs fusermount3, of the package fuse3")
}

func init() {
	helpers["user's daemon"] = serveAsUser
	helpers["user clears"] = clearAsUser
	helpers["user cannot mount"] = failAsUser
}

// becomeUser makes the process an ordinary user's who may open /dev/fuse. Where
// the host does not let users do that, it is a mount namespace of its own that
// does; its mounts are seen by way of /proc/PID/root.
func becomeUser() error {
	var st unix.Stat_t
	if err := unix.Stat("/dev/fuse", &st); err != nil {
		return err
	}
	if st.Mode&0o006 != 0o006 && os.Geteuid() == 0 {
		if err := shareDevice(int(st.Rdev)); err != nil {
			return fmt.Errorf("a device for everybody: %w", err)
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return become(nobody, nobody)
}

// nobody is a user with a name, as fusermount3 wants one.
const nobody = 65534

func shareDevice(rdev int) error {
	dir, err := os.MkdirTemp("", "govfs-dev-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	node := filepath.Join(dir, "fuse")
	if err := unix.Mknod(node, unix.S_IFCHR|0o666, rdev); err != nil {
		return err
	}
	if err := os.Chmod(node, 0o666); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount(node, "/dev/fuse", "", unix.MS_BIND, "")
}

// serveAsUser dir: mounts as an ordinary user, writes a file, and unmounts when
// its input ends.
func serveAsUser(args []string) error {
	if err := becomeUser(); err != nil {
		return err
	}
	ns, err := memfs.New(nil, "")
	if err != nil {
		return err
	}
	defer ns.Close(nil)
	s, err := fuse.Mount(ns, args[0], fuse.Options{Source: `a,b\c`})
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0]+"/f", []byte("a user's"), 0o644); err != nil {
		return err
	}
	fmt.Println("mounted")
	waitForStdin()
	busy, err := os.Open(args[0] + "/f")
	if err != nil {
		return err
	}
	if err := s.Unmount(); !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("unmount of a busy mount: %v", err)
	}
	busy.Close()
	if err := s.Unmount(); err != nil {
		return err
	}
	fmt.Println("unmounted")
	return nil
}

// clearAsUser dir: kills a daemon of the user's, and clears its mount.
func clearAsUser(args []string) error {
	if err := becomeUser(); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", args[0])
	cmd.Env = helperEnviron("user's daemon")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		return err
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // it was killed
	if _, err := os.Stat(args[0]); !errors.Is(err, unix.ENOTCONN) {
		return fmt.Errorf("the dead mount: %v", err)
	}
	if err := fuse.UnmountDir(args[0], true); err != nil {
		return err
	}
	if err := fuse.UnmountDir(args[0], true); err == nil {
		return errors.New("it was unmounted twice")
	}
	_, err = os.Stat(args[0])
	return err
}

// failAsUser dir: says why a mount fails.
func failAsUser(args []string) error {
	if err := becomeUser(); err != nil {
		return err
	}
	ns, err := memfs.New(nil, "")
	if err != nil {
		return err
	}
	defer ns.Close(nil)
	_, err = fuse.Mount(ns, args[0], fuse.Options{AllowOther: true})
	fmt.Println(errors.Is(err, unix.EPERM), err)
	return nil
}

// userDir is a directory that an ordinary user can mount on.
func userDir(t *testing.T) string {
	dir := tempDir(t)
	must(t, os.Chown(dir, nobody, nobody))
	return dir
}

// TestMountByUser: an ordinary user mounts and unmounts through the helper.
func TestMountByUser(t *testing.T) {
	needHelper(t)
	dir := userDir(t)
	c := start(t, "user's daemon", dir)
	c.expect("mounted")
	proc := fmt.Sprintf("/proc/%d", c.cmd.Process.Pid)
	mounts := read(t, proc, "mounts")
	at := strings.Index(mounts, `a,b\134c `+dir+" fuse.govfs ")
	if at < 0 {
		t.Fatalf("not mounted: %s", mounts)
	}
	line, _, _ := strings.Cut(mounts[at:], "\n")
	for _, want := range []string{"nosuid", "nodev", fmt.Sprint("user_id=", nobody)} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %q", want, line)
		}
	}
	// Others, root among them, are kept out.
	if _, err := os.ReadFile(proc + "/root" + dir + "/f"); !errors.Is(err, unix.EACCES) {
		t.Errorf("root read the user's mount: %v", err)
	}
	c.stdin.Close()
	c.expect("unmounted")
	c.finish()
}

// TestMountByUserDeath: the user clears the mount of a dead daemon.
func TestMountByUserDeath(t *testing.T) {
	needHelper(t)
	run(t, "user clears", userDir(t))
}

// TestMountByUserErrors: what the helper refuses it says why.
func TestMountByUserErrors(t *testing.T) {
	needHelper(t)
	for _, c := range []struct{ dir, says string }{
		{userDir(t), "user_allow_other"},
		{tempDir(t), "no write access"},
	} {
		must(t, os.Chmod(c.dir, 0o755))
		if got := run(t, "user cannot mount", c.dir); !strings.HasPrefix(got, "true") || !strings.Contains(got, "fusermount3 says") || !strings.Contains(got, c.says) {
			t.Errorf("want %s: %s", c.says, got)
		}
	}
}
