package fuse

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	fuseDevice = "/dev/fuse"
	helperName = "fusermount3"
)

// kernelMount is how the kernel is to see the mount.
type kernelMount struct {
	dir         string // absolute, without symlinks
	source      string
	subtype     string
	flags       uintptr // MS_*
	maxRead     int     // bytes
	kernelPerms bool    // default_permissions
	allowOther  bool
}

// mountDir resolves the mount point and says what is wrong with it.
func mountDir(dir string) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("fuse: no mount point is given: %w", unix.ENOENT)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("fuse: mount on %s: %w", dir, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err == nil {
		var st unix.Stat_t
		if err = unix.Stat(real, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
			err = unix.ENOTDIR
		}
	}
	switch {
	case err == nil:
		return real, nil
	case errors.Is(err, unix.ENOENT):
		return "", fmt.Errorf("fuse: mount on %s: the mount point does not exist, make the directory first: %w", dir, unix.ENOENT)
	case errors.Is(err, unix.ENOTDIR):
		return "", fmt.Errorf("fuse: mount on %s: the mount point is not a directory: %w", dir, unix.ENOTDIR)
	case errors.Is(err, unix.ENOTCONN):
		return "", fmt.Errorf("fuse: mount on %s: a mount whose daemon has died is there, unmount it first: %w", dir, unix.ENOTCONN)
	}
	return "", fmt.Errorf("fuse: mount on %s: %w", dir, errnoOf(err))
}

// mount makes the mount and returns the connection: by mount(2) where the
// caller may, else by the set-user-id helper of the fuse3 package.
func (m *kernelMount) mount() (fd int, err error) {
	fd, err = m.mountDirect()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return m.mountByHelper()
	}
	return fd, err
}

// openDevice opens a new connection.
func (m *kernelMount) openDevice() (int, error) {
	fd, err := unix.Open(fuseDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
		return fd, nil
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return -1, m.fail(err, "there is no "+fuseDevice+", load the kernel module fuse (modprobe fuse) or give the container the device")
	case unix.EACCES, unix.EPERM:
		return -1, m.fail(err, "no right to open "+fuseDevice+", ask for read and write access to it")
	}
	return -1, m.fail(err, "cannot open "+fuseDevice)
}

func (m *kernelMount) fail(err error, why string) error {
	return fmt.Errorf("fuse: mount on %s: %s: %w", m.dir, why, errnoOf(err))
}

func (m *kernelMount) mountDirect() (int, error) {
	fd, err := m.openDevice()
	if err != nil {
		return -1, err
	}
	data := []string{
		"fd=" + strconv.Itoa(fd),
		"rootmode=" + strconv.FormatUint(unix.S_IFDIR, 8),
		"user_id=" + strconv.Itoa(os.Geteuid()),
		"group_id=" + strconv.Itoa(os.Getegid()),
	}
	data = append(data, m.options()...)
	err = unix.Mount(m.source, m.dir, "fuse."+m.subtype, m.flags, strings.Join(data, ","))
	if err == nil {
		return fd, nil
	}
	unix.Close(fd)
	switch err {
	case unix.ENODEV:
		return -1, m.fail(err, "the kernel has no fuse, load its module (modprobe fuse)")
	case unix.EPERM:
		return -1, m.fail(err, "no right to mount")
	}
	return -1, m.fail(err, "the kernel refused the mount")
}

// options are those that the kernel and the helper know by the same name.
func (m *kernelMount) options() []string {
	o := []string{"max_read=" + strconv.Itoa(m.maxRead)}
	if m.kernelPerms {
		o = append(o, "default_permissions")
	}
	if m.allowOther {
		o = append(o, "allow_other")
	}
	return o
}

// mountFlagNames are the flags that the helper takes by name.
var mountFlagNames = []struct {
	flag uintptr
	name string
}{
	{unix.MS_RDONLY, "ro"}, {unix.MS_NOSUID, "nosuid"}, {unix.MS_NODEV, "nodev"}, {unix.MS_NOEXEC, "noexec"},
	{unix.MS_SYNCHRONOUS, "sync"}, {unix.MS_DIRSYNC, "dirsync"}, {unix.MS_NOATIME, "noatime"},
}

