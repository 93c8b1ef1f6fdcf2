package memfs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stampsOf are the stamps of what the paths name.
func stampsOf(w world, paths []string) map[string][3]unix.Timespec {
	stamps := map[string][3]unix.Timespec{}
	for _, p := range paths {
		var st unix.Stat_t
		if w.lstat(p, &st) == nil {
			stamps[fmt.Sprint(st.Ino)] = [3]unix.Timespec{st.Atim, st.Mtim, st.Ctim}
		}
	}
	return stamps
}

// changedStamps tells which stamps of which inodes a call changed, and which
// are the same as each other's.
func changedStamps(w world, paths []string, f func() string) string {
	before := stampsOf(w, paths)
	result := f()
	after := stampsOf(w, paths)
	var b strings.Builder
	b.WriteString(result)
	for ino := range 40 {
		key := fmt.Sprint(ino)
		now, ok := after[key]
		if !ok {
			continue
		}
		fmt.Fprintf(&b, " %d:", ino)
		old, known := before[key]
		for i, name := range "amc" {
			if !known || now[i] != old[i] {
				b.WriteRune(name)
			}
		}
	}
	return b.String()
}

// TestStampsLikeTmpfs makes calls one after the other, a moment apart, and
// compares which stamps they change.
func TestStampsLikeTmpfs(t *testing.T) {
	host, mem := world(newHostWorld(t, "size=1m,nr_inodes=0")), world(newMemWorld(t, "size=1m,nr_inodes=0"))
	var hostFD, memFD int
	fd := func(w world) int {
		if w == host {
			return hostFD
		}
		return memFD
	}
	simple := func(f func(w world) error) func(w world) string {
		return func(w world) string { return errName(f(w)) }
	}
	paths := strings.Fields(". d d/x d/y e e/x f g h s s2 w w2 e/w n")
	for _, step := range []struct {
		name string
		do   func(w world) string
	}{
		{"mkdir", simple(func(w world) error { return w.mkdir("d", 0o755) })},
		{"mkdir 2", simple(func(w world) error { return w.mkdir("e", 0o755) })},
		{"mkdir in a directory", simple(func(w world) error { return w.mkdir("d/x", 0o755) })},
		{"create", simple(func(w world) error {
			n, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o666)
			if w == host {
				hostFD = n
			} else {
				memFD = n
			}
			return err
		})},
		{"open again", simple(func(w world) error {
			n, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o666)
			w.close(n)
			return err
		})},
		{"write", simple(func(w world) error { _, err := w.pwrite(fd(w), []byte("hello"), 0); return err })},
		{"write of nothing", simple(func(w world) error { _, err := w.pwrite(fd(w), nil, 0); return err })},
		{"write too far", simple(func(w world) error { _, err := w.pwrite(fd(w), []byte("x"), 1<<63-1); return err })},
		{"write without space", simple(func(w world) error {
			w.fallocate(fd(w), unix.FALLOC_FL_KEEP_SIZE, 0, 1<<20)
			_, err := w.pwrite(fd(w), []byte("x"), 1<<21)
			return err
		})},
		{"read", simple(func(w world) error { _, err := w.pread(fd(w), make([]byte, 3), 0); return err })},
		{"read again", simple(func(w world) error { _, err := w.pread(fd(w), make([]byte, 3), 0); return err })},
		{"write after a read", simple(func(w world) error { _, err := w.pwrite(fd(w), []byte("hello"), 0); return err })},
		{"read at the end", simple(func(w world) error { _, err := w.pread(fd(w), make([]byte, 3), 1<<30); return err })},
		{"read of nothing", simple(func(w world) error { _, err := w.pread(fd(w), nil, 0); return err })},
		{"ftruncate to the same size", simple(func(w world) error { return w.ftruncate(fd(w), 5) })},
		{"ftruncate", simple(func(w world) error { return w.ftruncate(fd(w), 3) })},
		{"truncate to the same size", simple(func(w world) error { return w.truncate("f", 3) })},
		{"truncate", simple(func(w world) error { return w.truncate("f", 7) })},
		{"open with O_TRUNC", simple(func(w world) error { n, err := w.open("f", unix.O_RDWR|unix.O_TRUNC, 0); w.close(n); return err })},
		{"open with O_TRUNC, empty", simple(func(w world) error { n, err := w.open("f", unix.O_RDWR|unix.O_TRUNC, 0); w.close(n); return err })},
		{"fallocate", simple(func(w world) error { return w.fallocate(fd(w), 0, 0, 8192) })},
		{"fallocate, keeping the size", simple(func(w world) error { return w.fallocate(fd(w), unix.FALLOC_FL_KEEP_SIZE, 0, 8192) })},
		{"fallocate without space", simple(func(w world) error { return w.fallocate(fd(w), 0, 0, 2<<20) })},
		{"punch", simple(func(w world) error {
			return w.fallocate(fd(w), unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, 0, 4096)
		})},
		{"seek", simple(func(w world) error { _, err := w.lseek(fd(w), 0, unix.SEEK_HOLE); return err })},
		{"fsync", simple(func(w world) error { return w.fsync(fd(w)) })},
		{"link", simple(func(w world) error { return w.link("f", "g") })},
		{"link to an existing name", simple(func(w world) error { return w.link("f", "g") })},
		{"rename to another name of the same", simple(func(w world) error { return w.rename("f", "g", 0) })},
		{"unlink of a second name", simple(func(w world) error { return w.unlink("g") })},
		{"symlink", simple(func(w world) error { return w.symlink("f", "s") })},
		{"readlink", simple(func(w world) error { _, err := w.readlink("s"); return err })},
		{"walk through a symlink", simple(func(w world) error { n, err := w.open("s", unix.O_RDONLY, 0); w.close(n); return err })},
		{"mknod", simple(func(w world) error { return w.mknod("n", unix.S_IFIFO|0o600, 0) })},
		{"chmod", simple(func(w world) error { return w.chmod("f", 0o600) })},
		{"chmod to the same", simple(func(w world) error { return w.chmod("f", 0o600) })},
		{"chown", simple(func(w world) error { return w.chown("f", 3, 4) })},
		{"chown to nothing new", simple(func(w world) error { return w.chown("f", -1, -1) })},
		{"utimes", simple(func(w world) error { return w.utimes("f", 100, 200) })},
		{"setxattr", simple(func(w world) error { return w.setxattr("f", "user.x", []byte("1"), 0) })},
		{"setxattr to the same", simple(func(w world) error { return w.setxattr("f", "user.x", []byte("1"), 0) })},
		{"setxattr that fails", simple(func(w world) error { return w.setxattr("f", "user.x", []byte("1"), 1) })},
		{"getxattr", simple(func(w world) error { _, err := w.getxattr("f", "user.x", make([]byte, 9)); return err })},
		{"removexattr", simple(func(w world) error { return w.removexattr("f", "user.x") })},
		{"chattr", simple(func(w world) error { _, err := w.ioctl(fd(w), unix.FS_IOC_SETFLAGS, flagNoDump); return err })},
		{"chattr to the same", simple(func(w world) error { _, err := w.ioctl(fd(w), unix.FS_IOC_SETFLAGS, flagNoDump); return err })},
		{"lsattr", simple(func(w world) error { _, err := w.ioctl(fd(w), unix.FS_IOC_GETFLAGS, 0); return err })},
		{"readdir", simple(func(w world) error { _, err := w.readdir("d"); return err })},
		{"readdir again", simple(func(w world) error { _, err := w.readdir("d"); return err })},
		{"rename", simple(func(w world) error { return w.rename("f", "h", 0) })},
		{"rename across directories", simple(func(w world) error { return w.rename("h", "e/x", 0) })},
		{"rename over a file", simple(func(w world) error { return w.rename("s", "n", 0) })},
		{"rename of a directory", simple(func(w world) error { return w.rename("d/x", "d/y", 0) })},
		{"rename of a directory across", simple(func(w world) error { return w.rename("d/y", "w", 0) })},
		{"rename with a whiteout", simple(func(w world) error { return w.rename("n", "w2", unix.RENAME_WHITEOUT) })},
		{"exchange", simple(func(w world) error { return w.rename("w2", "e/x", unix.RENAME_EXCHANGE) })},
		{"exchange with a directory", simple(func(w world) error { return w.rename("w", "e/x", unix.RENAME_EXCHANGE) })},
		{"tmpfile", simple(func(w world) error { n, err := w.open("d", unix.O_TMPFILE|unix.O_RDWR, 0o600); w.close(n); return err })},
		{"link of a tmpfile", simple(func(w world) error {
			n, err := w.open(".", unix.O_TMPFILE|unix.O_RDWR, 0o600)
			if err == nil {
				err = w.linkFD(n, "d/x")
				w.close(n)
			}
			return err
		})},
		{"unlink", simple(func(w world) error { return w.unlink("d/x") })},
		{"rmdir", simple(func(w world) error { return w.rmdir("d") })},
		{"rename over a directory", simple(func(w world) error {
			w.mkdir("d", 0o755)
			w.mkdir("g", 0o755)
			return w.rename("g", "d", 0)
		})},
	} {
		// Longer than the clock of the host's stamps takes for a tick.
		time.Sleep(11 * time.Millisecond)
		h := changedStamps(host, paths, func() string { return step.do(host) })
		m := changedStamps(mem, paths, func() string { return step.do(mem) })
		if h != m {
			t.Errorf("%s: host %s, memfs %s", step.name, h, m)
		}
	}
	host.close(hostFD)
	mem.close(memFD)
	diffWorlds(t, host, mem)
}
