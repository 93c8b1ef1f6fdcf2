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
	var names []string
	for _, u := range users[:min(len(users), maxUsers)] {
		names = append(names, u.String())
	}
	if more := len(users) - maxUsers; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	switch {
	case len(names) > 0:
		e.Err = fmt.Errorf("%w: used by %s", unix.EBUSY, strings.Join(names, ", "))
	case os.Geteuid() != 0:
		e.Err = fmt.Errorf("%w, by processes of other users: root can see them", unix.EBUSY)
	}
	return e
}

// usersOf finds the processes that use a mount, as far as this process may look
// into them. It reads /proc only, and leaves the mount alone.
func usersOf(m *mountEntry) []user {
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
		if how := usedBy(dir, m); how != "" {
			users = append(users, user{pid, processName(dir), how})
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
