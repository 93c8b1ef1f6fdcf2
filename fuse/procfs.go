package fuse

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// procStatus is what /proc/PID/status says of a thread, as far as it is needed
// here.
type procStatus struct {
	groups []uint32
	caps   vfs.CapSet // effective
	killed bool       // SIGKILL is pending: what ends a process becomes one
}

// readProcStatus reads the status of a thread. It fails for pid 0, by which the
// kernel means one that this process's pid namespace does not see.
func readProcStatus(pid uint32) (procStatus, error) {
	if pid == 0 {
		return procStatus{}, unix.ESRCH
	}
	data, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/status")
	if err != nil {
		return procStatus{}, err
	}
	return parseProcStatus(data)
}

// parseProcStatus fails with EINVAL if a field is missing or unreadable.
func parseProcStatus(data []byte) (procStatus, error) {
	var st procStatus
	found := 0
	for line := range bytes.Lines(data) {
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		switch name {
		case "Groups":
			for _, f := range strings.Fields(value) {
				g, err := strconv.ParseUint(f, 10, 32)
				if err != nil {
					return procStatus{}, unix.EINVAL
				}
				st.groups = append(st.groups, uint32(g))
			}
		case "SigPnd", "ShdPnd":
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return procStatus{}, unix.EINVAL
			}
			st.killed = st.killed || set&(1<<(unix.SIGKILL-1)) != 0
		case "CapEff":
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return procStatus{}, unix.EINVAL
			}
			st.caps = vfs.CapSet(set)
		default:
			continue
		}
		found++
	}
	if found != 4 {
		return procStatus{}, unix.EINVAL
	}
	return st, nil
}

// isOpenFileLock reports whether the thread, which waits for the answer to a
// request for a lock, has asked for one of an open file: what call it is in, and
// with which arguments, stands in /proc/PID/syscall. A thread that will wait for
// long has time to fall asleep, which it must for that.
func isOpenFileLock(thread uint32, waits bool) bool {
	if thread == 0 {
		return false
	}
	tries := 4
	if waits {
		tries = 40
	}
	name := "/proc/" + strconv.FormatUint(uint64(thread), 10) + "/syscall"
	for try := range tries {
		data, err := os.ReadFile(name)
		if err != nil {
			return false
		}
		if cmd, ok := parseFcntl(data); ok {
			return cmd == unix.F_OFD_SETLK || cmd == unix.F_OFD_SETLKW
		}
		time.Sleep(time.Duration(try) * 10 * time.Microsecond)
	}
	return false
}

// parseFcntl is the second argument of the call that the thread is in, which is
// fcntl's command; false if the thread runs.
func parseFcntl(syscall []byte) (cmd uint64, ok bool) {
	f := bytes.Fields(syscall)
	if len(f) < 3 {
		return 0, false
	}
	cmd, err := strconv.ParseUint(string(f[2]), 0, 64)
	return cmd, err == nil
}

// ownUserNamespace is the user namespace of this process.
var ownUserNamespace, _ = os.Readlink("/proc/self/ns/user")

// sharesUserNamespace reports whether the thread's capabilities count here: in
// a user namespace of its own everybody may have all of them.
func sharesUserNamespace(pid uint32) bool {
	ns, err := os.Readlink("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/ns/user")
	return err == nil && ns == ownUserNamespace
}

// callerCaps are the capabilities of the thread that count here; none if that
// cannot be found out.
func callerCaps(pid uint32) vfs.CapSet {
	st, err := readProcStatus(pid)
	if err != nil || st.caps == 0 || !sharesUserNamespace(pid) {
		return 0
	}
	return st.caps
}

// beingKilled reports whether the thread is going to end as soon as the kernel
// lets it. A thread that cannot be looked at is taken to be: it is better to
// break off a call than to make its process unkillable.
func beingKilled(pid uint32) bool {
	st, err := readProcStatus(pid)
	return err != nil || st.killed
}
