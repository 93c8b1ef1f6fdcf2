package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const systemRuntimeDir = "/run/govfs"

// runtimeDir makes the directory for this user's sockets: govfs below
// $XDG_RUNTIME_DIR, else /run/govfs for root, and below /run/user for others.
// It belongs to the user alone.
func runtimeDir() (string, error) {
	dir := ownRuntimeDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	// A directory that somebody else can write to would let them answer in our
	// place.
	if st, ok := fi.Sys().(*syscall.Stat_t); !fi.IsDir() || !ok || int(st.Uid) != os.Geteuid() || fi.Mode().Perm()&0o022 != 0 {
		return "", &fs.PathError{Op: "use", Path: dir, Err: errors.New("not a directory that only this user can write to")}
	}
	return dir, nil
}

func ownRuntimeDir() string {
	if xdg := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "govfs")
	}
	if os.Geteuid() == 0 {
		return systemRuntimeDir
	}
	return userRuntimeDir(os.Geteuid())
}

func userRuntimeDir(uid int) string {
	return filepath.Join("/run/user", strconv.Itoa(uid), "govfs")
}

// socketPaths are the places where the socket of a mount can be: in this
// user's own directory, and in those of whoever mounted.
func socketPaths(m *mountEntry) []string {
	dirs := []string{ownRuntimeDir()}
	if uid, ok := mountUser(m); ok {
		if uid == 0 {
			dirs = append(dirs, systemRuntimeDir)
		}
		dirs = append(dirs, userRuntimeDir(uid))
	}
	var paths []string
	seen := make(map[string]bool)
	for _, dir := range dirs {
		if !seen[dir] {
			seen[dir] = true
			paths = append(paths, socketPath(dir, m.Dev))
		}
	}
	return paths
}

func socketPath(dir, dev string) string { return filepath.Join(dir, dev+".sock") }

// logPath is where a daemon in the background writes what it has to say.
func logPath(socket string) string {
	return socket[:len(socket)-len(".sock")] + ".log"
}

// mountUser is who mounted, by the option that FUSE shows.
func mountUser(m *mountEntry) (uid int, ok bool) {
	for _, opt := range strings.Split(m.SuperOptions, ",") {
		if _, err := fmt.Sscanf(opt, "user_id=%d", &uid); err == nil {
			return uid, true
		}
	}
	return 0, false
}

// removeStale removes the sockets in a directory that nobody listens on any
// more, with what their daemons had logged. Those of mounts that still stand
// are left: they tell what became of them.
func removeStale(dir string, mounts []mountEntry) {
	standing := make(map[string]bool)
	for i := range mounts {
		if mounts[i].ours() {
			standing[socketPath(dir, mounts[i].Dev)] = true
		}
	}
	sockets, _ := filepath.Glob(filepath.Join(dir, "*.sock"))
	for _, path := range sockets {
		if standing[path] {
			continue
		}
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			removeSocket(path)
		}
	}
}

func removeSocket(path string) {
	os.Remove(path)
	os.Remove(logPath(path))
}
