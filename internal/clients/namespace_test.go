package clients

import (
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaceEnv says that the tests have a mount namespace of their own.
const namespaceEnv = "GOVFS_CLIENTS_TEST_NAMESPACE"

// enterNamespace gives the tests a mount namespace of their own, which takes
// all mounts with it however the tests end. Without it, a process that some
// other test starts in a new namespace would get copies of the mounts made
// here, and keep them from ending; nor are copies of other tests' mounts kept.
// It starts the test binary again.
func enterNamespace() error {
	if os.Getenv(namespaceEnv) != "" {
		return os.Unsetenv(namespaceEnv)
	}
	// What a thread that starts a program has unshared, the program has; so it
	// is the same process, for whoever waits for it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	mounts, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && strings.Contains(line, " - fuse.govfs ") {
			unix.Unmount(f[4], unix.MNT_DETACH) // one that is gone already is what is wanted
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(exe, os.Args, append(os.Environ(), namespaceEnv+"=1"))
}
