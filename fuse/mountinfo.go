package fuse

import (
	"bufio"
	"bytes"
	"os"
	"strings"
)

// mountInfo is a line of /proc/self/mountinfo, as far as it is needed here.
type mountInfo struct {
	id     string
	device string // major:minor
	dir    string
	typ    string
}

// mountsAt are the mounts on a directory, given absolute and without symlinks:
// the lowest first.
func mountsAt(dir string) ([]mountInfo, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []mountInfo
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m, ok := parseMountInfo(lines.Text()); ok && m.dir == dir {
			found = append(found, m)
		}
	}
	return found, lines.Err()
}

// parseMountInfo takes a line apart: six fields, any number of optional ones,
// a hyphen, three more.
func parseMountInfo(line string) (mountInfo, bool) {
	f := strings.Fields(line)
	for i := 6; i+1 < len(f); i++ {
		if f[i] == "-" {
			return mountInfo{id: f[0], device: f[2], dir: unescapeMount(f[4]), typ: f[i+1]}, true
		}
	}
	return mountInfo{}, false
}

// unescapeMount undoes the kernel's escapes of space, tab, newline and
// backslash: three octal digits.
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1]) && isOctal(s[i+2]) && isOctal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }
