package daemon

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// fsType is what the kernel's tables show as the type of our mounts.
const fsType = "fuse.govfs"

// A mountEntry is one line of /proc/PID/mountinfo (proc(5)).
type mountEntry struct {
	ID, Parent   int
	Dev          string // "major:minor"
	Root         string // what of the file system is mounted
	Dir          string
	Options      string // the mount's
	Type         string
	Source       string
	SuperOptions string // the file system's
}

func (m *mountEntry) ours() bool { return m.Type == fsType }

// readMounts is the mount table that this process lives in.
func readMounts() ([]mountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseMounts(f)
}

func parseMounts(r io.Reader) ([]mountEntry, error) {
	var mounts []mountEntry
	// A line can hold two paths and an option list of a page each, with every
	// byte written as four.
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m, err := parseMount(lines.Text())
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, lines.Err()
}

// parseMount reads a line: six fields, any number of optional ones, a dash, and
// three more.
func parseMount(line string) (mountEntry, error) {
	malformed := fmt.Errorf("mountinfo: malformed line %q", line)
	f := strings.Split(line, " ")
	dash := 6
	for dash < len(f) && f[dash] != "-" {
		dash++
	}
	if len(f) < dash+4 {
		return mountEntry{}, malformed
	}
	id, err1 := strconv.Atoi(f[0])
	parent, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil {
		return mountEntry{}, malformed
	}
	return mountEntry{
		ID: id, Parent: parent,
		Dev: f[2], Root: unoctal(f[3]), Dir: unoctal(f[4]), Options: unoctal(f[5]),
		Type: unoctal(f[dash+1]), Source: unoctal(f[dash+2]), SuperOptions: unoctal(f[dash+3]),
	}, nil
}

// unoctal undoes the kernel's escapes: a backslash and three octal digits for
// space, tab, newline, backslash and "#".
func unoctal(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// topMount is the mount that is seen at a directory: of several on top of each
// other the one on which no other one lies. It is nil if there is none.
func topMount(mounts []mountEntry, dir string) *mountEntry {
	covered := make(map[int]bool)
	for i := range mounts {
		if mounts[i].Dir == dir {
			covered[mounts[i].Parent] = true
		}
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		if m := &mounts[i]; m.Dir == dir && !covered[m.ID] {
			return m
		}
	}
	return nil
}

// mountsBelow are the directories of the mounts that lie on a mount.
func mountsBelow(mounts []mountEntry, id int) []string {
	var dirs []string
	for i := range mounts {
		if mounts[i].Parent == id && mounts[i].ID != id {
			dirs = append(dirs, mounts[i].Dir)
		}
	}
	return dirs
}

// findMount finds the mount at a directory that a user named, and that
// directory's name in the mount table. m is nil if nothing is mounted there.
// The mount itself is not touched, unless a symbolic link leads into it.
func findMount(mounts []mountEntry, name string) (m *mountEntry, dir string, err error) {
	dir, err = filepath.Abs(name)
	if err != nil {
		return nil, "", err
	}
	if m := topMount(mounts, dir); m != nil {
		return m, dir, nil
	}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil {
		real := filepath.Join(parent, filepath.Base(dir))
		if m := topMount(mounts, real); m != nil {
			return m, real, nil
		}
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, dir, err
	}
	return topMount(mounts, real), real, nil
}
