package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// checkRights finds out whether this process can mount at all: with the
// system call, or through fusermount3, which is installed setuid.
func (c *Config) checkRights() error {
	if err := c.checkDevice(); err != nil {
		return err
	}
	if processCred().Has(vfs.CapSysAdmin) {
		return nil
	}
	if _, err := fusermount(); err != nil {
		if os.Geteuid() == 0 {
			return c.fail(errors.New("root has no CAP_SYS_ADMIN here"), "give the container that capability (--cap-add SYS_ADMIN)")
		}
		return c.fail(err, "install it (apt-get install fuse3), or run as root")
	}
	if err := unix.Access(c.Dir, unix.W_OK); err != nil {
		return c.fail(errors.New("no write permission on the mount point"), "mount on a directory of your own")
	}
	if c.Options.AllowOther && !userAllowOther() {
		return c.fail(errors.New("allow_other is not permitted to users"), "write user_allow_other into /etc/fuse.conf, or run as root")
	}
	return nil
}

// checkDevice finds out whether there is FUSE.
func (c *Config) checkDevice() error {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
		unix.Close(fd)
		return nil
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return c.fail(errors.New("the kernel offers no /dev/fuse"), "load the module (modprobe fuse), or give the container the device (--device /dev/fuse)")
	case unix.EACCES, unix.EPERM:
		return c.fail(errors.New("no right to open /dev/fuse"), "run as root, or let users open it (chmod 666 /dev/fuse)")
	}
	return c.fail(fmt.Errorf("open /dev/fuse: %w", err), "see dmesg")
}

// fusermount is the program that mounts and unmounts for users.
func fusermount() (path string, err error) {
	for _, name := range []string{"fusermount3", "/usr/bin/fusermount3", "/bin/fusermount3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("fusermount3 is not installed")
}

// userAllowOther reports whether fusermount3 lets users give allow_other.
func userAllowOther() bool {
	conf, err := os.ReadFile("/etc/fuse.conf")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(conf)) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "user_allow_other" {
			return true
		}
	}
	return false
}

// processCred is the identity of this process.
func processCred() *vfs.Cred {
	groups, _ := os.Getgroups()
	c := &vfs.Cred{
		UID: uint32(os.Getuid()), EUID: uint32(os.Geteuid()), FSUID: uint32(os.Geteuid()),
		GID: uint32(os.Getgid()), EGID: uint32(os.Getegid()), FSGID: uint32(os.Getegid()),
		Caps: effectiveCaps(),
	}
	for _, g := range groups {
		c.Groups = append(c.Groups, uint32(g))
	}
	return c
}

// effectiveCaps are the capabilities of this process; none if /proc does not
// tell.
func effectiveCaps() vfs.CapSet {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if hex, ok := strings.CutPrefix(lines.Text(), "CapEff:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err != nil {
				return 0
			}
			return vfs.CapSet(set)
		}
	}
	return 0
}