// mountByHelper has the helper mount; it hands the connection over through a
// socket, which it finds in its environment.
func (m *kernelMount) mountByHelper() (int, error) {
	helper, err := findHelper()
	if err != nil {
		return -1, m.fail(unix.EPERM, "no right to mount and no "+helperName+", become root or install the package fuse3")
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, m.fail(err, "no socket for "+helperName)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "fusermount socket")
	defer unix.Close(ours)

	opts := append(m.options(), "fsname="+escapeOption(m.source), "subtype="+escapeOption(m.subtype))
	for _, f := range mountFlagNames {
		if m.flags&f.flag != 0 {
			opts = append(opts, f.name)
		}
	}
	var said bytes.Buffer
	cmd := exec.Command(helper, "-o", strings.Join(opts, ","), "--", m.dir)
	cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = &said
	cmd.Stdout = &said
	err = cmd.Run()
	theirs.Close()
	if err != nil {
		return -1, m.fail(unix.EPERM, helperName+" says: "+oneLine(said.String(), err))
	}
	fd, err := receiveFD(ours)
	if err != nil {
		return -1, m.fail(err, helperName+" gave no connection")
	}
	return fd, nil
}

// findHelper finds fusermount3, also for a caller without a search path.
func findHelper() (string, error) {
	if path, err := exec.LookPath(helperName); err == nil {
		return path, nil
	}
	for _, dir := range [...]string{"/usr/bin", "/bin", "/usr/local/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, helperName)); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// receiveFD receives one descriptor from a socket.
func receiveFD(socket int) (int, error) {
	var data [1]byte
	control := make([]byte, unix.CmsgSpace(4))
	for {
		_, n, _, _, err := unix.Recvmsg(socket, data[:], control, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, err
		}
		messages, err := unix.ParseSocketControlMessage(control[:n])
		if err != nil || len(messages) != 1 {
			return -1, unix.EPROTO
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			return -1, unix.EPROTO
		}
		return fds[0], nil
	}
}

// escapeOption protects what separates options.
func escapeOption(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(s)
}

// oneLine is what a program said, or how it ended if it said nothing.
func oneLine(said string, err error) string {
	if s := strings.Join(strings.Fields(said), " "); s != "" {
		return strings.TrimPrefix(s, helperName+": ")
	}
	return err.Error()
}

// UnmountDir takes the mount at dir out of the tree of the kernel, whoever
// serves it: also one whose daemon has died. EBUSY if it is in use, unless lazy
// is set: then it goes out of sight now and ends when its last user is done.
// EINVAL if dir is no mount point.
func UnmountDir(dir string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(dir, flags)
	if err == unix.EPERM {
		err = unmountByHelper(dir, lazy)
	}
	if err == nil {
		return nil
	}
	errno := errnoOf(err)
	switch errno {
	case unix.EBUSY:
		return fmt.Errorf("fuse: unmount %s: files or directories on it are in use: %w", dir, errno)
	case unix.EINVAL:
		return fmt.Errorf("fuse: unmount %s: nothing is mounted there: %w", dir, errno)
	}
	if errno == err {
		return fmt.Errorf("fuse: unmount %s: %w", dir, errno)
	}
	return fmt.Errorf("fuse: unmount %s: %v: %w", dir, err, errno)
}

// unmountByHelper has the helper unmount, which may do that for the user who
// made the mount.
func unmountByHelper(dir string, lazy bool) error {
	helper, err := findHelper()
	if err != nil {
		return fmt.Errorf("no right to unmount and no %s, become root or install the package fuse3: %w", helperName, unix.EPERM)
	}
	args := []string{"-u"}
	if lazy {
		args = append(args, "-z")
	}
	var said bytes.Buffer
	cmd := exec.Command(helper, append(args, "--", dir)...)
	cmd.Stderr, cmd.Stdout = &said, &said
	if err := cmd.Run(); err != nil {
		text := oneLine(said.String(), err)
		errno := unix.EPERM
		switch {
		case strings.Contains(text, "busy"):
			errno = unix.EBUSY
		case strings.Contains(text, "not found in"):
			errno = unix.EINVAL
		}
		return fmt.Errorf("%s says: %s: %w", helperName, text, errno)
	}
	return nil
}
