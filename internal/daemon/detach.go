package daemon

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
)

// detachMount takes the mount at dir out of sight at once, whether it is in use
// or not. With force the requests that its users wait for are ended first.
func detachMount(dir, dev string, force bool) error {
	if force {
		err := unix.Unmount(dir, unix.MNT_DETACH|unix.MNT_FORCE|unix.UMOUNT_NOFOLLOW)
		if err == nil {
			return nil
		}
		abortConnection(dev)
	}
	return shorten(fuse.UnmountDir(dir, true), "fuse: unmount "+dir+": ")
}

// abortConnection ends a FUSE connection: every request that waits and every
// later one fails. The control file system knows the connection by the minor
// number of the mount's device; its owner may end it. It is not there in many
// containers, and then the end of the daemon has the same effect.
func abortConnection(dev string) {
	_, minor, _ := strings.Cut(dev, ":")
	f, err := os.OpenFile(filepath.Join("/sys/fs/fuse/connections", minor, "abort"), os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString("1")
}
