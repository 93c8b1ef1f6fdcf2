package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A user is a process that keeps a mount busy.
type user struct {
	pid  int
	name string
	how  string
}

func (u user) String() string { return fmt.Sprintf("%d (%s: %s)", u.pid, u.name, u.how) }

// maxUsers is how many users a message names.
const maxUsers = 8

// describeBusy says who keeps a mount busy.
func describeBusy(m *mountEntry, err error) *Error {
	e := &Error{Op: "umount " + m.Dir, Err: unix.EBUSY, Do: "end what uses it, or detach it with govfs umount -l " + quote(m.Dir)}
	if !errors.Is(err, unix.EBUSY) {
		e.Err = err
		return e
	}
	users := usersOf(m)
	switch {
	case len(users) > 0:
		e.Err = fmt.Errorf("%w: used by %s", unix.EBUSY, listUsers(users))
	case os.Geteuid() != 0:
		e.Err = fmt.Errorf("%w, by processes of other users: root can see them", unix.EBUSY)
	}
	return e
}

func listUsers(users []user) string {
	var names []string
	for _, u := range users[:min(len(users), maxUsers)] {
		names = append(names, u.String())
	}
	if more := len(users) - maxUsers; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// usersOf finds the processes that use a mount, as far as this process may look
// into them. It reads /proc only, and leaves the mount alone.
func usersOf(m *mountEntry) []user {
	return findUsers(func(proc string) string { return usedBy(proc, m) })
}

// mountedElsewhere finds a process of each mount namespace but this one that
// has a mount of the device. It finds none while the mount is in this one too.
func mountedElsewhere(dev string) []user {
	here, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil || mountedIn("/proc/self", dev) != "" {
		return nil
	}
	seen := map[string]bool{here: true}
	return findUsers(func(proc string) string {
		ns, err := os.Readlink(filepath.Join(proc, "ns/mnt"))
		if err != nil || seen[ns] {
			return ""
		}
		seen[ns] = true
		return mountedIn(proc, dev)
	})
}

// mountedIn says where a process sees a mount of the device; empty if it does
// not.
func mountedIn(proc, dev string) string {
	f, err := os.Open(filepath.Join(proc, "mountinfo"))
	if err != nil {
		return ""
	}
	defer f.Close()
	mounts, err := parseMounts(f)
	if err != nil {
		return ""
	}
	for i := range mounts {
		if mounts[i].Dev == dev {
			return "mounted on " + mounts[i].Dir
		}
	}
	return ""
}

// findUsers asks about every process that is in /proc; how is what it does,
// empty if nothing.
func findUsers(how func(proc string) string) []user {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var users []user
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if h := how(dir); h != "" {
			users = append(users, user{pid, processName(dir), h})
		}
	}
	slices.SortFunc(users, func(a, b user) int { return a.pid - b.pid })
	return users
}

// usedBy says how the process of a directory in /proc uses the mount; empty if
// it does not.
func usedBy(proc string, m *mountEntry) string {
	for _, link := range [...]struct{ name, how string }{
		{"cwd", "working directory"}, {"root", "root directory"}, {"exe", "program"},
	} {
		if path, err := os.Readlink(filepath.Join(proc, link.name)); err == nil && within(path, m.Dir) {
			return link.how + " " + path
		}
	}
	if path := openFile(proc, m.ID); path != "" {
		return "open file " + path
	}
	if path := mappedFile(proc, m.Dev); path != "" {
		return "mapped file " + path
	}
	return ""
}

func within(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/' || dir == "/")
}

// openFile is the path of a descriptor that was opened through the mount.
func openFile(proc string, mountID int) string {
	fds, err := os.ReadDir(filepath.Join(proc, "fdinfo"))
	if err != nil {
		return ""
	}
	for _, fd := range fds {
		if fdMount(filepath.Join(proc, "fdinfo", fd.Name())) == mountID {
			path, err := os.Readlink(filepath.Join(proc, "fd", fd.Name()))
			if err != nil {
				path = "descriptor " + fd.Name()
			}
			return path
		}
	}
	return ""
}

// fdMount is the number of the mount that a descriptor belongs to.
func fdMount(fdinfo string) int {
	f, err := os.Open(fdinfo)
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "mnt_id:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(id))
			return n
		}
	}
	return 0
}

// mappedFile is the path of a mapping whose file lies on the device: it keeps
// the mount busy after the descriptor is closed. Where the kernel reports a
// device of its own for mappings, only descriptors tell.
func mappedFile(proc, dev string) string {
	f, err := os.Open(filepath.Join(proc, "maps"))
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		// address perms offset device inode path
		field := strings.Fields(lines.Text())
		if len(field) >= 6 && sameDevice(field[3], dev) {
			return strings.Join(field[5:], " ")
		}
	}
	return ""
}

// sameDevice compares a device number in hexadecimal with one in decimal.
func sameDevice(hex, dec string) bool {
	var a, b, x, y uint32
	if _, err := fmt.Sscanf(hex, "%x:%x", &a, &b); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(dec, "%d:%d", &x, &y); err != nil {
		return false
	}
	return a == x && b == y
}

func processName(proc string) string {
	comm, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(comm))
}
